//! One track of a group: its ring, its first copies, its rate and where it comes from.

use std::time::{Duration, Instant};

use super::dedupe::{Dedupe, Verdict};
use super::identity::Head;
use super::pauses::Pauses;
use super::ring::{Ring, RingLimits};
use super::{Kind, LinkId, Packet, TrackConfig};

/// A key frame is asked for at most once in this time.
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// Holes that were seen this long before the newest packet are taken for given up, and not asked for again.
const GIVEN_UP: Duration = Duration::from_secs(2);
/// Counters below the highest one in which the first missing packet is looked for when a track changes its
/// way: some three seconds of a picture, and cheap.
const LOOK_BACK: u64 = 1024;

/// Where a track comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A speaker in this process.
    Local,
    /// An edge.
    Link(LinkId),
}

#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) config: TrackConfig,
    pub(crate) ring: Ring,
    pub(crate) meter: Meter,
    pub(crate) pauses: Pauses,
    /// Whoever sent the last first copy.
    pub(crate) source: Option<Source>,
    /// The highest counter that a neighbour has announced.
    pub(crate) announced: Option<u64>,
    /// When it last had holes that may still be filled.
    pub(crate) torn: Option<Instant>,
    dedupe: Dedupe,
    asked_key_frame: Option<Instant>,
}

impl Track {
    pub(crate) fn new(config: TrackConfig, limits: RingLimits) -> Self {
        Self {
            config,
            ring: Ring::new(limits),
            meter: Meter::new(),
            pauses: Pauses::default(),
            source: None,
            announced: None,
            torn: None,
            dedupe: Dedupe::new(),
            asked_key_frame: None,
        }
    }

    pub(crate) fn is_video(&self) -> bool {
        self.config.kind == Kind::Video
    }

    /// Takes a packet if it is a first copy.
    pub(crate) fn accept(&mut self, packet: &Packet, head: Head, order: u64, now: Instant) -> Verdict {
        let verdict = self.dedupe.accept(head.ctr, now);
        if verdict == Verdict::First {
            self.meter.add(packet.payload.len(), now);
            self.pauses.packet(now);
            self.source = Some(packet.from.map_or(Source::Local, Source::Link));
            self.ring.push(packet.clone(), head, order, now);
        }
        verdict
    }

    /// The highest counter seen.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.dedupe.highest()
    }

    /// The first counter not yet received; `None` before the first packet.
    pub(crate) fn next(&self) -> Option<u64> {
        let newest = self.ring.end().checked_sub(1).and_then(|index| self.ring.at(index));
        // A hole shows when something above it comes: what lies below all that came before then is given up.
        let floor = match newest {
            Some(newest) => {
                let until = newest.arrived.checked_sub(GIVEN_UP);
                until.and_then(|until| self.ring.highest_before(until)).unwrap_or(0)
            }
            None => self.dedupe.highest()?,
        };
        self.dedupe.first_missing(floor)
    }

    /// How many of the packets from `first` to `last` have not come.
    pub(crate) fn missing(&self, first: u64, last: u64) -> u64 {
        self.dedupe.missing(first, last)
    }

    /// Over which link it comes, and which of the last packets is the first one missing, if `over` is another.
    pub(crate) fn changes_to(&self, over: Option<LinkId>) -> Option<(LinkId, u64)> {
        let (Some(Source::Link(from)), Some(over)) = (self.source, over) else {
            return None;
        };
        let floor = self.highest()?.saturating_sub(LOOK_BACK);
        (from != over).then_some((from, self.dedupe.first_missing(floor)?))
    }

    /// Drops what has become too old, and looks for holes.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.ring.evict(now);
        if self.next().zip(self.highest()).is_some_and(|(next, highest)| next <= highest) {
            self.torn = Some(now);
        }
    }

    /// Whether a key frame may be asked for now; counts as asked.
    pub(crate) fn ask_key_frame(&mut self, now: Instant) -> bool {
        let due = self.asked_key_frame.is_none_or(|last| now.saturating_duration_since(last) >= KEY_FRAME_INTERVAL);
        if due {
            self.asked_key_frame = Some(now);
        }
        due
    }
}

/// Buckets of [`BUCKET`] over which a rate is taken.
const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);

/// Bytes per second over the last second, or over what there was of it since a stream began.
#[derive(Debug)]
pub(crate) struct Meter {
    buckets: [u64; BUCKETS],
    current: usize,
    since: Option<Instant>,
    begun: Option<Instant>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { buckets: [0; BUCKETS], current: 0, since: None, begun: None }
    }

    pub(crate) fn add(&mut self, bytes: usize, now: Instant) {
        self.advance(now);
        self.begun.get_or_insert(now);
        self.buckets[self.current] += bytes as u64;
    }

    /// Bytes per second.
    pub(crate) fn rate(&mut self, now: Instant) -> u64 {
        self.advance(now);
        let whole = BUCKET * BUCKETS as u32;
        let age = self.begun.map_or(whole, |begun| now.saturating_duration_since(begun)).clamp(BUCKET, whole);
        let bytes: u64 = self.buckets.iter().sum();
        (bytes as f64 / age.as_secs_f64()) as u64
    }

    fn advance(&mut self, now: Instant) {
        let Some(since) = &mut self.since else {
            self.since = Some(now);
            return;
        };
        let mut steps = 0;
        while now.saturating_duration_since(*since) >= BUCKET {
            if steps == BUCKETS {
                *since = now;
                self.begun = None;
                break;
            }
            steps += 1;
            *since += BUCKET;
            self.current = (self.current + 1) % BUCKETS;
            self.buckets[self.current] = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::forward::identity::FRAME_END;
    use bytes::Bytes;

    fn accept(track: &mut Track, ctr: u64, now: Instant) -> Verdict {
        let head = Head { flags: FRAME_END, kid: 1, ctr, len: 2 };
        let payload = Bytes::from_static(&[0; 10]);
        let packet = Packet { kid: 1, ctr, timestamp: 0, marker: false, payload, from: None };
        track.accept(&packet, head, ctr, now)
    }

    #[test]
    fn what_is_had_ends_at_the_first_recent_hole() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut track = Track::new(TrackConfig { kind: Kind::Video, clock_rate: 90_000 }, RingLimits::default());
        assert_eq!(track.next(), None);
        for ctr in [10, 11, 13] {
            assert_eq!(accept(&mut track, ctr, start), Verdict::First);
        }
        assert_eq!(track.next(), Some(12));
        accept(&mut track, 14, start + 2 * GIVEN_UP);
        assert_eq!(track.next(), Some(15), "the hole at 12 is too old to ask for");
        // After an interruption a packet comes whose forerunners were never missed before.
        accept(&mut track, 20, start + 4 * GIVEN_UP);
        assert_eq!(track.next(), Some(15), "they are not given up");
        accept(&mut track, 16, start + 4 * GIVEN_UP);
        assert_eq!(track.next(), Some(15));
        accept(&mut track, 15, start + 4 * GIVEN_UP);
        assert_eq!(track.next(), Some(17), "the first hole, not the last");
        assert_eq!(track.missing(10, 20), 4);
        assert_eq!(accept(&mut track, 14, start), Verdict::Duplicate);
    }

    #[test]
    fn key_frames_are_asked_for_once_a_second() {
        let start = Instant::now();
        let mut track = Track::new(TrackConfig { kind: Kind::Video, clock_rate: 90_000 }, RingLimits::default());
        assert!(track.ask_key_frame(start));
        assert!(!track.ask_key_frame(start + Duration::from_millis(999)));
        assert!(track.ask_key_frame(start + Duration::from_secs(1)));
    }

    #[test]
    fn a_rate_is_that_of_the_last_second() {
        let start = Instant::now();
        let mut meter = Meter::new();
        for tenth in 0..20 {
            meter.add(100, start + BUCKET * tenth);
            let rate = meter.rate(start + BUCKET * tenth);
            assert!((1000..=2000).contains(&rate), "{rate} after {tenth} tenths");
        }
        assert_eq!(meter.rate(start + BUCKET * 19), 1000);
        assert_eq!(meter.rate(start + BUCKET * 24), 500);
        assert_eq!(meter.rate(start + Duration::from_secs(60)), 0);
    }
}
