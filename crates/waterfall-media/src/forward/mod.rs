//! Which packets go where: first copies only, kept for a while, over tree edges only.
//!
//! Nothing here touches a socket or reads a clock.

mod dedupe;
pub mod identity;
mod parked;
mod pauses;
mod ring;
mod switch;
mod track;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

pub use crate::codec::Kind;
pub(crate) use dedupe::Verdict;
use identity::Head;
use parked::Parked;
use ring::Ring;
pub use ring::RingLimits;
pub(crate) use switch::Switched;
use switch::Switches;
pub(crate) use track::{Source, Track};

/// Most tracks of one group.
pub const MAX_TRACKS: usize = 64;

/// How long before a stream's first picture its sound may begin.
const FIRST_SOUND: Duration = Duration::from_secs(1);

/// Packets that wait for a slow subscriber before some are dropped: about four seconds of 10 Mbit/s.
const SUBSCRIPTION: usize = 4096;

/// A link, as its opener calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// The links and tracks of one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// What a relay must know of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackConfig {
    /// Sound or pictures: which slots it may ride in.
    pub kind: Kind,
    /// Units of the RTP timestamp per second.
    pub clock_rate: u32,
}

/// One packet of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Key id: which track, and which start of it.
    pub kid: u32,
    /// Counter within the key id.
    pub ctr: u64,
    /// RTP timestamp in units of the track's clock.
    pub timestamp: u32,
    /// RTP marker: last packet of a video frame, first of a talk spurt.
    pub marker: bool,
    /// `flags ‖ SFrame header ‖ ciphertext …`; (`kid`, `ctr`) stand in it.
    pub payload: Bytes,
    /// The link it came over; `None` for a local speaker's.
    pub from: Option<LinkId>,
}

/// The packets of one track, each once, in the order in which they came: first what was there from
/// the last key frame on (of sound, what came since the last key frame of a picture), then the new
/// ones. A reader that falls 4 096 packets behind loses the
/// newest ones; [`Subscription::lost`] says how many.
#[derive(Debug)]
pub struct Subscription {
    packets: mpsc::Receiver<Packet>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    pub(crate) fn new() -> (Subscriber, Self) {
        let (sender, packets) = mpsc::channel(SUBSCRIPTION);
        let lost = Arc::new(AtomicU64::new(0));
        (Subscriber { packets: sender, lost: lost.clone() }, Self { packets, lost })
    }

    /// The next packet; `None` when the engine is gone.
    pub async fn recv(&mut self) -> Option<Packet> {
        self.packets.recv().await
    }

    /// The next packet if one is there.
    pub fn try_recv(&mut self) -> Option<Packet> {
        self.packets.try_recv().ok()
    }

    /// How many packets were dropped so far because this reader was too slow.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The engine's end of a [`Subscription`].
#[derive(Debug)]
pub(crate) struct Subscriber {
    packets: mpsc::Sender<Packet>,
    lost: Arc<AtomicU64>,
}

impl Subscriber {
    /// Hands a packet over; `false` when the reader is gone.
    fn deliver(&self, packet: &Packet) -> bool {
        match self.packets.try_send(packet.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// A first copy: kept, and due on all other edges.
    First,
    /// Had already.
    Duplicate,
    /// Its key id is none of this group's tracks; it is kept for a moment in case the track is added.
    UnknownKid,
    /// Its counter is too far from the others.
    OutOfRange,
}

/// Where sound begins for someone who has none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SoundStart {
    /// With all that is kept: the pictures it goes with are yet to come.
    Beginning,
    /// With what came at this moment or later.
    Since(Instant),
    /// With what comes next.
    Now,
}

impl SoundStart {
    /// Index of the first packet.
    pub(crate) fn index(self, ring: &Ring) -> u64 {
        match self {
            Self::Beginning => ring.start(),
            Self::Since(since) => ring.since(since),
            Self::Now => ring.end(),
        }
    }
}

/// The tracks of one room as this node has them.
#[derive(Debug)]
pub(crate) struct Group {
    limits: RingLimits,
    pub(crate) tracks: BTreeMap<u32, Track>,
    pub(crate) fed: bool,
    order: u64,
    subscribers: Vec<(u32, Subscriber)>,
    parked: Parked,
    switches: Switches,
}

impl Group {
    pub(crate) fn new(limits: RingLimits) -> Self {
        Self {
            limits,
            tracks: BTreeMap::new(),
            fed: false,
            order: 0,
            subscribers: Vec::new(),
            parked: Parked::default(),
            switches: Switches::default(),
        }
    }

    /// Whether nothing would be lost with it.
    pub(crate) fn is_empty(&mut self) -> bool {
        self.subscribers.retain(|(_, subscriber)| !subscriber.packets.is_closed());
        self.tracks.is_empty() && self.subscribers.is_empty()
    }

    /// Adds a track; a known one keeps its packets. `false` if there are [`MAX_TRACKS`] already.
    pub(crate) fn add_track(&mut self, kid: u32, config: TrackConfig) -> bool {
        if let Some(track) = self.tracks.get_mut(&kid) {
            track.config = config;
            return true;
        }
        if self.tracks.len() >= MAX_TRACKS {
            return false;
        }
        self.tracks.insert(kid, Track::new(config, self.limits));
        true
    }

    pub(crate) fn remove_track(&mut self, kid: u32) {
        self.tracks.remove(&kid);
    }

    /// Takes in what came of a track before it was added; the links that brought first copies, and
    /// how many bytes of them.
    pub(crate) fn unpark(&mut self, kid: u32, now: Instant) -> Vec<(LinkId, u64)> {
        let mut taken = Vec::new();
        for (packet, head) in self.parked.take(kid, now) {
            if self.accept(&packet, head, now) == Accepted::First {
                taken.extend(packet.from.map(|link| (link, packet.payload.len() as u64)));
            }
        }
        taken
    }

    pub(crate) fn subscribe(&mut self, kid: u32, subscriber: Subscriber) {
        if let Some(track) = self.tracks.get(&kid) {
            let start = if track.is_video() {
                track.ring.key_frame()
            } else {
                Some(self.sound_start(|_| true).index(&track.ring))
            };
            for index in start.unwrap_or(track.ring.end())..track.ring.end() {
                if let Some(entry) = track.ring.at(index) {
                    subscriber.deliver(&entry.packet);
                }
            }
        }
        self.subscribers.push((kid, subscriber));
    }

    /// Where the sound of a viewer begins that has nothing yet of these video tracks: with the oldest of
    /// their newest key frames.
    pub(crate) fn sound_start(&self, of: impl Fn(u32) -> bool) -> SoundStart {
        let videos = || self.tracks.iter().filter(|(kid, track)| track.is_video() && of(**kid)).map(|(_, track)| track);
        let picture = |track: &Track| {
            let entry = track.ring.at(track.ring.key_frame()?)?;
            // Sound that was sent just before the very first picture belongs to it: files interleave so.
            let lead = if entry.head.ctr == 0 { FIRST_SOUND } else { Duration::ZERO };
            Some(entry.arrived.checked_sub(lead).unwrap_or(entry.arrived))
        };
        match videos().filter_map(picture).min() {
            Some(since) => SoundStart::Since(since),
            None if videos().any(|track| track.highest().is_none()) => SoundStart::Beginning,
            None => SoundStart::Now,
        }
    }

    /// Takes a packet that came over an edge or from a local speaker.
    pub(crate) fn accept(&mut self, packet: &Packet, head: Head, now: Instant) -> Accepted {
        let Some(track) = self.tracks.get_mut(&head.kid) else {
            if packet.from.is_some() {
                self.parked.push(packet.clone(), head, now);
            }
            return Accepted::UnknownKid;
        };
        let change = track.changes_to(packet.from);
        match track.accept(packet, head, self.order, now) {
            Verdict::Duplicate => Accepted::Duplicate,
            Verdict::OutOfRange => Accepted::OutOfRange,
            Verdict::First => {
                self.order += 1;
                if let Some(link) = packet.from {
                    self.switches.brought(link, head.kid, head.ctr, change, now);
                }
                self.subscribers.retain(|(kid, subscriber)| *kid != packet.kid || subscriber.deliver(packet));
                Accepted::First
            }
        }
    }

    /// The first counter not yet received, of each track that has begun.
    pub(crate) fn have(&self) -> Vec<(u32, u64)> {
        self.tracks.iter().filter_map(|(&kid, track)| Some((kid, track.next()?))).collect()
    }

    /// Bytes per second of all tracks together.
    pub(crate) fn rate(&mut self, now: Instant) -> u64 {
        self.tracks.values_mut().map(|track| track.meter.rate(now)).sum()
    }

    /// Whom to ask for a key frame of `kid` now, if anyone.
    pub(crate) fn ask_key_frame(&mut self, kid: u32, now: Instant) -> Option<Source> {
        let track = self.tracks.get_mut(&kid)?;
        let source = track.source?;
        track.ask_key_frame(now).then_some(source)
    }

    /// Drops what has become too old while nothing came; tells the changes of way that are over.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Switched> {
        self.parked.expire(now);
        self.tracks.values_mut().for_each(|track| track.tick(now));
        self.switches.settle(&self.tracks, now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn packet(kid: u32, ctr: u64, from: Option<LinkId>) -> (Packet, Head) {
        let mut payload = Vec::new();
        Head::write(identity::FRAME_START, kid, ctr, &mut payload);
        let head = Head::parse(&payload).unwrap();
        (Packet { kid, ctr, timestamp: 0, marker: false, payload: payload.into(), from }, head)
    }

    #[test]
    fn unknown_tracks_are_refused_and_repeated_packets_told() {
        let now = Instant::now();
        let mut group = Group::new(RingLimits::default());
        let (first, head) = packet(7, 1, Some(LinkId(1)));
        assert_eq!(group.accept(&first, head, now), Accepted::UnknownKid);
        assert!(group.add_track(7, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 }));
        assert_eq!(group.unpark(7, now), [(LinkId(1), first.payload.len() as u64)], "it had waited");
        assert_eq!(group.accept(&first, head, now), Accepted::Duplicate);
        assert_eq!(group.have(), [(7, 2)]);
        assert_eq!(group.ask_key_frame(7, now), Some(Source::Link(LinkId(1))));
        assert_eq!(group.ask_key_frame(7, now), None);
        group.remove_track(7);
        assert!(group.is_empty());
    }

    #[test]
    fn subscribers_get_their_track_and_are_told_what_they_missed() {
        let now = Instant::now();
        let mut group = Group::new(RingLimits::default());
        group.add_track(1, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 });
        let (subscriber, mut subscription) = Subscription::new();
        group.subscribe(1, subscriber);
        group.add_track(2, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 });
        let (other, head) = packet(2, 0, Some(LinkId(1)));
        group.accept(&other, head, now);
        for ctr in 1..=SUBSCRIPTION as u64 + 3 {
            let (theirs, head) = packet(1, ctr, Some(LinkId(1)));
            group.accept(&theirs, head, now);
        }
        assert_eq!(subscription.lost(), 3);
        assert_eq!(subscription.try_recv().unwrap().ctr, 1);
        drop(subscription);
        let (theirs, head) = packet(1, 9000, Some(LinkId(1)));
        group.accept(&theirs, head, now);
        group.remove_track(1);
        group.remove_track(2);
        assert!(group.is_empty());
    }

    #[test]
    fn a_late_subscriber_begins_at_the_last_key_frame() {
        let now = Instant::now();
        let mut group = Group::new(RingLimits::default());
        group.add_track(1, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
        for ctr in 0..10 {
            let flags = identity::FRAME_START | if ctr % 4 == 0 { identity::KEY_FRAME } else { 0 };
            let mut payload = Vec::new();
            Head::write(flags, 1, ctr, &mut payload);
            let head = Head::parse(&payload).unwrap();
            let packet = Packet { kid: 1, ctr, timestamp: 0, marker: false, payload: payload.into(), from: None };
            group.accept(&packet, head, now);
        }
        let (subscriber, mut subscription) = Subscription::new();
        group.subscribe(1, subscriber);
        let ctrs: Vec<u64> = std::iter::from_fn(|| subscription.try_recv()).map(|packet| packet.ctr).collect();
        assert_eq!(ctrs, [8, 9]);
    }

    #[test]
    fn sound_begins_with_its_pictures() {
        let start = Instant::now();
        let mut group = Group::new(RingLimits::default());
        assert_eq!(group.sound_start(|_| true), SoundStart::Now, "sound alone");
        group.add_track(1, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
        assert_eq!(group.sound_start(|_| true), SoundStart::Beginning, "pictures are yet to come");
        for (ctr, after) in [(0, 0), (1, 1), (2, 2)] {
            let flags = identity::FRAME_START | if ctr % 2 == 0 { identity::KEY_FRAME } else { 0 };
            let mut payload = Vec::new();
            Head::write(flags, 1, ctr, &mut payload);
            let head = Head::parse(&payload).unwrap();
            let packet = Packet { kid: 1, ctr, timestamp: 0, marker: false, payload: payload.into(), from: None };
            group.accept(&packet, head, start + Duration::from_secs(after));
            if ctr == 0 {
                assert_eq!(group.sound_start(|_| true), SoundStart::Since(start - FIRST_SOUND));
            }
        }
        assert_eq!(group.sound_start(|_| true), SoundStart::Since(start + Duration::from_secs(2)));
        assert_eq!(group.sound_start(|_| false), SoundStart::Now, "the pictures are there already");
    }

    #[test]
    fn tracks_are_bounded() {
        let mut group = Group::new(RingLimits::default());
        let config = TrackConfig { kind: Kind::Video, clock_rate: 90_000 };
        for kid in 0..MAX_TRACKS as u32 {
            assert!(group.add_track(kid, config));
        }
        assert!(!group.add_track(1000, config));
        assert!(group.add_track(0, config), "a known one is no new one");
    }
}
