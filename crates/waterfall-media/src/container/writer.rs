//! Writes Matroska and WebM as a stream.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use super::ebml::Builder;
use super::header::{self, Head, Places};
use super::ids;
use super::index::Index;
use super::track::TrackInfo;
use crate::codec::{Codec, Kind};
use crate::frame::Frame;

/// A cluster begins with a key frame, so that players can start there ...
const MIN_CLUSTER: Duration = Duration::from_millis(500);
/// ... and lasts no longer than that, as the Matroska guidelines advise.
const MAX_CLUSTER: Duration = Duration::from_secs(5);
/// How much of the beginning is held back until every track has shown its first timestamp.
const MAX_HELD: Duration = Duration::from_secs(1);
const MAX_HELD_FRAMES: usize = 256;
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;
const CLUSTER_ID_LEN: u64 = 4;

/// The kind of file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Any codec.
    Matroska,
    /// What browsers play: VP8, VP9, AV1 and Opus.
    WebM,
}

/// How a [`Writer`] writes.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    pub(super) format: Format,
    /// Nanoseconds per tick.
    pub(super) scale: u64,
}

impl WriterOptions {
    /// A file of this kind with times in milliseconds.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, scale: 1_000_000 }
    }

    /// The unit of the file's times, between 1 µs and 10 ms. Default 1 ms, as nearly all files have it. A finer
    /// one keeps times exact, and makes clusters shorter: they span at most 32 767 units.
    #[must_use]
    pub fn timestamp_scale(mut self, scale: Duration) -> Self {
        self.scale = scale.as_nanos().clamp(1_000, 10_000_000) as u64;
        self
    }
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The sink failed.
    #[error("cannot write the output: {0}")]
    Io(#[from] std::io::Error),
    /// A file without tracks.
    #[error("there are no tracks to write")]
    NoTracks,
    /// Track numbers are written in one byte.
    #[error("a file holds at most 126 tracks")]
    TooManyTracks,
    /// WebM does not allow the codec.
    #[error("WebM has no {}: write Matroska instead (OUTPUT.mkv)", .0.name())]
    NotInWebm(Codec),
    /// The codec cannot be decoded without its private data, and the track has none.
    #[error("the {} track lacks its codec private data", .0.name())]
    MissingPrivate(Codec),
    /// The frame's track is none of those the writer was made with.
    #[error("the file has no track {0}")]
    NoSuchTrack(usize),
}

/// Writes frames as Matroska or WebM to anything that can be written to, without seeking: clusters are of unknown
/// size, so that a player at the other end of a pipe shows each frame at once.
///
/// Times are shifted so that the file starts at zero; the tracks keep their distance. For that the first
/// frames are held back, for at most a second of media, until every track has brought one.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    options: WriterOptions,
    kinds: Vec<Kind>,
    start: Start,
    cluster: Option<Cluster>,
    buffer: Builder,
    /// Bytes written so far.
    position: u64,
    places: Places,
    index: Index,
}

#[derive(Debug)]
enum Start {
    /// Not known yet: the frames so far.
    Held(Vec<(usize, Frame)>),
    At(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Cluster {
    /// In ticks.
    time: i64,
}

impl<W: Write> Writer<W> {
    /// Writes the head of a file with these tracks.
    ///
    /// # Errors
    /// If the format does not allow the tracks, or the sink fails.
    pub fn new(mut sink: W, tracks: &[TrackInfo], options: WriterOptions) -> Result<Self, WriteError> {
        let Head { bytes, places } = header::build(tracks, options)?;
        sink.write_all(&bytes)?;
        Ok(Self {
            sink,
            options,
            kinds: tracks.iter().map(|track| track.codec.kind()).collect(),
            start: Start::Held(Vec::new()),
            cluster: None,
            buffer: Builder::default(),
            position: bytes.len() as u64,
            places,
            index: Index::new(tracks.len()),
        })
    }

    /// Writes a frame of the track at index `track`. Frames of a track come in decoding order, those of
    /// different tracks as they come.
    ///
    /// # Errors
    /// If there is no such track, or the sink fails.
    pub fn write(&mut self, track: usize, frame: &Frame) -> Result<(), WriteError> {
        if track >= self.kinds.len() {
            return Err(WriteError::NoSuchTrack(track));
        }
        match &mut self.start {
            Start::At(start) => {
                let start = *start;
                self.write_block(start, track, frame)
            }
            Start::Held(held) => {
                held.push((track, frame.clone()));
                if is_enough(held, self.kinds.len()) { self.release() } else { Ok(()) }
            }
        }
    }

    /// Writes what is held back and flushes the sink.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.release()?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// Like [`Writer::finish`] for a sink that can seek, such as a file: adds an index and the duration, so that
    /// players can jump to any place. The sink must have been at its end when the writer was made.
    ///
    /// # Errors
    /// If the sink fails. What was written before stays a valid file.
    pub fn finish_seekable(mut self) -> Result<W, WriteError>
    where
        W: Seek,
    {
        self.release()?;
        let cues = self.index.cues();
        let clusters_end = self.position;
        let cues_at = cues.as_ref().map(|_| clusters_end);
        if let Some(cues) = cues {
            self.sink.write_all(&cues)?;
            self.position += cues.len() as u64;
        }
        let end = self.sink.stream_position()?;
        let start = end.saturating_sub(self.position);
        let sink = &mut self.sink;
        let mut patch = |at: u64, bytes: &[u8]| {
            sink.seek(SeekFrom::Start(start + at))?;
            sink.write_all(bytes)
        };
        patch(self.places.seek_head, &self.places.seek_head(cues_at))?;
        patch(self.places.duration, &header::duration(self.index.duration()))?;
        // Where one cluster's size stays unknown the segment's must, too.
        if let Some(clusters) = self.index.clusters(clusters_end) {
            for (start, end) in clusters {
                patch(start + CLUSTER_ID_LEN, &size_in_eight_bytes(end - start - CLUSTER_ID_LEN - 8))?;
            }
            patch(self.places.segment_size, &size_in_eight_bytes(self.position - self.places.segment))?;
        }
        self.sink.seek(SeekFrom::Start(end))?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// Flushes the sink. Frames that are held back at the start stay so.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.sink.flush()?)
    }

    /// Settles where the file's time begins and writes what waited for that.
    fn release(&mut self) -> Result<(), WriteError> {
        let Start::Held(held) = &mut self.start else { return Ok(()) };
        let held = std::mem::take(held);
        let start = held.iter().map(|(_, frame)| frame.timestamp).min().unwrap_or_default();
        self.start = Start::At(start);
        held.iter().try_for_each(|(track, frame)| self.write_block(start, *track, frame))
    }

    fn write_block(&mut self, start: Duration, track: usize, frame: &Frame) -> Result<(), WriteError> {
        // Earlier than the start can only be the pictures that come before the key frame we began at and
        // cannot be decoded without the one before it.
        let time = self.ticks(frame.timestamp.saturating_sub(start));
        let video_key = frame.keyframe && self.kinds[track] == Kind::Video;
        self.buffer.out.clear();
        let cluster = match self.cluster {
            Some(cluster) if !self.is_over(cluster, time, video_key) => cluster,
            _ => {
                self.index.cluster(self.position);
                if frame.keyframe {
                    self.index.point(track, time, self.position - self.places.segment);
                }
                self.buffer.header_of_unknown_size(ids::CLUSTER).uint(ids::TIMESTAMP, time as u64);
                *self.cluster.insert(Cluster { time })
            }
        };
        let relative = (time - cluster.time) as i16;
        self.buffer.header(ids::SIMPLE_BLOCK, 4 + frame.data.len() as u64);
        let out = &mut self.buffer.out;
        out.extend_from_slice(&[0x80 | (track as u8 + 1)]);
        out.extend_from_slice(&relative.to_be_bytes());
        out.extend_from_slice(&[if frame.keyframe { 0x80 } else { 0 }]);
        out.extend_from_slice(&frame.data);
        self.sink.write_all(out)?;
        self.position += out.len() as u64;
        self.index.frame(track, time);
        Ok(())
    }

    /// To the nearest tick. Times beyond what fits stop there.
    fn ticks(&self, time: Duration) -> i64 {
        let scale = u128::from(self.options.scale);
        i64::try_from((time.as_nanos() + scale / 2) / scale).unwrap_or(i64::MAX)
    }

    fn is_over(&self, cluster: Cluster, time: i64, video_key: bool) -> bool {
        let age = time - cluster.time;
        let at_least = |limit: Duration| age >= self.ticks(limit);
        i16::try_from(age).is_err() || at_least(MAX_CLUSTER) || (video_key && at_least(MIN_CLUSTER))
    }
}

/// An element's size where eight bytes were left for it.
fn size_in_eight_bytes(size: u64) -> [u8; 8] {
    (size | 1 << 56).to_be_bytes()
}

fn is_enough(held: &[(usize, Frame)], tracks: usize) -> bool {
    let every_track = (0..tracks).all(|track| held.iter().any(|(of, _)| *of == track));
    let times = || held.iter().map(|(_, frame)| frame.timestamp);
    let span = times().max().unwrap_or_default() - times().min().unwrap_or_default();
    every_track
        || span >= MAX_HELD
        || held.len() >= MAX_HELD_FRAMES
        || held.iter().map(|(_, frame)| frame.data.len()).sum::<usize>() >= MAX_HELD_BYTES
}
