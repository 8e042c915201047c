//! The per-packet media cipher: SFrame (RFC 9605) for secrecy, the speaker's signature for origin.
//!
//! SFrame alone says that a *member* made a packet: every member holds the track's key. Who made it
//! is said by the speaker's Ed25519 signature, which the last packet of each group carries: a
//! video frame, or up to three audio packets. [`TrackOpener`] yields nothing that is not signed.

mod group;
mod opener;
mod packet;
mod sealer;
mod window;

use sframe::CipherSuite;
use waterfall_wire::{Epoch, Kid, NodeId, RoomId};

pub use opener::{OpenError, Opened, Stats, TrackOpener};
pub use packet::{Packet, ParseError, Trailer, parse};
pub use sealer::{SealError, Sealed, TrackSealer};

use crate::EpochKey;

/// RFC 9605 §4.5: suite 4, AES_128_GCM_SHA256_128.
const SUITE: CipherSuite = CipherSuite::AesGcm128Sha256;

/// The bit of a packet's flags that says 'a signature follows'. It belongs to this crate; the
/// other seven are the caller's.
pub const SIGNED: u8 = 0x08;

/// Length of an AES-GCM tag in bytes.
const TAG: usize = 16;
/// Length of the count and the signature at the end of a signed packet, in bytes.
const TRAILER: usize = 2 + 64;
/// Longest SFrame header here, in bytes: the config byte, 4 of KID, 8 of CTR.
const MAX_HEADER: usize = 1 + 4 + 8;

/// Most bytes that a payload is longer than its data: flags, SFrame header, tag, count, signature.
pub const OVERHEAD: usize = 1 + MAX_HEADER + TAG + TRAILER;

/// Most bytes of data in one packet: more than any network carries in a datagram.
pub const MAX_DATA: usize = 16 * 1024;

/// Most packets under one signature. The sealer signs of itself when a group is full, so a large
/// frame is several groups; that way one group always fits an opener's memory.
pub const MAX_GROUP: u16 = 512;

/// Most bytes of data under one signature, for the same reason.
pub const MAX_GROUP_BYTES: usize = 1024 * 1024;

/// Which start of which track: what every signature names beside the packets.
#[derive(Debug, Clone, Copy)]
struct TrackContext {
    room: RoomId,
    epoch: Epoch,
    speaker: NodeId,
    kid: Kid,
    start: [u8; 16],
}

impl TrackContext {
    fn new(key: &EpochKey, speaker: NodeId, kid: Kid, start: [u8; 16]) -> Self {
        Self { room: key.room(), epoch: key.epoch(), speaker, kid, start }
    }
}

/// SFrame's metadata: what is authenticated but travels outside of the SFrame ciphertext.
/// `flags (1) ‖ timestamp (4, big endian) ‖ marker (1: 0 or 1)`.
type Metadata = [u8; 6];

fn metadata(flags: u8, timestamp: u32, marker: bool) -> Metadata {
    let [a, b, c, d] = timestamp.to_be_bytes();
    [flags, a, b, c, d, u8::from(marker)]
}
