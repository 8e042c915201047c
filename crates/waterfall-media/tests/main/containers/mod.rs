//! Reading and writing files. `tests/fixtures/make.sh` made the fixtures.

mod handmade;
mod hostile;
mod players;
mod reading;
mod writing;

use std::time::Duration;

use waterfall_media::container::{Demuxer, Event, ReadError, TrackInfo, Unsupported};
use waterfall_media::frame::Frame;

/// Every fixture that can be read to its end.
pub(super) const FIXTURES: [&str; 11] = [
    "vp8.ivf",
    "vp9.ivf",
    "av1.ivf",
    "av1.mkv",
    "h264_opus.mkv",
    "vp9_opus.webm",
    "live.webm",
    "vorbis.webm",
    "four_tracks.mkv",
    "laced.mkv",
    "groups.mkv",
];

pub(super) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// All that came out of a file, and how it ended.
#[derive(Debug)]
pub(super) struct Read {
    pub tracks: Vec<TrackInfo>,
    pub unsupported: Vec<Unsupported>,
    pub frames: Vec<(usize, Frame)>,
    pub error: Option<ReadError>,
    /// Most bytes that were held at once.
    pub held: usize,
}

impl Read {
    pub(super) fn of_track(&self, track: usize) -> Vec<&Frame> {
        self.frames.iter().filter(|(of, _)| *of == track).map(|(_, frame)| frame).collect()
    }
}

/// Pushes a file in pieces of `chunk` bytes.
pub(super) fn read_in(data: &[u8], chunk: usize) -> Read {
    let mut demuxer = Demuxer::new();
    let mut read = Read { tracks: vec![], unsupported: vec![], frames: vec![], error: None, held: 0 };
    let mut pieces = data.chunks(chunk);
    loop {
        match demuxer.poll() {
            Ok(Some(Event::Tracks { carried, unsupported })) => {
                assert!(read.tracks.is_empty(), "tracks are announced once");
                assert!(read.frames.is_empty(), "tracks are announced first");
                assert!(!carried.is_empty());
                (read.tracks, read.unsupported) = (carried, unsupported);
            }
            Ok(Some(Event::Frame { track, frame })) => {
                assert!(track < read.tracks.len());
                read.frames.push((track, frame));
            }
            Ok(Some(_)) => unreachable!(),
            Ok(None) => match pieces.next() {
                Some(piece) => demuxer.push(piece),
                None if pieces.len() == 0 => {
                    demuxer.end();
                    match demuxer.poll() {
                        Ok(None) => return read,
                        Ok(Some(event)) => panic!("an event after the end without new bytes: {event:?}"),
                        Err(error) => read.error = Some(error),
                    }
                }
                None => unreachable!(),
            },
            Err(error) => read.error = Some(error),
        }
        read.held = read.held.max(demuxer.buffered());
        if read.error.is_some() {
            assert!(matches!(demuxer.poll(), Ok(None)), "nothing comes after an error");
            return read;
        }
    }
}

pub(super) fn read(data: &[u8]) -> Read {
    read_in(data, 64 * 1024)
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from((time.as_nanos() + 500_000) / 1_000_000).unwrap()
}
