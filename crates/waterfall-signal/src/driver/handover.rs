//! Records move to where they belong: a peer that is new in the routing table is given those that
//! it should hold (Kademlia, Maymounkov & Mazières 2002, §2.5).
//!
//! Own records go to it if it is among the nodes nearest to their key. Records held for others go
//! only if, of all the nodes known here, this one is the nearest to the key: so one holder acts and not
//! all of them.

use std::collections::VecDeque;
use std::time::Instant;

use libp2p::PeerId;
use libp2p::kad::{self, KBucketKey, Quorum};
use waterfall_wire::RecordKey;

use super::Driver;
use crate::behaviour::REPLICATION;
use crate::clock;
use crate::config::Limits;
use crate::rate::RateLimit;

/// How many seconds' worth of a peer's rate may come at once.
pub(super) const BURST_SECONDS: f64 = 4.0;
/// Most new peers that wait to be given records; more are not given any.
const MAX_GREETED: usize = 64;
/// Most records given to one new peer: what its rate limit lets through at once.
const MAX_GIVEN: usize = 48;

/// See the module.
#[derive(Debug)]
pub(crate) struct Handover {
    greeted: VecDeque<PeerId>,
    puts: RateLimit<PeerId>,
}

impl Handover {
    pub(crate) fn new(limits: &Limits) -> Self {
        let puts = RateLimit::new(BURST_SECONDS * limits.puts_per_second, limits.puts_per_second);
        Self { greeted: VecDeque::new(), puts }
    }

    pub(crate) fn greet(&mut self, peer: PeerId) {
        if self.greeted.len() < MAX_GREETED {
            self.greeted.push_back(peer);
        }
    }

    /// Whether this peer may have another record stored here now.
    pub(crate) fn may_put(&mut self, peer: PeerId, now: Instant) -> bool {
        self.puts.allow(peer, now)
    }
}

impl Driver {
    /// Gives one new peer its records; one per tick, to spread the work.
    pub(super) fn hand_over(&mut self) {
        let Some(peer) = self.handover.greeted.pop_front() else { return };
        let newcomer = KBucketKey::from(peer);
        let local = KBucketKey::from(*self.swarm.local_peer_id());
        let mut others = self.routing_peers();
        others.retain(|other| other.preimage() != &peer);
        let store = self.swarm.behaviour_mut().kad.store_mut();
        let nearer = |key: &RecordKey, than: &KBucketKey<PeerId>| {
            let key = KBucketKey::new(key.0.to_vec());
            let distance = key.distance(than);
            others.iter().filter(|other| key.distance(*other) < distance).take(REPLICATION).count()
        };
        let own = store.own_keys().filter(|key| nearer(key, &newcomer) < REPLICATION);
        let held = store.held_keys().filter(|key| nearer(key, &local) == 0 && nearer(key, &newcomer) < REPLICATION);
        let keys: Vec<RecordKey> = own.chain(held).take(MAX_GIVEN).collect();
        for key in keys {
            self.give(key, vec![peer]);
        }
    }

    /// Gives some peers the newest version here of a record. Nobody waits for the outcome.
    pub(super) fn give(&mut self, key: RecordKey, peers: Vec<PeerId>) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        if let Some(envelope) = kad.store_mut().newest(&key, clock::now()).map(<[u8]>::to_vec) {
            self.give_envelope(key, envelope, peers);
        }
    }

    pub(super) fn give_envelope(&mut self, key: RecordKey, envelope: Vec<u8>, peers: Vec<PeerId>) {
        let record = kad::Record::new(key.0.to_vec(), envelope);
        self.swarm.behaviour_mut().kad.put_record_to(record, peers.into_iter(), Quorum::One);
    }
}
