//! Who enters Kademlia's routing table: peers that said they are DHT servers, at addresses that
//! make sense for us, in batches.
//!
//! Kademlia answers each insertion into a small table with a bootstrap (a walk to its own id and
//! one to each bucket), and each walk finds peers to insert. Batches make that one bootstrap per
//! second at most, and only servers that this node is connected to are inserted. Nobody enters a
//! full bucket: for that Kademlia dials an old entry each time, which in turn announces itself, and so on
//! forever. Who does not answer a dial leaves instead.
//!
//! Early nodes find nobody by that one bootstrap, so small tables are walked again, ever more rarely.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use libp2p::kad::{self, Addresses, KBucketKey};
use libp2p::swarm::DialError;
use libp2p::{Multiaddr, PeerId, identify};

use super::Driver;
use crate::address::without_peer;
use crate::behaviour::KAD;
use crate::clock;
use crate::reach::{self, Scope};
use crate::reached;

/// Pause between batches.
const BATCH_EVERY: Duration = Duration::from_secs(1);
/// Most peers that wait for the next batch; more are not taken this time.
const MAX_WAITING: usize = 64;
/// A table below this many peers is walked by ourselves: once it is larger, lookups keep it fresh.
const SMALL: usize = kad::K_VALUE.get();
/// First pause between such walks; doubles up to the last.
const FIRST_WALK: Duration = Duration::from_secs(1);
const LAST_WALK: Duration = Duration::from_secs(120);
/// Most addresses of one peer in the table; the oldest goes first.
const MAX_PER_PEER: usize = 6;

/// See the module.
#[derive(Debug)]
pub(crate) struct Routing {
    waiting: HashMap<PeerId, Vec<Multiaddr>>,
    last_batch: Option<Instant>,
    next_walk: Instant,
    walk_pause: Duration,
}

impl Routing {
    pub(crate) fn new(now: Instant) -> Self {
        Self { waiting: HashMap::new(), last_batch: None, next_walk: now + FIRST_WALK, walk_pause: FIRST_WALK }
    }
}

impl Driver {
    pub(super) fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        if !info.protocols.contains(&KAD) {
            self.routing.waiting.remove(&peer);
            self.swarm.behaviour_mut().kad.remove_peer(&peer);
            return;
        }
        let via = self.connections.scope(peer).unwrap_or(Scope::Global);
        // What was dialled is known to work, whatever the peer can see of itself.
        let dialed = self.connections.dialed(peer).map(without_peer);
        if let Some(address) = &dialed {
            self.channels.reached.send_if_modified(|list| reached::note(list, peer, address, clock::now()));
        }
        let mut addresses: Vec<Multiaddr> = Vec::new();
        for address in dialed.into_iter().chain(info.listen_addrs.iter().map(without_peer)) {
            if addresses.len() < MAX_PER_PEER && !addresses.contains(&address) && reach::plausible(&address, via) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return;
        }
        if self.routing.waiting.len() < MAX_WAITING || self.routing.waiting.contains_key(&peer) {
            self.routing.waiting.insert(peer, addresses);
        }
        self.flush_routing(Instant::now());
    }

    /// Inserts the waiting peers if the last batch is long enough ago; a first peer never waits.
    pub(super) fn flush_routing(&mut self, now: Instant) {
        let due = self.routing.last_batch.is_none_or(|last| now.saturating_duration_since(last) >= BATCH_EVERY);
        if self.routing.waiting.is_empty() || !(due || self.routing_size() == 0) {
            return;
        }
        self.routing.last_batch = Some(now);
        let kad = &mut self.swarm.behaviour_mut().kad;
        for (peer, addresses) in self.routing.waiting.drain() {
            let is_full = kad.kbucket(peer).is_none_or(|bucket| {
                bucket.num_entries() >= kad::K_VALUE.get() && !bucket.iter().any(|e| e.node.key.preimage() == &peer)
            });
            if is_full {
                continue;
            }
            for address in addresses {
                kad.add_address(&peer, address);
            }
        }
    }

    /// Looks for more peers while the table is small.
    pub(super) fn walk(&mut self, now: Instant) {
        if now < self.routing.next_walk {
            return;
        }
        let size = self.routing_size();
        if size == 0 || size >= SMALL {
            // Once it shrinks, or has a first peer, there is reason for haste.
            self.routing.walk_pause = FIRST_WALK;
            self.routing.next_walk = now + FIRST_WALK;
            return;
        }
        self.routing.walk_pause = (2 * self.routing.walk_pause).min(LAST_WALK);
        self.routing.next_walk = now + self.routing.walk_pause;
        // It fails only if nobody is known.
        let _ = self.swarm.behaviour_mut().kad.bootstrap();
    }

    pub(super) fn on_routing_updated(&mut self, peer: PeerId, is_new: bool, addresses: &Addresses) {
        let excess = addresses.len().saturating_sub(MAX_PER_PEER);
        for address in addresses.iter().take(excess) {
            self.swarm.behaviour_mut().kad.remove_address(&peer, address);
        }
        if is_new {
            self.handover.greet(peer);
            self.outbox.hurry(Instant::now());
        }
    }

    /// A peer that answers nowhere leaves the table, unless it is the last: then the fault may be ours.
    pub(super) fn routing_failed(&mut self, peer: PeerId, error: &DialError) {
        let gone = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. } | DialError::NoAddresses);
        if !gone || self.connections.is_connected(peer) {
            return;
        }
        self.channels.reached.send_if_modified(|list| reached::forget(list, peer));
        if self.routing_size() > 1 {
            self.swarm.behaviour_mut().kad.remove_peer(&peer);
        }
    }

    pub(super) fn routing_size(&mut self) -> usize {
        self.swarm.behaviour_mut().kad.kbuckets().map(|bucket| bucket.num_entries()).sum()
    }

    /// The names of all peers in the table.
    pub(super) fn routing_peers(&mut self) -> Vec<KBucketKey<PeerId>> {
        let mut peers = Vec::new();
        for bucket in self.swarm.behaviour_mut().kad.kbuckets() {
            peers.extend(bucket.iter().map(|entry| *entry.node.key));
        }
        peers
    }
}
