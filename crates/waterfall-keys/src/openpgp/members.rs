//! Key chunks of a room whose members are OpenPGP certificates.
//!
//! The room key goes to the members in `2^b` chunks, each one OpenPGP message (RFC 9580). The chunk
//! of a certificate is the first `b` bits of `SHA-256("waterfall/chunk-bucket/1" ‖ fingerprint)`, so
//! everyone knows its own chunk, and that of anyone else, without reading the others. The owner takes
//! the smallest `b` with which every chunk fits its record; a chunk that nobody falls into has an
//! empty message.
//!
//! A message is one PKESK packet (§5.1) for each member, to the newest valid key of the certificate
//! that is for encryption, then encrypted data with the literal packet that a password's chunk has
//! too. Encrypted data is of version 1 with version 3 PKESKs, unless all members of the chunk
//! announce version 2, and then of that with version 6 PKESKs. GnuPG opens it.
//!
//! PKESKs name the keys they are for, so whoever holds the ticket can tell who the members are. Hiding
//! them (§5.1.8) would cost every reader a try on each, and GnuPG 2.2 an error status on the way to the
//! right result. Readers take PKESKs that name nobody all the same. The list of fingerprints beside the
//! message is sealed under the epoch key: members need it to know each other on links, and have that key.

use std::collections::BTreeMap;

use openpgp::Packet;
use openpgp::crypto::mpi::{Ciphertext, PublicKey};
use openpgp::crypto::{Decryptor, KeyPair, SessionKey};
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::packet::pkesk::{PKESK3, PKESK6};
use openpgp::packet::{Key, PKESK, SEIP};
use openpgp::parse::buffered_reader::BufferedReader;
use openpgp::parse::{PacketParser, PacketParserResult};
use openpgp::types::PublicKeyAlgorithm;
use sequoia_openpgp as openpgp;
use sha2::{Digest, Sha256};
use waterfall_wire::{
    DecodeError, Epoch, Fingerprint, KeyChunk, MAX_CHUNK_MESSAGE, Recipients, RoomId, UnixMillis, Wire, decode, encode,
};
use zeroize::Zeroizing;

use super::certificate::EncryptionKey;
use super::{Certificate, KeyError, Reason, SecretKey, Unfit};
use crate::content::{self, Encrypted, MAX_AEAD_CHUNK, is_aes, is_known, malformed};
use crate::{EpochKey, RoomKey, SealKey, UnsealError, random};

const BUCKET_DOMAIN: &[u8] = b"waterfall/chunk-bucket/1";
const RECIPIENTS_DOMAIN: &[u8] = b"waterfall/recipients-seal/1";

/// Most bits of a chunk index: 1 024 chunks.
const MAX_BITS: u32 = 10;
/// Most packets before the encrypted data.
const MAX_PACKETS: usize = 256;
/// Most private-key operations that one message may cost.
const MAX_TRIES: usize = 256;
/// Shortest body of version 1 of encrypted data that is decrypted at all: with AES, the prefix and the
/// modification detection code. The library takes it for granted.
const MIN_MDC_DATA: usize = 18 + 22;
/// Bytes of a message besides its PKESKs, rounded up.
const MESSAGE_OVERHEAD: usize = 192;
/// Bytes of a chunk besides its message and its recipients, rounded up.
const CHUNK_OVERHEAD: usize = SealKey::OVERHEAD + 32;
/// Bytes of a PKESK besides the encrypted session key, rounded up: packet header, version,
/// recipient (a fingerprint in version 6), algorithm.
const PKESK_OVERHEAD: usize = 16;
/// What version 6 takes beyond that.
const PKESK6_OVERHEAD: usize = 26;

/// Why a room key is not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealMembersError {
    /// A room needs a member.
    #[error("no member is named")]
    NoMembers,
    /// A room key cannot be encrypted to one of them.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// They do not fit 1 024 chunks.
    #[error("{count} members are more than fit a room")]
    TooMany {
        /// How many there are.
        count: usize,
    },
}

/// Why a key chunk gives no room key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenMembersError {
    /// The message is not for this key: its holder is no member, or not under this certificate.
    #[error("the room is not open to this key")]
    NotForThisKey,
    /// The key has no open part that is for decryption.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The message is no OpenPGP message of the expected form, or was altered.
    #[error("the key chunk is malformed")]
    Malformed,
}

/// Why a list of recipients is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientsError {
    /// It was not sealed under this epoch's key for this chunk.
    #[error(transparent)]
    Seal(#[from] UnsealError),
    /// What was sealed does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Which of `chunk_count` chunks is a certificate's. `chunk_count` is a power of two up to 1 024, as
/// every charter says it; of another number the next lower power of two counts.
#[must_use]
pub fn chunk_index(fingerprint: &Fingerprint, chunk_count: u16) -> u16 {
    let bits = chunk_count.max(1).ilog2();
    let hash = Sha256::new().chain_update(BUCKET_DOMAIN).chain_update(fingerprint.as_bytes()).finalize();
    let first = u16::from_be_bytes([hash[0], hash[1]]);
    // Shifted as 32 bits: by all 16 for a single chunk.
    u16::try_from(u32::from(first) >> (16 - bits)).expect("no longer than before")
}

/// Seals a room key to members: all chunks of the epoch, in the order of their indices. Members
/// that are named twice count once.
///
/// Costs about 0.1 ms for each member; keep it off threads that must not block.
///
/// # Errors
/// [`SealMembersError`]: one certificate that does not serve is an error, so that nobody is left out
/// without a word. [`Certificate::check_recipient`] tells it of each beforehand.
///
/// # Panics
/// On a system that has no randomness.
pub fn seal(
    key: &RoomKey,
    room: &RoomId,
    epoch: Epoch,
    members: &[Certificate],
    now: UnixMillis,
) -> Result<Vec<KeyChunk>, SealMembersError> {
    let mut keys = BTreeMap::new();
    for (fingerprint, member) in merge(members) {
        keys.insert(fingerprint, member.encryption_key(now)?);
    }
    if keys.is_empty() {
        return Err(SealMembersError::NoMembers);
    }
    let buckets = (0..=MAX_BITS).map(|bits| distribute(&keys, 1 << bits)).find(|all| all.iter().all(|one| fits(one)));
    let buckets = buckets.ok_or(SealMembersError::TooMany { count: keys.len() })?;
    let recipients_seal = EpochKey::derive(key, room, epoch).recipients_seal();
    let chunks = buckets.iter().zip(0..).map(|(bucket, index)| {
        let message = if bucket.is_empty() { Vec::new() } else { message(key, bucket)? };
        let list = Recipients { fingerprints: bucket.iter().map(|(fingerprint, _)| *fingerprint).collect() };
        let recipients = recipients_seal.seal(&recipients_aad(index), &encode(&list));
        Ok(KeyChunk { epoch, index, message, recipients })
    });
    chunks.collect()
}

/// One certificate for each fingerprint, with what all copies know of it: one may tell that the
/// key was revoked.
fn merge(members: &[Certificate]) -> BTreeMap<Fingerprint, Certificate> {
    let mut merged: BTreeMap<Fingerprint, Certificate> = BTreeMap::new();
    for member in members {
        let both = merged.get(&member.fingerprint()).map(|known| known.merged_with(member));
        merged.insert(member.fingerprint(), both.unwrap_or_else(|| member.clone()));
    }
    merged
}

type Bucket<'a> = Vec<(Fingerprint, &'a EncryptionKey)>;

fn distribute(keys: &BTreeMap<Fingerprint, EncryptionKey>, chunk_count: u16) -> Vec<Bucket<'_>> {
    let mut buckets = vec![Bucket::new(); usize::from(chunk_count)];
    for (fingerprint, key) in keys {
        buckets[usize::from(chunk_index(fingerprint, chunk_count))].push((*fingerprint, key));
    }
    buckets
}

fn fits(bucket: &Bucket<'_>) -> bool {
    let more = if encrypted_as(bucket) == Encrypted::Aead { PKESK6_OVERHEAD } else { 0 };
    let message = MESSAGE_OVERHEAD + bucket.iter().map(|(_, key)| pkesk_len(&key.key) + more).sum::<usize>();
    let list: usize = bucket.iter().map(|(fingerprint, _)| fingerprint.as_bytes().len() + 2).sum();
    message <= MAX_CHUNK_MESSAGE && message + list + CHUNK_OVERHEAD <= KeyChunk::MAX_LEN
}

/// The encrypted data that all of a chunk's members can read.
fn encrypted_as(bucket: &Bucket<'_>) -> Encrypted {
    if bucket.iter().all(|(_, key)| key.seipd_v2) { Encrypted::Aead } else { Encrypted::Mdc }
}

/// Most bytes of a PKESK with an AES-256 session key (RFC 9580 §5.1, §11.5).
fn pkesk_len(key: &Key<PublicParts, UnspecifiedRole>) -> usize {
    PKESK_OVERHEAD
        + match key.mpis() {
            PublicKey::RSA { n, .. } => 2 + n.value().len(),
            PublicKey::ECDH { q, .. } => 2 + q.value().len() + 1 + 48,
            PublicKey::X25519 { .. } => 32 + 1 + 1 + 40,
            PublicKey::X448 { .. } => 56 + 1 + 1 + 40,
            other => unreachable!("{:?} is not for encryption, and was not chosen", other.algo()),
        }
}

fn message(key: &RoomKey, bucket: &Bucket<'_>) -> Result<Vec<u8>, SealMembersError> {
    let session: SessionKey = Zeroizing::new(random::<32>()).as_slice().into();
    let encrypted = encrypted_as(bucket);
    let mut locks = Vec::with_capacity(bucket.len());
    for (_, recipient) in bucket {
        let damaged = || Unfit { holder: recipient.holder.clone(), reason: Reason::BadEncryptionKey };
        locks.push(lock(&session, &recipient.key, encrypted).map_err(|_| damaged())?);
    }
    let message = content::write(key, &locks, session, encrypted);
    Ok(message.expect("writing a small message into memory does not fail"))
}

/// A session key for one member.
fn lock(
    session: &SessionKey,
    key: &Key<PublicParts, UnspecifiedRole>,
    encrypted: Encrypted,
) -> openpgp::Result<Packet> {
    Ok(match encrypted {
        Encrypted::Mdc => PKESK3::for_recipient(content::CIPHER, session, key)?.into(),
        Encrypted::Aead => PKESK6::for_recipient(session, key)?.into(),
    })
}

fn recipients_aad(index: u16) -> Vec<u8> {
    [RECIPIENTS_DOMAIN, &index.to_be_bytes()].concat()
}

/// Whose certificates a chunk is for. The caller has checked that the chunk came under the
/// room key pair.
///
/// # Errors
/// [`RecipientsError`]. Never panics.
pub fn recipients(chunk: &KeyChunk, key: &EpochKey) -> Result<Vec<Fingerprint>, RecipientsError> {
    let list = key.recipients_seal().open(&recipients_aad(chunk.index), &chunk.recipients)?;
    Ok(decode::<Recipients>(&list)?.fingerprints)
}

/// Opens the message of a member's chunk ([`chunk_index`] of [`SecretKey::certificate`]).
///
/// Costs a private-key operation for each member in the chunk, at most 256; keep it off threads that
/// must not block.
///
/// # Errors
/// [`OpenMembersError`]. Never panics; takes no more memory than a few times the message's length.
pub fn open(message: &[u8], key: &SecretKey, now: UnixMillis) -> Result<RoomKey, OpenMembersError> {
    if message.len() > MAX_CHUNK_MESSAGE {
        return Err(OpenMembersError::Malformed);
    }
    let mut keys = key.decryption_keys(now);
    if keys.is_empty() {
        key.certificate().check_recipient(now).map_err(KeyError::from)?;
        return Err(if key.has_locked_parts() { KeyError::Locked } else { KeyError::CannotDecrypt }.into());
    }
    if message.is_empty() {
        return Err(OpenMembersError::NotForThisKey);
    }
    let mut locks = Vec::new();
    let mut packets = 0;
    let mut next = content::packets(message).map_err(malformed)?;
    while let PacketParserResult::Some(parser) = next {
        packets += 1;
        if packets > MAX_PACKETS {
            return Err(OpenMembersError::Malformed);
        }
        match &parser.packet {
            Packet::PKESK(lock) => locks.push(lock.clone()),
            // Of a version or algorithm that is not known: for somebody else.
            Packet::Unknown(unknown) if unknown.tag() == openpgp::packet::Tag::PKESK => {}
            Packet::SKESK(_) | Packet::Marker(_) | Packet::Padding(_) => {}
            Packet::SEIP(_) => return open_data(parser, &locks, &mut keys),
            _ => return Err(OpenMembersError::Malformed),
        }
        next = parser.next().map_err(malformed)?.1;
    }
    Err(OpenMembersError::Malformed)
}

fn open_data(mut data: PacketParser<'_>, locks: &[PKESK], keys: &mut [KeyPair]) -> Result<RoomKey, OpenMembersError> {
    let (encrypted, cipher) = match &data.packet {
        Packet::SEIP(SEIP::V1(_)) => {
            data.data_hard(MIN_MDC_DATA).map_err(malformed)?;
            (Encrypted::Mdc, None)
        }
        Packet::SEIP(SEIP::V2(seip)) => {
            if !is_known(seip.symmetric_algo(), seip.aead()) || seip.chunk_size() > MAX_AEAD_CHUNK {
                return Err(OpenMembersError::Malformed);
            }
            (Encrypted::Aead, Some(seip.symmetric_algo()))
        }
        _ => return Err(OpenMembersError::Malformed),
    };
    let mut tries = 0;
    for lock in locks {
        // Each version of encrypted data has its own (RFC 9580 §10.3.2.1).
        let fits = matches!((lock, encrypted), (PKESK::V3(_), Encrypted::Mdc) | (PKESK::V6(_), Encrypted::Aead));
        for key in keys.iter_mut().filter(|key| fits && may_open(lock, key)) {
            tries += 1;
            if tries > MAX_TRIES {
                return Err(OpenMembersError::NotForThisKey);
            }
            let Some((algorithm, session)) = lock.decrypt(&mut Guarded(key), cipher) else { continue };
            let algorithm = algorithm.or(cipher).filter(|algorithm| is_aes(*algorithm));
            if algorithm.is_some() && data.decrypt(algorithm, &session).is_ok() {
                return Ok(content::read(data, encrypted)?);
            }
        }
    }
    Err(OpenMembersError::NotForThisKey)
}

/// Whether a lock may be for this key: its algorithm, and its recipient where it names one.
fn may_open(lock: &PKESK, key: &KeyPair) -> bool {
    #[allow(deprecated, reason = "old keys are of this sort")]
    let is_rsa = |algorithm| matches!(algorithm, PublicKeyAlgorithm::RSAEncryptSign | PublicKeyAlgorithm::RSAEncrypt);
    let (theirs, ours) = (lock.pk_algo(), key.public().pk_algo());
    let algorithm_fits = theirs == ours || (is_rsa(theirs) && is_rsa(ours));
    algorithm_fits && lock.recipient().is_none_or(|recipient| recipient.aliases(key.public().key_handle()))
}

/// A key pair that hands out no empty session key: the library reads its first byte unasked, and
/// whoever writes a message may have put nothing there.
struct Guarded<'a>(&'a mut KeyPair);

impl Decryptor for Guarded<'_> {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        Decryptor::public(&*self.0)
    }

    fn decrypt(&mut self, ciphertext: &Ciphertext, plaintext_len: Option<usize>) -> openpgp::Result<SessionKey> {
        /// An algorithm and a checksum, and a key between them.
        const SHORTEST: usize = 1 + 1 + 2;
        let session = self.0.decrypt(ciphertext, plaintext_len)?;
        if session.len() < SHORTEST {
            return Err(openpgp::Error::InvalidSessionKey("too short".into()).into());
        }
        Ok(session)
    }
}

impl From<content::Malformed> for OpenMembersError {
    fn from(_: content::Malformed) -> Self {
        Self::Malformed
    }
}
