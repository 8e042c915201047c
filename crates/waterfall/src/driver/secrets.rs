//! What a member knows of its room and strangers do not.

use waterfall_keys::{EpochKey, Locator, RoomKey};
use waterfall_wire::{AccessKind, Address, Charter, Contact, Epoch, NodeId, RoomId, SigningKey, Speakers, Ticket};

use super::membership::Membership;

/// A room that has been opened.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) room: RoomId,
    pub(crate) locator: Locator,
    pub(crate) epoch: Epoch,
    pub(crate) epoch_key: EpochKey,
    pub(crate) charter: Charter,
    /// The secret half of the room key pair; only the owner has it.
    pub(crate) owner: Option<SigningKey>,
    /// In rooms of members.
    pub(crate) membership: Option<Membership>,
}

impl Secrets {
    pub(crate) fn new(
        room: RoomId,
        locator: Locator,
        room_key: &RoomKey,
        charter: Charter,
        owner: Option<SigningKey>,
        membership: Option<Membership>,
    ) -> Self {
        let epoch = charter.epoch;
        let epoch_key = EpochKey::derive(room_key, &room, epoch);
        Self { room, locator, epoch, epoch_key, charter, owner, membership }
    }

    pub(crate) fn access(&self) -> AccessKind {
        self.charter.access
    }

    /// The participant that the tree hangs from.
    pub(crate) fn root(&self) -> Option<NodeId> {
        self.charter.delegates.first().copied()
    }

    /// Whether the charter lets this node publish tracks.
    pub(crate) fn may_speak(&self, node: &NodeId) -> bool {
        if self.charter.expelled.contains(node) {
            return false;
        }
        match &self.charter.speakers {
            Speakers::Everyone => true,
            Speakers::Only(granted) => granted.contains(node) || self.root() == Some(*node),
        }
    }

    pub(crate) fn ticket(&self, bootstrap: Vec<Address>, entries: Vec<Contact>) -> Ticket {
        Ticket::new(self.room, self.locator.to_bytes(), self.access(), bootstrap, entries)
    }
}
