//! Engines, links between them, and a speaker made of numbers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use waterfall_media::engine::{Config, Engine, Event, LinkStats};
use waterfall_media::forward::identity::{FRAME_END, FRAME_START, Head, KEY_FRAME};
use waterfall_media::forward::{GroupId, Kind, LinkId, Packet, Subscription, TrackConfig};
use waterfall_media::link::QueueLimits;

use super::proxy::Proxy;

pub(super) const GROUP: GroupId = GroupId(1);
pub(super) const VIDEO: u32 = 0x0100_0001;
pub(super) const AUDIO: u32 = 0x0100_0002;
/// Longer than anything here takes on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

static NEXT_LINK: AtomicU64 = AtomicU64::new(1);

pub(super) struct Node {
    pub(super) engine: Engine,
    pub(super) events: mpsc::Receiver<Event>,
}

pub(super) fn loopback() -> Config {
    Config::default().addresses([IpAddr::V4(Ipv4Addr::LOCALHOST)])
}

impl Node {
    pub(super) async fn start() -> Self {
        Self::with(loopback()).await
    }

    pub(super) async fn with(config: Config) -> Self {
        let (engine, events) = Engine::start(config).await.unwrap();
        Self { engine, events }
    }

    /// A node that lets the two tracks of [`Speaker`] through.
    pub(super) async fn with_tracks() -> Self {
        let node = Self::start().await;
        node.add_tracks();
        node
    }

    /// As [`Node::with_tracks`], but one that drops nothing because a way is slow.
    pub(super) async fn patient() -> Self {
        let node = Self::with(loopback().queue(QueueLimits { time: DEADLINE, ..QueueLimits::default() })).await;
        node.add_tracks();
        node
    }

    pub(super) fn add_tracks(&self) {
        self.engine.add_track(GROUP, VIDEO, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
        self.engine.add_track(GROUP, AUDIO, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 });
    }

    /// Reads events until one is what is wanted.
    pub(super) async fn event<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let found = timeout(DEADLINE, async {
            loop {
                let event = self.events.recv().await.expect("the engine has ended");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        });
        found.await.expect("the event did not come in time")
    }

    pub(super) async fn up(&mut self, link: LinkId) {
        self.event(|event| match event {
            Event::LinkUp { link: up } if up == link => Some(()),
            Event::LinkDown { link: down, reason } if down == link => panic!("{reason}"),
            _ => None,
        })
        .await;
    }

    pub(super) async fn down(&mut self, link: LinkId) -> String {
        self.event(|event| match event {
            Event::LinkDown { link: down, reason } if down == link => Some(reason),
            _ => None,
        })
        .await
    }

    pub(super) async fn message(&mut self) -> (LinkId, Vec<u8>) {
        self.event(|event| match event {
            Event::Message { link, message } => Some((link, message.to_vec())),
            _ => None,
        })
        .await
    }

    pub(super) async fn stats(&self, link: LinkId) -> LinkStats {
        let stats = self.engine.stats().await;
        stats.links.into_iter().find(|stats| stats.link == link).expect("no such link")
    }

    /// Waits until a condition on the statistics holds.
    pub(super) async fn until(&self, mut holds: impl FnMut(&waterfall_media::engine::Stats) -> bool) {
        let waited = timeout(DEADLINE, async {
            while !holds(&self.engine.stats().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("the statistics did not come to what was expected");
    }
}

pub(super) fn new_link() -> LinkId {
    LinkId(NEXT_LINK.fetch_add(1, Ordering::Relaxed))
}

/// A link as its two ends call it.
pub(super) struct Ends {
    pub(super) a: LinkId,
    pub(super) b: LinkId,
}

/// As [`begin`], in another group.
pub(super) async fn connect_in(group: GroupId, a: &mut Node, b: &mut Node) -> Ends {
    let ends = Ends { a: new_link(), b: new_link() };
    let offer = a.engine.offer(ends.a, group).await.unwrap();
    let answer = b.engine.answer(ends.b, group, offer).await.unwrap();
    a.engine.complete(ends.a, answer).await.unwrap();
    a.up(ends.a).await;
    b.up(ends.b).await;
    ends
}

/// Connects two nodes, `a` offering; through a proxy if there is one.
pub(super) async fn connect(a: &mut Node, b: &mut Node, proxy: Option<&Proxy>) -> Ends {
    let ends = begin(a, b, proxy).await;
    a.up(ends.a).await;
    b.up(ends.b).await;
    ends
}

/// As [`connect`], without waiting.
pub(super) async fn begin(a: &Node, b: &Node, proxy: Option<&Proxy>) -> Ends {
    let ends = Ends { a: new_link(), b: new_link() };
    let offer = a.engine.offer(ends.a, GROUP).await.unwrap();
    let offer = proxy.map_or(offer.clone(), |proxy| proxy.offer(offer));
    let answer = b.engine.answer(ends.b, GROUP, offer).await.unwrap();
    let answer = proxy.map_or(answer.clone(), |proxy| proxy.answer(answer));
    a.engine.complete(ends.a, answer).await.unwrap();
    ends
}

/// Makes a link a tree edge, each end telling the other what it has.
pub(super) async fn make_edge(a: &Node, b: &Node, ends: &Ends) {
    a.engine.set_edge(ends.a, true);
    b.engine.set_edge(ends.b, true);
    let (has_a, has_b) = (a.engine.have(GROUP).await, b.engine.have(GROUP).await);
    a.engine.resume(ends.a, has_b);
    b.engine.resume(ends.b, has_a);
}

/// The bytes of a packet, which anyone can work out again.
pub(super) fn payload(kid: u32, ctr: u64, flags: u8, len: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(len);
    Head::write(flags, kid, ctr, &mut payload);
    let mut x = (u64::from(kid) << 32 ^ ctr).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while payload.len() < len {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        payload.push(x as u8);
    }
    payload
}

/// A speaker of 30 frames and 50 audio packets a second, every `gop`th frame a key frame.
pub(super) struct Speaker {
    pub(super) gop: u64,
    pub(super) packets_per_frame: u64,
    frame: u64,
    pub(super) video: u64,
    pub(super) audio: u64,
    /// Counter of the first packet of the last key frame.
    pub(super) key_frame: u64,
}

impl Speaker {
    pub(super) fn new(gop: u64, packets_per_frame: u64) -> Self {
        Self { gop, packets_per_frame, frame: 0, video: 0, audio: 0, key_frame: 0 }
    }

    /// Publishes a frame and the sound that goes with it.
    pub(super) async fn frame(&mut self, node: &Node) {
        let key = self.frame.is_multiple_of(self.gop);
        let packets = if key { 4 * self.packets_per_frame } else { self.packets_per_frame };
        for n in 0..packets {
            let mut flags = 0;
            if n == 0 {
                flags |= FRAME_START;
                if key {
                    flags |= KEY_FRAME;
                    self.key_frame = self.video;
                }
            }
            if n + 1 == packets {
                flags |= FRAME_END;
            }
            publish(node, VIDEO, self.video, flags, 1100, 3000 * self.frame as u32).await;
            self.video += 1;
        }
        while self.audio * 30 < self.frame * 50 {
            publish(node, AUDIO, self.audio, FRAME_START | FRAME_END, 150, 960 * self.audio as u32).await;
            self.audio += 1;
        }
        self.frame += 1;
    }

    /// Publishes frames at their rate.
    pub(super) async fn speak(&mut self, node: &Node, frames: u64) {
        let mut clock = tokio::time::interval(Duration::from_millis(33));
        for _ in 0..frames {
            clock.tick().await;
            self.frame(node).await;
        }
    }
}

pub(super) async fn publish(node: &Node, kid: u32, ctr: u64, flags: u8, len: usize, timestamp: u32) {
    let payload = payload(kid, ctr, flags, len).into();
    let packet = Packet { kid, ctr, timestamp, marker: flags & FRAME_END != 0, payload, from: None };
    node.engine.publish_wait(GROUP, packet).await.unwrap();
}

/// What a viewer got, checked byte for byte.
pub(super) struct Viewer {
    subscriptions: [Subscription; 2],
    pub(super) video: BTreeSet<u64>,
    pub(super) audio: BTreeSet<u64>,
}

impl Viewer {
    pub(super) fn of(node: &Node) -> Self {
        let subscriptions = [VIDEO, AUDIO].map(|kid| node.engine.subscribe(GROUP, kid));
        Self { subscriptions, video: BTreeSet::new(), audio: BTreeSet::new() }
    }

    fn take(&mut self, packet: Packet) {
        let head = Head::parse(&packet.payload).unwrap();
        assert_eq!((head.kid, head.ctr), (packet.kid, packet.ctr));
        let expected = payload(packet.kid, packet.ctr, head.flags, packet.payload.len());
        assert_eq!(packet.payload, expected, "the bytes of packet {} changed", packet.ctr);
        assert_eq!(packet.marker, head.has(FRAME_END));
        let set = if packet.kid == VIDEO { &mut self.video } else { &mut self.audio };
        assert!(set.insert(packet.ctr), "packet {} came twice", packet.ctr);
    }

    /// Reads until everything in `[from, to)` of both tracks is there.
    pub(super) async fn complete(&mut self, video: std::ops::Range<u64>, audio: std::ops::Range<u64>) {
        let whole = |set: &BTreeSet<u64>, range: &std::ops::Range<u64>| {
            set.range(range.clone()).count() as u64 == range.end - range.start
        };
        let wait = async {
            while !(whole(&self.video, &video) && whole(&self.audio, &audio)) {
                let [video, audio] = &mut self.subscriptions;
                let packet = tokio::select! { packet = video.recv() => packet, packet = audio.recv() => packet };
                let packet = packet.expect("the engine has ended");
                self.take(packet);
            }
        };
        if timeout(DEADLINE, wait).await.is_err() {
            let missing = |set: &BTreeSet<u64>, range: std::ops::Range<u64>| {
                range.filter(|ctr| !set.contains(ctr)).take(20).collect::<Vec<_>>()
            };
            panic!(
                "missing: video {:?}…, audio {:?}… of {video:?} and {audio:?}",
                missing(&self.video, video.clone()),
                missing(&self.audio, audio.clone())
            );
        }
        assert!(self.subscriptions.iter().all(|subscription| subscription.lost() == 0));
    }

    /// Reads what is there.
    pub(super) fn drain(&mut self) {
        for index in 0..self.subscriptions.len() {
            while let Some(packet) = self.subscriptions[index].try_recv() {
                self.take(packet);
            }
        }
    }
}
