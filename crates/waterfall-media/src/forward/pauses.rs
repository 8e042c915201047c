//! The longest pause of a stream, of late.

use std::time::{Duration, Instant};

/// Pauses are remembered for this long at least, and for twice as long at most.
const WINDOW: Duration = Duration::from_secs(10);

/// The pauses between the new packets of a track.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    last: Option<Instant>,
    /// When the current window began.
    since: Option<Instant>,
    longest: Duration,
    /// Of the window before.
    before: Duration,
}

impl Pauses {
    /// Notes a new packet.
    pub(crate) fn packet(&mut self, now: Instant) {
        self.advance(now);
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now.saturating_duration_since(last));
        }
    }

    /// The longest one of late; one that is not over yet counts.
    pub(crate) fn longest(&mut self, now: Instant) -> Duration {
        self.advance(now);
        let open = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.longest.max(self.before).max(open)
    }

    fn advance(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= WINDOW {
            let recent = age < 2 * WINDOW;
            self.before = if recent { self.longest } else { Duration::ZERO };
            (self.longest, self.since) = (Duration::ZERO, Some(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_is_remembered_for_a_while() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pauses = Pauses::default();
        assert_eq!(pauses.longest(start), Duration::ZERO);
        for ms in (0..1_000).chain(1_300..9_000).step_by(20) {
            pauses.packet(at(ms));
        }
        let gap = pauses.longest(at(9_000));
        assert!(gap >= Duration::from_millis(300) && gap < Duration::from_millis(340), "{gap:?}");
        for ms in (9_000..19_500).step_by(20) {
            pauses.packet(at(ms));
        }
        assert_eq!(pauses.longest(at(19_500)), gap);
        for ms in (19_500..30_500).step_by(20) {
            pauses.packet(at(ms));
        }
        assert!(pauses.longest(at(30_500)) < Duration::from_millis(60), "forgotten");
        assert_eq!(pauses.longest(at(35_500)), Duration::from_millis(35_500 - 30_480), "and still going on");
    }
}
