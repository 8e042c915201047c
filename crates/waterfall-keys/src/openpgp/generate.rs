//! New keys.

use std::time::Duration;

use openpgp::cert::amalgamation::key::PrimaryKey;
use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::packet::Signature;
use openpgp::serialize::SerializeInto;
use openpgp::types::{Features, KeyFlags};
use openpgp::{Cert, Packet, Profile, armor};
use sequoia_openpgp as openpgp;
use waterfall_wire::{Fingerprint, UnixMillis};
use zeroize::Zeroizing;

use super::Certificate;
use super::time::system_time;
use crate::Password;

/// Longest name of a new key, in bytes.
const MAX_NAME: usize = 256;

/// A key that was just made, as the files that its holder keeps; all in ASCII armor.
pub struct GeneratedKey {
    /// Of the primary key.
    pub fingerprint: Fingerprint,
    /// The secret key, under the passphrase if there is one: to be kept, readable to its holder only.
    pub secret: Zeroizing<String>,
    /// The certificate: to be given away.
    pub certificate: String,
    /// A revocation, which its holder publishes if the secret key is lost or stolen: to be kept
    /// apart from it.
    pub revocation: String,
}

/// Why no key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// There must be a name, of at most 256 bytes and without line breaks or other controls.
    #[error("a key's name is one line of 1-{MAX_NAME} bytes, such as 'Bob <bob@example.org>'")]
    BadName,
    /// It would be over at once, or end beyond what OpenPGP can express (the year 2106).
    #[error("a key's life ends after its making and before the year 2106")]
    BadLife,
}

/// Makes a key: Ed25519 for certifying and signing, and Curve25519 for encryption, in version 4,
/// which every OpenPGP program in use reads.
///
/// `expires` is a moment, or `None` for never. With a passphrase the secret parts are locked by
/// AES-256 under a key from iterated and salted hashing (RFC 9580 §3.7.1.3), the strongest that
/// GnuPG 2.2 knows: a weak passphrase is guessed all the same.
///
/// # Errors
/// [`GenerateError`].
///
/// # Panics
/// On a system that has no randomness.
pub fn generate(
    name: &str,
    now: UnixMillis,
    expires: Option<UnixMillis>,
    passphrase: Option<&Password>,
) -> Result<GeneratedKey, GenerateError> {
    if name.trim().is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(GenerateError::BadName);
    }
    let made = system_time(now);
    let life =
        expires.map(|end| system_time(end).duration_since(made).ok().filter(|life| *life >= Duration::from_secs(1)));
    let life = match life {
        Some(life) => Some(life.ok_or(GenerateError::BadLife)?),
        None => None,
    };
    let builder = || {
        let (cert, revocation) = CertBuilder::new()
            .set_profile(Profile::RFC4880)?
            .set_cipher_suite(CipherSuite::Cv25519)
            // Version 2 of encrypted data is not announced: GnuPG 2.2, to which this key may be
            // given, cannot read it.
            .set_features(Features::empty().set_seipdv1())?
            .set_creation_time(made)
            .set_validity_period(life)
            .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
            .add_userid(name)
            .add_subkey(KeyFlags::empty().set_transport_encryption().set_storage_encryption(), None, None)
            .generate()?;
        write(cert, revocation, passphrase)
    };
    Ok(builder().expect("a key of a supported sort can be made and written"))
}

fn write(cert: Cert, revocation: Signature, passphrase: Option<&Password>) -> openpgp::Result<GeneratedKey> {
    let revocation = revocation_text(&cert, revocation)?;
    let fingerprint = Certificate::new(cert.clone()).expect("of version 4").fingerprint();
    let certificate = text(cert.armored().to_vec()?);
    let cert = match passphrase {
        Some(passphrase) => lock(cert, passphrase)?,
        None => cert,
    };
    // Long enough from the start: growing would leave copies of secrets behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(16 * 1024));
    openpgp::serialize::Serialize::serialize(&cert.as_tsk().armored(), &mut *secret)?;
    let secret = Zeroizing::new(text(std::mem::take(&mut *secret)));
    Ok(GeneratedKey { fingerprint, secret, certificate, revocation })
}

fn lock(cert: Cert, passphrase: &Password) -> openpgp::Result<Cert> {
    let passphrase = passphrase.reveal().as_bytes().into();
    let mut locked: Vec<Packet> = Vec::new();
    for key in cert.keys().secret() {
        let secret = key.key().clone();
        locked.push(if key.primary() {
            secret.role_into_primary().encrypt_secret(&passphrase)?.into()
        } else {
            secret.role_into_subordinate().encrypt_secret(&passphrase)?.into()
        });
    }
    Ok(cert.insert_packets(locked)?.0)
}

/// The revocation as GnuPG imports it: a public key block with the one signature.
fn revocation_text(cert: &Cert, revocation: Signature) -> openpgp::Result<String> {
    let comment = format!("Revocation of {}", cert.fingerprint());
    let mut writer = armor::Writer::with_headers(Vec::new(), armor::Kind::PublicKey, [("Comment", comment)])?;
    std::io::Write::write_all(&mut writer, &Packet::from(revocation).to_vec()?)?;
    Ok(text(writer.finalize()?))
}

fn text(armored: Vec<u8>) -> String {
    String::from_utf8(armored).expect("armor is ASCII, and the name in its comment was a string")
}
