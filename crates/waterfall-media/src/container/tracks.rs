//! Matroska's Tracks element (RFC 9559 §5.1.4).

use std::time::Duration;

use bytes::Bytes;

use super::track::{TrackInfo, Unsupported, UnsupportedReason, name_of};
use super::{ebml, ids};
use crate::codec::{Codec, NalFraming, framing_of, with_four_byte_lengths};

/// A player offers a choice of a few; a file with more is hostile.
const MAX_ENTRIES: usize = 127;
const MAX_PRIVATE: usize = 64 * 1024;
const MAX_TITLE: usize = 200;
/// Header stripping removes what each frame begins with: a start code or frame tag of a few bytes.
/// More would let a short file unfold into a long one.
const MAX_STRIPPED: usize = 64;

/// How to read the blocks of a track that is carried.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub number: u64,
    pub codec: Codec,
    pub framing: NalFraming,
    /// What every frame begins with and the file leaves out.
    pub stripped: Bytes,
    /// How long a frame lasts; zero if the file does not say.
    pub frame_duration: Duration,
}

/// All that a Tracks element says; `layouts` has an item for each of `carried`.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    pub carried: Vec<TrackInfo>,
    pub layouts: Vec<Layout>,
    pub unsupported: Vec<Unsupported>,
}

/// Parses the content of a Tracks element.
pub(super) fn parse(content: &[u8]) -> Result<Tracks, &'static str> {
    let mut tracks = Tracks::default();
    let mut place = 0;
    for child in ebml::children(content) {
        let (ids::TRACK_ENTRY, content) = child? else { continue };
        place += 1;
        if place > MAX_ENTRIES {
            return Err("more than 127 tracks");
        }
        let entry = Entry::parse(content)?;
        if entry.number == 0 {
            return Err("a track without a number");
        }
        match entry.supported() {
            Ok((info, layout)) => {
                if tracks.layouts.iter().any(|other| other.number == layout.number) {
                    return Err("two tracks of one number");
                }
                tracks.carried.push(info);
                tracks.layouts.push(layout);
            }
            Err((what, reason)) => tracks.unsupported.push(Unsupported { place, what, reason }),
        }
    }
    Ok(tracks)
}

/// A TrackEntry as it stands.
#[derive(Debug)]
struct Entry {
    number: u64,
    kind: u64,
    codec_id: String,
    private: Bytes,
    title: String,
    language: Option<String>,
    language_bcp47: Option<String>,
    default_duration: u64,
    codec_delay: u64,
    seek_pre_roll: u64,
    width: u64,
    height: u64,
    sample_rate: f64,
    channels: u64,
    encodings: Vec<ContentEncoding>,
}

/// What the container did to the frames of a track.
#[derive(Debug, Default)]
struct ContentEncoding {
    /// Which parts: 1 the frames, 2 the codec private data.
    scope: u64,
    /// The bytes left out, if it is header stripping; `None` for all other methods.
    stripped: Option<Bytes>,
}

impl Entry {
    fn parse(content: &[u8]) -> Result<Self, &'static str> {
        let mut entry = Self {
            number: 0,
            kind: 0,
            codec_id: String::new(),
            private: Bytes::new(),
            title: String::new(),
            language: None,
            language_bcp47: None,
            default_duration: 0,
            codec_delay: 0,
            seek_pre_roll: 0,
            width: 0,
            height: 0,
            sample_rate: 8_000.0,
            channels: 1,
            encodings: Vec::new(),
        };
        for child in ebml::children(content) {
            let (id, content) = child?;
            match id {
                ids::TRACK_NUMBER => entry.number = ebml::uint(content)?,
                ids::TRACK_TYPE => entry.kind = ebml::uint(content)?,
                ids::CODEC_ID => entry.codec_id = ebml::text(content, 64),
                ids::CODEC_PRIVATE if content.len() > MAX_PRIVATE => {
                    return Err("codec private data of more than 64 KiB");
                }
                ids::CODEC_PRIVATE => entry.private = Bytes::copy_from_slice(content),
                ids::NAME => entry.title = ebml::text(content, MAX_TITLE),
                ids::LANGUAGE => entry.language = Some(ebml::text(content, 35)),
                ids::LANGUAGE_BCP47 => entry.language_bcp47 = Some(ebml::text(content, 35)),
                ids::DEFAULT_DURATION => entry.default_duration = ebml::uint(content)?,
                ids::CODEC_DELAY => entry.codec_delay = ebml::uint(content)?,
                ids::SEEK_PRE_ROLL => entry.seek_pre_roll = ebml::uint(content)?,
                ids::VIDEO => entry.parse_video(content)?,
                ids::AUDIO => entry.parse_audio(content)?,
                ids::CONTENT_ENCODINGS => entry.encodings = parse_encodings(content)?,
                _ => {}
            }
        }
        Ok(entry)
    }

    fn parse_video(&mut self, content: &[u8]) -> Result<(), &'static str> {
        for child in ebml::children(content) {
            match child? {
                (ids::PIXEL_WIDTH, content) => self.width = ebml::uint(content)?,
                (ids::PIXEL_HEIGHT, content) => self.height = ebml::uint(content)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn parse_audio(&mut self, content: &[u8]) -> Result<(), &'static str> {
        for child in ebml::children(content) {
            match child? {
                (ids::SAMPLING_FREQUENCY, content) => self.sample_rate = ebml::float(content)?,
                (ids::CHANNELS, content) => self.channels = ebml::uint(content)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn supported(self) -> Result<(TrackInfo, Layout), (String, UnsupportedReason)> {
        let what = name_of(self.kind, &self.codec_id);
        let kind = match self.kind {
            1 => crate::codec::Kind::Video,
            2 => crate::codec::Kind::Audio,
            _ => return Err((what, UnsupportedReason::Codec)),
        };
        let codec = Codec::from_matroska_id(&self.codec_id)
            .filter(|codec| codec.kind() == kind)
            .ok_or_else(|| (what.clone(), UnsupportedReason::Codec))?;
        let stripped = match &self.encodings[..] {
            [] => Bytes::new(),
            [ContentEncoding { scope: 1, stripped: Some(stripped) }] if stripped.len() <= MAX_STRIPPED => {
                stripped.clone()
            }
            _ => return Err((what, UnsupportedReason::Encoding)),
        };
        let video = kind == crate::codec::Kind::Video;
        let size = |value: u64| if video { u32::try_from(value).unwrap_or(0) } else { 0 };
        let framing = framing_of(&self.private);
        let info = TrackInfo {
            codec,
            width: size(self.width),
            height: size(self.height),
            channels: if video { 0 } else { u8::try_from(self.channels).unwrap_or(u8::MAX) },
            sample_rate: if video { 0 } else { self.sample_rate as u32 },
            private: if codec == Codec::H264 { with_four_byte_lengths(self.private) } else { self.private },
            title: self.title,
            // RFC 9559: English where nothing else is said.
            language: self.language_bcp47.or(self.language).unwrap_or_else(|| String::from("eng")),
            codec_delay: Duration::from_nanos(self.codec_delay),
            seek_pre_roll: Duration::from_nanos(self.seek_pre_roll),
        };
        let frame_duration = Duration::from_nanos(self.default_duration);
        Ok((info, Layout { number: self.number, codec, framing, stripped, frame_duration }))
    }
}

fn parse_encodings(content: &[u8]) -> Result<Vec<ContentEncoding>, &'static str> {
    let mut encodings = Vec::new();
    for child in ebml::children(content) {
        let (ids::CONTENT_ENCODING, content) = child? else { continue };
        let mut encoding = ContentEncoding { scope: 1, stripped: None };
        let mut encrypted = false;
        for child in ebml::children(content) {
            match child? {
                (ids::CONTENT_ENCODING_SCOPE, content) => encoding.scope = ebml::uint(content)?,
                (ids::CONTENT_COMPRESSION, content) => encoding.stripped = parse_compression(content)?,
                (ids::CONTENT_ENCRYPTION, _) => encrypted = true,
                _ => {}
            }
        }
        if encrypted {
            encoding.stripped = None;
        }
        encodings.push(encoding);
    }
    Ok(encodings)
}

fn parse_compression(content: &[u8]) -> Result<Option<Bytes>, &'static str> {
    const ZLIB: u64 = 0;
    const HEADER_STRIPPING: u64 = 3;
    let (mut algorithm, mut settings) = (ZLIB, Bytes::new());
    for child in ebml::children(content) {
        match child? {
            (ids::CONTENT_COMP_ALGO, content) => algorithm = ebml::uint(content)?,
            (ids::CONTENT_COMP_SETTINGS, content) => settings = Bytes::copy_from_slice(content),
            _ => {}
        }
    }
    Ok((algorithm == HEADER_STRIPPING).then_some(settings))
}
