//! What a file says about its tracks.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::codec::Codec;

/// A track that waterfall carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// How its frames are encoded.
    pub codec: Codec,
    /// Pixels; 0 for audio, or if the file does not say.
    pub width: u32,
    /// Pixels; 0 for audio, or if the file does not say.
    pub height: u32,
    /// Audio channels; 0 for video.
    pub channels: u8,
    /// Audio samples per second; 0 for video.
    pub sample_rate: u32,
    /// Codec private data as Matroska keeps it: avcC, av1C, OpusHead. Often empty for VP8 and VP9.
    pub private: Bytes,
    /// For people; often empty. At most 200 bytes.
    pub title: String,
    /// BCP 47 or ISO 639-2; `und` if not known.
    pub language: String,
    /// How far the first sample lies behind its timestamp (Opus: the pre-skip).
    pub codec_delay: Duration,
    /// How much must be decoded before a point for the sound there to be right (Opus: 80 ms).
    pub seek_pre_roll: Duration,
}

impl TrackInfo {
    /// A track of which no more is known than its codec.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            width: 0,
            height: 0,
            channels: 0,
            sample_rate: 0,
            private: Bytes::new(),
            title: String::new(),
            language: String::from("und"),
            codec_delay: Duration::ZERO,
            seek_pre_roll: Duration::ZERO,
        }
    }
}

/// Why a track is not carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedReason {
    /// Another codec, or no sound or picture at all.
    Codec,
    /// Its frames are compressed once more, or encrypted, by the container.
    Encoding,
}

/// A track that waterfall does not carry. `Display` says so in one sentence with the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Its place in the file, from 1.
    pub place: usize,
    /// What it is, for people: `Vorbis audio`, `subtitles`.
    pub what: String,
    /// Why.
    pub reason: UnsupportedReason,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, reason } = self;
        match reason {
            UnsupportedReason::Codec if what.ends_with("audio") => write!(
                f,
                "track {place} is {what}, which waterfall does not carry; convert it: ffmpeg -i INPUT -c:v copy -c:a libopus OUTPUT.mkv"
            ),
            UnsupportedReason::Codec if what.ends_with("video") => write!(
                f,
                "track {place} is {what}, which waterfall does not carry; convert it: ffmpeg -i INPUT -c:v libvpx -b:v 2M -g 50 -c:a libopus OUTPUT.webm"
            ),
            UnsupportedReason::Codec => write!(f, "track {place} is {what}, which waterfall does not carry"),
            UnsupportedReason::Encoding => write!(
                f,
                "the frames of track {place} ({what}) are compressed or encrypted by the container; write them anew: ffmpeg -i INPUT -c copy OUTPUT.mkv"
            ),
        }
    }
}

/// What people call a track of Matroska type `kind` with this CodecID.
pub(super) fn name_of(kind: u64, codec_id: &str) -> String {
    const NAMES: [(&str, &str); 27] = [
        ("V_VP8", "VP8"),
        ("V_VP9", "VP9"),
        ("V_AV1", "AV1"),
        ("V_MPEG4/ISO/AVC", "H.264"),
        ("V_MPEGH/ISO/HEVC", "H.265"),
        ("V_MPEG4/ISO", "MPEG-4"),
        ("V_MPEG4/MS", "MPEG-4"),
        ("V_MPEG2", "MPEG-2"),
        ("V_MPEG1", "MPEG-1"),
        ("V_THEORA", "Theora"),
        ("V_PRORES", "ProRes"),
        ("V_MJPEG", "Motion JPEG"),
        ("V_FFV1", "FFV1"),
        ("V_UNCOMPRESSED", "uncompressed"),
        ("V_MS/VFW", "Video for Windows"),
        ("V_REAL", "RealVideo"),
        ("A_OPUS", "Opus"),
        ("A_VORBIS", "Vorbis"),
        ("A_AAC", "AAC"),
        ("A_MPEG/L3", "MP3"),
        ("A_MPEG", "MPEG"),
        ("A_AC3", "AC-3"),
        ("A_EAC3", "E-AC-3"),
        ("A_DTS", "DTS"),
        ("A_TRUEHD", "TrueHD"),
        ("A_FLAC", "FLAC"),
        ("A_PCM", "PCM"),
    ];
    let codec = NAMES.iter().find(|(id, _)| codec_id.starts_with(id)).map_or(codec_id, |(_, name)| name);
    match kind {
        1 => format!("{codec} video"),
        2 => format!("{codec} audio"),
        16 => String::from("a logo"),
        17 => String::from("subtitles"),
        18 => String::from("menu buttons"),
        32 => String::from("a control track"),
        33 => String::from("metadata"),
        _ => format!("of an unknown type ({codec})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_tracks_are_called_by_name() {
        let say =
            |kind, id| Unsupported { place: 2, what: name_of(kind, id), reason: UnsupportedReason::Codec }.to_string();
        assert!(
            say(2, "A_VORBIS").starts_with("track 2 is Vorbis audio, which waterfall does not carry; convert it: ")
        );
        assert!(say(1, "V_MPEGH/ISO/HEVC").contains("H.265 video"));
        assert_eq!(say(17, "S_TEXT/UTF8"), "track 2 is subtitles, which waterfall does not carry");
        assert!(say(1, "V_NEW").contains("V_NEW video"));
    }
}
