//! Records in one step: encoded, sealed, dated, signed; and back.

use waterfall_wire::{
    DecodeError, Envelope, Header, PROTOCOL_VERSION, RecordKey, RecordKind, Salt, SigningKey, UnixMillis, Wire, decode,
    encode,
};

use crate::{ComposeError, SealKey, UnsealError};

const DOMAIN: &[u8] = b"waterfall/record-seal/1";

/// Why a record is not what its header says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The header names another kind than the one wanted.
    #[error("the record is of another kind")]
    WrongKind,
    /// It was not sealed under this key for this place and date.
    #[error(transparent)]
    Seal(#[from] UnsealError),
    /// What was sealed does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// What the seal binds besides the plaintext, so that no part of a header can be exchanged even by
/// one who may sign: `DOMAIN ‖ version (1) ‖ kind (1) ‖ write key (32) ‖ salt (16) ‖ seq (8, big
/// endian) ‖ not_after (8, big endian)`.
fn aad(kind: RecordKind, write_key: &[u8; 32], salt: &Salt, seq: UnixMillis, not_after: UnixMillis) -> Vec<u8> {
    let dates = [seq.0.to_be_bytes(), not_after.0.to_be_bytes()].concat();
    [DOMAIN, &[PROTOCOL_VERSION, kind.number()], write_key, salt, &dates].concat()
}

/// Encodes, seals and signs a record: the key it belongs under, and the bytes of its envelope.
///
/// The seal must be the one for this kind of record ([`crate::Locator::record_seal`],
/// [`crate::EpochKey::node_seal`]). Whether the dates suit the kind is up to the caller; readers
/// refuse a life longer than [`RecordKind::max_life`].
///
/// # Errors
/// [`ComposeError::Invalid`] when a field is out of its range, [`ComposeError::TooLong`] when the
/// envelope would be longer than [`RecordKind::max_len`].
pub fn seal_record<T: Wire>(
    record: &T,
    kind: RecordKind,
    seal: &SealKey,
    salt: Salt,
    writer: &SigningKey,
    seq: UnixMillis,
    not_after: UnixMillis,
) -> Result<(RecordKey, Vec<u8>), ComposeError> {
    record.check()?;
    let write_key = writer.public();
    let plaintext = zeroize::Zeroizing::new(encode(record));
    let ciphertext = seal.seal(&aad(kind, &write_key, &salt, seq, not_after), &plaintext);
    let header = Header { version: PROTOCOL_VERSION, kind, write_key, salt, seq, not_after, ciphertext };
    let bytes = encode(&Envelope::sign(&header, writer));
    if bytes.len() > kind.max_len() {
        return Err(ComposeError::TooLong { len: bytes.len(), max: kind.max_len() });
    }
    Ok((header.record_key(), bytes))
}

/// Opens the record in a header that [`Envelope::open`] has checked.
///
/// # Errors
/// [`RecordError`] when the header is of another kind, the seal does not open with this key, or
/// what it held does not decode. Never panics.
pub fn open_record<T: Wire>(header: &Header, kind: RecordKind, seal: &SealKey) -> Result<T, RecordError> {
    if header.kind != kind {
        return Err(RecordError::WrongKind);
    }
    let aad = aad(kind, &header.write_key, &header.salt, header.seq, header.not_after);
    Ok(decode(&seal.open(&aad, &header.ciphertext)?)?)
}
