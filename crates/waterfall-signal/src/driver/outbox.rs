//! Own records on their way out: find the nodes nearest to the key, place the record there, read it back.
//!
//! Kademlia acknowledges a record before it is verified, so an acknowledgement says nothing; only
//! a record read back from another node counts as placed. Until then it is tried again, with
//! growing pauses, and at once when a new node turns up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::kad::{self, GetClosestPeersError, GetRecordOk, KBucketKey, PutRecordError, QueryId, Quorum};
use waterfall_wire::{Envelope, RecordKey, UnixMillis};

use super::{Driver, Purpose};
use crate::behaviour::REPLICATION;
use crate::clock;
use crate::stats::Refused;

/// Most records that are on their way at a time; the others wait their turn.
const MAX_BUSY: usize = 8;
/// To how many of the nearest nodes known already a new record goes without further search, so that
/// it can be found a round trip later; finding where it belongs takes longer.
const AT_ONCE: usize = 4;
/// First pause after a failure; doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// How often a placed record is placed again, for the nodes nearest to it come and go.
const PLACE_AGAIN: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Clone, Copy)]
enum State {
    Waiting {
        until: Instant,
    },
    /// One of its queries is running; `confirmed` once it has been read back.
    Busy {
        query: QueryId,
        confirmed: bool,
    },
}

#[derive(Debug)]
struct Outgoing {
    seq: UnixMillis,
    state: State,
    pause: Duration,
    placed: bool,
}

/// See the module. As large as the store's own records.
#[derive(Debug, Default)]
pub(crate) struct Outbox(HashMap<RecordKey, Outgoing>);

impl Outbox {
    pub(crate) fn remove(&mut self, key: &RecordKey) {
        self.0.remove(key);
    }

    /// How many records have been seen to be held elsewhere.
    pub(crate) fn placed(&self) -> usize {
        self.0.values().filter(|o| o.placed).count()
    }

    /// Tries again at once what has failed so far.
    pub(crate) fn hurry(&mut self, now: Instant) {
        for outgoing in self.0.values_mut().filter(|o| !o.placed) {
            if let State::Waiting { until } = &mut outgoing.state {
                *until = now.min(*until);
                outgoing.pause = FIRST_PAUSE;
            }
        }
    }

    fn busy(&self) -> usize {
        self.0.values().filter(|o| matches!(o.state, State::Busy { .. })).count()
    }

    /// The record whose running query this is.
    fn of(&mut self, key: &RecordKey, id: QueryId) -> Option<&mut Outgoing> {
        self.0.get_mut(key).filter(|o| matches!(o.state, State::Busy { query, .. } if query == id))
    }

    fn failed(&mut self, key: &RecordKey) {
        if let Some(outgoing) = self.0.get_mut(key) {
            outgoing.state = State::Waiting { until: Instant::now() + outgoing.pause };
            outgoing.pause = (2 * outgoing.pause).min(LAST_PAUSE);
        }
    }
}

impl Driver {
    /// Takes an own record, or a newer version of one.
    pub(super) fn put(&mut self, key: RecordKey, envelope: Vec<u8>) {
        let now = clock::now();
        let store = self.swarm.behaviour_mut().kad.store_mut();
        let taken = Envelope::open(&envelope, &key, now)
            .map_err(|error| Refused::from(&error))
            .and_then(|header| store.pin(key, envelope, header.seq, header.not_after).map(|()| header.seq));
        match taken {
            Err(reason) => {
                tracing::warn!(?reason, "an own record was refused");
                self.channels.counters.lock().puts_refused.add(reason);
            }
            Ok(seq) => {
                self.channels.counters.lock().puts += 1;
                let state = State::Waiting { until: Instant::now() };
                let outgoing = Outgoing { seq, state, pause: FIRST_PAUSE, placed: false };
                if let Some(Outgoing { state: State::Busy { query, .. }, .. }) = self.outbox.0.insert(key, outgoing) {
                    self.abandon(query);
                }
                self.advance_outbox(Instant::now());
            }
        }
    }

    pub(super) fn forget(&mut self, key: &RecordKey) {
        self.swarm.behaviour_mut().kad.store_mut().unpin(key);
        if let Some(Outgoing { state: State::Busy { query, .. }, .. }) = self.outbox.0.remove(key) {
            self.abandon(query);
        }
    }

    fn abandon(&mut self, query: QueryId) {
        self.queries.remove(&query);
        if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&query) {
            query.finish();
        }
    }

    /// Starts what is due, as long as there is anybody to place it with.
    pub(super) fn advance_outbox(&mut self, now: Instant) {
        let room = MAX_BUSY.saturating_sub(self.outbox.busy());
        let due = self.outbox.0.iter().filter(|(_, o)| matches!(o.state, State::Waiting { until } if until <= now));
        let due: Vec<RecordKey> = due.map(|(key, _)| *key).take(room).collect();
        if due.is_empty() || self.routing_size() == 0 {
            return;
        }
        for key in due {
            if self.outbox.0.get(&key).is_some_and(|outgoing| !outgoing.placed) {
                let nearest = KBucketKey::new(key.0.to_vec());
                let kad = &mut self.swarm.behaviour_mut().kad;
                let known = kad.get_closest_local_peers(&nearest).take(AT_ONCE).map(KBucketKey::into_preimage);
                let known = known.collect();
                self.give(key, known);
            }
            let replication = std::num::NonZeroUsize::new(REPLICATION).expect("not zero");
            let query = self.swarm.behaviour_mut().kad.get_n_closest_peers(key.0.to_vec(), replication);
            self.busy_with(key, query, Purpose::Locate(key));
        }
    }

    fn busy_with(&mut self, key: RecordKey, query: QueryId, purpose: Purpose) {
        self.track(query, purpose);
        if let Some(outgoing) = self.outbox.0.get_mut(&key) {
            outgoing.state = State::Busy { query, confirmed: false };
        }
    }

    pub(super) fn on_located(&mut self, id: QueryId, key: RecordKey, result: kad::GetClosestPeersResult) {
        if self.outbox.of(&key, id).is_none() {
            return;
        }
        let peers = match result {
            Ok(found) => found.peers,
            Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
        };
        let peers: Vec<_> = peers.into_iter().map(|peer| peer.peer_id).take(REPLICATION).collect();
        let kad = &mut self.swarm.behaviour_mut().kad;
        let envelope = kad.store_mut().newest(&key, clock::now()).map(<[u8]>::to_vec);
        let Some(envelope) = envelope.filter(|_| !peers.is_empty()) else {
            self.outbox.failed(&key);
            return;
        };
        let record = kad::Record::new(key.0.to_vec(), envelope);
        let query = kad.put_record_to(record, peers.into_iter(), Quorum::All);
        self.busy_with(key, query, Purpose::Place(key));
    }

    pub(super) fn on_place_tried(&mut self, id: QueryId, key: RecordKey, result: &kad::PutRecordResult) {
        if self.outbox.of(&key, id).is_none() {
            return;
        }
        let reached = match result {
            Ok(_) => true,
            Err(PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. }) => {
                !success.is_empty()
            }
        };
        if reached {
            let query = self.swarm.behaviour_mut().kad.get_record(key.0.to_vec().into());
            self.busy_with(key, query, Purpose::Check(key));
        } else {
            self.outbox.failed(&key);
        }
    }

    pub(super) fn on_check(&mut self, id: QueryId, key: RecordKey, result: kad::GetRecordResult, last: bool) {
        let Some(outgoing) = self.outbox.of(&key, id) else { return };
        if let Ok(GetRecordOk::FoundRecord(answer)) = result
            && answer.peer.is_some()
            && let Ok(header) = Envelope::open(&answer.record.value, &key, clock::now())
            && header.seq >= outgoing.seq
        {
            outgoing.state = State::Busy { query: id, confirmed: true };
            outgoing.placed = true;
            if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id) {
                query.finish();
            }
            return;
        }
        if !last {
            return;
        }
        if matches!(outgoing.state, State::Busy { confirmed: true, .. }) {
            outgoing.state = State::Waiting { until: Instant::now() + PLACE_AGAIN };
            outgoing.pause = FIRST_PAUSE;
        } else {
            outgoing.placed = false;
            self.outbox.failed(&key);
        }
    }
}
