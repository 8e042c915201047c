//! Codecs and tracks between the wire's words, the media files' and the users'.

use waterfall_media::codec as media;
use waterfall_media::container;
use waterfall_wire::{Codec, TrackKind};

use crate::{TrackInfo, TrackSpec};

pub(crate) fn kind_to_media(kind: TrackKind) -> media::Kind {
    match kind {
        TrackKind::Audio => media::Kind::Audio,
        TrackKind::Video => media::Kind::Video,
    }
}

fn codec_from_media(codec: media::Codec) -> Codec {
    match codec {
        media::Codec::Vp8 => Codec::Vp8,
        media::Codec::Vp9 => Codec::Vp9,
        media::Codec::Av1 => Codec::Av1,
        media::Codec::H264 => Codec::H264,
        media::Codec::Opus => Codec::Opus,
    }
}

/// `None` for a codec that this build cannot write to a file.
fn codec_to_media(codec: Codec) -> Option<media::Codec> {
    Some(match codec {
        Codec::Vp8 => media::Codec::Vp8,
        Codec::Vp9 => media::Codec::Vp9,
        Codec::Av1 => media::Codec::Av1,
        Codec::H264 => media::Codec::H264,
        Codec::Opus => media::Codec::Opus,
        _ => return None,
    })
}

/// A file's track as it should be published.
impl From<&container::TrackInfo> for TrackSpec {
    fn from(track: &container::TrackInfo) -> Self {
        let pixels = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        let spec = match track.codec.kind() {
            media::Kind::Audio => Self::opus(track.channels),
            media::Kind::Video => Self::video(codec_from_media(track.codec), pixels(track.width), pixels(track.height)),
        };
        spec.private(track.private.to_vec()).title(track.title.clone())
    }
}

impl TrackInfo {
    /// The track as a file holds it; `None` for a codec that files written here cannot hold.
    #[must_use]
    pub fn to_container(&self) -> Option<container::TrackInfo> {
        Some(container::TrackInfo {
            width: self.width.into(),
            height: self.height.into(),
            channels: self.channels,
            sample_rate: if self.kind() == TrackKind::Audio { self.clock_rate } else { 0 },
            private: self.private.clone(),
            title: self.title.clone(),
            ..container::TrackInfo::new(codec_to_media(self.codec)?)
        })
    }
}
