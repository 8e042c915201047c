//! Packets that wait for others before them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

/// A packet as it came.
#[derive(Debug)]
pub(super) struct Packet {
    pub flags: u8,
    pub data: Bytes,
    pub arrived: Duration,
}

/// Packets by counter, and how many bytes they are.
#[derive(Debug, Default)]
pub(super) struct Held {
    packets: BTreeMap<u64, Packet>,
    bytes: usize,
}

impl Held {
    pub(super) fn packets(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn contains(&self, ctr: u64) -> bool {
        self.packets.contains_key(&ctr)
    }

    /// Takes a packet whose counter is not held yet.
    pub(super) fn insert(&mut self, ctr: u64, packet: Packet) {
        self.bytes += packet.data.len();
        self.packets.insert(ctr, packet);
    }

    pub(super) fn take(&mut self, ctr: u64) -> Option<Packet> {
        let packet = self.packets.remove(&ctr)?;
        self.bytes -= packet.data.len();
        Some(packet)
    }

    /// The packet with the lowest counter.
    pub(super) fn first(&self) -> Option<(u64, &Packet)> {
        self.packets.first_key_value().map(|(ctr, packet)| (*ctr, packet))
    }

    /// The lowest counter of a packet like that.
    pub(super) fn find(&self, like: impl Fn(&Packet) -> bool) -> Option<u64> {
        self.packets.iter().find(|(_, packet)| like(packet)).map(|(ctr, _)| *ctr)
    }

    /// Drops the packets below `ctr` and says how many they were.
    pub(super) fn drop_below(&mut self, ctr: u64) -> u64 {
        let kept = self.packets.split_off(&ctr);
        let dropped = std::mem::replace(&mut self.packets, kept);
        self.forget(&dropped)
    }

    /// Drops the packets from `ctr` on and says how many they were.
    pub(super) fn drop_from(&mut self, ctr: u64) -> u64 {
        let dropped = self.packets.split_off(&ctr);
        self.forget(&dropped)
    }

    fn forget(&mut self, dropped: &BTreeMap<u64, Packet>) -> u64 {
        self.bytes -= dropped.values().map(|packet| packet.data.len()).sum::<usize>();
        dropped.len() as u64
    }
}
