//! Sealing: XChaCha20-Poly1305 with a random nonce in front.

use std::fmt;

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use waterfall_wire::DecodeError;
use zeroize::Zeroizing;

use crate::random;

const NONCE: usize = 24;
const TAG: usize = 16;

/// A key that seals one sort of thing. Wiped from memory when dropped.
///
/// The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, RFC 8439): with 24 bytes, nonces
/// may be drawn at random by any number of writers without ever meeting.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

/// Sealed bytes that this key does not open: they were sealed under another key or for another
/// purpose, or are cut or altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open")]
pub struct UnsealError;

/// Why something is not sealed: it would be refused wherever it arrives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A field is out of its range.
    #[error(transparent)]
    Invalid(#[from] DecodeError),
    /// Sealed, it is longer than its kind may be.
    #[error("{len} bytes when sealed, at most {max} are allowed")]
    TooLong {
        /// Sealed length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The key given to sign with is not the one of the author that is named.
    #[error("the signing key is not the author's")]
    NotAuthor,
    /// It names another room or epoch than the key it is to be sealed under.
    #[error("it belongs to another room or epoch than the key")]
    WrongEpoch,
}

impl SealKey {
    /// Bytes that sealing adds: the nonce and the tag.
    pub const OVERHEAD: usize = NONCE + TAG;

    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Seals: `nonce (24) ‖ ciphertext ‖ tag (16)`. `aad` is not part of the result; whoever opens
    /// it must name the same.
    ///
    /// # Panics
    /// On a system that has no randomness.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = random();
        // Grown once: a reallocation would leave a copy of the plaintext behind.
        let mut sealed = Vec::with_capacity(plaintext.len() + Self::OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self
            .cipher()
            .encrypt_in_place_detached(XNonce::from_slice(&nonce), aad, &mut sealed[NONCE..])
            .expect("the cipher only refuses more than 256 GiB");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what [`Self::seal`] made with the same key and `aad`. The plaintext wipes itself.
    ///
    /// # Errors
    /// [`UnsealError`] for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(UnsealError)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(UnsealError)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        self.cipher()
            .decrypt_in_place_detached(XNonce::from_slice(nonce), aad, &mut plaintext, Tag::from_slice(tag))
            .map_err(|_| UnsealError)?;
        Ok(plaintext)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(Key::from_slice(&*self.0))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}
