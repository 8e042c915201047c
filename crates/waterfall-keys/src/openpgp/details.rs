//! What there is to say of a certificate, for people and programs that show it.

use openpgp::cert::amalgamation::key::PrimaryKey;
use openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use openpgp::types::RevocationStatus;
use sequoia_openpgp as openpgp;
use waterfall_wire::{Fingerprint, UnixMillis};

use super::certificate::for_encryption;
use super::time::{policy, unix_millis};
use super::unfit::printable;
use super::{Certificate, Unfit, algorithm};

/// A certificate at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Details {
    /// The primary key's fingerprint.
    pub fingerprint: Fingerprint,
    /// Every user id that is valid, the primary first, fit to be shown.
    pub user_ids: Vec<String>,
    /// Whether a room key can be encrypted to it, or why not.
    pub recipient: Result<(), Unfit>,
    /// Whether it can own a room or show itself on a link, given its secret key; or why not.
    pub signer: Result<(), Unfit>,
    /// Its keys, the primary first.
    pub keys: Vec<KeyDetails>,
}

/// One key of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyDetails {
    /// The key's own fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether it is the primary key.
    pub primary: bool,
    /// The key packet's version: 4 or 6.
    pub version: u8,
    /// Algorithm and size: `RSA-3072`, `Ed25519`.
    pub algorithm: String,
    /// Whether that algorithm is used here at all.
    pub supported: bool,
    /// When it was made.
    pub created: UnixMillis,
    /// From when on it does not count any more; `None` for never, and where nothing valid is said.
    pub expires: Option<UnixMillis>,
    /// Whether its holder has revoked it.
    pub revoked: bool,
    /// Whether a valid signature of the primary key binds it.
    pub bound: bool,
    /// For certifying other keys.
    pub certifies: bool,
    /// For signing.
    pub signs: bool,
    /// For encryption, be it of storage or in transit.
    pub encrypts: bool,
    /// For logging in somewhere.
    pub authenticates: bool,
}

impl Certificate {
    /// What there is to say of it at a moment. For a certificate that is worth nothing then, this
    /// still names its keys.
    #[must_use]
    pub fn details(&self, now: UnixMillis) -> Details {
        let at = self.reference(now);
        let policy = policy(at);
        let mut keys = Vec::new();
        for key in self.cert().keys() {
            let Some(fingerprint) = Fingerprint::new(key.key().fingerprint().as_bytes()) else { continue };
            let valid = key.clone().with_policy(&policy, at).ok();
            let has = |flag: fn(&_) -> bool| valid.as_ref().is_some_and(flag);
            keys.push(KeyDetails {
                fingerprint,
                primary: key.primary(),
                version: key.key().version(),
                algorithm: algorithm::name(key.key()),
                supported: algorithm::is_supported(key.key()),
                created: unix_millis(key.key().creation_time()),
                expires: valid.as_ref().and_then(|valid| valid.key_expiration_time()).map(unix_millis),
                revoked: has(|key| matches!(key.revocation_status(), RevocationStatus::Revoked(_))),
                bound: valid.is_some(),
                certifies: has(|key| key.for_certification()),
                signs: has(|key| key.for_signing()),
                encrypts: has(|key| key.has_any_key_flag(for_encryption())),
                authenticates: has(|key| key.for_authentication()),
            });
        }
        Details {
            fingerprint: self.fingerprint(),
            user_ids: self.valid_user_ids(now),
            recipient: self.check_recipient(now),
            signer: self.check_signer(now),
            keys,
        }
    }

    fn valid_user_ids(&self, now: UnixMillis) -> Vec<String> {
        let at = self.reference(now);
        let policy = policy(at);
        let Ok(valid) = self.cert().with_policy(&policy, at) else { return Vec::new() };
        let primary = valid.primary_userid().ok().map(|name| name.userid().clone());
        let mut names: Vec<_> = valid.userids().revoked(false).map(|name| name.userid().clone()).collect();
        // Stable, so the others keep their order.
        names.sort_by_key(|name| Some(name) != primary.as_ref());
        names.iter().map(|name| printable(&String::from_utf8_lossy(name.value()))).collect()
    }
}
