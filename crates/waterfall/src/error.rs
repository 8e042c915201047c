//! One error type per operation.

use waterfall_keys::openpgp;
use waterfall_wire::{AccessKind, Fingerprint};

fn opened_by(access: AccessKind) -> &'static str {
    match access {
        AccessKind::Open => "by its ticket alone; give nothing else",
        AccessKind::Password => "by a password; give one",
        AccessKind::Members => "by a member's OpenPGP key; give yours",
        _ => "in a way that this version does not know; get a newer one",
    }
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The libp2p side could not listen.
    #[error(transparent)]
    Signal(#[from] waterfall_signal::StartError),
    /// The media socket could not be opened.
    #[error(transparent)]
    Media(#[from] waterfall_media::engine::StartError),
}

/// Why a room was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The title is longer than 200 bytes.
    #[error("the title is longer than 200 bytes; shorten it")]
    Title,
    /// The fan-out is above [`waterfall_wire::MAX_FAN_OUT`].
    #[error("the fan-out is at most 64")]
    FanOut,
    /// The room key could not be sealed to the members.
    #[error(transparent)]
    Members(#[from] openpgp::members::SealMembersError),
    /// The owner's key cannot certify the room.
    #[error("the owner's key cannot certify the room: {0}")]
    Owner(#[source] openpgp::CertifyError),
    /// The room key could not be put under the password.
    #[error("the room key could not be sealed: {0}")]
    Seal(String),
    /// The node is closing.
    #[error("the node is closed")]
    Closed,
}

/// Why a room was not joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The node that [`crate::join`] starts for itself did not.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No peer answered at all.
    #[error(
        "no peer could be reached; check the network, or name a bootstrap node that runs (--bootstrap), \
         and ask for a fresh ticket if the speaker has moved"
    )]
    NoPeers,
    /// Peers answered, but none knows the room.
    #[error("nobody knows this room; the stream may be over, or not yet begun, or the ticket is old")]
    NotFound,
    /// The room exists and is over.
    #[error("this stream is over")]
    Ended,
    /// The room wants another kind of credentials.
    #[error("this room is opened {}", opened_by(*wants))]
    WrongCredentials {
        /// What opens it.
        wants: AccessKind,
    },
    /// The password does not open the room.
    #[error("the password does not open this room; check it with whoever gave you the ticket")]
    WrongPassword,
    /// The room is for others: this certificate is not on its list.
    #[error(
        "this room is not open to the key {0}; ask its owner to stream to that certificate too, or use another key"
    )]
    NotAMember(Fingerprint),
    /// Who made the room cannot be told: the owner's certification does not hold.
    #[error("the room's owner is not proven: {0}; ask for a fresh ticket")]
    Owner(#[source] openpgp::VerifyError),
    /// The room was made by somebody else than was asked for.
    #[error("the room was made by {0}, not by the owner that you named")]
    OtherOwner(Fingerprint),
    /// The key does not serve to enter a room: it is locked, or cannot decrypt, or cannot sign.
    #[error("the key does not serve: {0}")]
    Key(#[from] openpgp::KeyError),
    /// The key opens the room but did not sign the proof that its holder is a member.
    #[error("the key cannot certify this node: {0}")]
    Certify(#[source] openpgp::CertifyError),
    /// This node is not welcome.
    #[error("this node was expelled from the room")]
    Expelled,
    /// The records of the room are damaged or made by a newer version.
    #[error("the room's records cannot be read: {0}")]
    Unreadable(String),
    /// The room is there, but nobody took us in time.
    #[error("the room is there, but no participant could be connected in time; UDP may be blocked on the way")]
    NoParent,
    /// The fan-out is above [`waterfall_wire::MAX_FAN_OUT`].
    #[error("the fan-out is at most 64")]
    FanOut,
    /// This node is in the room already.
    #[error("this node is in that room already")]
    AlreadyJoined,
    /// The node is closing.
    #[error("the node is closed")]
    Closed,
}

/// Why a track was not published, or a frame not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The room's charter does not let this node speak.
    #[error("this node may not speak in this room; ask the owner to grant it")]
    NotGranted,
    /// The room has as many speakers as it can hold.
    #[error("the room already has {} speakers", waterfall_wire::MAX_SPEAKERS)]
    TooManySpeakers,
    /// This speaker has as many tracks as a catalogue can hold.
    #[error("a speaker has at most {} tracks", waterfall_wire::MAX_TRACKS_PER_SPEAKER)]
    TooManyTracks,
    /// The codec's private data or the title is too long for the catalogue.
    #[error("the track's description is too long for the catalogue")]
    TooLong,
    /// A frame above [`waterfall_media::frame::MAX_FRAME_LEN`] bytes.
    #[error("a frame of {0} bytes is too large")]
    FrameTooLarge(usize),
    /// The track's packet counter is used up.
    #[error("the track is exhausted; start another")]
    Exhausted,
    /// The room has been left.
    #[error("the room has been left")]
    Closed,
}

/// Why a track was not subscribed to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The room ended before such a track appeared.
    #[error("the room ended before such a track appeared")]
    Ended,
    /// The room has been left.
    #[error("the room has been left")]
    Closed,
}

/// Why the room's graph could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The room could not be opened.
    #[error(transparent)]
    Open(#[from] JoinError),
    /// The room has been left.
    #[error("the room has been left")]
    Closed,
}
