//! Receiving tracks.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::sleep_until;
use waterfall_keys::TrackOpener;
use waterfall_media::forward::{Packet, Subscription};
use waterfall_media::frame::{self, Assembler};
use waterfall_wire::{Catalogue, Codec, Kid, NodeId, TrackKind, UnixMillis};

pub use waterfall_media::frame::Item;

use crate::clock::Stopwatch;
use crate::convert;
use crate::status::Counters;

/// How long a missing packet is waited for before its frame is given up. Longer than any repair
/// over a link or a change of parent should take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A track as its speaker lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackInfo {
    /// Names the track in its room.
    pub id: Kid,
    /// Who publishes it.
    pub speaker: NodeId,
    /// How its frames are encoded.
    pub codec: Codec,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Pixels; 0 for audio.
    pub width: u16,
    /// Pixels; 0 for audio.
    pub height: u16,
    /// Audio channels; 0 for video.
    pub channels: u8,
    /// Codec private data as Matroska keeps it; empty where the codec needs none.
    pub private: Bytes,
    /// For people.
    pub title: String,
    /// When the timestamps of this speaker's tracks were zero, by the speaker's clock, in
    /// milliseconds since the Unix epoch.
    pub origin: u64,
    /// Once the track has ended: how many packets it had.
    pub ended: Option<u64>,
    pub(crate) start: [u8; 16],
}

impl TrackInfo {
    pub(crate) fn new(catalogue: &Catalogue, track: &waterfall_wire::Track) -> Self {
        let UnixMillis(origin) = catalogue.origin;
        Self {
            id: track.kid,
            speaker: catalogue.speaker,
            codec: track.codec,
            clock_rate: track.clock_rate,
            width: track.width,
            height: track.height,
            channels: track.channels,
            private: Bytes::copy_from_slice(&track.private),
            title: track.title.clone(),
            origin,
            ended: track.ended,
            start: track.start,
        }
    }

    /// Sound or picture.
    #[must_use]
    pub fn kind(&self) -> TrackKind {
        self.codec.kind()
    }
}

/// Which track is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Select {
    /// The first track of this kind that has not ended.
    Kind(TrackKind),
    /// This speaker's first track of this kind that has not ended.
    Of(NodeId, TrackKind),
    /// This track, ended or not.
    Track(Kid),
}

impl From<TrackKind> for Select {
    fn from(kind: TrackKind) -> Self {
        Self::Kind(kind)
    }
}

impl From<Kid> for Select {
    fn from(id: Kid) -> Self {
        Self::Track(id)
    }
}

impl Select {
    pub(crate) fn find<'a>(&self, tracks: &'a [TrackInfo]) -> Option<&'a TrackInfo> {
        tracks.iter().find(|track| match *self {
            Self::Kind(kind) => track.kind() == kind && track.ended.is_none(),
            Self::Of(speaker, kind) => track.speaker == speaker && track.kind() == kind && track.ended.is_none(),
            Self::Track(id) => track.id == id,
        })
    }
}

/// A track that is being received. Turn it into [`Track::frames`].
#[derive(Debug)]
pub struct Track {
    info: TrackInfo,
    packets: Subscription,
    opener: TrackOpener,
    catalogue: watch::Receiver<Arc<[TrackInfo]>>,
    counters: Arc<Counters>,
}

impl Track {
    pub(crate) fn new(
        info: TrackInfo,
        packets: Subscription,
        opener: TrackOpener,
        catalogue: watch::Receiver<Arc<[TrackInfo]>>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { info, packets, opener, catalogue, counters }
    }

    /// What the track is.
    #[must_use]
    pub fn info(&self) -> &TrackInfo {
        &self.info
    }

    /// The track's frames in the order in which they were published, from the first key frame
    /// received on. Each was checked to come from its speaker, unaltered. The stream ends when
    /// the track has ended and all of it was delivered or given up, or when the room is left.
    ///
    /// Take frames as they come: of those not taken a few thousand packets are kept, and what
    /// comes beyond them is lost and told as a gap.
    #[must_use]
    pub fn frames(self) -> Frames {
        let kind = convert::kind_to_media(self.info.kind());
        let config = frame::Config { patience: PATIENCE, ..frame::Config::default() };
        let assembly = Assembly { assembler: Assembler::new(kind, config), clock: Stopwatch::start(), track: self };
        Frames(Box::pin(futures::stream::unfold(assembly, |mut assembly| async move {
            assembly.next().await.map(|item| (item, assembly))
        })))
    }
}

/// The frames of a track; see [`Track::frames`].
pub struct Frames(Pin<Box<dyn Stream<Item = Item> + Send>>);

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frames")
    }
}

impl Stream for Frames {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

struct Assembly {
    track: Track,
    assembler: Assembler,
    clock: Stopwatch,
}

impl Assembly {
    async fn next(&mut self) -> Option<Item> {
        self.note_end();
        loop {
            if let Some(item) = self.assembler.poll(self.clock.elapsed()) {
                return Some(item);
            }
            if self.assembler.is_finished() {
                return None;
            }
            let deadline = self.assembler.timeout().map(|at| self.clock.instant_at(at).into());
            tokio::select! {
                packet = self.track.packets.recv() => self.open(packet?),
                changed = self.track.catalogue.changed() => match changed {
                    Ok(()) => self.note_end(),
                    Err(_) => return None,
                },
                () = sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)), if deadline.is_some() => {}
            }
        }
    }

    /// Opens a packet; whatever it completes and verifies goes to the assembler.
    fn open(&mut self, packet: Packet) {
        match self.track.opener.open(packet.timestamp, packet.marker, packet.payload) {
            Ok(opened) => {
                let now = self.clock.elapsed();
                for fragment in opened {
                    self.assembler.push(now, fragment.ctr, fragment.flags, fragment.data);
                }
            }
            // Whoever made or altered it, the packet never was.
            Err(error) => {
                tracing::debug!(track = self.track.info.id.0, %error, "a packet was refused");
                self.track.counters.packets_refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Tells the assembler where the track ends, once that is known.
    fn note_end(&mut self) {
        let tracks = self.track.catalogue.borrow_and_update().clone();
        let listed = tracks.iter().find(|track| track.id == self.track.info.id);
        if let Some(total) = listed.and_then(|track| track.ended) {
            self.assembler.finish(self.clock.elapsed(), total);
        }
    }
}
