//! The speaker's side of a track.

use std::fmt;

use bytes::Bytes;
use sframe::frame::{FrameCounter, MediaFrameView};
use sframe::key::EncryptionKey;
use waterfall_wire::{Ctr, Kid, SigningKey};

use super::group::{self, Entry};
use super::{MAX_DATA, MAX_GROUP, MAX_GROUP_BYTES, SIGNED, SUITE, TRAILER, TrackContext, metadata};
use crate::EpochKey;

/// A sealed packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its number in the track.
    pub ctr: Ctr,
    /// What goes into the RTP packet.
    pub payload: Bytes,
    /// Whether it ends a group and carries its signature.
    pub signed: bool,
}

/// Why a packet is not sealed. Nothing was used up: the next packet gets the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// More than [`MAX_DATA`].
    #[error("more data than a packet holds")]
    TooLong,
    /// [`SIGNED`] was set by the caller.
    #[error("a flag was set that is not the caller's")]
    ReservedFlag,
    /// All counters are used; a nonce must never come twice. The track needs a new start.
    #[error("the track has used up its counters and must be started anew")]
    Exhausted,
    /// The cipher refused.
    #[error("the cipher failed")]
    Cipher,
}

/// Seals and signs the packets of one start of a track.
pub struct TrackSealer {
    key: EncryptionKey,
    signer: SigningKey,
    context: TrackContext,
    next: Ctr,
    /// The packets since the last signature, of which there are fewer than [`MAX_GROUP`].
    group: Vec<Entry>,
    group_bytes: usize,
}

impl TrackSealer {
    /// A sealer that begins with counter 0.
    ///
    /// `start` must have been drawn at random for this very sealer: with the same epoch key,
    /// speaker, `kid` and `start`, two sealers would encrypt different data with the same nonces,
    /// which breaks AES-GCM altogether.
    #[must_use]
    pub fn new(key: &EpochKey, speaker: &SigningKey, kid: Kid, start: [u8; 16]) -> Self {
        let context = TrackContext::new(key, speaker.node_id(), kid, start);
        let base_key = key.media(&context.speaker, kid, &start);
        let key = EncryptionKey::derive_from(SUITE, u64::from(kid.0), &*base_key)
            .expect("the suite is built in and its key lengths fit HKDF");
        Self { key, signer: speaker.clone(), context, next: 0, group: Vec::new(), group_bytes: 0 }
    }

    /// The counter of the next packet; once the track has ended, how many it had.
    #[must_use]
    pub fn next_ctr(&self) -> Ctr {
        self.next
    }

    /// How many packets wait for a signature. Nobody plays them before it comes, so the last
    /// packet of a track must be sealed with `sign`.
    #[must_use]
    pub fn unsigned(&self) -> usize {
        self.group.len()
    }

    /// Seals a packet. `timestamp` and `marker` are the RTP header's (RFC 3550), which must reach
    /// the opener unchanged. `sign` ends the group; so does a group that has grown to
    /// [`MAX_GROUP`] packets or [`MAX_GROUP_BYTES`].
    ///
    /// # Errors
    /// [`SealError`]; no counter is used up then.
    pub fn seal(
        &mut self,
        flags: u8,
        timestamp: u32,
        marker: bool,
        data: &[u8],
        sign: bool,
    ) -> Result<Sealed, SealError> {
        if data.len() > MAX_DATA {
            return Err(SealError::TooLong);
        }
        if flags & SIGNED != 0 {
            return Err(SealError::ReservedFlag);
        }
        let ctr = self.next;
        if ctr == Ctr::MAX {
            return Err(SealError::Exhausted);
        }
        let full = self.group.len() + 1 >= usize::from(MAX_GROUP)
            || self.group_bytes + data.len() > MAX_GROUP_BYTES - MAX_DATA;
        let signed = sign || full;
        let flags = if signed { flags | SIGNED } else { flags };
        let metadata = metadata(flags, timestamp, marker);

        // The frame comes out as `metadata ‖ SFrame ciphertext`. Of the metadata only the flags
        // travel, so its last byte is made to hold them and the rest is cut off.
        let mut frame = Vec::with_capacity(data.len() + super::OVERHEAD + metadata.len());
        MediaFrameView::try_with_meta_data(&mut Fixed(ctr), data, &metadata)
            .and_then(|view| view.encrypt_into(&self.key, &mut frame).map(|_| ()))
            .map_err(|_| SealError::Cipher)?;
        self.next += 1;
        self.group.push(group::entry(&metadata, &frame[metadata.len()..]));
        self.group_bytes += data.len();
        frame[metadata.len() - 1] = flags;
        if signed {
            self.append_trailer(ctr, &mut frame);
        }
        Ok(Sealed { ctr, payload: Bytes::from(frame).slice(metadata.len() - 1..), signed })
    }

    fn append_trailer(&mut self, last: Ctr, frame: &mut Vec<u8>) {
        let count = u16::try_from(self.group.len()).expect("a group is closed when it reaches MAX_GROUP");
        let signature = group::sign(&self.context, last, &self.group, &self.signer);
        frame.reserve_exact(TRAILER);
        frame.extend_from_slice(&count.to_be_bytes());
        frame.extend_from_slice(&signature);
        self.group.clear();
        self.group_bytes = 0;
    }
}

impl fmt::Debug for TrackSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackSealer").field("kid", &self.context.kid).field("next", &self.next).finish_non_exhaustive()
    }
}

/// Hands SFrame the counter that was chosen for a packet.
struct Fixed(Ctr);

impl FrameCounter for Fixed {
    type Error = std::convert::Infallible;

    fn try_next(&mut self) -> Result<Ctr, Self::Error> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use waterfall_wire::{Epoch, RoomId};

    use super::*;
    use crate::RoomKey;
    use crate::media::TrackOpener;

    #[test]
    fn counters_end_and_never_wrap() {
        let epoch = EpochKey::derive(&RoomKey::from_bytes([1; 32]), &RoomId([2; 32]), Epoch(0));
        let speaker = SigningKey::from_bytes(&[3; 32]);
        let kid = Kid::new(&speaker.node_id(), 0);
        let mut sealer = TrackSealer::new(&epoch, &speaker, kid, [4; 16]);
        let mut opener = TrackOpener::new(&epoch, speaker.node_id(), kid, [4; 16]);
        sealer.next = Ctr::MAX - 1;
        let last = sealer.seal(1, 2, true, b"last", true).unwrap();
        assert_eq!(last.ctr, Ctr::MAX - 1);
        assert!(last.payload.len() == b"last".len() + super::super::OVERHEAD, "the longest header there is");
        for _ in 0..3 {
            assert_eq!(sealer.seal(1, 2, true, b"beyond", true), Err(SealError::Exhausted));
        }
        assert_eq!(opener.open(2, true, &last.payload).unwrap()[0].data, "last");
        assert_eq!(opener.open(2, true, &last.payload), Err(crate::media::OpenError::Duplicate));
    }
}
