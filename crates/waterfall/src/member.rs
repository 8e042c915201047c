//! Who is who in a room of members.

use waterfall_keys::openpgp::Certificate;
use waterfall_wire::Fingerprint;

use crate::clock::unix_now;

/// A member, as an OpenPGP certificate names it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The certificate's fingerprint; this is what the room knows members by.
    pub fingerprint: Fingerprint,
    /// What the certificate's holder calls itself, such as `Bob <bob@example.org>`. Nobody but the
    /// holder has to vouch for it.
    pub name: Option<String>,
}

impl Member {
    pub(crate) fn of(certificate: &Certificate) -> Self {
        let holder = certificate.holder(unix_now());
        Self { fingerprint: holder.fingerprint(), name: holder.user_id().map(str::to_owned) }
    }
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "{}", self.fingerprint),
        }
    }
}
