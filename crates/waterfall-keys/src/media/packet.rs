//! The layout of a payload, readable without any key.

use sframe::header::SframeHeader;
use waterfall_wire::{Ctr, Kid};

use super::{MAX_DATA, MAX_GROUP, MAX_HEADER, SIGNED, TAG, TRAILER};

/// A payload's parts: `flags ‖ SFrame header ‖ ciphertext ‖ tag [‖ count ‖ signature]`.
///
/// Nothing in it is authenticated yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The flags, [`SIGNED`] included.
    pub flags: u8,
    /// Which track.
    pub kid: Kid,
    /// Which packet of the track.
    pub ctr: Ctr,
    /// The SFrame ciphertext (RFC 9605 §4.2): header, ciphertext and tag.
    pub sframe: &'a [u8],
    /// What follows if [`SIGNED`] is set.
    pub trailer: Option<Trailer>,
}

/// The end of a signed packet: `count (2, big endian) ‖ Ed25519 signature (64)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// How many packets the signature covers, this one the last of them; 1 to [`MAX_GROUP`].
    pub count: u16,
    /// The speaker's signature.
    pub signature: [u8; 64],
}

/// A payload that no speaker sends: cut, too long, with a KID above 32 bits, with an SFrame header
/// that is not in its shortest form, or with an impossible count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media packet is malformed")]
pub struct ParseError;

/// Takes a payload apart. Allocates nothing, never panics.
///
/// # Errors
/// [`ParseError`] when it is no payload.
pub fn parse(payload: &[u8]) -> Result<Packet<'_>, ParseError> {
    let (&flags, rest) = payload.split_first().ok_or(ParseError)?;
    let (sframe, trailer) = if flags & SIGNED == 0 {
        (rest, None)
    } else {
        let (sframe, trailer) = rest.split_last_chunk::<TRAILER>().ok_or(ParseError)?;
        (sframe, Some(trailer))
    };
    let header = SframeHeader::deserialize(sframe).map_err(|_| ParseError)?;
    let kid = u32::try_from(header.key_id()).map(Kid).map_err(|_| ParseError)?;
    let ctr = header.counter();
    // One packet, one form: a longer spelling of the same numbers is refused. The last counter is
    // never sent, so that 'one past it' is always a number.
    let shortest = SframeHeader::new(header.key_id(), ctr).len();
    let body = sframe.len().checked_sub(header.len() + TAG).ok_or(ParseError)?;
    if header.len() != shortest || shortest > MAX_HEADER || body > MAX_DATA || ctr == Ctr::MAX {
        return Err(ParseError);
    }
    let trailer = trailer.map(|bytes| parse_trailer(bytes, ctr)).transpose()?;
    Ok(Packet { flags, kid, ctr, sframe, trailer })
}

fn parse_trailer(bytes: &[u8; TRAILER], ctr: Ctr) -> Result<Trailer, ParseError> {
    let [high, low, signature @ ..] = bytes;
    let count = u16::from_be_bytes([*high, *low]);
    if count == 0 || count > MAX_GROUP || u64::from(count) > ctr + 1 {
        return Err(ParseError);
    }
    Ok(Trailer { count, signature: *signature })
}
