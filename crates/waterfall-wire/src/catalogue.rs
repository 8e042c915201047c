//! The signed list of a speaker's tracks.

use minicbor::{Decode, Encode};

use crate::sign::Authored;
use crate::{Ctr, DecodeError, Epoch, Kid, NodeId, UnixMillis, Wire};

/// Most speakers in a room: the root and, at the default fan-out, its whole first tier.
pub const MAX_SPEAKERS: usize = 5;
/// Most tracks of one speaker in one catalogue, ended ones included.
pub const MAX_TRACKS_PER_SPEAKER: usize = 8;
/// Most bytes of a track's codec private data.
pub const MAX_PRIVATE: usize = 1024;
/// Most bytes of a title, of a track or of a room.
pub const MAX_TITLE: usize = 200;

/// Sound or picture.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Sound.
    #[n(0)]
    Audio,
    /// Picture.
    #[n(1)]
    Video,
}

/// How a track's frames are encoded. Relays do not look at it; sinks and players do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Codec {
    /// VP8 (RFC 6386).
    #[n(0)]
    Vp8,
    /// VP9.
    #[n(1)]
    Vp9,
    /// AV1, a temporal unit per frame, without temporal delimiters.
    #[n(2)]
    Av1,
    /// H.264, length-prefixed NAL units, without access unit delimiters.
    #[n(3)]
    H264,
    /// Opus (RFC 6716), one packet per frame.
    #[n(4)]
    Opus,
}

impl Codec {
    /// Sound or picture.
    #[must_use]
    pub fn kind(self) -> TrackKind {
        match self {
            Self::Opus => TrackKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H264 => TrackKind::Video,
        }
    }
}

/// One track of a speaker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Track {
    /// Names the track and its key; see [`Kid`].
    #[n(0)]
    pub kid: Kid,
    /// The epoch whose key the track's key is derived from.
    #[n(1)]
    pub epoch: Epoch,
    /// Drawn anew at each start, so that no key repeats (design: SFrame keys).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub start: [u8; 16],
    /// How frames are encoded.
    #[n(3)]
    pub codec: Codec,
    /// RTP clock rate in Hz: 90 000 for video, 48 000 for Opus.
    #[n(4)]
    pub clock_rate: u32,
    /// Pixels; 0 for audio.
    #[n(5)]
    pub width: u16,
    /// Pixels; 0 for audio.
    #[n(6)]
    pub height: u16,
    /// Audio channels; 0 for video.
    #[n(7)]
    pub channels: u8,
    /// Codec private data as Matroska keeps it (avcC, av1C, OpusHead), at most 1 KiB.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub private: Vec<u8>,
    /// For people; at most 200 bytes.
    #[n(9)]
    pub title: String,
    /// Set once the track has ended: how many packets it had in all.
    #[n(10)]
    pub ended: Option<Ctr>,
}

/// All tracks of one speaker. Goes down the tree before their media.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Catalogue {
    /// [`crate::PROTOCOL_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Whose tracks, and who signs.
    #[n(1)]
    pub speaker: NodeId,
    /// Grows with each change; an older one never replaces a newer.
    #[n(2)]
    pub revision: u64,
    /// When the zero of the tracks' timestamps was, by the speaker's clock: lines speakers up.
    #[n(3)]
    pub origin: UnixMillis,
    /// At most [`MAX_TRACKS_PER_SPEAKER`].
    #[n(4)]
    pub tracks: Vec<Track>,
}

impl Wire for Catalogue {
    const NAME: &'static str = "catalogue";
    const MAX_LEN: usize = 12 * 1024;
    const VERSIONED: bool = true;

    fn check(&self) -> Result<(), DecodeError> {
        let invalid = DecodeError::invalid::<Self>;
        if self.tracks.len() > MAX_TRACKS_PER_SPEAKER {
            return Err(invalid("too many tracks"));
        }
        for (i, track) in self.tracks.iter().enumerate() {
            if !track.kid.belongs_to(&self.speaker) {
                return Err(invalid("a key id outside the speaker's range"));
            }
            if self.tracks[..i].iter().any(|other| other.kid == track.kid) {
                return Err(invalid("two tracks with one key id"));
            }
            if track.private.len() > MAX_PRIVATE || track.title.len() > MAX_TITLE {
                return Err(invalid("codec private data or title too long"));
            }
            if !(1_000..=1_000_000).contains(&track.clock_rate) {
                return Err(invalid("clock rate outside 1 kHz - 1 MHz"));
            }
        }
        Ok(())
    }
}

impl Authored for Catalogue {
    const DOMAIN: &'static [u8] = b"waterfall/catalogue/1";
    fn author(&self) -> NodeId {
        self.speaker
    }
}
