//! All tracks of a room as one sequence of frames, and a tally of what came.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::stream::{SelectAll, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use waterfall::{Frame, Item, Room, SubscribeError, TrackInfo};

/// Time without any frame from which on it counts as a stall.
const STALL: Duration = Duration::from_millis(500);
/// Stalls that are remembered one by one.
const MAX_STALLS: usize = 100;

/// A time without frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stall {
    /// When it began, in milliseconds since the join began.
    pub at_ms: u64,
    /// How long it lasted in milliseconds.
    pub ms: u64,
}

/// What a viewer has seen so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Frames of all tracks.
    pub frames_received: u64,
    /// Frames known to be missing.
    pub frames_missing: u64,
    /// Bytes of the frames received.
    pub bytes: u64,
    /// From the beginning of the join to the first frame, in milliseconds.
    pub first_frame_ms: Option<u64>,
    /// Times without any frame, of half a second and more.
    pub stalls: Vec<Stall>,
}

/// Something seen.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A frame.
    Frame {
        /// Index of its track in [`View::tracks`].
        track: usize,
        /// Counts this track's frames from 0.
        index: u64,
        /// The frame itself.
        frame: Frame,
    },
    /// Frames are missing.
    Gap {
        /// Index of the track.
        track: usize,
        /// How many, at least 1.
        frames: u32,
        /// Media time of the last frame before.
        at: Duration,
    },
}

type Tagged = Pin<Box<dyn Stream<Item = (usize, Item)> + Send>>;

/// All tracks of a room, being received.
pub(crate) struct View {
    tracks: Vec<TrackInfo>,
    streams: SelectAll<Tagged>,
    counts: Vec<u64>,
    began: Instant,
    last_frame: Option<Instant>,
    longest_pause: Duration,
    tally: Tally,
}

impl View {
    /// Waits for the room's first tracks and subscribes to all there are.
    /// `began` is when the viewer began to join.
    pub(crate) async fn open(room: &Room, began: Instant) -> Result<Self, SubscribeError> {
        let mut catalogue = room.catalogue();
        let ended = room.ended();
        tokio::pin!(ended);
        let tracks: Vec<TrackInfo> = tokio::select! {
            tracks = catalogue.wait_for(|tracks| tracks.iter().any(|track| track.ended.is_none())) => {
                tracks.map_err(|_| SubscribeError::Closed)?.iter().filter(|track| track.ended.is_none()).cloned().collect()
            }
            () = &mut ended => return Err(SubscribeError::Ended),
        };
        let mut streams = SelectAll::new();
        for (index, track) in tracks.iter().enumerate() {
            let frames = room.subscribe(track.id).await?.frames();
            streams.push(Box::pin(frames.map(move |item| (index, item))) as Tagged);
        }
        let counts = vec![0; tracks.len()];
        Ok(Self {
            tracks,
            streams,
            counts,
            began,
            last_frame: None,
            longest_pause: Duration::ZERO,
            tally: Tally::default(),
        })
    }

    /// The tracks that are received, in the order of their indices.
    pub(crate) fn tracks(&self) -> &[TrackInfo] {
        &self.tracks
    }

    /// What has come so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The longest time without any frame since this was last asked, the present one included; none before the
    /// first frame.
    pub(crate) fn take_longest_pause(&mut self) -> Duration {
        let present = self.last_frame.map(|last| last.elapsed()).unwrap_or_default();
        std::mem::take(&mut self.longest_pause).max(present)
    }

    /// The next frame or gap of any track; `None` once all tracks have ended.
    pub(crate) async fn next(&mut self) -> Option<Seen> {
        let (track, item) = self.streams.next().await?;
        Some(match item {
            Item::Frame(frame) => {
                self.count(&frame);
                let index = self.counts[track];
                self.counts[track] += 1;
                Seen::Frame { track, index, frame }
            }
            Item::Gap { frames, at } => {
                let frames = frames.max(1);
                self.tally.frames_missing += u64::from(frames);
                Seen::Gap { track, frames, at }
            }
        })
    }

    fn count(&mut self, frame: &Frame) {
        let now = Instant::now();
        self.tally.frames_received += 1;
        self.tally.bytes += frame.data.len() as u64;
        if let Some(last) = self.last_frame {
            self.longest_pause = self.longest_pause.max(now - last);
        }
        match self.last_frame {
            None => self.tally.first_frame_ms = Some(millis(now - self.began)),
            Some(last) if now - last >= STALL && self.tally.stalls.len() < MAX_STALLS => {
                self.tally.stalls.push(Stall { at_ms: millis(last - self.began), ms: millis(now - last) });
            }
            Some(_) => {}
        }
        self.last_frame = Some(now);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
