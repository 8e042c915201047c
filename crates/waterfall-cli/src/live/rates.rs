//! Bit rates, from statuses some seconds apart.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use waterfall::Status;

/// Over how long a rate is taken. Links count once a second, so that less would flicker.
const WINDOW: Duration = Duration::from_secs(5);
/// Samples kept: a window of them at the usual pace, and some.
const SAMPLES: usize = 32;

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    sent: u64,
    received: u64,
    published: u64,
}

/// How fast media moves. In bits a second; nothing is known until there are two samples.
#[derive(Debug, Default)]
pub(crate) struct Rates(VecDeque<Sample>);

impl Rates {
    /// Takes a sample.
    pub(crate) fn note(&mut self, at: Instant, status: &Status) {
        let sum = |of: fn(&waterfall::LinkStatus) -> u64| status.links.iter().map(of).sum();
        let sample = Sample {
            at,
            sent: sum(|link| link.media_sent + link.repair_sent),
            received: sum(|link| link.media_received),
            published: status.published,
        };
        while self.0.len() >= SAMPLES || self.0.get(1).is_some_and(|second| at - second.at >= WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// To all children together, repairs included.
    pub(crate) fn sent(&self) -> Option<u64> {
        self.rate(|sample| sample.sent)
    }

    /// From neighbours, each packet once.
    pub(crate) fn received(&self) -> Option<u64> {
        self.rate(|sample| sample.received)
    }

    /// Of our own tracks.
    pub(crate) fn published(&self) -> Option<u64> {
        self.rate(|sample| sample.published)
    }

    fn rate(&self, of: impl Fn(&Sample) -> u64) -> Option<u64> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let millis = u64::try_from((last.at - first.at).as_millis()).ok().filter(|millis| *millis > 0)?;
        // A link's count is forgotten some time after the link: then the sum may fall.
        Some(of(last).saturating_sub(of(first)).saturating_mul(8000) / millis)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn published(bytes: u64) -> Status {
        Status { published: bytes, ..Status::default() }
    }

    #[test]
    fn a_rate_follows_the_last_seconds() {
        let start = Instant::now();
        let mut rates = Rates::default();
        assert_eq!(rates.published(), None);
        rates.note(start, &published(0));
        assert_eq!(rates.published(), None);
        for second in 1..=20 {
            rates.note(start + Duration::from_secs(second), &published(second * 1000));
        }
        assert_eq!(rates.published(), Some(8000));
        // It stands still: after a window nothing of the past is left.
        for second in 21..=27 {
            rates.note(start + Duration::from_secs(second), &published(20_000));
        }
        assert_eq!(rates.published(), Some(0));
        assert_eq!(rates.sent(), Some(0));
    }

    #[test]
    fn counts_that_fall_are_no_rate_and_samples_are_bounded() {
        let start = Instant::now();
        let mut rates = Rates::default();
        for step in 0..10_000_u64 {
            rates.note(start + Duration::from_millis(step), &published(10_000 - step));
        }
        assert_eq!(rates.published(), Some(0));
        assert!(rates.0.len() <= SAMPLES);
    }
}
