//! What the crate knows of each codec: how Matroska names it, which frames are key frames, and
//! the one canonical form of a frame, so that hashes of the same frame agree whatever file it
//! came from. Frames are otherwise opaque and travel byte for byte.

mod av1;
mod bits;
mod h264;
mod opus;
mod vpx;

use std::time::Duration;

use bytes::Bytes;

pub use self::h264::NalFraming;

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sound: each frame can be decoded without the ones before it.
    Audio,
    /// Picture: decoding starts at a key frame.
    Video,
}

/// How the frames of a track are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// VP8 (RFC 6386), one frame as the encoder made it.
    Vp8,
    /// VP9, one superframe.
    Vp9,
    /// AV1, one temporal unit in the low-overhead format, without temporal delimiters.
    Av1,
    /// H.264, one access unit: NAL units behind 4-byte lengths, without access unit delimiters.
    H264,
    /// Opus (RFC 6716), one packet.
    Opus,
}

impl Codec {
    /// Sound or picture.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H264 => Kind::Video,
        }
    }

    /// RTP clock rate in Hz: 90 000 for video, 48 000 for Opus whatever it was sampled at (RFC 7587).
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self.kind() {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        }
    }

    /// The name people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::H264 => "H.264",
            Self::Opus => "Opus",
        }
    }

    /// Matroska's CodecID.
    #[must_use]
    pub fn matroska_id(self) -> &'static str {
        match self {
            Self::Vp8 => "V_VP8",
            Self::Vp9 => "V_VP9",
            Self::Av1 => "V_AV1",
            Self::H264 => "V_MPEG4/ISO/AVC",
            Self::Opus => "A_OPUS",
        }
    }

    /// The codec of a Matroska CodecID, if it is one of ours.
    #[must_use]
    pub fn from_matroska_id(id: &str) -> Option<Self> {
        [Self::Vp8, Self::Vp9, Self::Av1, Self::H264, Self::Opus].into_iter().find(|codec| codec.matroska_id() == id)
    }

    /// The codec of an IVF header's four characters, if it is one of ours.
    #[must_use]
    pub fn from_fourcc(fourcc: [u8; 4]) -> Option<Self> {
        match &fourcc {
            b"VP80" => Some(Self::Vp8),
            b"VP90" => Some(Self::Vp9),
            b"AV01" => Some(Self::Av1),
            b"H264" | b"AVC1" | b"avc1" => Some(Self::H264),
            _ => None,
        }
    }

    /// Whether WebM allows it; Matroska allows all.
    #[must_use]
    pub fn in_webm(self) -> bool {
        self != Self::H264
    }

    /// Whether decoding can start at this frame, given in canonical form. Reads a few bits and
    /// never fails: what it cannot make sense of is no key frame. Every audio frame is one.
    #[must_use]
    pub fn is_keyframe(self, data: &[u8]) -> bool {
        match self {
            Self::Vp8 => vpx::is_vp8_keyframe(data),
            Self::Vp9 => vpx::is_vp9_keyframe(data),
            Self::Av1 => av1::is_keyframe(data),
            Self::H264 => h264::is_keyframe(data),
            Self::Opus => true,
        }
    }

    /// The canonical form of a frame (see the variants). `framing` says how H.264 input is
    /// delimited and means nothing to the other codecs. What is canonical already is returned
    /// without a copy, and so is what cannot be parsed: it is the decoder's to refuse.
    #[must_use]
    pub fn canonical(self, data: Bytes, framing: NalFraming) -> Bytes {
        match self {
            Self::Vp8 | Self::Vp9 | Self::Opus => data,
            Self::Av1 => av1::without_delimiters(data),
            Self::H264 => h264::canonical(data, framing),
        }
    }

    /// What Matroska's CodecPrivate must hold, made from a key frame in canonical form that
    /// carries its own parameters: av1C from the sequence header, avcC from the parameter sets.
    /// `None` for the codecs that need none, and if the frame does not carry them.
    #[must_use]
    pub fn private_from_keyframe(self, data: &[u8]) -> Option<Bytes> {
        match self {
            Self::Vp8 | Self::Vp9 | Self::Opus => None,
            Self::Av1 => av1::configuration_record(data),
            Self::H264 => h264::configuration_record(data),
        }
    }

    /// How long a frame lasts, where its bytes say so: Opus alone.
    #[must_use]
    pub fn frame_duration(self, data: &[u8]) -> Option<Duration> {
        match self {
            Self::Opus => opus::packet_duration(data),
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H264 => None,
        }
    }
}

/// Most units (NAL, OBU) that a frame is taken apart into. A picture has one per slice or tile, a few hundred
/// at worst; a frame of empty units would take many times its size.
const MAX_UNITS: usize = 4_096;

pub(crate) use self::h264::{framing_of, with_four_byte_lengths};
pub(crate) use self::opus::{head as opus_head, pre_skip as opus_pre_skip};
