//! From a block to its frames: their times, and their canonical form.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::block;
use super::demuxer::{ReadError, malformed};
use super::tracks::Layout;
use crate::codec::Codec;
use crate::frame::{Frame, MAX_FRAME_LEN};

/// A block and what its group says of it.
pub(super) struct Found {
    pub at: u64,
    pub data: Bytes,
    /// In ticks; 0 if nothing says it.
    pub duration: u64,
    /// `None`: the block says it itself.
    pub keyframe: Option<bool>,
}

/// What a block's time counts from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Nanoseconds per tick.
    pub scale: u64,
    /// In ticks.
    pub cluster: u64,
}

impl Clock {
    /// Ticks as time; negative counts as 0, and times stop at 584 years.
    fn time(self, ticks: i128) -> Duration {
        let nanos = ticks.max(0).saturating_mul(i128::from(self.scale));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Layout {
    /// The frames of a block of this track.
    pub(super) fn frames(&self, found: Found, clock: Clock) -> Result<Vec<Frame>, ReadError> {
        let block = block::parse(found.data).map_err(|what| malformed(found.at, what))?;
        let flagged = found.keyframe.unwrap_or(block.keyframe);
        let mut time = clock.time(i128::from(clock.cluster) + i128::from(block.time));
        let share = clock.time(i128::from(found.duration)) / block.frames.len() as u32;
        let mut frames = Vec::with_capacity(block.frames.len());
        for data in block.frames {
            // Empty: a frame that the encoder dropped.
            if data.is_empty() && self.stripped.is_empty() {
                continue;
            }
            let frame = self.frame(time, flagged, data);
            check_len(&frame, found.at)?;
            let lasts = match (self.frame_duration, self.codec.frame_duration(&frame.data)) {
                (Duration::ZERO, Some(of_packet)) => of_packet,
                (Duration::ZERO, None) => share,
                (default, _) => default,
            };
            time = time.saturating_add(lasts);
            frames.push(frame);
        }
        Ok(frames)
    }

    /// A frame as it is on its way: what the file left out is put back, and the form is canonical.
    fn frame(&self, timestamp: Duration, flagged: bool, data: Bytes) -> Frame {
        let data = if self.stripped.is_empty() {
            data
        } else {
            let mut whole = BytesMut::with_capacity(self.stripped.len() + data.len());
            whole.extend_from_slice(&self.stripped);
            whole.extend_from_slice(&data);
            whole.freeze()
        };
        let data = self.codec.canonical(data, self.framing);
        // The flag tells more than the bytes where decoding can start at a recovery point (H.264), or
        // where the sequence header is only in the codec private data (AV1).
        let by_flag = flagged && matches!(self.codec, Codec::H264 | Codec::Av1);
        Frame { timestamp, keyframe: by_flag || self.codec.is_keyframe(&data), data }
    }
}

/// Refuses a frame that no receiver would put together.
pub(super) fn check_len(frame: &Frame, at: u64) -> Result<(), ReadError> {
    let (len, limit) = (frame.data.len() as u64, MAX_FRAME_LEN as u64);
    if len > limit { Err(ReadError::TooLarge { what: "a frame", at, len, limit }) } else { Ok(()) }
}
