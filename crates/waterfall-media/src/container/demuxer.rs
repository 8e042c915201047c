//! Takes a file apart as its bytes come in.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::ivf::Ivf;
use super::matroska::Matroska;
use super::track::{TrackInfo, Unsupported};
use crate::frame::Frame;

/// Why a file cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed.
    #[error("cannot read the input: {0}")]
    Io(#[from] std::io::Error),
    /// There was not a single byte.
    #[error("the input is empty")]
    Empty,
    /// Neither IVF nor Matroska/WebM. Holds what it looks like instead, if that is known.
    #[error(
        "the input is {}neither IVF nor Matroska/WebM; convert it: ffmpeg -i INPUT -c:v copy -c:a libopus OUTPUT.mkv",
        looks_like.map(|what| format!("{what}, ")).unwrap_or_default()
    )]
    Unrecognised {
        /// `MP4`, `Ogg`, ...
        looks_like: Option<&'static str>,
    },
    /// An IVF file of another codec.
    #[error(
        "the IVF file's codec is '{0}', which waterfall does not carry; convert it: ffmpeg -i INPUT -c:v libvpx -b:v 2M -g 50 OUTPUT.webm"
    )]
    UnsupportedIvf(String),
    /// None of the tracks is carried.
    #[error("{}", if .0.is_empty() { String::from("the file has no tracks") } else { list(.0) })]
    NothingToCarry(Vec<Unsupported>),
    /// The bytes break the format's rules.
    #[error("the file is damaged at byte {at}: {what}")]
    Malformed {
        /// Offset from the start.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Something exceeds the size that this reader keeps in memory.
    #[error("the file is damaged at byte {at}: {what} of {len} bytes, more than {limit}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Offset from the start.
        at: u64,
        /// Its size by its header.
        len: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// The file ends in the middle. Everything complete before that was delivered.
    #[error("the file is cut off at byte {at}")]
    Truncated {
        /// How many bytes there were.
        at: u64,
    },
}

pub(super) fn malformed(at: u64, what: &'static str) -> ReadError {
    ReadError::Malformed { at, what }
}

fn list(unsupported: &[Unsupported]) -> String {
    unsupported.iter().map(Unsupported::to_string).collect::<Vec<_>>().join("; ")
}

/// What a [`Demuxer`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The tracks of the file: once, before the first frame.
    Tracks {
        /// Those that are carried, at least one.
        carried: Vec<TrackInfo>,
        /// Those that are left out.
        unsupported: Vec<Unsupported>,
    },
    /// The next frame in the file's order.
    Frame {
        /// Index into the carried tracks.
        track: usize,
        /// The frame in canonical form.
        frame: Frame,
    },
}

/// The push-style core of [`super::Reader`]: bytes in, events out, no I/O.
///
/// Call [`Demuxer::poll`] until it returns `None` after each [`Demuxer::push`] and after
/// [`Demuxer::end`]. It then holds less than one element: at most [`crate::frame::MAX_FRAME_LEN`] and
/// a little, however large the sizes that the file claims.
#[derive(Debug)]
pub struct Demuxer {
    input: Input,
    format: Format,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum Format {
    Unknown,
    Ivf(Ivf),
    Matroska(Matroska),
    /// An error was returned; nothing comes any more.
    Failed,
}

/// Whether a parser got ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Made,
    NeedMore,
}

/// Bytes received and not yet consumed, and where in the file they are.
#[derive(Debug, Default)]
pub(super) struct Input {
    buf: BytesMut,
    /// Offset of the next byte from the start of the file.
    at: u64,
    /// How many of the next bytes are of no interest.
    skip: u64,
    ended: bool,
}

impl Input {
    pub(super) fn data(&self) -> &[u8] {
        &self.buf
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Takes `len` bytes that are there.
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        self.at += len as u64;
        self.buf.split_to(len).freeze()
    }

    /// Passes over `len` bytes, whether they are there yet or not.
    pub(super) fn skip(&mut self, len: u64) {
        self.skip = self.skip.saturating_add(len);
        let now = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.buf.len());
        self.buf.advance(now);
        self.at += now as u64;
        self.skip -= now as u64;
    }

    fn end(&self) -> u64 {
        self.at + self.buf.len() as u64
    }
}

impl Default for Demuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl Demuxer {
    /// A demuxer for one file, from its first byte.
    #[must_use]
    pub fn new() -> Self {
        Self { input: Input::default(), format: Format::Unknown, events: VecDeque::new() }
    }

    /// Takes the next bytes of the file. Any number of them.
    pub fn push(&mut self, data: &[u8]) {
        // While something is skipped, nothing is held.
        let input = &mut self.input;
        let skipped = usize::try_from(input.skip).unwrap_or(usize::MAX).min(data.len());
        input.at += skipped as u64;
        input.skip -= skipped as u64;
        input.buf.extend_from_slice(&data[skipped..]);
    }

    /// Says that there are no more bytes.
    pub fn end(&mut self) {
        self.input.ended = true;
    }

    /// Bytes held, for measuring.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.input.buf.len()
    }

    /// The next event. `None`: push more; after [`Demuxer::end`]: that was all.
    ///
    /// # Errors
    /// See [`ReadError`]. After an error nothing more comes.
    pub fn poll(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.step() {
                Ok(Progress::Made) => {}
                Ok(Progress::NeedMore) => return Ok(None),
                Err(error) => {
                    self.format = Format::Failed;
                    self.input.buf = BytesMut::new();
                    self.events.clear();
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Progress, ReadError> {
        let (input, events) = (&mut self.input, &mut self.events);
        let progress = match &mut self.format {
            Format::Failed => return Ok(Progress::NeedMore),
            Format::Unknown => match sniff(input)? {
                Some(format) => {
                    self.format = format;
                    return Ok(Progress::Made);
                }
                None => Progress::NeedMore,
            },
            // Nothing to parse before what is skipped has passed.
            _ if input.skip > 0 => Progress::NeedMore,
            Format::Ivf(ivf) => ivf.step(input, events)?,
            Format::Matroska(matroska) => matroska.step(input, events)?,
        };
        if progress == Progress::NeedMore && input.ended {
            self.check_end()?;
            self.format = Format::Failed;
        }
        Ok(progress)
    }

    /// Whether the file may end here.
    fn check_end(&self) -> Result<(), ReadError> {
        let drained = self.input.buf.is_empty() && self.input.skip == 0;
        let complete = match &self.format {
            Format::Unknown => return Err(ReadError::Empty),
            Format::Failed => true,
            Format::Ivf(ivf) => drained && ivf.may_end(),
            Format::Matroska(matroska) => matroska.is_done() || (drained && matroska.may_end(self.input.at)),
        };
        if complete { Ok(()) } else { Err(ReadError::Truncated { at: self.input.end() }) }
    }
}

fn sniff(input: &Input) -> Result<Option<Format>, ReadError> {
    const IVF: &[u8] = b"DKIF";
    const EBML: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
    // What is told apart by the first dozen bytes, to name it in the error.
    const ENOUGH: usize = 12;
    let data = input.data();
    if data.starts_with(IVF) {
        return Ok(Some(Format::Ivf(Ivf::default())));
    }
    if data.starts_with(EBML) {
        return Ok(Some(Format::Matroska(Matroska::default())));
    }
    if data.is_empty() {
        return Ok(None);
    }
    let may_become = data.len() < 4 && (IVF.starts_with(data) || EBML.starts_with(data));
    match (may_become, input.ended) {
        (true, true) => Err(ReadError::Truncated { at: input.end() }),
        (true, false) => Ok(None),
        (false, false) if data.len() < ENOUGH => Ok(None),
        (false, _) => Err(ReadError::Unrecognised { looks_like: looks_like(data) }),
    }
}

fn looks_like(data: &[u8]) -> Option<&'static str> {
    match data {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("MP4"),
        [b'O', b'g', b'g', b'S', ..] => Some("Ogg"),
        [b'R', b'I', b'F', b'F', ..] => Some("AVI or WAV"),
        [b'F', b'L', b'V', ..] => Some("FLV"),
        [b'I', b'D', b'3', ..] => Some("MP3"),
        [b'f', b'L', b'a', b'C', ..] => Some("FLAC"),
        [0x47, ..] => Some("MPEG-TS"),
        [0, 0, 1, 0xba, ..] => Some("MPEG-PS"),
        [0, 0, 0, 1, ..] | [0, 0, 1, ..] => Some("a bare H.264 or H.265 stream"),
        _ => None,
    }
}
