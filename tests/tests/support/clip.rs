//! The bundled clip, published in its own time.

use std::io::Cursor;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;
use waterfall::media::container::{Reader, TrackInfo};
use waterfall::media::frame::{Pacer, digest};
use waterfall::{Frame, Kind, Room, TrackId, TrackSpec, media};

/// A frame's place and content.
pub(crate) type Print = (Duration, [u8; 32]);

/// The clip's tracks and its first frames.
pub(crate) struct Clip {
    tracks: Vec<TrackInfo>,
    frames: Vec<(usize, Frame)>,
}

impl Clip {
    pub(crate) fn first(seconds: u64) -> Self {
        let mut reader = Reader::open(Cursor::new(media::bundled_clip())).unwrap();
        let tracks = reader.tracks().to_vec();
        let mut frames = Vec::new();
        while let Some((track, frame)) = reader.next().unwrap() {
            if frame.timestamp < Duration::from_secs(seconds) {
                frames.push((track, frame));
            }
        }
        Self { tracks, frames }
    }
}

/// What was published, track by track.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) tracks: Vec<(TrackId, Kind, Vec<Print>)>,
    pub(crate) bytes: u64,
}

/// Publishes a clip, paced by its timestamps, and ends its tracks.
pub(crate) async fn publish_clip(room: &Room, clip: Clip) -> Published {
    let mut publishers = room.publish_all(clip.tracks.iter().map(TrackSpec::from).collect()).await.unwrap();
    let mut published = Published::default();
    for publisher in &publishers {
        published.tracks.push((publisher.id(), publisher.kind(), Vec::new()));
    }
    let mut pacer = Pacer::new(Instant::now());
    for (track, frame) in clip.frames {
        sleep_until(pacer.due(frame.timestamp).into()).await;
        published.tracks[track].2.push((frame.timestamp, digest(&frame)));
        publishers[track].send(frame).await.unwrap();
    }
    for publisher in publishers {
        published.bytes += publisher.finish().await.bytes;
    }
    published
}
