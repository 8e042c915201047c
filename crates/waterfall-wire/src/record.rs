//! The plaintexts of records; [`crate::Envelope`] carries them sealed.

use minicbor::{Decode, Encode};

use crate::tree::check_spots;
use crate::{
    Certified, Contact, DecodeError, Epoch, Fingerprint, MAX_FAN_OUT, MAX_SPEAKERS, MAX_TITLE, NodeId, Spot, Wire,
};

/// Most bytes of one key chunk's OpenPGP message; an envelope with it stays under 8 KiB.
pub const MAX_CHUNK_MESSAGE: usize = 7_680;
const MAX_DELEGATES: usize = 5;
const MAX_ENTRIES: usize = 5;
const MAX_EXPELLED: usize = 64;
/// Most key chunks of an epoch: the buckets of some 50 000 members.
const MAX_CHUNKS: u16 = 1_024;

/// What opens a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AccessKind {
    /// The ticket alone.
    #[n(0)]
    Open,
    /// The ticket and a password.
    #[n(1)]
    Password,
    /// The ticket and the secret key of an OpenPGP certificate that the owner has named.
    #[n(2)]
    Members,
}

/// Who may publish tracks.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Speakers {
    /// Every member, up to [`MAX_SPEAKERS`] at a time.
    #[n(0)]
    Everyone,
    /// These nodes.
    #[n(1)]
    Only(#[n(0)] Vec<NodeId>),
}

/// A room's constitution. Written under the room key pair.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Charter {
    /// The current generation of the room key.
    #[n(0)]
    pub epoch: Epoch,
    /// What opens the room.
    #[n(1)]
    pub access: AccessKind,
    /// How many key chunks there are for this epoch: 0 in an open room, 1 in a room under a
    /// password, a power of two up to 1 024 in a room of members.
    #[n(2)]
    pub chunk_count: u16,
    /// Who may publish.
    #[n(3)]
    pub speakers: Speakers,
    /// Nodes that are not welcome.
    #[n(4)]
    pub expelled: Vec<NodeId>,
    /// Nodes that write entry records, the first of them the root; at most 5.
    #[n(5)]
    pub delegates: Vec<NodeId>,
    /// For people; at most 200 bytes.
    #[n(6)]
    pub title: String,
}

impl Wire for Charter {
    const NAME: &'static str = "charter";
    const MAX_LEN: usize = 3 * 1024;
    fn check(&self) -> Result<(), DecodeError> {
        let invalid = DecodeError::invalid::<Self>;
        if self.title.len() > MAX_TITLE {
            return Err(invalid("the title is too long"));
        }
        if self.delegates.is_empty() || self.delegates.len() > MAX_DELEGATES {
            return Err(invalid("a room has 1-5 delegates"));
        }
        let chunks_fit = match self.access {
            AccessKind::Open => self.chunk_count == 0,
            AccessKind::Password => self.chunk_count == 1,
            AccessKind::Members => self.chunk_count.is_power_of_two() && self.chunk_count <= MAX_CHUNKS,
        };
        if !chunks_fit {
            return Err(invalid("as many key chunks as no such room has"));
        }
        if self.expelled.len() > MAX_EXPELLED {
            return Err(invalid("too many expelled nodes"));
        }
        if matches!(&self.speakers, Speakers::Only(list) if list.len() > MAX_SPEAKERS) {
            return Err(invalid("too many speakers"));
        }
        Ok(())
    }
}

/// Where to enter a room. Written under a delegate's node key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Participants near the root, the root first while it lives; at most 5.
    #[n(0)]
    pub participants: Vec<Contact>,
    /// The room is over.
    #[n(1)]
    pub ended: bool,
}

impl Wire for Entry {
    const NAME: &'static str = "entry";
    const MAX_LEN: usize = 1024;
    fn check(&self) -> Result<(), DecodeError> {
        if self.participants.len() > MAX_ENTRIES {
            return Err(DecodeError::invalid::<Self>("too many entry participants"));
        }
        self.participants.iter().try_for_each(Contact::check::<Self>)
    }
}

/// The epoch's room key under the room's access. Written under the room key pair.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeyChunk {
    /// The key's generation.
    #[n(0)]
    pub epoch: Epoch,
    /// Which chunk, from 0.
    #[n(1)]
    pub index: u16,
    /// An OpenPGP message (RFC 9580); at most [`MAX_CHUNK_MESSAGE`] bytes. Empty in a room of
    /// members if nobody falls into this chunk.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub message: Vec<u8>,
    /// Whose certificates the message is for: [`Recipients`], sealed under the epoch key. Empty in a
    /// room under a password.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub recipients: Vec<u8>,
}

impl Wire for KeyChunk {
    const NAME: &'static str = "key chunk";
    // 8 KiB less what sealing (40 bytes) and the envelope add.
    const MAX_LEN: usize = 8 * 1024 - 192;
    fn check(&self) -> Result<(), DecodeError> {
        if self.message.len() > MAX_CHUNK_MESSAGE {
            return Err(DecodeError::invalid::<Self>("the message is too long"));
        }
        Ok(())
    }
}

/// Whose certificates a key chunk's message is for. Travels sealed, in [`KeyChunk::recipients`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Recipients {
    /// The certificates' fingerprints.
    #[n(0)]
    pub fingerprints: Vec<Fingerprint>,
}

impl Wire for Recipients {
    const NAME: &'static str = "recipients";
    const MAX_LEN: usize = KeyChunk::MAX_LEN;
}

/// Who made a room of members: binds the room key pair to an OpenPGP key. Written under the room key pair.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Owner {
    /// The owner's certificate and its signature over the statement that names the room.
    #[n(0)]
    pub certified: Certified,
}

impl Wire for Owner {
    const NAME: &'static str = "owner";
    const MAX_LEN: usize = Certified::MAX_LEN + 8;
    fn check(&self) -> Result<(), DecodeError> {
        self.certified.check::<Self>()
    }
}

/// A participant that has children, or an entry. Written under its node key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NodeRecord {
    /// Edges to the root.
    #[n(0)]
    pub depth: u16,
    /// Who feeds it; none for the root and for an orphan.
    #[n(1)]
    pub parent: Option<NodeId>,
    /// Whom it feeds; at most [`MAX_FAN_OUT`].
    #[n(2)]
    pub children: Vec<NodeId>,
    /// How many children it takes in all.
    #[n(3)]
    pub fan_out: u8,
    /// Participants in its subtree, itself included.
    #[n(4)]
    pub size: u32,
    /// Edges down to its deepest descendant.
    #[n(5)]
    pub height: u16,
    /// Open spots in its subtree, its own included, nearest the root first.
    #[n(6)]
    pub spots: Vec<Spot>,
    /// Where it can be called.
    #[n(7)]
    pub contact: Contact,
}

impl Wire for NodeRecord {
    const NAME: &'static str = "node record";
    // 4 KiB less what sealing (40 bytes) and the envelope add.
    const MAX_LEN: usize = 4 * 1024 - 192;
    fn check(&self) -> Result<(), DecodeError> {
        if self.children.len() > usize::from(MAX_FAN_OUT) || self.fan_out > MAX_FAN_OUT {
            return Err(DecodeError::invalid::<Self>("more children than the largest fan-out"));
        }
        check_spots::<Self>(&self.spots)?;
        self.contact.check::<Self>()
    }
}
