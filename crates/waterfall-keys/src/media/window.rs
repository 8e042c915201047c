//! Which packets were yielded already.

use waterfall_wire::Ctr;

/// How far back a packet may come late, in packets: more than a relay's ring of 16 MiB ever holds
/// of full-size packets, so that any repair fits.
pub(super) const WINDOW: u64 = 32_768;
const WORDS: usize = WINDOW as usize / 64;

/// A sliding window over counters (as in RFC 4303 §3.4.3): 4 KiB, whatever the counters are.
///
/// Only verified packets are put in, so only the speaker moves it.
pub(super) struct Window {
    /// One past the highest counter put in.
    end: Ctr,
    bits: Box<[u64; WORDS]>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { end: 0, bits: Box::new([0; WORDS]) }
    }

    /// The lowest counter that can still be told from one that was put in.
    pub(super) fn floor(&self) -> Ctr {
        self.end.saturating_sub(WINDOW)
    }

    pub(super) fn contains(&self, ctr: Ctr) -> bool {
        let (word, bit) = Self::place(ctr);
        (self.floor()..self.end).contains(&ctr) && self.bits[word] & bit != 0
    }

    /// Puts a counter in; below the floor it changes nothing. `ctr` is not the largest number.
    pub(super) fn insert(&mut self, ctr: Ctr) {
        if ctr < self.floor() {
            return;
        }
        if ctr >= self.end {
            if ctr - self.end >= WINDOW {
                self.bits.fill(0);
            } else {
                // The places now in use by counters that fell out of the window.
                for skipped in self.end..=ctr {
                    let (word, bit) = Self::place(skipped);
                    self.bits[word] &= !bit;
                }
            }
            self.end = ctr + 1;
        }
        let (word, bit) = Self::place(ctr);
        self.bits[word] |= bit;
    }

    fn place(ctr: Ctr) -> (usize, u64) {
        let place = ctr % WINDOW;
        ((place / 64) as usize, 1 << (place % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_remembers_exactly_what_lies_in_the_window(
            steps in prop::collection::vec(prop_oneof![0..100_000_u64, 0..2_000_u64, any::<u64>().prop_map(|n| n >> 1)], 1..200),
        ) {
            let (mut window, mut all) = (Window::new(), BTreeSet::new());
            for ctr in steps {
                if ctr >= window.floor() {
                    all.insert(ctr);
                }
                window.insert(ctr);
                let floor = window.floor();
                for probe in all.iter().flat_map(|&n| [n.saturating_sub(1), n, n + 1, n + WINDOW]) {
                    prop_assert_eq!(window.contains(probe), probe >= floor && all.contains(&probe));
                }
            }
        }
    }

    #[test]
    fn a_jump_leaves_nothing_behind() {
        let mut window = Window::new();
        window.insert(5);
        window.insert(u64::MAX - 1);
        assert!(window.contains(u64::MAX - 1) && !window.contains(5));
        assert_eq!(window.floor(), u64::MAX - WINDOW);
    }
}
