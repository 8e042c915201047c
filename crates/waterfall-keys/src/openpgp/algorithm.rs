//! Which public-key algorithms are used, and their names.

use openpgp::crypto::mpi::PublicKey;
use openpgp::packet::Key;
use openpgp::packet::key::{KeyParts, KeyRole};
use openpgp::types::Curve;
use sequoia_openpgp as openpgp;

/// Longest RSA modulus in bits: the cryptography behind this refuses longer ones, whose costs grow
/// with the cube of their length.
const MAX_RSA_BITS: usize = 4_096;
const MIN_RSA_BITS: usize = 2_048;

/// Whether this key's algorithm and size are among those that are used here.
pub(super) fn is_supported<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> bool {
    match key.mpis() {
        PublicKey::RSA { n, .. } => (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&n.bits()),
        PublicKey::EdDSA { curve, .. } | PublicKey::ECDSA { curve, .. } | PublicKey::ECDH { curve, .. } => {
            use Curve::{Cv25519, Ed25519, NistP256, NistP384, NistP521};
            matches!(curve, Cv25519 | Ed25519 | NistP256 | NistP384 | NistP521)
        }
        PublicKey::X25519 { .. } | PublicKey::Ed25519 { .. } | PublicKey::X448 { .. } | PublicKey::Ed448 { .. } => true,
        _ => false,
    }
}

/// The algorithm as people call it: `RSA-3072`, `Ed25519`, `ECDH NIST P-256`.
pub(super) fn name<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> String {
    match key.mpis() {
        PublicKey::RSA { n, .. } => format!("RSA-{}", n.bits()),
        PublicKey::DSA { p, .. } => format!("DSA-{}", p.bits()),
        PublicKey::ElGamal { p, .. } => format!("ElGamal-{}", p.bits()),
        PublicKey::EdDSA { curve, .. } => curve_name(curve),
        PublicKey::ECDH { curve: curve @ Curve::Cv25519, .. } => curve_name(curve),
        PublicKey::ECDSA { curve, .. } => format!("ECDSA {}", curve_name(curve)),
        PublicKey::ECDH { curve, .. } => format!("ECDH {}", curve_name(curve)),
        _ => key.pk_algo().to_string(),
    }
}

fn curve_name(curve: &Curve) -> String {
    match curve {
        Curve::NistP256 => "NIST P-256".to_owned(),
        Curve::NistP384 => "NIST P-384".to_owned(),
        Curve::NistP521 => "NIST P-521".to_owned(),
        Curve::Ed25519 => "Ed25519".to_owned(),
        Curve::Cv25519 => "Curve25519".to_owned(),
        other => other.to_string(),
    }
}
