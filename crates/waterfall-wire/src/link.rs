//! Everything that travels on a link's reliable data channel.

use minicbor::{Decode, Encode};

use crate::{Certified, Ctr, DecodeError, Kid, Signed, TreeMessage, Wire};

/// Most tracks that one RESUME names: every track of a full room.
const MAX_RESUME: usize = crate::MAX_SPEAKERS * crate::MAX_TRACKS_PER_SPEAKER;

/// A message between the two ends of a link.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum LinkMessage {
    /// For the tree.
    #[n(0)]
    Tree(#[n(0)] TreeMessage),
    /// A signed [`crate::Catalogue`]; goes on to all other tree edges when new.
    #[n(1)]
    Catalogue(#[n(0)] Signed),
    /// A signed [`crate::RoomEvent`]; goes on to all other tree edges when new.
    #[n(2)]
    Event(#[n(0)] Signed),
    /// What I have of each track: send on from here. A track not named here starts at its last
    /// key frame. Both ends say this when media begins to flow between them.
    #[n(3)]
    Resume(#[n(0)] Vec<Have>),
    /// In a room of members, and before anything else: my node key, certified with the OpenPGP key
    /// of a member.
    #[n(4)]
    Credential(#[n(0)] Certified),
}

/// How far a participant has a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Have {
    /// Which track.
    #[n(0)]
    pub kid: Kid,
    /// The first counter not yet received.
    #[n(1)]
    pub next: Ctr,
}

impl Wire for LinkMessage {
    const NAME: &'static str = "link message";
    const MAX_LEN: usize = 24 * 1024;
    fn check(&self) -> Result<(), DecodeError> {
        match self {
            Self::Tree(message) => message.check(),
            Self::Resume(have) if have.len() > MAX_RESUME => Err(DecodeError::invalid::<Self>("too many tracks")),
            Self::Credential(credential) => credential.check::<Self>(),
            Self::Catalogue(_) | Self::Event(_) | Self::Resume(_) => Ok(()),
        }
    }
}
