//! What the DHT stores: signed, sealed, dated bytes under a name that follows from who writes them.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::{
    DecodeError, NodeId, PROTOCOL_VERSION, RecordKey, SignatureError, SigningKey, UnixMillis, Wire, decode, encode,
};

/// How far ahead of the reader's clock a record may be dated: 5 minutes in milliseconds.
pub const MAX_CLOCK_AHEAD: u64 = 5 * 60 * 1000;

const KEY_DOMAIN: &[u8] = b"waterfall/record/1";
const SIGNATURE_DOMAIN: &[u8] = b"waterfall/envelope/1";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum RecordKind {
    /// A room's constitution; sealed under the locator.
    #[n(1)]
    Charter,
    /// Where to enter; sealed under the locator.
    #[n(2)]
    Entry,
    /// The room key under its access; sealed under the locator.
    #[n(3)]
    KeyChunk,
    /// A participant with children; sealed under the epoch key.
    #[n(4)]
    Node,
    /// An offer or answer that waits for its recipient; sealed under the epoch key.
    #[n(5)]
    Letter,
    /// Whose OpenPGP key made the room; sealed under the locator.
    #[n(6)]
    Owner,
    /// Who has written letters to a node; sealed under the epoch key.
    #[n(7)]
    Doorbell,
}

impl RecordKind {
    /// Every kind, for storages that keep a budget for each.
    pub const ALL: [Self; 7] =
        [Self::Charter, Self::Entry, Self::KeyChunk, Self::Node, Self::Letter, Self::Owner, Self::Doorbell];

    /// The kind's number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Charter => 1,
            Self::Entry => 2,
            Self::KeyChunk => 3,
            Self::Node => 4,
            Self::Letter => 5,
            Self::Owner => 6,
            Self::Doorbell => 7,
        }
    }

    /// Most bytes of a whole envelope of this kind.
    #[must_use]
    pub const fn max_len(self) -> usize {
        match self {
            Self::Charter | Self::Node | Self::Letter => 4 * 1024,
            Self::Entry => 2 * 1024,
            Self::Doorbell => 1024,
            Self::KeyChunk | Self::Owner => 8 * 1024,
        }
    }

    /// Longest life of a record of this kind, in milliseconds.
    #[must_use]
    pub const fn max_life(self) -> u64 {
        const MINUTE: u64 = 60_000;
        match self {
            Self::Charter | Self::Owner => 7 * 24 * 60 * MINUTE,
            Self::Entry | Self::Node => 10 * MINUTE,
            Self::KeyChunk => 48 * 60 * MINUTE,
            Self::Letter | Self::Doorbell => 2 * MINUTE,
        }
    }
}

/// Tells records of one writer apart. Derived from a secret of the room, so that a stranger who
/// knows the writer's key cannot name the record.
pub type Salt = [u8; 16];

/// All of an envelope but its signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// [`PROTOCOL_VERSION`].
    #[n(0)]
    pub version: u8,
    /// What it holds.
    #[n(1)]
    pub kind: RecordKind,
    /// The Ed25519 key that signs.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub write_key: [u8; 32],
    /// See [`Salt`].
    #[cbor(n(3), with = "minicbor::bytes")]
    pub salt: Salt,
    /// When it was written; of two records under one key the later one counts.
    #[n(4)]
    pub seq: UnixMillis,
    /// When it stops counting.
    #[n(5)]
    pub not_after: UnixMillis,
    /// The sealed record.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub ciphertext: Vec<u8>,
}

impl Header {
    /// Where the record lies in the DHT.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        record_key(&self.write_key, &self.salt)
    }
}

/// Where a writer's record with this salt lies.
#[must_use]
pub fn record_key(write_key: &[u8; 32], salt: &Salt) -> RecordKey {
    RecordKey(Sha256::new().chain_update(KEY_DOMAIN).chain_update(write_key).chain_update(salt).finalize().into())
}

impl Wire for Header {
    const NAME: &'static str = "envelope header";
    const MAX_LEN: usize = 8 * 1024;
    const VERSIONED: bool = true;
}

/// A record as it is stored and carried.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    #[cbor(n(0), with = "minicbor::bytes")]
    header: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Envelope {
    const NAME: &'static str = "envelope";
    const MAX_LEN: usize = 8 * 1024;
}

/// Why an envelope does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its signature is not the write key's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It is longer than its kind may be.
    #[error("the record is longer than its kind allows")]
    TooLong,
    /// It is past its `not_after`.
    #[error("the record has expired")]
    Expired,
    /// It is dated more than [`MAX_CLOCK_AHEAD`] after now.
    #[error("the record is dated in the future")]
    Future,
    /// It claims a longer life than its kind may have.
    #[error("the record claims too long a life")]
    LivesTooLong,
    /// It lies under a key that is not its own.
    #[error("the record lies under a foreign key")]
    WrongKey,
}

impl Envelope {
    /// Most bytes that an envelope adds to its ciphertext: the other header fields and the signature.
    pub const OVERHEAD: usize = 145;

    /// Signs a header. `key` must be the secret half of `header.write_key`.
    #[must_use]
    pub fn sign(header: &Header, key: &SigningKey) -> Self {
        debug_assert_eq!(header.write_key, key.public(), "an envelope is signed by its write key");
        debug_assert_eq!(header.version, PROTOCOL_VERSION);
        let header = encode(header);
        let signature = key.sign(SIGNATURE_DOMAIN, &header);
        Self { header, signature }
    }

    /// Checks everything that can be checked without the room's secrets: layout, size, dates,
    /// signature over the bytes as received, and that it lies where it belongs.
    ///
    /// `at` is the key under which the bytes were found, `now` the reader's clock.
    ///
    /// # Errors
    /// The first [`EnvelopeError`] found; the signature is checked last, being the dearest.
    pub fn open(bytes: &[u8], at: &RecordKey, now: UnixMillis) -> Result<Header, EnvelopeError> {
        let envelope: Self = decode(bytes)?;
        let header: Header = decode(&envelope.header)?;
        if bytes.len() > header.kind.max_len() {
            return Err(EnvelopeError::TooLong);
        }
        if header.record_key() != *at {
            return Err(EnvelopeError::WrongKey);
        }
        if header.seq > now.plus(MAX_CLOCK_AHEAD) {
            return Err(EnvelopeError::Future);
        }
        if header.not_after <= now {
            return Err(EnvelopeError::Expired);
        }
        if header.not_after > header.seq.plus(header.kind.max_life()) {
            return Err(EnvelopeError::LivesTooLong);
        }
        NodeId(header.write_key).verify(SIGNATURE_DOMAIN, &envelope.header, &envelope.signature)?;
        Ok(header)
    }
}
