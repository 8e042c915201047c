//! The room key under a password, as an OpenPGP message (RFC 9580).
//!
//! Written: one version 6 SKESK packet (§5.3.2) with Argon2id S2K (§3.7.1.4), AES-256 and OCB; one
//! version 2 SEIPD packet (§5.13.2) with the same; in it one literal packet (§5.9), binary, without
//! name or date, that holds `"waterfall/room-key/1" (20) ‖ room key (32)`. Any implementation of
//! RFC 9580 opens it with the password.
//!
//! Read: the same with any AES or AEAD mode of RFC 9580, up to four SKESK packets of which one must
//! open, PKESK, marker and padding packets passed over. Anything else is refused: other S2Ks,
//! compression, signatures, nesting, ASCII armor. Costs are summed up and compared with caps
//! before the first derivation.

use openpgp::crypto::{S2K, SessionKey};
use openpgp::packet::skesk::SKESK6;
use openpgp::packet::{SEIP, SKESK};
use openpgp::parse::PacketParserResult;
use openpgp::{Packet, crypto};
use sequoia_openpgp as openpgp;
use waterfall_wire::MAX_CHUNK_MESSAGE;
use zeroize::Zeroizing;

use crate::content::{self, AEAD, CIPHER, Encrypted, MAX_AEAD_CHUNK, Malformed, is_known, malformed};
use crate::{Password, RoomKey, random};

/// Length of the tag of every AEAD mode in RFC 9580 (§9.6), in bytes.
const AEAD_TAG: usize = 16;

/// Most SKESK packets that are looked at; a message with more is refused.
const MAX_PASSWORD_PACKETS: usize = 4;
/// Most packets of a message, whatever they are.
const MAX_PACKETS: usize = 16;

/// Most memory for a derivation, as the exponent of a power of two in KiB: 256 MiB.
pub const MAX_MEMORY_EXPONENT: u8 = 18;
/// Most passes of a derivation.
pub const MAX_PASSES: u8 = 10;
/// Most lanes of a derivation.
pub const MAX_LANES: u8 = 16;
/// Most work that one message may ask for, in KiB times passes, over all its SKESK packets.
const MAX_WORK: u64 = (1 << MAX_MEMORY_EXPONENT) * MAX_PASSES as u64;

/// What guessing at a password costs (Argon2id, RFC 9106).
///
/// The default is RFC 9106's second recommended option (§4): 64 MiB, 3 passes, 4 lanes; about half
/// a second on a laptop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Params {
    memory_exponent: u8,
    passes: u8,
    lanes: u8,
}

impl Argon2Params {
    /// `2^memory_exponent` KiB of memory, this many passes over it, in this many lanes.
    ///
    /// Less memory or fewer passes than the default make every guess at the password cheaper.
    ///
    /// # Errors
    /// [`ChunkError::TooExpensive`] beyond the caps that every reader has ([`MAX_MEMORY_EXPONENT`],
    /// [`MAX_PASSES`], [`MAX_LANES`]); [`ChunkError::Malformed`] when there is no pass, no lane, or
    /// less memory than the 8 KiB that RFC 9106 wants for each lane.
    pub fn new(memory_exponent: u8, passes: u8, lanes: u8) -> Result<Self, ChunkError> {
        if memory_exponent > MAX_MEMORY_EXPONENT || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err(ChunkError::TooExpensive);
        }
        if passes == 0 || lanes == 0 || (1_u32 << memory_exponent) < 8 * u32::from(lanes) {
            return Err(ChunkError::Malformed);
        }
        Ok(Self { memory_exponent, passes, lanes })
    }

    fn work(self) -> u64 {
        (1 << self.memory_exponent) * u64::from(self.passes)
    }
}

impl Default for Argon2Params {
    fn default() -> Self {
        Self { memory_exponent: 16, passes: 3, lanes: 4 }
    }
}

/// Why a key chunk's message is not written or gives no room key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The message is sound as far as can be seen, but this password does not open it.
    #[error("the password is wrong")]
    WrongPassword,
    /// The message is no OpenPGP message of the expected form, or was altered.
    #[error("the key chunk is malformed")]
    Malformed,
    /// It asks for more work than any honest one would.
    #[error("the key chunk asks for more memory or time than is granted to a password")]
    TooExpensive,
    /// It uses a way of locking that this build does not know.
    #[error("the key chunk is locked in a way that this version does not know")]
    Unsupported,
    /// The memory for deriving the key from the password could not be had.
    #[error("there is not enough memory to derive a key from the password")]
    OutOfMemory,
}

/// Locks a room key with a password. The result fits a [`waterfall_wire::KeyChunk`].
///
/// Takes as long as `params` ask for; keep it off threads that must not block.
///
/// # Errors
/// [`ChunkError::OutOfMemory`] when the memory that `params` ask for cannot be had.
///
/// # Panics
/// On a system that has no randomness.
pub fn seal_password(key: &RoomKey, password: &Password, params: Argon2Params) -> Result<Vec<u8>, ChunkError> {
    let s2k = S2K::Argon2 { salt: random(), t: params.passes, p: params.lanes, m: params.memory_exponent };
    let session: SessionKey = Zeroizing::new(random::<32>()).as_slice().into();
    // All parameters are ours and valid, so the derivation's memory is the only thing to fail.
    let skesk = SKESK6::with_password(CIPHER, CIPHER, AEAD, s2k, &session, &openpgp_password(password))
        .map_err(|_| ChunkError::OutOfMemory)?;
    let message = content::write(key, &[skesk.into()], session, Encrypted::Aead);
    Ok(message.expect("writing a small message into memory does not fail"))
}

/// Unlocks a room key with a password.
///
/// Takes as long as the message asks for, within the caps (at most as long as one derivation with
/// 256 MiB and 10 passes); keep it off threads that must not block.
///
/// # Errors
/// [`ChunkError`]; costs are checked before anything is derived. Never panics; takes no more
/// memory than the caps and a few times the message's length.
pub fn open_password(message: &[u8], password: &Password) -> Result<RoomKey, ChunkError> {
    if message.len() > MAX_CHUNK_MESSAGE {
        return Err(ChunkError::Malformed);
    }
    let mut locks = Vec::new();
    let mut packets = 0;
    let mut next = content::packets(message).map_err(malformed)?;
    // Everything before the encrypted data says how to open it.
    while let PacketParserResult::Some(mut parser) = next {
        packets += 1;
        if packets > MAX_PACKETS {
            return Err(ChunkError::Malformed);
        }
        match &parser.packet {
            Packet::SKESK(SKESK::V6(lock)) => locks.push(lock.clone()),
            Packet::SKESK(_) => return Err(ChunkError::Unsupported),
            Packet::PKESK(_) | Packet::Marker(_) | Packet::Padding(_) => {}
            Packet::SEIP(SEIP::V2(data)) => {
                let key_len = data.symmetric_algo().key_size().map_err(|_| ChunkError::Unsupported)?;
                if !is_known(data.symmetric_algo(), data.aead()) || data.chunk_size() > MAX_AEAD_CHUNK {
                    return Err(ChunkError::Unsupported);
                }
                let session = open_locks(&locks, key_len, password)?;
                parser.decrypt(None, &session).map_err(malformed)?;
                return Ok(content::read(parser, Encrypted::Aead)?);
            }
            Packet::SEIP(_) => return Err(ChunkError::Unsupported),
            _ => return Err(ChunkError::Malformed),
        }
        next = parser.next().map_err(malformed)?.1;
    }
    Err(ChunkError::Malformed)
}

/// Tries the password on each lock, once all of them are known to be affordable.
fn open_locks(locks: &[SKESK6], key_len: usize, password: &Password) -> Result<SessionKey, ChunkError> {
    if locks.is_empty() {
        return Err(ChunkError::Unsupported);
    }
    if locks.len() > MAX_PASSWORD_PACKETS {
        return Err(ChunkError::TooExpensive);
    }
    let mut work = 0;
    for lock in locks {
        let &S2K::Argon2 { t, p, m, .. } = lock.s2k() else { return Err(ChunkError::Unsupported) };
        work += Argon2Params::new(m, t, p)?.work();
        if !is_known(lock.symmetric_algo(), lock.aead_algo()) {
            return Err(ChunkError::Unsupported);
        }
        if lock.esk().len() != key_len + AEAD_TAG {
            return Err(ChunkError::Malformed);
        }
    }
    if work > MAX_WORK {
        return Err(ChunkError::TooExpensive);
    }
    let password = openpgp_password(password);
    for lock in locks {
        match lock.decrypt(&password) {
            Ok(session) => return Ok(session),
            // With form and costs checked, allocating Argon2's memory is the one operation that
            // fails; any other error is the AEAD's verdict on the password.
            Err(error) => {
                if let Some(openpgp::Error::InvalidOperation(_)) = error.downcast_ref() {
                    return Err(ChunkError::OutOfMemory);
                }
            }
        }
    }
    Err(ChunkError::WrongPassword)
}

fn openpgp_password(password: &Password) -> crypto::Password {
    password.reveal().as_bytes().into()
}

impl From<Malformed> for ChunkError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
