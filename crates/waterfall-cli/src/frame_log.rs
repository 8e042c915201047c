//! The frame log: one JSON line per frame, as published or as received.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waterfall::{Frame, Kind, TrackId, media};

use crate::exit::Failure;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The track's id in its room.
    pub track: TrackId,
    /// Sound or picture.
    pub kind: Kind,
    /// Counts the track's frames from 0 in this log.
    pub index: u64,
    /// Media time in nanoseconds.
    pub timestamp_ns: u64,
    /// Whether decoding can start here.
    pub keyframe: bool,
    /// Length of the frame's canonical form.
    pub bytes: usize,
    /// SHA-256 of the frame's canonical form, in hex.
    pub sha256: String,
}

impl Entry {
    /// Describes a frame.
    pub(crate) fn new(track: TrackId, kind: Kind, index: u64, frame: &Frame) -> Self {
        use std::fmt::Write as _;
        let mut sha256 = String::with_capacity(64);
        for byte in media::frame::digest(frame) {
            let _infallible = write!(sha256, "{byte:02x}");
        }
        let timestamp_ns = u64::try_from(frame.timestamp.as_nanos()).unwrap_or(u64::MAX);
        Self { track, kind, index, timestamp_ns, keyframe: frame.keyframe, bytes: frame.data.len(), sha256 }
    }
}

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct FrameLog {
    path: PathBuf,
    file: BufWriter<File>,
}

impl FrameLog {
    /// Creates the file, replacing an older one.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| {
            Failure::sentence(format_args!("the frame log {} cannot be written: {error}", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Adds a frame.
    pub(crate) fn write(&mut self, entry: &Entry) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.file, entry)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|error| self.failed(&error))
    }

    /// Makes sure that all of it is on disk.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::sentence(format_args!("the frame log {} cannot be written: {error}", self.path.display()))
    }
}
