//! What a Matroska file begins with: EBML header, segment, Info, Tracks.

use std::time::Duration;

use bytes::Bytes;

use super::ebml::Builder;
use super::ids;
use super::track::TrackInfo;
use super::writer::{Format, WriteError, WriterOptions};
use crate::codec::{Codec, Kind, opus_head, opus_pre_skip};

const MAX_TRACKS: usize = 126;
const APP: &[u8] = concat!("waterfall ", env!("CARGO_PKG_VERSION")).as_bytes();
/// What Opus needs to settle (RFC 7845 §4.6).
const OPUS_SEEK_PRE_ROLL: Duration = Duration::from_millis(80);

/// Takes a SeekHead of three entries.
const SEEK_HEAD_LEN: usize = 80;
/// Takes a Duration.
const DURATION_LEN: usize = 11;

/// The beginning of a file, up to where the first cluster comes, and what is filled in at the end if
/// the sink can seek. Offsets count from the start of the file.
#[derive(Debug)]
pub(super) struct Head {
    pub bytes: Bytes,
    pub places: Places,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// The segment's size, in eight bytes.
    pub segment_size: u64,
    /// Where the segment's content begins; positions inside the file count from here.
    pub segment: u64,
    pub seek_head: u64,
    pub duration: u64,
    info: u64,
    tracks: u64,
}

impl Places {
    /// The SeekHead, filled up to the room there is.
    pub(super) fn seek_head(&self, cues: Option<u64>) -> Bytes {
        let mut file = Builder::default();
        file.master(ids::SEEK_HEAD, |head| {
            let entries = [(ids::INFO, Some(self.info)), (ids::TRACKS, Some(self.tracks)), (ids::CUES, cues)];
            for (id, at) in entries.into_iter().filter_map(|(id, at)| Some((id, at?))) {
                head.master(ids::SEEK, |seek| {
                    seek.bytes(ids::SEEK_ID, &id.to_be_bytes()).uint(ids::SEEK_POSITION, at - self.segment);
                });
            }
        });
        let rest = SEEK_HEAD_LEN - file.out.len();
        file.void(rest);
        file.out.freeze()
    }
}

/// The Duration element, in ticks.
pub(super) fn duration(ticks: f64) -> Bytes {
    let mut file = Builder::default();
    file.float(ids::DURATION, ticks);
    file.out.freeze()
}

/// The head of a file with these tracks.
pub(super) fn build(tracks: &[TrackInfo], options: WriterOptions) -> Result<Head, WriteError> {
    match tracks.len() {
        0 => return Err(WriteError::NoTracks),
        1..=MAX_TRACKS => {}
        _ => return Err(WriteError::TooManyTracks),
    }
    for track in tracks {
        if options.format == Format::WebM && !track.codec.in_webm() {
            return Err(WriteError::NotInWebm(track.codec));
        }
        if track.codec == Codec::H264 && track.private.is_empty() {
            return Err(WriteError::MissingPrivate(track.codec));
        }
    }
    let mut file = Builder::default();
    file.master(ids::EBML, |header| {
        header.uint(ids::EBML_VERSION, 1).uint(ids::EBML_READ_VERSION, 1);
        header.uint(ids::EBML_MAX_ID_LENGTH, 4).uint(ids::EBML_MAX_SIZE_LENGTH, 8);
        header.bytes(
            ids::DOC_TYPE,
            match options.format {
                Format::Matroska => b"matroska",
                Format::WebM => b"webm",
            },
        );
        header.uint(ids::DOC_TYPE_VERSION, 4).uint(ids::DOC_TYPE_READ_VERSION, 2);
    });
    file.header_of_unknown_size(ids::SEGMENT);
    let segment = file.len();
    file.void(SEEK_HEAD_LEN);
    let info = file.len();
    file.master(ids::INFO, |info| {
        // Last, so that its place is known from the end.
        info.uint(ids::TIMESTAMP_SCALE, options.scale).bytes(ids::MUXING_APP, APP).bytes(ids::WRITING_APP, APP);
        info.void(DURATION_LEN);
    });
    let tracks_at = file.len();
    file.master(ids::TRACKS, |list| {
        for (number, track) in (1..).zip(tracks) {
            list.master(ids::TRACK_ENTRY, |entry| put_entry(entry, number, track));
        }
    });
    let places = Places {
        segment_size: segment - 8,
        segment,
        seek_head: segment,
        duration: tracks_at - DURATION_LEN as u64,
        info,
        tracks: tracks_at,
    };
    Ok(Head { bytes: file.out.freeze(), places })
}

fn put_entry(entry: &mut Builder, number: u64, track: &TrackInfo) {
    let kind = track.codec.kind();
    entry.uint(ids::TRACK_NUMBER, number).uint(ids::TRACK_UID, number);
    entry.uint(
        ids::TRACK_TYPE,
        match kind {
            Kind::Video => 1,
            Kind::Audio => 2,
        },
    );
    entry.uint(ids::FLAG_LACING, 0).bytes(ids::CODEC_ID, track.codec.matroska_id().as_bytes());
    if !track.language.is_empty() {
        entry.bytes(ids::LANGUAGE, track.language.as_bytes());
    }
    if !track.title.is_empty() {
        entry.bytes(ids::NAME, track.title.as_bytes());
    }
    match kind {
        Kind::Video => put_video(entry, track),
        Kind::Audio => put_audio(entry, track),
    }
}

fn put_video(entry: &mut Builder, track: &TrackInfo) {
    if !track.private.is_empty() {
        entry.bytes(ids::CODEC_PRIVATE, &track.private);
    }
    entry.master(ids::VIDEO, |video| {
        // Zero is not allowed; players then ask the decoder.
        if track.width > 0 && track.height > 0 {
            video.uint(ids::PIXEL_WIDTH, track.width.into()).uint(ids::PIXEL_HEIGHT, track.height.into());
        }
    });
}

fn put_audio(entry: &mut Builder, track: &TrackInfo) {
    let rate = if track.sample_rate == 0 { 48_000 } else { track.sample_rate };
    let channels = if track.channels == 0 { 2 } else { track.channels };
    let private = if track.private.is_empty() { opus_head(channels, rate) } else { track.private.clone() };
    entry.bytes(ids::CODEC_PRIVATE, &private);
    let pre_skip = opus_pre_skip(&private).map_or(0, |samples| u64::from(samples) * 1_000_000_000 / 48_000);
    let or = |known: Duration, other: u64| if known.is_zero() { other } else { nanos(known) };
    entry.uint(ids::CODEC_DELAY, or(track.codec_delay, pre_skip));
    entry.uint(ids::SEEK_PRE_ROLL, or(track.seek_pre_roll, nanos(OPUS_SEEK_PRE_ROLL)));
    entry.master(ids::AUDIO, |audio| {
        audio.float(ids::SAMPLING_FREQUENCY, rate.into()).uint(ids::CHANNELS, channels.into());
    });
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
