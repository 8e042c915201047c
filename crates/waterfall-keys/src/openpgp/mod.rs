//! OpenPGP certificates and secret keys (RFC 9580), as GnuPG and others write them: who owns a
//! room, who its members are, and how the room key reaches them.
//!
//! Nothing here reads a clock: callers pass the time in. Certificates are judged by Sequoia's
//! standard policy at that time, with [`MAX_SKEW`] of patience for clocks that disagree.
//!
//! What counts as usable: RSA with 2 048-4 096 bits; Curve25519, NIST P-256, P-384 and P-521;
//! X25519, Ed25519, X448 and Ed448; versions 4 and 6. Not DSA, ElGamal, Brainpool curves, nor
//! anything that is still bound by SHA-1 alone.

mod algorithm;
mod armor;
mod certificate;
mod details;
mod generate;
pub mod members;
mod minimal;
mod packets;
mod secret_key;
mod statement;
mod time;
mod unfit;

pub use certificate::Certificate;
pub use details::{Details, KeyDetails};
pub use generate::{GenerateError, GeneratedKey, generate};
pub use packets::{Format, ReadError};
pub use secret_key::{KeyError, SecretKey, SecretPart, Stub, UnlockError};
pub use statement::{
    CertifyError, VerifyError, certify_node, certify_owner, claimed_by, node_statement, owner_statement, verify_node,
    verify_owner,
};
pub use time::MAX_SKEW;
pub use unfit::{Holder, Reason, Unfit};
