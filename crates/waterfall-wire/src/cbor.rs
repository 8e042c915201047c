//! The one gate through which bytes from outside become values.

use minicbor::{Decode, Decoder, Encode};

/// A type that travels: how long it may be and what must hold beyond its layout.
pub trait Wire: Encode<()> + for<'b> Decode<'b, ()> {
    /// The name used in errors, in the words of `docs/protocol.md`.
    const NAME: &'static str;
    /// Most bytes an encoding may have. Longer input is refused before it is parsed.
    const MAX_LEN: usize;
    /// Whether the first field is [`crate::PROTOCOL_VERSION`]. Such a type can tell a value of
    /// another version, whatever its layout, from garbage.
    const VERSIONED: bool = false;

    /// Checks what the layout alone cannot say: list lengths, ranges, versions.
    ///
    /// # Errors
    /// The [`DecodeError`] that says what is wrong.
    fn check(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Why bytes are not a value of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than the type may ever be.
    #[error("{name}: {len} bytes, at most {max} are allowed")]
    TooLong {
        /// The type's name.
        name: &'static str,
        /// Length of the input in bytes.
        len: usize,
        /// The type's limit in bytes.
        max: usize,
    },
    /// The input is not CBOR of the expected layout.
    #[error("{name}: malformed")]
    Malformed {
        /// The type's name.
        name: &'static str,
    },
    /// The input decodes, but the encoder would have written other bytes (trailing bytes,
    /// indefinite lengths, integers that are longer than needed).
    #[error("{name}: not in canonical form")]
    NotCanonical {
        /// The type's name.
        name: &'static str,
    },
    /// A field is out of its range.
    #[error("{name}: {what}")]
    Invalid {
        /// The type's name.
        name: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// A version that this build does not speak.
    #[error("{name}: version {found}, this build speaks version {}", crate::PROTOCOL_VERSION)]
    Version {
        /// The type's name.
        name: &'static str,
        /// The version found.
        found: u8,
    },
}

impl DecodeError {
    pub(crate) fn invalid<T: Wire>(what: &'static str) -> Self {
        Self::Invalid { name: T::NAME, what }
    }
}

fn check_version<T: Wire>(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    match decoder.array().and_then(|_| decoder.u8()) {
        Ok(crate::PROTOCOL_VERSION) => Ok(()),
        Ok(found) => Err(DecodeError::Version { name: T::NAME, found }),
        Err(_) => Err(DecodeError::Malformed { name: T::NAME }),
    }
}

/// Encodes a value. The result is the only byte string that [`decode`] accepts for it.
#[must_use]
pub fn encode<T: Wire>(value: &T) -> Vec<u8> {
    // Writing to a Vec cannot fail, and no type here has a fallible encoder.
    minicbor::to_vec(value).expect("encoding into memory does not fail")
}

/// Decodes a value from exactly these bytes.
///
/// # Errors
/// [`DecodeError`] when the bytes are too long, are not the canonical encoding of a `T`, or hold a
/// value that [`Wire::check`] refuses. Never panics; memory is bounded by `T::MAX_LEN`.
pub fn decode<T: Wire>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.len() > T::MAX_LEN {
        return Err(DecodeError::TooLong { name: T::NAME, len: bytes.len(), max: T::MAX_LEN });
    }
    if T::VERSIONED {
        // Looked at first: another version may have any layout behind this field.
        check_version::<T>(bytes)?;
    }
    let value: T = Decoder::new(bytes).decode().map_err(|_| DecodeError::Malformed { name: T::NAME })?;
    value.check()?;
    if encode(&value) != bytes {
        return Err(DecodeError::NotCanonical { name: T::NAME });
    }
    Ok(value)
}
