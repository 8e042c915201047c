//! Signed statements of a node: the bytes as received, and a signature over just these.

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use minicbor::{Decode, Encode};

use crate::{DecodeError, NodeId, Wire, decode, encode};

/// An Ed25519 secret key (RFC 8032). Wiped from memory when dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From 32 secret bytes, which the caller draws from a good source of randomness.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The secret bytes, for the places that must store or hand them on.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The public half as a node's name.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId(self.public())
    }

    /// Signs `domain ‖ message`. The domain keeps signatures of one kind from being taken for another.
    #[must_use]
    pub fn sign(&self, domain: &[u8], message: &[u8]) -> [u8; 64] {
        self.0.sign(&[domain, message].concat()).to_bytes()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({:?}, ..)", self.node_id())
    }
}

/// A signature that does not fit the key and the message, or a key that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct SignatureError;

impl NodeId {
    /// Checks a signature over `domain ‖ message`, strictly (no small-order keys).
    ///
    /// # Errors
    /// [`SignatureError`] when it does not fit.
    pub fn verify(&self, domain: &[u8], message: &[u8], signature: &[u8; 64]) -> Result<(), SignatureError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError)?;
        key.verify_strict(&[domain, message].concat(), &Signature::from_bytes(signature)).map_err(|_| SignatureError)
    }
}

/// A body in its encoded form, and its author's signature over that form.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    #[cbor(n(0), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Signed {
    const NAME: &'static str = "signed statement";
    const MAX_LEN: usize = 16 * 1024;
}

/// A statement whose signature was checked: who said it, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    /// What was said.
    pub body: T,
    /// Who said it.
    pub by: NodeId,
}

/// A body that names its own author, so that the signature can be checked against it.
pub trait Authored: Wire {
    /// Keeps signatures of this type apart from all others.
    const DOMAIN: &'static [u8];
    /// Who must have signed.
    fn author(&self) -> NodeId;
}

/// Why a signed statement was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The body does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signature is not its author's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Signed {
    /// Signs a body. The key must be the author's.
    #[must_use]
    pub fn new<T: Authored>(body: &T, key: &SigningKey) -> Self {
        debug_assert_eq!(body.author(), key.node_id(), "a statement is signed by its author");
        let body = encode(body);
        let signature = key.sign(T::DOMAIN, &body);
        Self { body, signature }
    }

    /// Decodes the body and checks its author's signature over the bytes as received.
    ///
    /// # Errors
    /// [`StatementError`] when the body is malformed or the signature does not fit.
    pub fn verify<T: Authored>(&self) -> Result<Verified<T>, StatementError> {
        let body: T = decode(&self.body)?;
        let by = body.author();
        by.verify(T::DOMAIN, &self.body, &self.signature)?;
        Ok(Verified { body, by })
    }
}
