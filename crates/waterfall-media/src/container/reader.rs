//! Reads a file or pipe frame by frame.

use std::io::{ErrorKind, Read};

use super::demuxer::{Demuxer, Event, ReadError};
use super::track::{TrackInfo, Unsupported};
use crate::frame::Frame;

const CHUNK: usize = 64 * 1024;

/// Reads the frames of an IVF, Matroska or WebM file from anything that can be read, without
/// seeking: a pipe that `ffmpeg -f webm -` writes to will do.
///
/// Blocks like its source; give it a thread of its own.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    demuxer: Demuxer,
    chunk: Box<[u8]>,
    ended: bool,
    tracks: Vec<TrackInfo>,
    unsupported: Vec<Unsupported>,
}

impl<R: Read> Reader<R> {
    /// Reads up to where the tracks are known: for Matroska before the first cluster, for IVF
    /// sometimes the first frame.
    ///
    /// # Errors
    /// If it is no such file, or none of its tracks is carried; see [`ReadError`].
    pub fn open(source: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            source,
            demuxer: Demuxer::new(),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            ended: false,
            tracks: Vec::new(),
            unsupported: Vec::new(),
        };
        match reader.next_event()? {
            Some(Event::Tracks { carried, unsupported }) => {
                reader.tracks = carried;
                reader.unsupported = unsupported;
                Ok(reader)
            }
            // A demuxer announces the tracks before any frame, and does not end without an error before that.
            _ => Err(ReadError::NothingToCarry(Vec::new())),
        }
    }

    /// The tracks that are carried; frames name them by their index here.
    #[must_use]
    pub fn tracks(&self) -> &[TrackInfo] {
        &self.tracks
    }

    /// The tracks that are left out.
    #[must_use]
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    /// The next frame with the index of its track, in the file's order; `None` at the end.
    ///
    /// # Errors
    /// See [`ReadError`]. After an error it returns `None`.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results invites to ignore a cut")]
    pub fn next(&mut self) -> Result<Option<(usize, Frame)>, ReadError> {
        Ok(match self.next_event()? {
            Some(Event::Frame { track, frame }) => Some((track, frame)),
            Some(Event::Tracks { .. }) | None => None,
        })
    }

    fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            if let Some(event) = self.demuxer.poll()? {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            match self.source.read(&mut self.chunk) {
                Ok(0) => {
                    self.ended = true;
                    self.demuxer.end();
                }
                Ok(len) => self.demuxer.push(&self.chunk[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(error.into());
                }
            }
        }
    }
}
