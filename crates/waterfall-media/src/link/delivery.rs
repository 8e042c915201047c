//! What a link has carried of late, as far as the other end's requests tell.

use std::time::{Duration, Instant};

/// Figures cover this many [`SPAN`]s.
const SPANS: usize = 10;
const SPAN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    bytes: u64,
    sent: u64,
    lost: u64,
}

/// A sliding window of ten seconds.
#[derive(Debug)]
pub(super) struct Delivery {
    spans: [Span; SPANS],
    current: usize,
    since: Instant,
    begun: Instant,
}

impl Delivery {
    pub(super) fn new(now: Instant) -> Self {
        Self { spans: [Span::default(); SPANS], current: 0, since: now, begun: now }
    }

    /// Notes a packet of so many payload bytes; a repair is no new packet.
    pub(super) fn sent(&mut self, bytes: usize, repair: bool, now: Instant) {
        self.advance(now);
        let span = &mut self.spans[self.current];
        span.bytes += bytes as u64;
        span.sent += u64::from(!repair);
    }

    /// Notes packets that the other end misses, each once.
    pub(super) fn lost(&mut self, packets: u64, now: Instant) {
        self.advance(now);
        self.spans[self.current].lost += packets;
    }

    /// The share of packets that did not arrive at first, 0 to 1.
    pub(super) fn loss(&self, now: Instant) -> f64 {
        let (sent, lost) = self.live(now).fold((0, 0), |(sent, lost), span| (sent + span.sent, lost + span.lost));
        if sent == 0 { 0.0 } else { (lost as f64 / sent as f64).min(1.0) }
    }

    /// Payload bytes per second that arrived: of what was sent, first or as a repair, the share that the
    /// losses leave.
    pub(super) fn rate(&self, now: Instant) -> u64 {
        let bytes: u64 = self.live(now).map(|span| span.bytes).sum();
        let window = SPAN * SPANS as u32;
        let age = now.saturating_duration_since(self.begun).clamp(SPAN, window);
        (bytes as f64 * (1.0 - self.loss(now)) / age.as_secs_f64()) as u64
    }

    /// The spans that are not too old by now.
    fn live(&self, now: Instant) -> impl Iterator<Item = &Span> {
        let passed = self.passed(now);
        (0..SPANS.saturating_sub(passed)).map(move |back| &self.spans[(self.current + SPANS - back) % SPANS])
    }

    /// Whole spans since the current one began.
    fn passed(&self, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.since).as_millis() / SPAN.as_millis();
        usize::try_from(passed).unwrap_or(SPANS).min(SPANS)
    }

    fn advance(&mut self, now: Instant) {
        let passed = self.passed(now);
        for _ in 0..passed {
            self.current = (self.current + 1) % SPANS;
            self.spans[self.current] = Span::default();
        }
        self.since = if passed == SPANS { now } else { self.since + SPAN * passed as u32 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_arrived_in_the_last_ten_seconds() {
        let start = Instant::now();
        let mut delivery = Delivery::new(start);
        let at = |tenth: u64| start + Duration::from_millis(100 * tenth);
        for tenth in 0..300 {
            delivery.sent(1_000, false, at(tenth));
        }
        assert_eq!(delivery.loss(at(299)), 0.0);
        let rate = delivery.rate(at(299));
        assert!((9_000..=10_000).contains(&rate), "{rate}");
        for tenth in 300..500 {
            delivery.sent(1_000, false, at(tenth));
            if tenth % 4 == 0 {
                delivery.lost(1, at(tenth));
                delivery.sent(1_000, true, at(tenth));
            }
        }
        assert!((delivery.loss(at(499)) - 0.25).abs() < 0.02, "{}", delivery.loss(at(499)));
        let rate = delivery.rate(at(499));
        assert!((8_500..=9_500).contains(&rate), "a quarter of the repairs is lost, too: {rate}");
        assert!(delivery.rate(at(550)) < rate * 6 / 10);
        assert_eq!((delivery.rate(at(700)), delivery.loss(at(700))), (0, 0.0));
        delivery.sent(1_000, false, at(2_000));
        assert_eq!(delivery.rate(at(2_000)), 100);
    }

    #[test]
    fn a_young_link_is_measured_over_its_age() {
        let start = Instant::now();
        let mut delivery = Delivery::new(start);
        for tenth in 0..20 {
            delivery.sent(500, false, start + Duration::from_millis(100 * tenth));
        }
        assert_eq!(delivery.rate(start + Duration::from_secs(2)), 5_000);
    }
}
