//! What many in a room should hear: gossiped among a few, and passed on down the tree.

use minicbor::{Decode, Encode};

use crate::sign::Authored;
use crate::{LetterKind, NodeId, RoomId, UnixMillis, Wire};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum RoomEventBody {
    /// The room is over; only the root or a delegate may say so.
    #[n(1)]
    Ended,
    /// A letter of the event's author lies for a node; `at` is the letter's `seq`. Gossiped only,
    /// never passed down the tree.
    #[n(2)]
    Letter {
        /// For whom.
        #[n(0)]
        to: NodeId,
        /// Which letter.
        #[n(1)]
        kind: LetterKind,
    },
}

/// An event of the whole room.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RoomEvent {
    /// [`crate::PROTOCOL_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Which room, so that an event of one is none of another.
    #[n(1)]
    pub room: RoomId,
    /// Who says so, and signs.
    #[n(2)]
    pub from: NodeId,
    /// When. Events older than what is known, or 10 minutes off the clock, are dropped.
    #[n(3)]
    pub at: UnixMillis,
    /// What.
    #[n(4)]
    pub body: RoomEventBody,
}

impl Wire for RoomEvent {
    const NAME: &'static str = "room event";
    const MAX_LEN: usize = 256;
    const VERSIONED: bool = true;
}

impl Authored for RoomEvent {
    const DOMAIN: &'static [u8] = b"waterfall/event/1";
    fn author(&self) -> NodeId {
        self.from
    }
}
