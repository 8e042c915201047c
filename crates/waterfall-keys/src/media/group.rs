//! What a speaker's signature says.

use sha2::{Digest, Sha256};
use waterfall_wire::Ctr;

use super::{Metadata, TrackContext};

const DOMAIN: &[u8] = b"waterfall/media/1";

/// What a signature says of one packet: `metadata (6) ‖ SHA-256(SFrame header ‖ ciphertext ‖ tag) (32)`.
///
/// A hash, not the GCM tag: whoever holds the track's key, and every member does, can make other
/// packets with the same tag (GHASH is linear, and its key is known to key holders).
pub(super) type Entry = [u8; 38];

pub(super) fn entry(metadata: &Metadata, sframe: &[u8]) -> Entry {
    let mut entry = [0; 38];
    let (head, digest) = entry.split_at_mut(metadata.len());
    head.copy_from_slice(metadata);
    digest.copy_from_slice(&Sha256::digest(sframe));
    entry
}

/// The bytes that are signed after [`DOMAIN`]: `room (32) ‖ epoch (4) ‖ start (16) ‖ KID (4) ‖
/// first CTR (8) ‖ last CTR (8) ‖ entries (38 each, in order)`; integers big endian.
fn statement(context: &TrackContext, last: Ctr, entries: &[Entry]) -> Vec<u8> {
    let first = last + 1 - entries.len() as u64;
    let mut statement = Vec::with_capacity(72 + std::mem::size_of_val(entries));
    statement.extend_from_slice(&context.room.0);
    statement.extend_from_slice(&context.epoch.0.to_be_bytes());
    statement.extend_from_slice(&context.start);
    statement.extend_from_slice(&context.kid.0.to_be_bytes());
    statement.extend_from_slice(&first.to_be_bytes());
    statement.extend_from_slice(&last.to_be_bytes());
    statement.extend_from_slice(entries.as_flattened());
    statement
}

pub(super) fn sign(context: &TrackContext, last: Ctr, entries: &[Entry], key: &waterfall_wire::SigningKey) -> [u8; 64] {
    key.sign(DOMAIN, &statement(context, last, entries))
}

/// Whether the speaker signed exactly these packets. `entries` holds at most `last + 1`.
pub(super) fn verify(context: &TrackContext, last: Ctr, entries: &[Entry], signature: &[u8; 64]) -> bool {
    context.speaker.verify(DOMAIN, &statement(context, last, entries), signature).is_ok()
}
