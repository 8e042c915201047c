//! Statements under OpenPGP keys: who owns a room, and which node is a member's.
//!
//! A statement is a short text that both sides write down themselves; what travels is the signer's
//! certificate, cut down to what matters, and a detached signature (RFC 9580 §10.4), so that any
//! OpenPGP program can check it.

use openpgp::Packet;
use openpgp::crypto::KeyPair;
use openpgp::packet::Signature;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::parse::PacketParserResult;
use openpgp::policy::{HashAlgoSecurity, Policy};
use openpgp::serialize::SerializeInto;
use openpgp::types::{HashAlgorithm, SignatureType};
use sequoia_openpgp as openpgp;
use waterfall_wire::{Certified, Epoch, Fingerprint, MAX_CERTIFICATION, NodeId, Owner, RoomId, UnixMillis};

use super::time::{latest, policy};
use super::{Certificate, KeyError, Reason, SecretKey, Unfit, algorithm, minimal, packets};

/// Why a statement is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertifyError {
    /// The key does not serve for signing now.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Even without anything that can be spared, the certificate is longer than the wire carries.
    #[error("the certificate is too long")]
    TooLong,
    /// The secret part does not belong to the public one, or is damaged.
    #[error("the secret key does not belong to its certificate, or is damaged")]
    Mismatch,
}

/// Why a statement counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The certificate or the signature is not of the expected form.
    #[error("the certificate or the signature is malformed")]
    Malformed,
    /// The certificate does not serve now.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The signature is of another statement or key, or is dated too far in the future.
    #[error("the signature does not fit")]
    BadSignature,
}

/// The text that an owner signs.
#[must_use]
pub fn owner_statement(room: &RoomId) -> String {
    format!("waterfall room owner\nversion: 1\nroom: {room}\n")
}

/// The text that a member signs for a node.
#[must_use]
pub fn node_statement(room: &RoomId, epoch: Epoch, node: &NodeId) -> String {
    format!("waterfall room member\nversion: 1\nroom: {room}\nepoch: {}\nnode: {node}\n", epoch.0)
}

/// Signs that the room is the key's.
///
/// # Errors
/// [`CertifyError`].
pub fn certify_owner(room: &RoomId, key: &SecretKey, now: UnixMillis) -> Result<Owner, CertifyError> {
    Ok(Owner { certified: certify(&owner_statement(room), key, now)? })
}

/// Signs that a node is the key's, in this room and epoch.
///
/// # Errors
/// [`CertifyError`].
pub fn certify_node(
    room: &RoomId,
    epoch: Epoch,
    node: &NodeId,
    key: &SecretKey,
    now: UnixMillis,
) -> Result<Certified, CertifyError> {
    certify(&node_statement(room, epoch, node), key, now)
}

/// Checks who owns a room. Whether that is who was expected is for the caller to say, by the
/// fingerprint: names in certificates are what their makers wrote.
///
/// # Errors
/// [`VerifyError`]. Never panics; costs at most a dozen signature checks.
pub fn verify_owner(owner: &Owner, room: &RoomId, now: UnixMillis) -> Result<Certificate, VerifyError> {
    verify(&owner.certified, &owner_statement(room), now, |_| true)
}

/// The fingerprint of the certificate that comes with a statement, before anything was checked: whose
/// chunk to look into.
///
/// # Errors
/// [`VerifyError::Malformed`] if the certificate is not of the expected form.
pub fn claimed_by(certified: &Certified) -> Result<Fingerprint, VerifyError> {
    let certificate = minimal::read(&certified.certificate).ok_or(VerifyError::Malformed)?;
    Ok(certificate.fingerprint())
}

/// Checks whose node it is. `is_member` is asked first, before any signature is checked: whether a
/// certificate of this fingerprint is among the recipients of its key chunk, or the owner's.
///
/// # Errors
/// [`VerifyError`], of which [`Reason::NotMember`] says that `is_member` said no. Never panics;
/// costs at most a dozen signature checks.
pub fn verify_node(
    certified: &Certified,
    room: &RoomId,
    epoch: Epoch,
    node: &NodeId,
    now: UnixMillis,
    is_member: impl FnOnce(&Fingerprint) -> bool,
) -> Result<Certificate, VerifyError> {
    verify(certified, &node_statement(room, epoch, node), now, is_member)
}

fn certify(statement: &str, key: &SecretKey, now: UnixMillis) -> Result<Certified, CertifyError> {
    let certificate = key.certificate();
    key.check_owner(now)?;
    let mut pair = key.signing_key(now).ok_or(KeyError::CannotSign)?;
    // Never before the key itself, whose date may come from a clock that is ahead of this one.
    let at = certificate.reference(now);
    let signature = sign(statement, &mut pair, at).map_err(|_| CertifyError::Mismatch)?;
    let minimal = minimal::write(certificate, &pair.public().fingerprint(), &policy(at), at);
    let certified = Certified { certificate: minimal.ok_or(CertifyError::TooLong)?, signature };
    // A damaged secret key signs all the same.
    verify(&certified, statement, now, |_| true).map_err(|_| CertifyError::Mismatch)?;
    Ok(certified)
}

fn sign(statement: &str, pair: &mut KeyPair, at: std::time::SystemTime) -> openpgp::Result<Vec<u8>> {
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(at)?
        .set_hash_algo(HashAlgorithm::SHA512)
        .sign_message(pair, statement)?;
    Packet::from(signature).to_vec()
}

fn verify(
    certified: &Certified,
    statement: &str,
    now: UnixMillis,
    is_member: impl FnOnce(&Fingerprint) -> bool,
) -> Result<Certificate, VerifyError> {
    let certificate = minimal::read(&certified.certificate).ok_or(VerifyError::Malformed)?;
    let signature = read_signature(&certified.signature).ok_or(VerifyError::Malformed)?;
    if !is_member(&certificate.fingerprint()) {
        return Err(Unfit { holder: certificate.claimed_holder(), reason: Reason::NotMember }.into());
    }
    let signed = signature.signature_creation_time().ok_or(VerifyError::Malformed)?;
    if signed > latest(now) {
        return Err(VerifyError::BadSignature);
    }
    let at = certificate.reference(now).max(signed);
    let policy = policy(at);
    let valid = certificate.valid(&policy, at).map_err(|reason| certificate.unfit(reason, now))?;
    let accepted = policy.signature(&signature, HashAlgoSecurity::CollisionResistance).is_ok()
        && signature.signature_alive(at, std::time::Duration::ZERO).is_ok();
    if !accepted {
        return Err(VerifyError::BadSignature);
    }
    let keys = valid.keys().alive().revoked(false).for_signing();
    let mut keys: Vec<_> = keys.filter(|key| algorithm::is_supported(key.key())).collect();
    if keys.is_empty() {
        return Err(certificate.unfit(Reason::NoSigningKey, now).into());
    }
    let issuers = signature.get_issuers();
    keys.retain(|key| issuers.is_empty() || issuers.iter().any(|issuer| issuer.aliases(key.key().key_handle())));
    if keys.iter().any(|key| signature.verify_message(key.key(), statement).is_ok()) {
        drop(keys);
        Ok(certificate)
    } else {
        Err(VerifyError::BadSignature)
    }
}

/// One signature of a binary document, and nothing else.
fn read_signature(bytes: &[u8]) -> Option<Signature> {
    if bytes.len() > MAX_CERTIFICATION {
        return None;
    }
    let PacketParserResult::Some(parser) = packets::parser(bytes).ok()? else { return None };
    let (packet, rest) = parser.next().ok()?;
    match (packet, rest) {
        (Packet::Signature(signature), PacketParserResult::EOF(_)) if signature.typ() == SignatureType::Binary => {
            Some(signature)
        }
        _ => None,
    }
}
