//! Two links over a narrow way, in a time of their own.

use super::*;
use crate::forward::identity::{FRAME_END, FRAME_START, Head, KEY_FRAME};
use crate::forward::{Accepted, Kind, Packet, RingLimits, TrackConfig};

const VIDEO: u32 = 1;
const TICK: Duration = Duration::from_millis(1);
const DELAY: Duration = Duration::from_millis(10);
/// Bytes per second of the stream: a packet every five milliseconds.
const STREAM: u64 = 200_000;

struct Side {
    link: Link,
    group: Group,
    address: SocketAddr,
    /// What is on the way here.
    coming: VecDeque<(Instant, Bytes)>,
    overflows: u64,
}

impl Side {
    fn new(id: u64, identity: &Identity, now: Instant) -> Self {
        let config = LinkConfig {
            audio_slots: 5,
            video_slots: 5,
            silence: Duration::from_millis(500),
            feeder_silence: (Duration::from_millis(60), Duration::from_millis(500)),
            filler: Duration::from_millis(20),
            queue: QueueLimits::default(),
            pacing_floor: 4_000_000,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 1000 + id as u16));
        let link = Link::new(LinkId(id), GroupId(1), &config, identity, &[address], 1000 * id as u32, now).unwrap();
        let mut group = Group::new(RingLimits::default());
        group.add_track(VIDEO, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
        Self { link, group, address, coming: VecDeque::new(), overflows: 0 }
    }

    fn session(&self, identity: &Identity) -> Session {
        self.link.session(identity, vec![Candidate { kind: CandidateKind::Host, address: self.address }])
    }

    /// Takes what has come, and does what is due; gives what is to be sent.
    fn run(&mut self, from: SocketAddr, now: Instant) -> Vec<Bytes> {
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = self.coming.pop_front().unwrap();
            self.link.read(now, self.address, from, &bytes, &mut self.group);
        }
        self.link.fetch(now, &mut self.group, 256);
        self.link.service(now, &mut self.group, false);
        while let Some(event) = self.link.poll_event() {
            self.overflows += u64::from(matches!(event, LinkEvent::Overflow(_)));
        }
        std::iter::from_fn(|| self.link.poll_write()).map(|datagram| datagram.bytes).collect()
    }
}

/// A parent, its child, and what is between them.
struct Edge {
    parent: Side,
    child: Side,
    now: Instant,
    published: u64,
    /// How long the child does not run at a time.
    stall: Duration,
    awake: Instant,
    /// Bytes per second that come through to the child.
    rate: f64,
    budget: f64,
}

impl Edge {
    fn up(stall: Duration) -> Self {
        let now = Instant::now();
        let identities = [Identity::generate().unwrap(), Identity::generate().unwrap()];
        let (mut parent, mut child) = (Side::new(1, &identities[0], now), Side::new(2, &identities[1], now));
        child.link.start(now, &identities[1], false, &parent.session(&identities[0])).unwrap();
        parent.link.start(now, &identities[0], true, &child.session(&identities[1])).unwrap();
        let mut edge =
            Self { parent, child, now, published: 0, stall, awake: now, rate: f64::INFINITY, budget: f64::INFINITY };
        while !(edge.parent.link.is_up() && edge.child.link.is_up()) {
            edge.tick();
        }
        for side in [&mut edge.parent, &mut edge.child] {
            side.link.set_edge(true, &mut side.group, edge.now);
            side.link.resume(Vec::new(), &mut side.group, edge.now);
        }
        edge
    }

    fn tick(&mut self) {
        self.now += TICK;
        let (now, at) = (self.now, self.now + DELAY);
        self.budget = (self.budget + self.rate * TICK.as_secs_f64()).min(self.rate / 10.0);
        for bytes in self.parent.run(self.child.address, now) {
            if self.budget >= bytes.len() as f64 {
                self.budget -= bytes.len() as f64;
                self.child.coming.push_back((at, bytes));
            }
        }
        if self.awake <= now {
            self.awake = now + self.stall;
            let sent = self.child.run(self.parent.address, now);
            self.parent.coming.extend(sent.into_iter().map(|bytes| (at, bytes)));
        }
    }

    /// The stream goes on for so long: a frame of seven packets every 35 ms, every thirtieth a key frame.
    fn stream(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for n in 0..7 {
                let mut flags = 0;
                if n == 0 {
                    flags |= FRAME_START | if self.published.is_multiple_of(210) { KEY_FRAME } else { 0 };
                }
                if n == 6 {
                    flags |= FRAME_END;
                }
                let mut payload = Vec::new();
                Head::write(flags, VIDEO, self.published, &mut payload);
                payload.resize(STREAM as usize / 200, 0);
                let head = Head::parse(&payload).unwrap();
                let ctr = self.published;
                let packet =
                    Packet { kid: VIDEO, ctr, timestamp: 0, marker: n == 6, payload: payload.into(), from: None };
                assert_eq!(self.parent.group.accept(&packet, head, self.now), Accepted::First);
                self.published += 1;
            }
            for _ in 0..35 {
                self.tick();
            }
        }
    }
}

#[test]
fn a_narrow_way_is_not_flooded_with_repairs_and_a_wide_one_is_used_again() {
    for stall in [0, 10, 30, 100, 250] {
        let mut edge = Edge::up(Duration::from_millis(stall));
        edge.stream(Duration::from_secs(3));
        assert_eq!(edge.parent.link.estimate(), None, "stalls of {stall} ms");
        let rate = STREAM / 5;
        edge.rate = rate as f64;
        edge.stream(Duration::from_secs(8));
        assert!(edge.parent.overflows > 0, "stalls of {stall} ms");
        let before = edge.parent.link.counters;
        for _ in 0..10 {
            edge.stream(Duration::from_secs(1));
            let estimate = edge.parent.link.estimate().unwrap();
            assert!((rate / 2..=rate * 5 / 4).contains(&estimate), "stalls of {stall} ms: {estimate}");
        }
        let after = edge.parent.link.counters;
        let sent = after.media_bytes_sent - before.media_bytes_sent;
        let repairs = after.repair_bytes_sent - before.repair_bytes_sent;
        assert!(sent + repairs <= 10 * rate && repairs < sent / 5, "stalls of {stall} ms: {sent} and {repairs}");
        edge.rate = f64::INFINITY;
        edge.stream(Duration::from_secs(40));
        assert_eq!(edge.parent.link.estimate(), None, "stalls of {stall} ms");
    }
}
