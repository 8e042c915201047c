//! Why a certificate does not serve, in words for its owner.

use std::fmt;

use waterfall_wire::{Fingerprint, UnixMillis};

use super::time::Day;

/// Longest name that is shown, in characters: what someone else wrote must not fill the screen.
const MAX_NAME: usize = 80;

/// Whose certificate: enough for a person to know which one is meant.
///
/// Displays as `Bob <bob@example.org> (0123456789ABCDEF)`; control characters of the user id are
/// replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    user_id: Option<String>,
    fingerprint: Fingerprint,
}

impl Holder {
    pub(super) fn new(user_id: Option<&str>, fingerprint: Fingerprint) -> Self {
        Self { user_id: user_id.map(printable), fingerprint }
    }

    /// The primary user id, if there is a valid one, fit to be shown. Anybody can write any name
    /// into a certificate of their own.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The certificate's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// The text without anything that a terminal would take for more than a letter.
pub(super) fn printable(text: &str) -> String {
    // Besides controls: marks that turn the direction of writing, and so what the rest looks like.
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().take(MAX_NAME).map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

/// The key id that other programs show: of version 4 the last eight bytes, of version 6 the first.
fn short(fingerprint: &Fingerprint) -> String {
    let text = fingerprint.to_string();
    if text.len() == 40 { text[24..].to_owned() } else { text[..16].to_owned() }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user_id {
            Some(user_id) => write!(f, "{user_id} ({})", short(&self.fingerprint)),
            None => f.write_str(&short(&self.fingerprint)),
        }
    }
}

/// A certificate that does not serve the purpose now, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{holder}: {reason}")]
pub struct Unfit {
    /// Whose it is.
    pub holder: Holder,
    /// Why it does not serve.
    pub reason: Reason,
}

/// Why a certificate does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Past its date.
    Expired {
        /// Since when.
        since: UnixMillis,
    },
    /// Its holder has revoked it.
    Revoked,
    /// It is dated in the future, by more than [`super::MAX_SKEW`].
    NotYetValid {
        /// From when on.
        from: UnixMillis,
    },
    /// No valid self-signature binds it: there is none, or only with algorithms that are broken
    /// (SHA-1) or not supported.
    Unbound,
    /// It can sign, but no key in it is for encryption.
    NoEncryptionKey,
    /// There was a key for encryption, but it is past its date.
    EncryptionKeyExpired {
        /// Since when.
        since: UnixMillis,
    },
    /// There was a key for encryption, but its holder has revoked it.
    EncryptionKeyRevoked,
    /// The key for encryption is bound, but is not a key of its algorithm.
    BadEncryptionKey,
    /// No valid key in it is for signing.
    NoSigningKey,
    /// The owner has not named it as a member.
    NotMember,
    /// Its keys are of a sort that is not used here.
    Unsupported {
        /// The algorithm's name.
        algorithm: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { since } => write!(f, "the certificate expired on {}", Day(*since)),
            Self::Revoked => f.write_str("the certificate has been revoked"),
            Self::NotYetValid { from } => write!(f, "the certificate is not valid before {}", Day(*from)),
            Self::Unbound => {
                f.write_str("the certificate has no valid self-signature (those with SHA-1 no longer count)")
            }
            Self::NoEncryptionKey => f.write_str("the certificate is for signing only, no key in it is for encryption"),
            Self::EncryptionKeyExpired { since } => {
                write!(f, "the certificate's encryption key expired on {}", Day(*since))
            }
            Self::EncryptionKeyRevoked => f.write_str("the certificate's encryption key has been revoked"),
            Self::BadEncryptionKey => f.write_str("the certificate's encryption key is damaged"),
            Self::NoSigningKey => f.write_str("the certificate has no valid key for signing"),
            Self::NotMember => f.write_str("the certificate is not on the room's list of members"),
            Self::Unsupported { algorithm } => write!(f, "keys of the sort {algorithm} are not supported"),
        }
    }
}
