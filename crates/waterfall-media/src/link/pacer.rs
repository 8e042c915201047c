//! How fast a link may send: a token bucket whose rate follows the stream and the losses.

use std::time::{Duration, Instant};

/// Bytes that may go at once: well below the receive buffer that Linux gives a socket by default.
const BURST: f64 = 64_000.0;
/// How much time's worth of bytes may go at once where a burst would do harm.
const CALM: Duration = Duration::from_millis(20);

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Pacer {
    tokens: f64,
    rate: f64,
    filled: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(rate: u64) -> Self {
        Self { tokens: BURST, rate: rate as f64, filled: None }
    }

    /// Sets the rate in bytes per second.
    pub(crate) fn set_rate(&mut self, rate: u64, now: Instant) {
        self.fill(now);
        self.rate = (rate as f64).max(1.0);
    }

    /// Whether sending is allowed now.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens > 0.0
    }

    /// Notes bytes sent. The bucket may go below zero by one packet.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }

    /// Gives up what was saved for a burst.
    pub(crate) fn calm(&mut self) {
        self.tokens = self.tokens.min(self.rate * CALM.as_secs_f64());
    }

    /// When sending is allowed again.
    pub(crate) fn ready(&self, now: Instant) -> Instant {
        // A millisecond's worth more, so that not every packet needs a wake-up of its own.
        let wanted = self.rate / 1000.0 - self.tokens;
        now + Duration::from_secs_f64((wanted / self.rate).clamp(0.0, 1.0))
    }

    fn fill(&mut self, now: Instant) {
        let last = self.filled.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(last).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate).min(BURST);
    }
}

/// Losses are counted over at least this long, ...
const WINDOW: Duration = Duration::from_millis(500);
/// ... over this long if too few packets are sent for the first time, ...
const LONG_WINDOW: Duration = Duration::from_secs(1);
/// ... and over no longer than this.
const STALE: Duration = Duration::from_secs(2);
/// Packets in a window below which a share says nothing.
const MEANINGFUL: u64 = 30;
/// Below this share of losses the estimate grows, above the other it falls (the loss-based part of
/// Google's congestion control for WebRTC uses the same two).
const LOSSES: (f64, f64) = (0.02, 0.10);
/// The estimate never falls below this: 240 kbit/s.
const LEAST: u64 = 30_000;
/// An estimate above this many times what is sent says nothing any more.
const IRRELEVANT: u64 = 8;

/// Packets of a window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) originals: u64,
    pub(crate) repairs: u64,
}

impl Tally {
    fn all(self) -> u64 {
        self.originals + self.repairs
    }
}

/// What the way to the other end seems to carry, from the share of packets that it asks for again.
///
/// Of all packets, repairs too, or they would hide how many are lost; of those alone that are sent for the first time
/// if that is less, as one that never gets through is repaired twenty times.
#[derive(Debug)]
pub(crate) struct Estimate {
    rate: Option<u64>,
    since: Option<Instant>,
    bytes: u64,
    sent: Tally,
    lost: Tally,
}

impl Estimate {
    pub(crate) fn new() -> Self {
        Self { rate: None, since: None, bytes: 0, sent: Tally::default(), lost: Tally::default() }
    }

    /// Bytes per second; `None` while no limit has shown.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Notes a packet sent.
    pub(crate) fn sent(&mut self, bytes: usize, repair: bool, now: Instant) {
        self.advance(now);
        self.sent.originals += u64::from(!repair);
        self.sent.repairs += u64::from(repair);
        self.bytes += bytes as u64;
    }

    /// Notes that the other end misses packets, each once each time it was sent.
    pub(crate) fn lost(&mut self, packets: Tally, now: Instant) {
        self.advance(now);
        self.lost.originals += packets.originals;
        self.lost.repairs += packets.repairs;
    }

    /// The share of packets that did not arrive, if that can be said after so long.
    fn share(&self, elapsed: Duration) -> Option<f64> {
        let share = |lost: u64, sent: u64| (lost as f64 / sent as f64).min(1.0);
        let all = share(self.lost.all(), self.sent.all());
        if self.sent.originals >= MEANINGFUL {
            Some(all.min(share(self.lost.originals, self.sent.originals)))
        } else {
            (elapsed >= LONG_WINDOW && self.sent.all() >= MEANINGFUL).then_some(all)
        }
    }

    fn advance(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if elapsed < WINDOW {
            return;
        }
        if let Some(share) = self.share(elapsed) {
            let used = (self.bytes as f64 / elapsed.as_secs_f64()) as u64;
            let current = self.rate.map_or(used, |rate| rate.min(used.saturating_mul(2)));
            self.rate = if share > LOSSES.1 {
                Some(((current as f64 * (1.0 - 0.5 * share)) as u64).max(LEAST))
            } else if share < LOSSES.0 {
                let grown = self.rate.map(|rate| rate + rate / 12);
                grown.filter(|&rate| rate < used.saturating_mul(IRRELEVANT))
            } else {
                self.rate
            };
        } else if elapsed < STALE {
            return;
        }
        *self = Self { rate: self.rate, since: Some(now), ..Self::new() };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ONE: Tally = Tally { originals: 1, repairs: 0 };

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut pacer = Pacer::new(1_000_000);
        let mut at_once = 0;
        while pacer.allows(start) {
            pacer.spend(1000);
            at_once += 1;
        }
        assert_eq!(at_once, 64);
        let mut now = start;
        let mut sent = 0;
        while sent < 1000 {
            now = now.max(pacer.ready(now));
            while pacer.allows(now) {
                pacer.spend(1000);
                sent += 1;
            }
        }
        let took = now - start;
        assert!(took > Duration::from_millis(990) && took < Duration::from_millis(1010), "{took:?}");
    }

    #[test]
    fn a_calm_pacer_keeps_its_rate_from_the_start() {
        let start = Instant::now();
        let mut pacer = Pacer::new(100_000);
        assert!(pacer.allows(start));
        pacer.calm();
        let mut sent = 0;
        for ms in 0..1_000 {
            while pacer.allows(start + Duration::from_millis(ms)) {
                pacer.spend(1_000);
                sent += 1;
            }
        }
        assert!((100..=103).contains(&sent), "{sent} kilobytes in a second");
    }

    #[test]
    fn losses_lower_the_estimate_and_their_end_lifts_it() {
        let start = Instant::now();
        let mut estimate = Estimate::new();
        let mut now = start;
        let mut second = |estimate: &mut Estimate, lost_of_ten: usize| {
            for packet in 0..100 {
                estimate.sent(1000, false, now);
                if packet % 10 < lost_of_ten {
                    estimate.lost(ONE, now);
                }
                now += Duration::from_millis(10);
            }
        };
        second(&mut estimate, 0);
        assert_eq!(estimate.rate(), None);
        second(&mut estimate, 5);
        second(&mut estimate, 5);
        let low = estimate.rate().unwrap();
        assert!(low < 90_000, "{low}");
        for _ in 0..60 {
            second(&mut estimate, 0);
        }
        assert_eq!(estimate.rate(), None, "forgotten when it no longer binds");
    }

    #[test]
    fn a_trickle_of_large_packets_lifts_the_estimate_too() {
        let mut estimate = Estimate::new();
        let mut now = Instant::now();
        for _ in 0..100 {
            estimate.sent(1200, false, now);
            estimate.lost(ONE, now);
            now += Duration::from_millis(5);
        }
        while estimate.rate().is_none_or(|rate| rate > LEAST) {
            estimate.sent(1200, false, now);
            estimate.lost(ONE, now);
            now += Duration::from_millis(40);
        }
        for _ in 0..250 {
            estimate.sent(1200, false, now);
            now += Duration::from_millis(40);
        }
        assert!(estimate.rate().is_none_or(|rate| rate > LEAST));
    }

    #[test]
    fn packets_that_never_get_through_are_no_congestion_but_nothing_but_lost_repairs_is() {
        let mut estimate = Estimate::new();
        let mut now = Instant::now();
        for packet in 0..1000 {
            estimate.sent(1000, false, now);
            estimate.sent(1000, true, now);
            let originals = u64::from(packet % 20 == 0);
            estimate.lost(Tally { originals, repairs: 1 }, now);
            now += Duration::from_millis(5);
        }
        assert_eq!(estimate.rate(), None);
        for _ in 0..1000 {
            estimate.sent(1000, true, now);
            estimate.lost(Tally { originals: 0, repairs: 1 }, now);
            now += Duration::from_millis(5);
        }
        assert!(estimate.rate().unwrap() < 100_000);
    }

    #[test]
    fn five_in_a_hundred_lost_are_no_congestion() {
        let mut estimate = Estimate::new();
        let mut now = Instant::now();
        for packet in 0..1000 {
            estimate.sent(1000, false, now);
            if packet % 20 == 0 {
                estimate.lost(ONE, now);
            }
            now += Duration::from_millis(5);
        }
        assert_eq!(estimate.rate(), None);
    }
}
