//! First copies told from repeated ones.

use std::time::{Duration, Instant};

/// Counters behind the highest one that are remembered: ten seconds of a 15 Mbit/s track.
const WINDOW: u64 = 1 << 14;

/// How far ahead of the highest counter a packet may be while the track flows.
///
/// A single packet with a forged huge counter would otherwise push every true one out of the window.
const MAX_JUMP: u64 = 1 << 16;

/// After this long without a first copy any jump is believed: the track was interrupted.
const STALE: Duration = Duration::from_secs(2);

/// What a counter turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not seen before.
    First,
    /// Seen before.
    Duplicate,
    /// So far behind or ahead that it cannot be told, and is dropped.
    OutOfRange,
}

/// A sliding window over the counters of one track.
#[derive(Debug)]
pub(crate) struct Dedupe {
    highest: Option<u64>,
    last_first: Option<Instant>,
    /// One bit per counter, at `ctr % WINDOW`; allocated with the first packet.
    seen: Vec<u64>,
    /// Nothing below this was ever asked for.
    begin: u64,
}

impl Dedupe {
    pub(crate) fn new() -> Self {
        Self { highest: None, last_first: None, seen: Vec::new(), begin: 0 }
    }

    /// The highest counter seen.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Judges `ctr` and remembers it.
    pub(crate) fn accept(&mut self, ctr: u64, now: Instant) -> Verdict {
        let Some(highest) = self.highest else {
            self.seen = vec![0; (WINDOW / 64) as usize];
            self.highest = Some(ctr);
            self.begin = ctr;
            return self.first(ctr, now);
        };
        if ctr > highest {
            let stale = self.last_first.is_none_or(|last| now.saturating_duration_since(last) >= STALE);
            if ctr - highest > MAX_JUMP && !stale {
                return Verdict::OutOfRange;
            }
            for skipped in 1..=(ctr - highest).min(WINDOW) {
                self.clear(highest.wrapping_add(skipped));
            }
            self.highest = Some(ctr);
            return self.first(ctr, now);
        }
        if highest - ctr >= WINDOW {
            return Verdict::OutOfRange;
        }
        if self.is_set(ctr) {
            return Verdict::Duplicate;
        }
        self.begin = self.begin.min(ctr);
        self.first(ctr, now)
    }

    /// The first counter from `floor` on that is missing: the next expected one if none is.
    pub(crate) fn first_missing(&self, floor: u64) -> Option<u64> {
        let highest = self.highest?;
        let from = floor.max(self.begin).max(highest.saturating_sub(WINDOW - 1));
        Some((from..=highest).find(|&ctr| !self.is_set(ctr)).unwrap_or(highest.saturating_add(1)))
    }

    /// How many counters from `first` to `last` have not been seen, as far back as is remembered.
    pub(crate) fn missing(&self, first: u64, last: u64) -> u64 {
        let Some(highest) = self.highest else {
            return 0;
        };
        let from = first.max(self.begin).max(highest.saturating_sub(WINDOW - 1));
        let holes = (from..=last.min(highest)).filter(|&ctr| !self.is_set(ctr)).count() as u64;
        holes + last.saturating_sub(highest.max(first.saturating_sub(1)))
    }

    fn first(&mut self, ctr: u64, now: Instant) -> Verdict {
        self.last_first = Some(now);
        let bit = ctr % WINDOW;
        self.seen[(bit / 64) as usize] |= 1 << (bit % 64);
        Verdict::First
    }

    fn clear(&mut self, ctr: u64) {
        let bit = ctr % WINDOW;
        self.seen[(bit / 64) as usize] &= !(1 << (bit % 64));
    }

    fn is_set(&self, ctr: u64) -> bool {
        let bit = ctr % WINDOW;
        self.seen[(bit / 64) as usize] & (1 << (bit % 64)) != 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_first_once_in_any_order() {
        let now = Instant::now();
        let mut dedupe = Dedupe::new();
        for ctr in [1000, 1002, 999, 1001, 1005] {
            assert_eq!(dedupe.accept(ctr, now), Verdict::First, "{ctr}");
        }
        for ctr in [999, 1000, 1001, 1002, 1005] {
            assert_eq!(dedupe.accept(ctr, now), Verdict::Duplicate, "{ctr}");
        }
        assert_eq!(dedupe.first_missing(0), Some(1003));
        assert_eq!(dedupe.first_missing(1004), Some(1004));
        assert_eq!(dedupe.first_missing(1005), Some(1006));
        assert_eq!(dedupe.missing(0, 1005), 2, "nothing below the first one was asked for");
        assert_eq!(dedupe.missing(1003, 1003), 1);
        assert_eq!(dedupe.missing(1004, 1010), 6);
        assert_eq!(dedupe.missing(1008, 1010), 3);
        assert_eq!(dedupe.missing(1000, 1002), 0);
        assert_eq!(dedupe.missing(0, u64::MAX), u64::MAX - 1005 + 2);
    }

    #[test]
    fn the_window_slides_and_forgets() {
        let now = Instant::now();
        let mut dedupe = Dedupe::new();
        for ctr in 0..3 * WINDOW {
            assert_eq!(dedupe.accept(ctr, now), Verdict::First, "{ctr}");
        }
        assert_eq!(dedupe.accept(2 * WINDOW, now), Verdict::Duplicate);
        assert_eq!(dedupe.accept(5, now), Verdict::OutOfRange);
        assert_eq!(dedupe.accept(4 * WINDOW, now), Verdict::First, "a jump within bounds");
        assert_eq!(dedupe.accept(3 * WINDOW + 1, now), Verdict::First, "skipped ones are still missing");
        assert_eq!(dedupe.missing(0, 4 * WINDOW), WINDOW - 2, "what is forgotten is not counted");
    }

    #[test]
    fn a_forged_jump_does_not_silence_the_track() {
        let now = Instant::now();
        let mut dedupe = Dedupe::new();
        dedupe.accept(7, now);
        assert_eq!(dedupe.accept(u64::MAX, now), Verdict::OutOfRange);
        assert_eq!(dedupe.accept(8, now), Verdict::First);
        assert_eq!(dedupe.accept(1 << 40, now + STALE), Verdict::First, "believed after a silence");
        assert_eq!(dedupe.accept(u64::MAX, now + 3 * STALE), Verdict::First);
        assert_eq!(dedupe.first_missing(u64::MAX), Some(u64::MAX));
    }
}
