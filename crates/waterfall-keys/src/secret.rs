//! The three secrets of a room, and what follows from each.

use std::fmt;

use subtle::ConstantTimeEq;
use waterfall_wire::{Epoch, Kid, NodeId, RecordKind, RoomId, RouteId, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::derive::derive;
use crate::{SealKey, random};

/// What a ticket holds: lets its bearer find the room and read its charter, entries and key chunks.
///
/// In an open room it also opens the room. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Locator([u8; 32]);

impl Locator {
    /// A new one.
    ///
    /// # Panics
    /// On a system that has no randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(random())
    }

    /// The one that a ticket holds.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For a ticket.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Salt of the room's charter, which lies under the room key pair.
    #[must_use]
    pub fn charter_salt(&self) -> Salt {
        *derive(&self.0, "charter salt", &[])
    }

    /// Salt of a key chunk, which lies under the room key pair.
    #[must_use]
    pub fn chunk_salt(&self, epoch: Epoch, index: u16) -> Salt {
        *derive(&self.0, "chunk salt", &[&epoch.0.to_be_bytes(), &index.to_be_bytes()])
    }

    /// Salt of the entry records, each of which lies under a delegate's node key.
    #[must_use]
    pub fn entry_salt(&self) -> Salt {
        *derive(&self.0, "entry salt", &[])
    }

    /// Salt of the owner record, which lies under the room key pair.
    #[must_use]
    pub fn owner_salt(&self) -> Salt {
        *derive(&self.0, "owner salt", &[])
    }

    /// What seals records of this kind. Meant for charters, entries, key chunks and owner records;
    /// what only members may read is sealed under [`EpochKey`].
    #[must_use]
    pub fn record_seal(&self, kind: RecordKind) -> SealKey {
        SealKey::new(derive(&self.0, "record seal", &[&[kind.number()]]))
    }

    /// The room key of an open room, where the ticket is all that one needs.
    #[must_use]
    pub fn open_room_key(&self, room: &RoomId, epoch: Epoch) -> RoomKey {
        RoomKey(*derive(&self.0, "open room key", &[&room.0, &epoch.0.to_be_bytes()]))
    }
}

/// The secret of one epoch of a room as it stands in key chunks. Wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RoomKey([u8; 32]);

impl RoomKey {
    /// A new one.
    ///
    /// # Panics
    /// On a system that has no randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self(random())
    }

    /// One that was stored or handed over.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the places that store it or hand it over.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0)
    }
}

/// What a member of a room holds for one epoch: opens node records, calls, events and media.
///
/// Bound to the room and the epoch, so that one room key used twice gives unrelated epoch keys.
/// Wiped from memory when dropped.
#[derive(Clone)]
pub struct EpochKey {
    secret: Zeroizing<[u8; 32]>,
    room: RoomId,
    epoch: Epoch,
}

impl EpochKey {
    /// The key of this epoch of this room.
    #[must_use]
    pub fn derive(key: &RoomKey, room: &RoomId, epoch: Epoch) -> Self {
        let secret = derive(&key.0, "epoch key", &[&room.0, &epoch.0.to_be_bytes()]);
        Self { secret, room: *room, epoch }
    }

    /// The room it belongs to.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// The epoch it belongs to.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Names the room in calls to those who hold this key, and to nobody else.
    #[must_use]
    pub fn route(&self) -> RouteId {
        RouteId(*derive(&self.secret, "route", &[]))
    }

    /// The gossip topic of the room's events: 32 bytes that say nothing to a stranger.
    #[must_use]
    pub fn topic(&self) -> [u8; 32] {
        *derive(&self.secret, "topic", &[])
    }

    /// Salt of node records, each of which lies under its node's key.
    #[must_use]
    pub fn node_salt(&self) -> Salt {
        *derive(&self.secret, "node salt", &[])
    }

    /// What seals node records.
    #[must_use]
    pub fn node_seal(&self) -> SealKey {
        SealKey::new(derive(&self.secret, "node seal", &[]))
    }

    /// What seals questions and answers.
    #[must_use]
    pub fn call_seal(&self) -> SealKey {
        SealKey::new(derive(&self.secret, "call seal", &[]))
    }

    /// What seals gossiped events.
    #[must_use]
    pub fn event_seal(&self) -> SealKey {
        SealKey::new(derive(&self.secret, "event seal", &[]))
    }

    /// A further secret, or a part of one: see the table at the head of this crate.
    pub(crate) fn branch<const N: usize>(&self, label: &str, context: &[&[u8]]) -> Zeroizing<[u8; N]> {
        derive(&self.secret, label, context)
    }

    /// What seals key chunks' lists of recipients.
    pub(crate) fn recipients_seal(&self) -> SealKey {
        SealKey::new(derive(&self.secret, "recipients seal", &[]))
    }

    /// SFrame's base key (RFC 9605 §4.4.2) of one start of one track.
    pub(crate) fn media(&self, speaker: &NodeId, kid: Kid, start: &[u8; 16]) -> Zeroizing<[u8; 32]> {
        derive(&self.secret, "media", &[&speaker.0, &kid.0.to_be_bytes(), start])
    }
}

impl PartialEq for Locator {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Locator {}

impl PartialEq for RoomKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RoomKey {}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locator(..)")
    }
}

impl fmt::Debug for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomKey(..)")
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochKey").field("room", &self.room).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
