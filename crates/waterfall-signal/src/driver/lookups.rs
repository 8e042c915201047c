//! Finding the latest version of a record among answers that may be old or junk.
//!
//! A lookup ends when three nodes agree on the highest version seen, or a little after the first good answer, or
//! when all nearest nodes have been asked. Junk counts for nothing. Then those found without the
//! latest version are given it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::kad::{self, GetRecordError, GetRecordOk, QueryId};
use tokio::sync::oneshot;
use waterfall_wire::{Envelope, Header, RecordKey, UnixMillis};

use super::{Driver, Purpose};
use crate::clock;
use crate::signal::GetError;
use crate::stats::Refused;

/// Most lookups at a time, and most callers that wait for one.
const MAX_LOOKUPS: usize = 128;
const MAX_WAITERS: usize = 64;
/// How many nodes must agree on the highest version for a lookup to end early.
const ENOUGH: usize = 3;
/// How long other answers are waited for after the first good one from another node.
const GRACE: Duration = Duration::from_millis(400);
/// How long answers are waited for if this node holds a version itself.
const GRACE_LOCAL: Duration = Duration::from_millis(1000);
/// How long a lookup waits for the first peer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most holders that are repaired after one lookup.
const MAX_REPAIRED: usize = 8;
/// Most records remembered after they were read; the one read longest ago is forgotten first.
const MAX_REMEMBERED: usize = 256;

type Waiter = oneshot::Sender<Result<Option<Header>, GetError>>;

#[derive(Debug)]
struct Lookup {
    waiters: Vec<Waiter>,
    query: Option<QueryId>,
    best: Option<(Header, Vec<u8>)>,
    /// Nodes that gave the best version.
    agreeing: Vec<PeerId>,
    /// Nodes that gave an older one, or nothing that counts.
    behind: Vec<PeerId>,
    /// No first peer by then: give up.
    patience: Instant,
    /// Answer by then at the latest.
    deadline: Instant,
}

impl Lookup {
    fn take(&mut self, header: Header, envelope: Vec<u8>, from: Option<PeerId>) {
        let best = self.best.as_ref().map(|(best, _)| best.seq);
        if best.is_some_and(|best| header.seq < best) {
            self.behind.extend(from);
            return;
        }
        if best.is_none_or(|best| header.seq > best) {
            self.behind.append(&mut self.agreeing);
            self.best = Some((header, envelope));
        }
        self.agreeing.extend(from);
    }
}

#[derive(Debug)]
struct Remembered {
    envelope: Vec<u8>,
    seq: UnixMillis,
    used: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    running: HashMap<RecordKey, Lookup>,
    remembered: HashMap<RecordKey, Remembered>,
}

impl Lookups {
    fn remember(&mut self, key: RecordKey, header: &Header, envelope: &[u8]) {
        if self.remembered.get(&key).is_some_and(|r| r.seq > header.seq) {
            return;
        }
        if !self.remembered.contains_key(&key) && self.remembered.len() >= MAX_REMEMBERED {
            let oldest = self.remembered.iter().min_by_key(|(_, r)| r.used).map(|(key, _)| *key);
            oldest.map(|key| self.remembered.remove(&key));
        }
        let used = Instant::now();
        self.remembered.insert(key, Remembered { envelope: envelope.to_vec(), seq: header.seq, used });
    }
}

impl Driver {
    pub(super) fn get(&mut self, key: RecordKey, reply: Waiter) {
        let full = self.lookups.running.len() >= MAX_LOOKUPS;
        if let Some(lookup) = self.lookups.running.get_mut(&key)
            && lookup.waiters.len() < MAX_WAITERS
        {
            lookup.waiters.push(reply);
            return;
        } else if full || self.lookups.running.contains_key(&key) {
            // An error means that the caller stopped waiting.
            let _ = reply.send(Err(GetError::Busy));
            return;
        }
        let now = Instant::now();
        let mut lookup = Lookup {
            waiters: vec![reply],
            query: None,
            best: None,
            agreeing: Vec::new(),
            behind: Vec::new(),
            patience: now + PATIENCE,
            deadline: now + self.limits.get_timeout,
        };
        let time = clock::now();
        let here = self.swarm.behaviour_mut().kad.store_mut().newest(&key, time).map(<[u8]>::to_vec);
        let remembered = self.lookups.remembered.get(&key).map(|r| r.envelope.clone());
        for envelope in here.into_iter().chain(remembered) {
            if let Ok(header) = Envelope::open(&envelope, &key, time) {
                lookup.take(header, envelope, None);
            }
        }
        if lookup.best.is_some() {
            lookup.deadline = lookup.deadline.min(now + GRACE_LOCAL);
        }
        self.lookups.running.insert(key, lookup);
        self.channels.counters.lock().gets += 1;
        self.advance_lookup(key, now);
    }

    pub(super) fn advance_lookups(&mut self, now: Instant) {
        let keys: Vec<RecordKey> = self.lookups.running.keys().copied().collect();
        keys.into_iter().for_each(|key| self.advance_lookup(key, now));
    }

    fn advance_lookup(&mut self, key: RecordKey, now: Instant) {
        let anybody = self.routing_size() > 0;
        let expects = self.expects_peer(now);
        let Some(lookup) = self.lookups.running.get_mut(&key) else { return };
        if lookup.query.is_none() {
            if anybody {
                let id = self.swarm.behaviour_mut().kad.get_record(key.0.to_vec().into());
                lookup.query = Some(id);
                self.track(id, Purpose::Lookup(key));
            } else if lookup.best.is_some() || !expects || now >= lookup.patience {
                self.answer(key);
            }
        } else if now >= lookup.deadline && !lookup.waiters.is_empty() {
            self.answer(key);
        }
    }

    pub(super) fn on_lookup(&mut self, id: QueryId, key: RecordKey, result: kad::GetRecordResult, last: bool) {
        let Some(lookup) = self.lookups.running.get_mut(&key).filter(|l| l.query == Some(id)) else { return };
        match result {
            // From this node's own store, which has been looked at already.
            Ok(GetRecordOk::FoundRecord(answer)) if answer.peer.is_none() => {}
            Ok(GetRecordOk::FoundRecord(answer)) => {
                match Envelope::open(&answer.record.value, &key, clock::now()) {
                    Ok(header) => {
                        if lookup.agreeing.is_empty() {
                            lookup.deadline = lookup.deadline.min(Instant::now() + GRACE);
                        }
                        lookup.take(header, answer.record.value, answer.peer);
                    }
                    Err(error) => {
                        self.channels.counters.lock().answers_refused.add(Refused::from(&error));
                        tracing::debug!(peer = ?answer.peer, %error, "an answer was refused");
                        lookup.behind.extend(answer.peer);
                    }
                }
                if lookup.agreeing.len() >= ENOUGH {
                    self.answer(key);
                }
            }
            Ok(GetRecordOk::FinishedWithNoAdditionalRecord { cache_candidates }) => {
                lookup.behind.extend(cache_candidates.into_values());
            }
            Err(GetRecordError::NotFound { closest_peers, .. }) => lookup.behind.extend(closest_peers),
            Err(GetRecordError::Timeout { .. }) => {}
        }
        if last {
            self.answer(key);
            self.repair(key);
        }
    }

    /// Tells the callers what has been found. The query, if any, is told to end; what it has
    /// learned by then is used to repair.
    fn answer(&mut self, key: RecordKey) {
        let Some(lookup) = self.lookups.running.get_mut(&key) else { return };
        let header = lookup.best.as_ref().map(|(header, _)| header.clone());
        if !lookup.waiters.is_empty() {
            let (agreeing, behind) = (lookup.agreeing.len(), lookup.behind.len());
            tracing::debug!(
                ?key,
                found = header.is_some(),
                agreeing,
                behind,
                asked = lookup.query.is_some(),
                "looked up"
            );
        }
        for waiter in lookup.waiters.drain(..) {
            // An error means that the caller stopped waiting.
            let _ = waiter.send(Ok(header.clone()));
        }
        let best = lookup.best.clone();
        match lookup.query {
            None => drop(self.lookups.running.remove(&key)),
            Some(id) => {
                if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id) {
                    query.finish();
                }
            }
        }
        if let Some((header, envelope)) = best {
            self.lookups.remember(key, &header, &envelope);
        }
    }

    fn repair(&mut self, key: RecordKey) {
        let Some(lookup) = self.lookups.running.remove(&key) else { return };
        let Some((_, envelope)) = lookup.best else { return };
        let mut behind = lookup.behind;
        behind.retain(|peer| !lookup.agreeing.contains(peer));
        let mut seen = std::collections::HashSet::new();
        behind.retain(|peer| seen.insert(*peer));
        behind.truncate(MAX_REPAIRED);
        if !behind.is_empty() {
            self.channels.counters.lock().repairs += behind.len() as u64;
            self.give_envelope(key, envelope, behind);
        }
    }
}
