//! Which SRTP sequence numbers of a stream have come already (RFC 3711 §3.3.2).

use rtc::shared::replay_detector::ReplayDetector;

/// Packets behind the newest one that are still taken. Repairs have numbers of their own, so that only
/// real reordering has to fit.
const WINDOW: u16 = 1024;

/// A window over 16-bit sequence numbers that moves only with authenticated packets.
///
/// The stock detector fixes where its window begins with the first packet it is asked about, be it
/// forged: everything genuine could then be too old.
#[derive(Debug)]
pub(super) struct ReplayWindow {
    seen: [u64; WINDOW as usize / 64],
    newest: Option<u16>,
    asked: Option<u16>,
}

impl ReplayWindow {
    pub(super) fn new() -> Self {
        Self { seen: [0; WINDOW as usize / 64], newest: None, asked: None }
    }

    fn bit(sequence: u16) -> (usize, u64) {
        let bit = usize::from(sequence % WINDOW);
        (bit / 64, 1 << (bit % 64))
    }
}

impl ReplayDetector for ReplayWindow {
    fn check(&mut self, seq: u64) -> bool {
        let sequence = seq as u16;
        let fresh = self.newest.is_none_or(|newest| {
            let behind = newest.wrapping_sub(sequence);
            let (word, bit) = Self::bit(sequence);
            behind >= 1 << 15 || (behind < WINDOW && self.seen[word] & bit == 0)
        });
        self.asked = fresh.then_some(sequence);
        fresh
    }

    fn accept(&mut self) {
        let Some(sequence) = self.asked.take() else {
            return;
        };
        if let Some(newest) = self.newest {
            let ahead = sequence.wrapping_sub(newest);
            if ahead < 1 << 15 {
                for skipped in 1..=ahead.min(WINDOW) {
                    let (word, bit) = Self::bit(newest.wrapping_add(skipped));
                    self.seen[word] &= !bit;
                }
                self.newest = Some(sequence);
            }
        } else {
            self.newest = Some(sequence);
        }
        let (word, bit) = Self::bit(sequence);
        self.seen[word] |= bit;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn take(window: &mut ReplayWindow, sequence: u16) -> bool {
        let fresh = window.check(u64::from(sequence));
        window.accept();
        fresh
    }

    #[test]
    fn repeated_and_old_numbers_are_refused_across_the_wrap() {
        let mut window = ReplayWindow::new();
        for sequence in (64_000..=u16::MAX).chain(0..3000) {
            assert!(take(&mut window, sequence), "{sequence}");
            assert!(!take(&mut window, sequence), "{sequence} again");
        }
        assert!(!take(&mut window, 1900), "too old");
        assert!(take(&mut window, 3005));
        assert!(take(&mut window, 3003), "late");
        assert!(!take(&mut window, 3003));
    }

    #[test]
    fn forged_numbers_move_nothing() {
        let mut window = ReplayWindow::new();
        assert!(window.check(40_000));
        assert!(take(&mut window, 5), "the forged one was never accepted");
        assert!(window.check(30_000));
        assert!(take(&mut window, 6));
        assert!(!take(&mut window, 5));
    }
}
