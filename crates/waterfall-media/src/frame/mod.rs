//! Frames of a track: their bytes and media time, how they are cut into packets and put together
//! again, and when they are due.
//!
//! The cut knows nothing of codecs: every frame arrives byte for byte as it was published.

mod assemble;
mod bounds;
mod fragment;
mod held;
mod pace;

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use self::assemble::Assembler;
pub use self::bounds::{Config, Stats};
pub use self::fragment::{FRAME_END, FRAME_START, Fragment, Fragments, KEY_FRAME_START, fragment, rtp_timestamp};
pub use self::pace::{Pacer, Rounds};

/// Largest frame in bytes. A 4K key frame at a visually lossless quality takes about 4 MB; what is
/// larger is a mistake or an attack on the receivers' memory.
pub const MAX_FRAME_LEN: usize = 8 * 1024 * 1024;

/// One coded picture or sound packet in its codec's canonical form (see [`crate::codec::Codec`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Presentation time from the speaker's origin. Frames of a track come in decoding order, so
    /// that the times of video with B-frames go back and forth.
    pub timestamp: Duration,
    /// Decoding can start here.
    pub keyframe: bool,
    /// At most [`MAX_FRAME_LEN`] bytes.
    pub data: Bytes,
}

/// What comes out of an [`Assembler`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The next frame in order.
    Frame(Frame),
    /// Frames are missing between the frame before and the frame after this item.
    Gap {
        /// How many, those included that arrived but need a missing one to decode; 0 if that cannot
        /// be told: at least one.
        frames: u32,
        /// Presentation time of the last frame before the gap, zero if there was none.
        at: Duration,
    },
}

/// SHA-256 of a frame's canonical bytes: what frame logs and recordings compare.
#[must_use]
pub fn digest(frame: &Frame) -> [u8; 32] {
    Sha256::digest(&frame.data).into()
}
