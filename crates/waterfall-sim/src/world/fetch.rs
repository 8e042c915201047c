//! Finding open spots: the entry record in the DHT, and asking those whom it names.

use waterfall_tree::Input;
use waterfall_wire::Spot;

use super::{Event, World};
use crate::strategy::Strategy;

/// A DHT lookup takes three hops to the first answer (measured: a GET's first hit after about 3 RPCs).
const GET_HOPS: u64 = 3;
/// From the start of a process to its first lookup: sockets, keys, the first libp2p connection. The join bench sees
/// 163 ms from start to parent over loopback, of which all else that is modelled makes 26.
const START: u64 = 137_000;
/// RPCs of one GET and of one PUT, as measured in a DHT of 100-200 nodes, and bytes of one RPC's two messages.
const GET_RPCS: u64 = 3;
const PUT_RPCS: u64 = 45;
const RPC_BYTES: u64 = 500;
/// A PUT stores its value at so many nodes.
const PUT_COPIES: u64 = 20;
/// Participants that an entry record names, and how many of them are asked at once.
const ENTRIES: usize = 5;
const PROBES: usize = 3;
/// The entry record is written so long after the first of some changes…
const WRITE_AFTER: u64 = 1_000_000;
/// …and found by others so long after that.
const SPREAD_AFTER: u64 = 500_000;
/// It is written anew at least so often.
const ENTRY_REFRESH: u64 = 180_000_000;
/// Packets that a question cannot do without: two to dial, the question, the answer.
const PROBE_PACKETS: u32 = 4;
/// How long an asker waits for answers.
const PROBE_TIMEOUT: u64 = 6_000_000;
/// Bytes of a probe and its answer.
const PROBE_BYTES: u64 = 2_000;
/// How many of the room the random strategy is told of.
const RANDOM_PICKS: usize = 8;

/// One participant's search for spots.
#[derive(Debug)]
pub(crate) struct Search {
    node: u32,
    serial: u32,
    waiting: usize,
}

/// A search, and which use of its number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SearchRef {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// What the DHT says of the way in.
#[derive(Debug, Default)]
pub(crate) struct Entrance {
    /// What readers find.
    pub(crate) known: Vec<u32>,
    write_pending: bool,
    spreading: Vec<u32>,
    written: u64,
}

impl World {
    pub(crate) fn fetch(&mut self, node: u32) {
        self.tally.gets += 1;
        self.tally.dht_bytes += GET_RPCS * RPC_BYTES;
        let hop = (self.options.population.round_trip_ms * 1_000.0) as u64;
        let start = if self.nodes[node as usize].joined == self.now { START } else { 0 };
        let takes = start + GET_HOPS * (hop / 2 + self.jitter.below(hop.max(1)));
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let slot = self.searches.put(Search { node, serial, waiting: 0 });
        self.queue.push(self.now + takes, Event::Found(SearchRef { slot, serial }));
    }

    /// The entry record is there; its participants are asked.
    pub(crate) fn found(&mut self, number: SearchRef) {
        let Some(node) = self.search(number).map(|search| search.node) else { return };
        if !self.nodes[node as usize].is_present() {
            self.searches.take(number.slot);
            return;
        }
        if self.options.strategy == Strategy::Random {
            return self.found_anyone(number, node);
        }
        let mut entries = self.entrance.known.clone();
        entries.retain(|entry| *entry != node);
        self.jitter.shuffle(&mut entries);
        entries.truncate(PROBES);
        if let Some(search) = self.searches.get_mut(number.slot) {
            search.waiting = entries.len() + 1;
        }
        for entry in entries {
            self.tally.signal_bytes += PROBE_BYTES;
            if entry == self.root {
                self.tally.root_probes += 1;
            }
            // Dialling takes a round trip, the question half of one.
            let arrives = self.now + 3 * self.delay(node, entry) + self.handshake_losses(PROBE_PACKETS);
            self.queue.push(arrives, Event::Probe { search: number, entry });
        }
        let patience = if self.entrance.known.is_empty() { 0 } else { PROBE_TIMEOUT };
        self.queue.push(self.now + patience, Event::Probed { search: number, answer: u32::MAX });
    }

    fn search(&self, number: SearchRef) -> Option<&Search> {
        self.searches.get(number.slot).filter(|search| search.serial == number.serial)
    }

    fn found_anyone(&mut self, number: SearchRef, node: u32) {
        let mut spots = Vec::new();
        for _ in 0..RANDOM_PICKS {
            let pick = self.jitter.below(self.nodes.len() as u64) as u32;
            if pick != node && self.nodes[pick as usize].is_present() && self.nodes[pick as usize].parent.is_some() {
                spots.push(Spot { contact: self.contact(pick), depth: 1, free: 1, proven: 0 });
            }
        }
        spots.push(Spot { contact: self.contact(self.root), depth: 0, free: 1, proven: 0 });
        self.searches.take(number.slot);
        self.input(node, Input::Candidates(spots));
    }

    /// A question arrives at an entry participant.
    pub(crate) fn probe(&mut self, search: SearchRef, entry: u32) {
        let Some(node) = self.search(search).map(|search| search.node) else { return };
        if !self.reaches(node, entry) || self.hold_if_frozen(entry, Event::Probe { search, entry }) {
            return;
        }
        let now = self.time();
        let spots = self.nodes[entry as usize].who.as_mut().map(|who| who.probed(now)).unwrap_or_default();
        let spots = self.through_codec(spots);
        // An answer may promise spots, which the participant may want to tell.
        self.drain(entry);
        let answer = self.answers.put(spots);
        let delay = self.delay(node, entry);
        self.queue.push(self.now + delay, Event::Probed { search, answer });
    }

    /// An answer arrives, or patience is over.
    pub(crate) fn probed(&mut self, number: SearchRef, answer: u32) {
        let spots = self.answers.take(answer).unwrap_or_default();
        let serial = number.serial;
        let Some(search) = self.searches.get_mut(number.slot).filter(|search| search.serial == serial) else { return };
        search.waiting = search.waiting.saturating_sub(1);
        let over = answer == u32::MAX || search.waiting <= 1;
        if spots.is_empty() && !over {
            return;
        }
        let node = search.node;
        self.searches.take(number.slot);
        if !self.nodes[node as usize].is_present() {
            return;
        }
        self.input(node, Input::Candidates(spots));
    }

    /// The root's children have changed.
    pub(crate) fn entrance_changed(&mut self) {
        if !self.entrance.write_pending {
            self.entrance.write_pending = true;
            self.queue.push(self.now + WRITE_AFTER, Event::WriteEntry);
        }
    }

    pub(crate) fn write_entry(&mut self) {
        self.entrance.write_pending = false;
        if !self.nodes[self.root as usize].is_present() {
            return;
        }
        let root = self.root;
        let relays = self.nodes[root as usize].links.iter().map(|(peer, _)| *peer).filter(|peer| {
            let peer = &self.nodes[*peer as usize];
            peer.parent == Some(root) && peer.person.fan_out > 0
        });
        self.entrance.spreading = std::iter::once(root).chain(relays).take(ENTRIES).collect();
        self.entrance.written = self.now;
        self.count_put(300);
        self.queue.push(self.now + SPREAD_AFTER, Event::EntrySpread);
    }

    pub(crate) fn entry_spread(&mut self) {
        self.entrance.known = self.entrance.spreading.clone();
    }

    pub(crate) fn refresh_entry(&mut self) {
        if self.now >= self.entrance.written + ENTRY_REFRESH {
            self.entrance_changed();
        }
    }

    pub(crate) fn count_put(&mut self, bytes: u64) {
        self.tally.puts += 1;
        self.tally.dht_bytes += PUT_RPCS * RPC_BYTES + PUT_COPIES * bytes;
    }
}
