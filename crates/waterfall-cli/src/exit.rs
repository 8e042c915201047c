//! From errors to exit codes.

use std::process::ExitCode;

use waterfall::{JoinError, SnapshotError};

/// The exit code after an interrupt: 128 and SIGINT's number, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the program ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something went wrong; code 1.
    Error(anyhow::Error),
    /// The command line made no sense; code 2.
    Usage(String),
    /// Access was refused; code 3.
    Refused(String),
    /// Interrupted by the user, after leaving cleanly; code 130.
    Interrupted,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Failure {
    /// A failure that is one sentence.
    pub(crate) fn sentence(text: impl std::fmt::Display) -> Self {
        Self::Error(anyhow::anyhow!("{text}"))
    }

    /// The exit code that tells scripts what happened.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Error(error) => ExitCode::from(join_error(error).map_or(1, code_of_join)),
            Self::Usage(_) => ExitCode::from(2),
            Self::Refused(_) => ExitCode::from(3),
            Self::Interrupted => ExitCode::from(INTERRUPTED),
        }
    }

    /// What to tell the user; nothing after an interrupt, which they know of.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Error(error) => Some(format!("{error:#}")),
            Self::Usage(text) | Self::Refused(text) => Some(text.clone()),
            Self::Interrupted => None,
        }
    }
}

fn join_error(error: &anyhow::Error) -> Option<&JoinError> {
    error.chain().find_map(|cause| {
        cause.downcast_ref::<JoinError>().or_else(|| match cause.downcast_ref::<SnapshotError>() {
            Some(SnapshotError::Open(join)) => Some(join),
            _ => None,
        })
    })
}

fn code_of_join(error: &JoinError) -> u8 {
    match error {
        JoinError::WrongCredentials { .. }
        | JoinError::WrongPassword
        | JoinError::NotAMember(_)
        | JoinError::OtherOwner(_)
        | JoinError::Owner(_)
        | JoinError::Key(_)
        | JoinError::Certify(_)
        | JoinError::Expelled => 3,
        JoinError::NoPeers | JoinError::NotFound | JoinError::Ended => 4,
        _ => 1,
    }
}
