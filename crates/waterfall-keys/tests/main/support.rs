//! Fixed keys and small values that the tests share.

use waterfall_keys::chunk::Argon2Params;
use waterfall_keys::{EpochKey, RoomKey, TrackOpener, TrackSealer};
use waterfall_wire::{Epoch, Kid, RoomId, SigningKey};

pub(crate) fn room() -> RoomId {
    RoomId([0x52; 32])
}

pub(crate) fn epoch_key() -> EpochKey {
    EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &room(), Epoch(7))
}

pub(crate) fn node(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub(crate) const START: [u8; 16] = [0xa5; 16];

pub(crate) fn kid() -> Kid {
    Kid::new(&node(1).node_id(), 0)
}

/// A speaker's sealer, and an opener of the same track.
pub(crate) fn track() -> (TrackSealer, TrackOpener) {
    let (key, speaker) = (epoch_key(), node(1));
    (TrackSealer::new(&key, &speaker, kid(), START), TrackOpener::new(&key, speaker.node_id(), kid(), START))
}

/// The least that Argon2 allows: the tests are not about how long a derivation takes.
pub(crate) fn cheap() -> Argon2Params {
    Argon2Params::new(3, 1, 1).unwrap()
}

/// The input with one byte changed, for each byte in turn.
pub(crate) fn each_byte_flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).map(|at| {
        let mut altered = bytes.to_vec();
        altered[at] ^= 1 << (at % 8);
        (at, altered)
    })
}
