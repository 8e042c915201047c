//! Which packets of an incoming stream are missing, and when to ask for them (RFC 4585 §6.2.1).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::slots::extend;

/// Time that a packet is given to arrive late by itself.
const REORDER: Duration = Duration::from_millis(5);
/// Shortest and longest time between two requests for one packet.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// Requests for one packet before it is given up: about four seconds.
const MAX_TRIES: u32 = 20;
/// Most packets missing at a time; a larger gap is not filled.
const MAX_GAP: u64 = 4096;
/// Most packets asked for at once, so that a repair does not flood the way that just lost packets.
const MAX_REQUEST: usize = 256;

#[derive(Debug)]
struct Gap {
    due: Instant,
    tries: u32,
}

/// The gaps of one incoming stream.
#[derive(Debug)]
pub(crate) struct Tracker {
    /// The next sequence number expected, extended to 64 bits.
    next: u64,
    begun: bool,
    missing: BTreeMap<u64, Gap>,
    due: Option<Instant>,
    given_up: u64,
}

impl Tracker {
    /// A stream whose first sequence number is `first`, if the other end keeps to it.
    pub(crate) fn new(first: u16) -> Self {
        // One turn ahead, so that a number before the first one does not run out of the type.
        let next = (1 << 16) + u64::from(first);
        Self { next, begun: false, missing: BTreeMap::new(), due: None, given_up: 0 }
    }

    /// Packets that never came.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// When [`Tracker::poll`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Notes a packet, whether it came first or as a repair.
    pub(crate) fn received(&mut self, sequence: u16, now: Instant) {
        let sequence = extend(self.next, sequence);
        if sequence < self.next && self.begun {
            self.missing.remove(&sequence);
            return;
        }
        self.expect(sequence, now);
        self.next = sequence + 1;
    }

    /// Notes that the other end has sent everything up to `last`.
    pub(crate) fn announced(&mut self, last: u16, now: Instant) {
        let last = extend(self.next, last);
        if last >= self.next || !self.begun {
            self.expect(last + 1, now);
            self.next = last + 1;
        }
    }

    /// Marks all from the next expected one up to, not including, `sequence` as missing.
    fn expect(&mut self, sequence: u64, now: Instant) {
        let gap = sequence.wrapping_sub(self.next);
        if !std::mem::replace(&mut self.begun, true) && gap > MAX_GAP / 4 {
            // It numbers its packets in some other way: nothing is known to be missing.
            return;
        }
        if gap > MAX_GAP {
            self.given_up += gap + self.missing.len() as u64;
            self.missing.clear();
            return;
        }
        if gap > 0 {
            let due = now + REORDER;
            self.missing.extend((self.next..sequence).map(|number| (number, Gap { due, tries: 0 })));
            self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        }
        while self.missing.len() as u64 > MAX_GAP {
            self.missing.pop_first();
            self.given_up += 1;
        }
    }

    /// The sequence numbers to ask for now, oldest first.
    pub(crate) fn poll(&mut self, now: Instant, rtt: Option<Duration>) -> Vec<u16> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let base = rtt.map_or(RETRY.0, |rtt| (rtt + rtt / 4 + REORDER).clamp(RETRY.0, RETRY.1));
        let mut ask = Vec::new();
        let mut next_due = None;
        let mut given_up = 0;
        self.missing.retain(|&sequence, gap| {
            if gap.due <= now && ask.len() < MAX_REQUEST {
                if gap.tries >= MAX_TRIES {
                    given_up += 1;
                    return false;
                }
                let backoff = base * (4 + gap.tries) / 4;
                gap.due = now + backoff.min(RETRY.1);
                gap.tries += 1;
                ask.push(sequence as u16);
            }
            let due = gap.due.max(now + Duration::from_millis(1));
            next_due = Some(next_due.map_or(due, |earlier: Instant| earlier.min(due)));
            true
        });
        self.given_up += given_up;
        self.due = next_due;
        ask
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RTT: Option<Duration> = Some(Duration::from_millis(30));

    #[test]
    fn gaps_are_asked_for_after_a_pause_and_again_with_backoff() {
        let start = Instant::now();
        let mut tracker = Tracker::new(100);
        tracker.received(100, start);
        tracker.received(103, start);
        assert!(tracker.poll(start, RTT).is_empty(), "it may only be late");
        let first = start + REORDER;
        assert_eq!(tracker.poll(first, RTT), [101, 102]);
        assert!(tracker.poll(first + Duration::from_millis(30), RTT).is_empty(), "a round trip has to pass");
        tracker.received(101, first);
        assert_eq!(tracker.poll(first + Duration::from_millis(50), RTT), [102]);
        tracker.received(102, first);
        assert!(tracker.poll(first + Duration::from_secs(1), RTT).is_empty());
        assert_eq!(tracker.due(), None);
        assert_eq!(tracker.given_up(), 0);
    }

    #[test]
    fn the_very_first_packets_and_the_very_last_are_missed_too() {
        let start = Instant::now();
        let mut tracker = Tracker::new(30_000);
        tracker.received(30_002, start);
        assert_eq!(tracker.poll(start + REORDER, RTT), [30_000, 30_001]);
        tracker.announced(30_004, start);
        assert_eq!(tracker.poll(start + REORDER, RTT), [30_003, 30_004]);
        tracker.announced(30_001, start);
        let mut silent = Tracker::new(5);
        silent.announced(6, start);
        assert_eq!(silent.poll(start + REORDER, RTT), [5, 6]);
    }

    #[test]
    fn numbers_wrap() {
        let start = Instant::now();
        let mut tracker = Tracker::new(32_000);
        for sequence in (32_000..=65_533).chain([1]) {
            tracker.received(sequence, start);
        }
        assert_eq!(tracker.poll(start + REORDER, RTT), [65_534, 65_535, 0]);
        tracker.received(65_535, start);
        let later = start + Duration::from_secs(1);
        assert_eq!(tracker.poll(later, RTT), [65_534, 0]);
    }

    #[test]
    fn tries_are_bounded() {
        let start = Instant::now();
        let mut tracker = Tracker::new(0);
        tracker.received(1, start);
        let mut now = start;
        let mut asked = 0;
        while let Some(due) = tracker.due() {
            now = now.max(due);
            asked += tracker.poll(now, RTT).len();
        }
        assert_eq!((asked, tracker.given_up()), (MAX_TRIES as usize, 1));
        assert!(now < start + Duration::from_secs(6));
    }

    #[test]
    fn memory_and_requests_are_bounded_whatever_comes() {
        let start = Instant::now();
        let mut tracker = Tracker::new(0);
        tracker.received(0, start);
        for sequence in (2..60_000).step_by(2) {
            tracker.received(sequence, start);
            assert!(tracker.missing.len() as u64 <= MAX_GAP);
        }
        assert_eq!(tracker.poll(start + REORDER, RTT).len(), MAX_REQUEST);
        tracker.received(9_000, start);
        tracker.received(20_000, start);
        assert!(tracker.missing.len() as u64 <= MAX_GAP);
        for first in [9_000, 40_000] {
            let mut foreign = Tracker::new(3);
            foreign.received(first, start);
            foreign.received(first + 2, start);
            assert_eq!(foreign.poll(start + REORDER, RTT), [first + 1], "another numbering is accepted");
        }
    }
}
