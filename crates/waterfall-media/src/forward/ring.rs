//! The packets of one track that may still be wanted: for repairs, RESUME and late joiners.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Packet;
use super::identity::{FRAME_START, Head, KEY_FRAME};

/// How much of a track is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLimits {
    /// Longest time that a packet is kept; at most, and by default, ten seconds.
    pub time: Duration,
    /// Most payload bytes; by default 16 MiB.
    pub bytes: usize,
}

impl Default for RingLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), bytes: 16 << 20 }
    }
}

/// Most packets kept, so that a flood of tiny ones is bounded too: 25 Mbit/s of full ones for ten seconds.
const MAX_PACKETS: usize = 1 << 15;

/// Packets around a key frame's first one that are searched for some that overtook it.
const REORDER: u64 = 256;

/// A kept packet.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) packet: Packet,
    pub(crate) head: Head,
    pub(crate) arrived: Instant,
    /// Order of arrival over all tracks of the group.
    pub(crate) order: u64,
    /// Payload bytes of the track before this packet.
    pub(crate) before: u64,
}

/// The last packets of a track in the order in which they came.
///
/// Every packet has an index that never changes; links remember where they are by it, so that one
/// copy of a packet serves all of them.
#[derive(Debug)]
pub(crate) struct Ring {
    limits: RingLimits,
    entries: VecDeque<Entry>,
    /// Index of the oldest entry.
    first: u64,
    by_ctr: HashMap<u64, u64>,
    /// Payload bytes that ever came.
    total: u64,
    /// Index of the first packet of the newest key frame.
    key_frame: Option<u64>,
}

impl Ring {
    pub(crate) fn new(limits: RingLimits) -> Self {
        Self { limits, entries: VecDeque::new(), first: 0, by_ctr: HashMap::new(), total: 0, key_frame: None }
    }

    /// Index of the oldest packet.
    pub(crate) fn start(&self) -> u64 {
        self.first
    }

    /// Index that the next packet will get.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Payload bytes kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.total - self.entries.front().map_or(self.total, |entry| entry.before)
    }

    /// Payload bytes from `index` on.
    pub(crate) fn bytes_from(&self, index: u64) -> u64 {
        self.at(index).map_or(0, |entry| self.total - entry.before)
    }

    pub(crate) fn at(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }

    pub(crate) fn get(&self, ctr: u64) -> Option<&Entry> {
        self.at(*self.by_ctr.get(&ctr)?)
    }

    /// Adds a packet and drops what has become too old or too much.
    pub(crate) fn push(&mut self, packet: Packet, head: Head, order: u64, now: Instant) {
        let index = self.end();
        if head.has(KEY_FRAME) {
            let newer = self.key_frame.and_then(|key| self.at(key)).is_none_or(|key| key.head.ctr < head.ctr);
            if newer {
                self.key_frame = Some(index);
            }
        }
        self.by_ctr.insert(head.ctr, index);
        let before = self.total;
        self.total += packet.payload.len() as u64;
        self.entries.push_back(Entry { packet, head, arrived: now, order, before });
        self.evict(now);
    }

    /// Drops what has become too old or too much.
    pub(crate) fn evict(&mut self, now: Instant) {
        while let Some(oldest) = self.entries.front() {
            let old = now.saturating_duration_since(oldest.arrived) > self.limits.time;
            if !old && self.bytes() <= self.limits.bytes as u64 && self.entries.len() <= MAX_PACKETS {
                break;
            }
            if self.by_ctr.get(&oldest.head.ctr) == Some(&self.first) {
                self.by_ctr.remove(&oldest.head.ctr);
            }
            self.entries.pop_front();
            self.first += 1;
        }
        if self.key_frame.is_some_and(|key| key < self.first) {
            self.key_frame = None;
        }
    }

    /// Where a viewer that has nothing starts: the newest key frame, with the packets that overtook
    /// its first one.
    pub(crate) fn key_frame(&self) -> Option<u64> {
        let key = self.key_frame?;
        let ctr = self.at(key)?.head.ctr;
        let earliest = key.saturating_sub(REORDER).max(self.first);
        (earliest..=key).find(|&index| self.at(index).is_some_and(|entry| entry.head.ctr >= ctr))
    }

    /// Index of the first packet of a key frame from `index` on.
    pub(crate) fn next_key_frame(&self, index: u64) -> Option<u64> {
        (index.max(self.first)..self.end()).find(|&i| self.at(i).is_some_and(|entry| entry.head.has(KEY_FRAME)))
    }

    /// Index of the first packet in order of arrival whose counter is at least `ctr`.
    pub(crate) fn index_from(&self, ctr: u64) -> u64 {
        (self.first..self.end()).find(|&i| self.at(i).is_some_and(|entry| entry.head.ctr >= ctr)).unwrap_or(self.end())
    }

    /// Index of the first packet that came at `since` or later.
    pub(crate) fn since(&self, since: Instant) -> u64 {
        self.first + self.entries.partition_point(|entry| entry.arrived < since) as u64
    }

    /// Whether `ctr`, or anything below it, is still kept: else packets are lost to who wants it.
    pub(crate) fn reaches_back_to(&self, ctr: u64) -> bool {
        self.entries.iter().take(REORDER as usize).any(|entry| entry.head.ctr <= ctr)
    }

    /// Highest counter among the packets that came before `until`.
    pub(crate) fn highest_before(&self, until: Instant) -> Option<u64> {
        let old = self.entries.partition_point(|entry| entry.arrived < until);
        self.entries.iter().take(old).map(|entry| entry.head.ctr).max()
    }

    /// Frames that begin in `range`.
    pub(crate) fn frames(&self, range: std::ops::Range<u64>) -> u64 {
        range.filter(|&i| self.at(i).is_some_and(|entry| entry.head.has(FRAME_START))).count() as u64
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::forward::identity::FRAME_END;
    use bytes::Bytes;

    fn push(ring: &mut Ring, ctr: u64, flags: u8, len: usize, now: Instant) {
        let head = Head { flags, kid: 1, ctr, len: 2 };
        let payload = Bytes::from(vec![0; len]);
        let packet = Packet { kid: 1, ctr, timestamp: 0, marker: false, payload, from: None };
        ring.push(packet, head, ctr, now);
    }

    #[test]
    fn old_packets_and_surplus_bytes_fall_out() {
        let start = Instant::now();
        let mut ring = Ring::new(RingLimits { time: Duration::from_secs(10), bytes: 1000 });
        for ctr in 0..20 {
            push(&mut ring, ctr, 0, 100, start);
        }
        assert_eq!((ring.start(), ring.end(), ring.bytes()), (10, 20, 1000));
        assert!(ring.get(9).is_none());
        assert_eq!(ring.get(10).unwrap().packet.ctr, 10);
        assert_eq!(ring.bytes_from(15), 500);
        push(&mut ring, 20, 0, 100, start + Duration::from_secs(11));
        assert_eq!((ring.start(), ring.end(), ring.bytes()), (20, 21, 100));
    }

    #[test]
    fn a_late_joiner_starts_at_the_last_key_frame_even_if_it_was_overtaken() {
        let now = Instant::now();
        let mut ring = Ring::new(RingLimits::default());
        push(&mut ring, 0, KEY_FRAME | FRAME_START, 10, now);
        push(&mut ring, 1, FRAME_END, 10, now);
        push(&mut ring, 3, FRAME_END, 10, now);
        push(&mut ring, 2, KEY_FRAME | FRAME_START, 10, now);
        push(&mut ring, 4, FRAME_START | FRAME_END, 10, now);
        assert_eq!(ring.key_frame(), Some(2));
        assert_eq!(ring.frames(0..5), 3);
        assert_eq!(ring.next_key_frame(1), Some(3));
        assert_eq!(ring.next_key_frame(4), None);
    }

    #[test]
    fn a_key_frame_that_fell_out_is_gone() {
        let now = Instant::now();
        let mut ring = Ring::new(RingLimits { time: Duration::from_secs(10), bytes: 50 });
        push(&mut ring, 0, KEY_FRAME | FRAME_START, 10, now);
        for ctr in 1..10 {
            push(&mut ring, ctr, 0, 10, now);
        }
        assert_eq!(ring.key_frame(), None);
        assert!(!ring.reaches_back_to(2));
        assert!(ring.reaches_back_to(7));
    }

    #[test]
    fn resume_finds_its_place_by_counter() {
        let now = Instant::now();
        let mut ring = Ring::new(RingLimits::default());
        for ctr in [5, 6, 9, 7, 8] {
            push(&mut ring, ctr, 0, 10, now);
        }
        assert_eq!(ring.index_from(7), 2);
        assert_eq!(ring.index_from(10), 5);
        assert_eq!(ring.highest_before(now), None);
        assert_eq!(ring.highest_before(now + Duration::from_millis(1)), Some(9));
    }
}
