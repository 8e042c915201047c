//! A certificate: somebody's public keys, and what they say of themselves.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use openpgp::Cert;
use openpgp::cert::amalgamation::ValidAmalgamation;
use openpgp::cert::{Preferences, ValidCert};
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto;
use openpgp::types::{KeyFlags, RevocationStatus};
use sequoia_openpgp as openpgp;
use waterfall_wire::{Fingerprint, UnixMillis};

use super::packets::{self, ReadError};
use super::time::{policy, reference, unix_millis};
use super::{Holder, Reason, Unfit, algorithm};

/// An OpenPGP certificate (RFC 9580 §10.1), without any secret.
#[derive(Clone)]
pub struct Certificate {
    // Shared: lists of members are handed around.
    cert: Arc<Cert>,
    fingerprint: Fingerprint,
}

/// A key of a certificate that a message can be encrypted to.
pub(super) struct EncryptionKey {
    pub(super) holder: Holder,
    pub(super) key: Key<PublicParts, UnspecifiedRole>,
    /// Whether its holder's software reads version 2 of encrypted data (RFC 9580 §5.13.2).
    pub(super) seipd_v2: bool,
}

impl Certificate {
    /// Reads all certificates of a file: binary or ASCII armor, any number of blocks, key rings,
    /// also where secret keys are among them (which are left out). Two of one fingerprint become
    /// one.
    ///
    /// # Errors
    /// [`ReadError`]; one certificate that cannot be read makes the whole file an error, so that
    /// nobody is left out without a word. Never panics; memory is bounded by a few times the file's
    /// length, which may be 16 MiB.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, ReadError> {
        Ok(packets::read(file)?.into_iter().filter_map(Self::new).collect())
    }

    /// `None` for fingerprints of versions that the protocol does not carry.
    pub(super) fn new(cert: Cert) -> Option<Self> {
        let fingerprint = Fingerprint::new(cert.fingerprint().as_bytes())?;
        Some(Self { cert: Arc::new(cert.strip_secret_key_material()), fingerprint })
    }

    /// The fingerprint of the primary key: what the certificate is known by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// All user ids as they stand there, which may be anything; those that are not UTF-8 are left
    /// out. Show them through [`Self::holder`] or [`Self::details`].
    #[must_use]
    pub fn user_ids(&self) -> Vec<String> {
        let names = self.cert.userids().map(|name| name.userid().value());
        names.filter_map(|name| std::str::from_utf8(name).ok()).map(str::to_owned).collect()
    }

    /// Who it belongs to, fit to be shown.
    #[must_use]
    pub fn holder(&self, now: UnixMillis) -> Holder {
        let at = self.reference(now);
        let policy = policy(at);
        let valid = self.cert.with_policy(&policy, at).ok();
        let name = valid.as_ref().and_then(|valid| valid.primary_userid().ok()).map(|name| name.userid().value());
        // Without a valid one, any says more than none.
        let known = name.map(|name| Holder::new(Some(&String::from_utf8_lossy(name)), self.fingerprint));
        known.unwrap_or_else(|| self.claimed_holder())
    }

    /// Who is said to be its holder, with no signature checked.
    pub(super) fn claimed_holder(&self) -> Holder {
        let name = self.cert.userids().next().map(|name| name.userid().value());
        Holder::new(name.map(String::from_utf8_lossy).as_deref(), self.fingerprint)
    }

    /// Whether a room key can be encrypted to it now.
    ///
    /// # Errors
    /// [`Unfit`] with the holder's name and the reason.
    pub fn check_recipient(&self, now: UnixMillis) -> Result<(), Unfit> {
        self.encryption_key(now).map(drop)
    }

    /// Whether statements can be signed with its key now, by who has it.
    ///
    /// # Errors
    /// [`Unfit`] with the holder's name and the reason.
    pub fn check_signer(&self, now: UnixMillis) -> Result<(), Unfit> {
        let at = self.reference(now);
        let policy = policy(at);
        let check = |valid: ValidCert<'_>| {
            let mut keys = valid.keys().alive().revoked(false).for_signing();
            if keys.any(|key| algorithm::is_supported(key.key())) { Ok(()) } else { Err(Reason::NoSigningKey) }
        };
        self.valid(&policy, at).and_then(check).map_err(|reason| self.unfit(reason, now))
    }

    /// The certificate in binary, with everything that is known of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.cert.to_vec().expect("reading has tried it, and merging adds nothing new")
    }

    pub(super) fn cert(&self) -> &Cert {
        &self.cert
    }

    pub(super) fn reference(&self, now: UnixMillis) -> SystemTime {
        reference(&self.cert, now)
    }

    pub(super) fn unfit(&self, reason: Reason, now: UnixMillis) -> Unfit {
        Unfit { holder: self.holder(now), reason }
    }

    /// The certificate as it stands at a moment, if it is worth anything then.
    pub(super) fn valid<'a>(&'a self, policy: &'a StandardPolicy<'_>, at: SystemTime) -> Result<ValidCert<'a>, Reason> {
        let primary = self.cert.primary_key();
        if primary.key().creation_time() > at {
            return Err(Reason::NotYetValid { from: unix_millis(primary.key().creation_time()) });
        }
        if !algorithm::is_supported(primary.key()) {
            return Err(Reason::Unsupported { algorithm: algorithm::name(primary.key()) });
        }
        // Asked before anything else: a certificate's last word is often its revocation alone.
        if matches!(self.cert.revocation_status(policy, at), RevocationStatus::Revoked(_)) {
            return Err(Reason::Revoked);
        }
        let valid = self.cert.with_policy(policy, at).map_err(|_| Reason::Unbound)?;
        if valid.alive().is_err() {
            let end = valid.primary_key().key_expiration_time().filter(|end| *end <= at);
            return Err(end.map_or(Reason::Unbound, |end| Reason::Expired { since: unix_millis(end) }));
        }
        Ok(valid)
    }

    /// The newest key that is for encryption, be it of storage or in transit.
    pub(super) fn encryption_key(&self, now: UnixMillis) -> Result<EncryptionKey, Unfit> {
        let at = self.reference(now);
        let policy = policy(at);
        let chosen = self.valid(&policy, at).and_then(|valid| choose_encryption_key(&valid));
        let (key, seipd_v2) = chosen.map_err(|reason| self.unfit(reason, now))?;
        Ok(EncryptionKey { holder: self.holder(now), key, seipd_v2 })
    }

    /// The same certificate with what another copy of it knows besides.
    pub(super) fn merged_with(&self, other: &Self) -> Self {
        let merged = Cert::clone(&self.cert).merge_public(Cert::clone(&other.cert));
        Self { cert: Arc::new(merged.expect("of one fingerprint")), fingerprint: self.fingerprint }
    }
}

pub(super) fn for_encryption() -> KeyFlags {
    KeyFlags::empty().set_storage_encryption().set_transport_encryption()
}

fn choose_encryption_key(valid: &ValidCert<'_>) -> Result<(Key<PublicParts, UnspecifiedRole>, bool), Reason> {
    let keys: Vec<_> = valid.keys().key_flags(for_encryption()).collect();
    let is_revoked = |status: RevocationStatus<'_>| matches!(status, RevocationStatus::Revoked(_));
    let usable = keys.iter().filter(|key| key.alive().is_ok() && !is_revoked(key.revocation_status()));
    if let Some(newest) =
        usable.clone().filter(|key| algorithm::is_supported(key.key())).max_by_key(|key| key.key().creation_time())
    {
        let seipd_v2 = valid.features().is_some_and(|features| features.supports_seipdv2());
        return Ok((newest.key().clone(), seipd_v2));
    }
    // Nothing to be had: which of the reasons is nearest to a working key?
    if let Some(key) = usable.max_by_key(|key| key.key().creation_time()) {
        return Err(Reason::Unsupported { algorithm: algorithm::name(key.key()) });
    }
    let ends =
        keys.iter().filter(|key| !is_revoked(key.revocation_status())).filter_map(|key| key.key_expiration_time());
    if let Some(end) = ends.max() {
        return Err(Reason::EncryptionKeyExpired { since: unix_millis(end) });
    }
    Err(if keys.is_empty() { Reason::NoEncryptionKey } else { Reason::EncryptionKeyRevoked })
}

impl PartialEq for Certificate {
    /// Whether both are about one key; what is known of it may differ.
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?})", self.fingerprint)
    }
}
