//! Cutting a frame into the plaintexts of its packets.
//!
//! A frame's plaintext is its timestamp in nanoseconds (8 bytes, big endian) and then its data;
//! the packets carry consecutive pieces of that.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::Frame;
use crate::codec::Kind;

/// The packet begins a key frame; always together with [`FRAME_START`].
pub const KEY_FRAME_START: u8 = 0x01;
/// The packet begins a frame.
pub const FRAME_START: u8 = 0x02;
/// The packet ends a frame.
pub const FRAME_END: u8 = 0x04;

/// Bytes before the data in a frame's plaintext.
pub(super) const TIMESTAMP_LEN: usize = 8;

/// The plaintext of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// [`KEY_FRAME_START`], [`FRAME_START`], [`FRAME_END`].
    pub flags: u8,
    /// A piece of the frame's plaintext.
    pub data: Bytes,
}

impl Fragment {
    /// The RTP marker bit: the last packet of a picture (RFC 3551 §4.1). Never set for audio, where it would mean the first
    /// packet after a silence.
    #[must_use]
    pub fn marker(&self, kind: Kind) -> bool {
        kind == Kind::Video && self.flags & FRAME_END != 0
    }
}

/// Iterator over a frame's fragments; at least one. See [`fragment`].
#[derive(Debug, Clone)]
pub struct Fragments {
    timestamp: Option<u64>,
    keyframe: bool,
    rest: Bytes,
    max: usize,
    done: bool,
}

/// Cuts `frame` into pieces of at most `max` bytes (values below 1 count as 1), without copying any
/// but the first. Timestamps are carried as 64-bit nanoseconds and stop at 584 years.
pub fn fragment(frame: &Frame, max: usize) -> Fragments {
    Fragments {
        timestamp: Some(u64::try_from(frame.timestamp.as_nanos()).unwrap_or(u64::MAX)),
        keyframe: frame.keyframe,
        rest: frame.data.clone(),
        max: max.max(1),
        done: false,
    }
}

impl Iterator for Fragments {
    type Item = Fragment;

    fn next(&mut self) -> Option<Fragment> {
        if self.done {
            return None;
        }
        let mut flags = 0;
        let data = if let Some(timestamp) = self.timestamp.take() {
            flags |= FRAME_START | if self.keyframe { KEY_FRAME_START } else { 0 };
            let mut plaintext = BytesMut::with_capacity(self.max.min(TIMESTAMP_LEN + self.rest.len()));
            plaintext.put_u64(timestamp);
            if self.max < TIMESTAMP_LEN {
                // Too small to hold the timestamp: join first, cut afterwards.
                plaintext.put_slice(&self.rest);
                self.rest = plaintext.freeze();
                self.rest.split_to(self.max)
            } else {
                let first = self.rest.split_to(self.rest.len().min(self.max - TIMESTAMP_LEN));
                plaintext.put_slice(&first);
                plaintext.freeze()
            }
        } else {
            self.rest.split_to(self.rest.len().min(self.max))
        };
        if self.rest.is_empty() {
            flags |= FRAME_END;
            self.done = true;
        }
        Some(Fragment { flags, data })
    }
}

/// `timestamp` in units of 1/`clock_rate` s, modulo 2³² as RTP wants it (RFC 3550 §5.1). The random
/// offset of a track is the sender's to add.
#[must_use]
pub fn rtp_timestamp(timestamp: Duration, clock_rate: u32) -> u32 {
    let ticks = timestamp.as_nanos() * u128::from(clock_rate) / 1_000_000_000;
    // Wraps on purpose.
    ticks as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Frame {
        Frame { timestamp: Duration::from_millis(40), keyframe: true, data: vec![7; len].into() }
    }

    #[test]
    fn flags_and_sizes() {
        let parts: Vec<_> = fragment(&frame(20), 10).collect();
        assert_eq!(parts.iter().map(|part| part.data.len()).collect::<Vec<_>>(), [10, 10, 8]);
        assert_eq!(
            parts.iter().map(|part| part.flags).collect::<Vec<_>>(),
            [KEY_FRAME_START | FRAME_START, 0, FRAME_END]
        );
        assert_eq!(parts.iter().map(|part| part.marker(Kind::Video)).collect::<Vec<_>>(), [false, false, true]);
        assert!(!parts[2].marker(Kind::Audio));
    }

    #[test]
    fn an_exact_fit_has_no_empty_tail() {
        assert_eq!(fragment(&frame(12), 10).count(), 2);
        assert_eq!(fragment(&frame(0), 8).count(), 1);
        assert_eq!(fragment(&frame(3), 0).count(), 11, "a limit of nothing counts as one byte");
    }

    #[test]
    fn rtp_time_wraps() {
        assert_eq!(rtp_timestamp(Duration::from_millis(40), 90_000), 3_600);
        assert_eq!(rtp_timestamp(Duration::from_secs(47_721), 90_000), 4_294_890_000);
        assert_eq!(rtp_timestamp(Duration::from_secs(47_722), 90_000), 4_294_980_000u64 as u32);
        let _ = rtp_timestamp(Duration::MAX, u32::MAX);
    }
}
