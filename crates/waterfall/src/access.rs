//! What opens a room, seen from its owner and from its members.

use waterfall_keys::Password;
use waterfall_keys::openpgp::{Certificate, SecretKey};
use waterfall_wire::AccessKind;

/// How a room that is being created is guarded. There is no default: openness is chosen.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Access {
    /// Whoever has the ticket may enter.
    Open,
    /// Whoever has the ticket and the password may enter. A ticket holder can try passwords
    /// without asking anyone, so use a generated one ([`crate::passphrase`]) or a long one.
    Password(Password),
    /// Whoever has the ticket and the secret key of one of these OpenPGP certificates may enter,
    /// and the owner. The list is fixed when the room is created.
    Members {
        /// The key that the room is certified with; it must be able to sign.
        owner: SecretKey,
        /// Who may enter; each certificate must be able to encrypt.
        members: Vec<Certificate>,
    },
}

impl Access {
    pub(crate) fn kind(&self) -> AccessKind {
        match self {
            Self::Open => AccessKind::Open,
            Self::Password(_) => AccessKind::Password,
            Self::Members { .. } => AccessKind::Members,
        }
    }
}

/// What a member brings to enter a room.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// Nothing but the ticket.
    Open,
    /// The room's password.
    Password(Password),
    /// The secret key of a member's certificate, able to decrypt and to sign.
    Key(SecretKey),
}

impl From<SecretKey> for Credentials {
    fn from(key: SecretKey) -> Self {
        Self::Key(key)
    }
}

impl From<Password> for Credentials {
    fn from(password: Password) -> Self {
        Self::Password(password)
    }
}
