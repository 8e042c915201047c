//! What every key chunk's OpenPGP message holds, and how it is read.

use std::io::Write;

use openpgp::Packet;
use openpgp::crypto::SessionKey;
use openpgp::parse::{Dearmor, PacketParser, PacketParserBuilder, PacketParserResult, Parse};
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message};
use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use sequoia_openpgp as openpgp;
use waterfall_wire::MAX_CHUNK_MESSAGE;

use crate::RoomKey;

const MAGIC: &[u8; 20] = b"waterfall/room-key/1";
/// What messages are encrypted with.
pub(crate) const CIPHER: SymmetricAlgorithm = SymmetricAlgorithm::AES256;
/// With what mode, where the reader knows any.
pub(crate) const AEAD: AEADAlgorithm = AEADAlgorithm::OCB;

/// Most packets inside of the encrypted data.
const MAX_PACKETS: usize = 16;
/// Longest packet that is taken into memory at once, in bytes.
const MAX_PACKET: u32 = MAX_CHUNK_MESSAGE as u32;
/// Largest SEIPD chunk that is accepted, in bytes: more would be buffered for nothing.
pub(crate) const MAX_AEAD_CHUNK: u64 = 64 * 1024;

/// A message that does not hold a room key in the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The two versions of encrypted data (RFC 9580 §5.13), and how each says that it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encrypted {
    /// Version 1: a modification detection code at the end.
    Mdc,
    /// Version 2: an AEAD mode.
    Aead,
}

/// Writes `locks` (packets that hold the session key), and the room key encrypted under it.
pub(crate) fn write(
    key: &RoomKey,
    locks: &[Packet],
    session: SessionKey,
    encrypted: Encrypted,
) -> openpgp::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut message = Message::new(&mut bytes);
    for lock in locks {
        openpgp::serialize::Serialize::serialize(lock, &mut message)?;
    }
    let encryptor = Encryptor::with_session_key(message, CIPHER, session)?;
    let encryptor = match encrypted {
        Encrypted::Mdc => encryptor,
        Encrypted::Aead => encryptor.aead_algo(AEAD),
    };
    let mut literal = LiteralWriter::new(encryptor.build()?).build()?;
    literal.write_all(MAGIC)?;
    literal.write_all(&*key.to_bytes())?;
    literal.finalize()?;
    Ok(bytes)
}

/// The packets of a message: binary only, one by one.
pub(crate) fn packets(message: &[u8]) -> openpgp::Result<PacketParserResult<'_>> {
    PacketParserBuilder::from_bytes(message)?.dearmor(Dearmor::Disabled).max_packet_size(MAX_PACKET).build()
}

/// Reads the literal packet in data that was just decrypted, and to the end of everything: only the
/// end proves that nothing was cut off.
pub(crate) fn read(decrypted: PacketParser<'_>, encrypted: Encrypted) -> Result<RoomKey, Malformed> {
    let mut next = decrypted.recurse().map_err(malformed)?.1;
    let mut key = None;
    let mut is_whole = encrypted == Encrypted::Aead;
    let mut packets = 0;
    while let PacketParserResult::Some(mut parser) = next {
        packets += 1;
        if packets > MAX_PACKETS {
            return Err(Malformed);
        }
        // Depth 1: directly in the encrypted data. A second literal, or one beside it, is none of ours.
        let is_inside = parser.recursion_depth() == 1;
        match &parser.packet {
            Packet::Literal(_) if key.is_none() && is_inside => {
                key = Some(parse_literal(parser.buffer_unread_content().map_err(malformed)?)?);
            }
            Packet::Padding(_) => {}
            #[allow(deprecated, reason = "the one thing that makes version 1 whole")]
            Packet::MDC(code) if encrypted == Encrypted::Mdc && !is_whole && is_inside && code.valid() => {
                is_whole = true;
            }
            _ => return Err(Malformed),
        }
        next = parser.next().map_err(malformed)?.1;
    }
    key.filter(|_| is_whole).ok_or(Malformed)
}

fn parse_literal(body: &[u8]) -> Result<RoomKey, Malformed> {
    let key = body.strip_prefix(MAGIC).and_then(|key| <[u8; 32]>::try_from(key).ok());
    key.map(RoomKey::from_bytes).ok_or(Malformed)
}

/// AES with an AEAD mode of RFC 9580: nothing else is worth its code here.
pub(crate) fn is_known(cipher: SymmetricAlgorithm, aead: AEADAlgorithm) -> bool {
    is_aes(cipher) && matches!(aead, AEADAlgorithm::EAX | AEADAlgorithm::OCB | AEADAlgorithm::GCM)
}

pub(crate) fn is_aes(cipher: SymmetricAlgorithm) -> bool {
    use SymmetricAlgorithm::{AES128, AES192, AES256};
    matches!(cipher, AES128 | AES192 | AES256)
}

/// The library's reasons are not for users, and would tell apart what must look alike.
pub(crate) fn malformed<E>(_: E) -> Malformed {
    Malformed
}
