//! What opens a room, seen from its owner and from its members.

use waterfall_keys::Password;
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
}

impl Access {
    pub(crate) fn kind(&self) -> AccessKind {
        match self {
            Self::Open => AccessKind::Open,
            Self::Password(_) => AccessKind::Password,
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
}

impl From<Password> for Credentials {
    fn from(password: Password) -> Self {
        Self::Password(password)
    }
}
