//! Secret keys, locked by a passphrase or not.

use std::fmt;

use openpgp::Cert;
use openpgp::cert::amalgamation::key::PrimaryKey;
use openpgp::crypto::{KeyPair, S2K};
use openpgp::packet::Key;
use openpgp::packet::key::{SecretKeyMaterial, SecretParts, UnspecifiedRole};
use openpgp::serialize::SerializeInto;
use openpgp::{Packet, crypto};
use sequoia_openpgp as openpgp;
use waterfall_wire::{Fingerprint, UnixMillis};

use super::certificate::for_encryption;
use super::packets::{self, ReadError};
use super::time::policy;
use super::{Certificate, Reason, Unfit, algorithm};
use crate::Password;
use crate::chunk::Argon2Params;

/// Most parts that are unlocked, the newest first: each may cost a third of a second.
const MAX_UNLOCKED: usize = 16;
/// S2K type of GnuPG's notes that a secret key is elsewhere.
const GNU_S2K: u8 = 101;

/// An OpenPGP secret key: a certificate, and the secret parts of some or all of its keys.
///
/// Unlocked parts are kept encrypted in memory while they are not used, and wiped when dropped;
/// `Debug` prints none of them.
#[derive(Clone)]
pub struct SecretKey {
    certificate: Certificate,
    // Newest first.
    parts: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    fingerprint: Fingerprint,
    primary: bool,
    state: State,
}

#[derive(Clone)]
enum State {
    Locked(Box<Key<SecretParts, UnspecifiedRole>>),
    Open(Box<KeyPair>),
    Stub(Stub),
}

/// How much of one key's secret part is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretPart {
    /// The file has the public part only.
    Absent,
    /// There is a note instead of it.
    Elsewhere(Stub),
    /// It is here, and a passphrase is needed.
    Locked,
    /// It is here and can be used.
    Open,
}

/// What GnuPG writes where a secret key is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stub {
    /// Left out on purpose, as `gpg --export-secret-subkeys` does with the primary key.
    Offline,
    /// On a smart card.
    Card,
}

impl Stub {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Offline => "the file only notes that the secret key is kept elsewhere",
            Self::Card => "the secret key is on a smart card, which waterfall cannot use",
        }
    }
}

/// Why a secret key stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// No part of the key opens with this passphrase.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// It asks for more work than any honest key does.
    #[error("the key asks for more memory or time than is granted to a passphrase")]
    TooExpensive,
    /// It is locked in a way that is not known here.
    #[error("the key is locked in a way that this version does not know")]
    Unsupported,
}

/// Why a secret key does not serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Its certificate does not serve now, whatever the secret parts.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A passphrase comes first ([`SecretKey::unlock`]).
    #[error("the secret key is locked by a passphrase")]
    Locked,
    /// The certificate can be encrypted to, but the secret part that decrypts is not here.
    #[error("the file does not have the part of the secret key that decrypts")]
    CannotDecrypt,
    /// The certificate can sign, but the secret part that signs is not here.
    #[error("the file does not have the part of the secret key that signs")]
    CannotSign,
}

impl SecretKey {
    /// Reads all secret keys of a file, as [`Certificate::read_all`] does; certificates without any
    /// secret part are passed over. What has no passphrase is open at once.
    ///
    /// # Errors
    /// [`ReadError::NoSecretKey`] if there are certificates only; [`ReadError::Elsewhere`] if all
    /// that is there are notes that the secret keys are elsewhere; others as for certificates.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, ReadError> {
        let keys: Vec<Self> = packets::read(file)?.iter().filter_map(Self::new).collect();
        if keys.iter().any(Self::has_secrets) {
            return Ok(keys.into_iter().filter(Self::has_secrets).collect());
        }
        let mut stubs = keys.iter().flat_map(|key| &key.parts).filter_map(|part| match part.state {
            State::Stub(stub) => Some(stub),
            State::Locked(_) | State::Open(_) => None,
        });
        // A card says more: what is merely left out may well be on one.
        let stub = stubs.clone().find(|stub| *stub == Stub::Card).or_else(|| stubs.next());
        Err(stub.map_or(ReadError::NoSecretKey, ReadError::Elsewhere))
    }

    fn new(cert: &Cert) -> Option<Self> {
        let mut keys: Vec<_> = cert.keys().secret().collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.key().creation_time()));
        let parts = keys.into_iter().filter_map(|key| {
            let fingerprint = Fingerprint::new(key.key().fingerprint().as_bytes())?;
            Some(Part { fingerprint, primary: key.primary(), state: state(key.key().clone(), key.primary()) })
        });
        Some(Self { certificate: Certificate::new(cert.clone())?, parts: parts.collect() })
    }

    fn has_secrets(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part.state, State::Stub(_)))
    }

    /// The certificate that belongs to it.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether a passphrase is needed before it can be used: some part is locked, and none is open.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.has_locked_parts() && self.open_parts().next().is_none()
    }

    pub(super) fn has_locked_parts(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.state, State::Locked(_)))
    }

    /// How much of one key's secret part is here, by the key's own fingerprint.
    #[must_use]
    pub fn part(&self, key: &Fingerprint) -> SecretPart {
        match self.parts.iter().find(|part| part.fingerprint == *key).map(|part| &part.state) {
            None => SecretPart::Absent,
            Some(State::Stub(stub)) => SecretPart::Elsewhere(*stub),
            Some(State::Locked(_)) => SecretPart::Locked,
            Some(State::Open(_)) => SecretPart::Open,
        }
    }

    /// Unlocks every part that this passphrase opens; a key without a passphrase stays as it is.
    ///
    /// Takes as long as the key asks for, within the caps: up to a third of a second, or one
    /// derivation with 256 MiB and 10 passes, for each of at most 16 parts. Keep it off threads that
    /// must not block.
    ///
    /// # Errors
    /// [`UnlockError`] if parts are locked and not one opens. Costs are checked before anything is
    /// derived.
    pub fn unlock(&mut self, passphrase: &Password) -> Result<(), UnlockError> {
        let passphrase: crypto::Password = passphrase.reveal().as_bytes().into();
        let mut result = Ok(());
        let mut opened = false;
        let locked = |part: &&mut Part| matches!(part.state, State::Locked(_));
        for part in self.parts.iter_mut().filter(locked).take(MAX_UNLOCKED) {
            match part.unlock(&passphrase) {
                Ok(()) => opened = true,
                Err(error) => result = Err(error),
            }
        }
        if opened { Ok(()) } else { result }
    }

    /// Whether it can open a room and prove on links whose node this is.
    ///
    /// # Errors
    /// [`KeyError`]; what is wrong with the certificate is said before the passphrase is asked for.
    pub fn check_member(&self, now: UnixMillis) -> Result<(), KeyError> {
        match self.certificate.check_recipient(now) {
            // The room key may have been sealed to it before.
            Err(Unfit { reason: Reason::EncryptionKeyExpired { .. }, .. }) | Ok(()) => {}
            Err(unfit) => return Err(unfit.into()),
        }
        self.check_owner(now)?;
        if self.decryption_keys(now).is_empty() {
            return Err(if self.has_locked_parts() { KeyError::Locked } else { KeyError::CannotDecrypt });
        }
        Ok(())
    }

    /// Whether it can certify a room as its holder's.
    ///
    /// # Errors
    /// [`KeyError`]; what is wrong with the certificate is said before the passphrase is asked for.
    pub fn check_owner(&self, now: UnixMillis) -> Result<(), KeyError> {
        self.certificate.check_signer(now)?;
        if self.signing_key(now).is_none() {
            return Err(if self.has_locked_parts() { KeyError::Locked } else { KeyError::CannotSign });
        }
        Ok(())
    }

    /// Open parts that are for encryption, newest first; also those that are past their date, as
    /// the one who encrypted may not have known.
    pub(super) fn decryption_keys(&self, now: UnixMillis) -> Vec<KeyPair> {
        let at = self.certificate.reference(now);
        let policy = policy(at);
        let for_encryption: Vec<_> = self
            .certificate
            .cert()
            .keys()
            .with_policy(&policy, at)
            .key_flags(for_encryption())
            .filter(|key| algorithm::is_supported(key.key()))
            .filter_map(|key| Fingerprint::new(key.key().fingerprint().as_bytes()))
            .collect();
        self.open_parts().filter(|(key, _)| for_encryption.contains(key)).map(|(_, pair)| pair.clone()).collect()
    }

    /// The newest open part that can sign now.
    pub(super) fn signing_key(&self, now: UnixMillis) -> Option<KeyPair> {
        let at = self.certificate.reference(now);
        let policy = policy(at);
        let valid = self.certificate.valid(&policy, at).ok()?;
        let keys = valid.keys().alive().revoked(false).for_signing();
        let keys: Vec<_> = keys
            .filter(|key| algorithm::is_supported(key.key()))
            .filter_map(|key| Fingerprint::new(key.key().fingerprint().as_bytes()))
            .collect();
        self.open_parts().find(|(key, _)| keys.contains(key)).map(|(_, pair)| pair.clone())
    }

    fn open_parts(&self) -> impl Iterator<Item = (Fingerprint, &KeyPair)> {
        self.parts.iter().filter_map(|part| match &part.state {
            State::Open(pair) => Some((part.fingerprint, &**pair)),
            State::Locked(_) | State::Stub(_) => None,
        })
    }
}

impl Part {
    fn unlock(&mut self, passphrase: &crypto::Password) -> Result<(), UnlockError> {
        let State::Locked(key) = &self.state else { return Ok(()) };
        check_costs(key.secret())?;
        // The role is part of what newer ways of locking authenticate.
        let key = if self.primary {
            key.clone().role_into_primary().decrypt_secret(passphrase).map(Key::role_into_unspecified)
        } else {
            key.clone().role_into_subordinate().decrypt_secret(passphrase).map(Key::role_into_unspecified)
        };
        let pair = key.and_then(Key::into_keypair).map_err(|_| UnlockError::WrongPassphrase)?;
        self.state = State::Open(Box::new(pair));
        Ok(())
    }
}

/// What can be told of a secret part without a passphrase.
fn state(key: Key<SecretParts, UnspecifiedRole>, primary: bool) -> State {
    if let Some(stub) = stub(&key, primary) {
        return State::Stub(stub);
    }
    match key.clone().into_keypair() {
        Ok(pair) => State::Open(Box::new(pair)),
        Err(_) => State::Locked(Box::new(key)),
    }
}

/// Recognises GnuPG's notes: S2K type 101, a hash algorithm, "GNU", and 1 for 'left out' or 2 for
/// 'on a card' (GnuPG's doc/DETAILS).
fn stub(key: &Key<SecretParts, UnspecifiedRole>, primary: bool) -> Option<Stub> {
    let SecretKeyMaterial::Encrypted(secret) = key.secret() else { return None };
    let S2K::Private { tag: GNU_S2K, .. } = secret.s2k() else { return None };
    // The library keeps what follows to itself, except in writing.
    let packet: Packet =
        if primary { key.clone().role_into_primary().into() } else { key.clone().role_into_subordinate().into() };
    let bytes = packet.to_vec().ok()?;
    let mode = bytes.windows(4).rev().find_map(|window| window.strip_prefix(b"GNU")).map(|mode| mode[0]);
    Some(if mode == Some(2) { Stub::Card } else { Stub::Offline })
}

fn check_costs(secret: &SecretKeyMaterial) -> Result<(), UnlockError> {
    let SecretKeyMaterial::Encrypted(secret) = secret else { return Ok(()) };
    match secret.s2k() {
        &S2K::Argon2 { t, p, m, .. } => Argon2Params::new(m, t, p).map(drop).map_err(|_| UnlockError::TooExpensive),
        // At most 62 MiB of hashing can be asked for.
        S2K::Iterated { .. } => Ok(()),
        #[allow(deprecated, reason = "old keys are still read")]
        S2K::Salted { .. } | S2K::Simple { .. } | S2K::Implicit => Ok(()),
        _ => Err(UnlockError::Unsupported),
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({:?}, ..)", self.certificate.fingerprint())
    }
}
