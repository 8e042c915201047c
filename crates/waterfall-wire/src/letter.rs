//! Calls that wait for their recipient in the DHT, and how the recipient learns that they do.

use minicbor::{Decode, Encode};

use crate::{DecodeError, NodeId, Signed, UnixMillis, Wire};

/// Most rings that one doorbell remembers; the newest push out the oldest.
pub const MAX_RINGS: usize = 8;

/// Which of the two letters that one node may have lying for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum LetterKind {
    /// It asks.
    #[n(0)]
    Ask,
    /// It answers.
    #[n(1)]
    Reply,
}

impl LetterKind {
    /// The kind's number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ask => 0,
            Self::Reply => 1,
        }
    }
}

/// A call as a record: written under its sender's node key, one of each kind for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Letter {
    /// A signed [`crate::Ask`].
    #[n(0)]
    Ask(#[n(0)] Signed),
    /// A signed [`crate::Reply`].
    #[n(1)]
    Reply(#[n(0)] Signed),
}

impl Letter {
    /// Which of the two it is.
    #[must_use]
    pub const fn kind(&self) -> LetterKind {
        match self {
            Self::Ask(_) => LetterKind::Ask,
            Self::Reply(_) => LetterKind::Reply,
        }
    }
}

impl Wire for Letter {
    const NAME: &'static str = "letter";
    // 4 KiB less what sealing (40 bytes) and the envelope add.
    const MAX_LEN: usize = 4 * 1024 - 192;
}

/// Somebody says that a letter lies for the doorbell's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ring {
    /// Under whose node key the letter lies. Nothing proves that it was this node that rang; its
    /// letter does, or there is none.
    #[n(0)]
    pub from: NodeId,
    /// When the letter was written: its `seq`.
    #[n(1)]
    pub at: UnixMillis,
}

/// A place where any member can say that it has written to one node. Written under a key that all
/// members can derive, so that ringing touches nobody's letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Doorbell {
    /// At most [`MAX_RINGS`], no two of one node.
    #[n(0)]
    pub rings: Vec<Ring>,
}

impl Doorbell {
    /// Rings in the place of an older ring of the same node, or else of the oldest when there are
    /// [`MAX_RINGS`] already. Rings from before `since` are left out: their letters are gone.
    pub fn ring(&mut self, ring: Ring, since: UnixMillis) {
        self.rings.retain(|other| other.from != ring.from && other.at >= since);
        self.rings.push(ring);
        self.rings.sort_by_key(|ring| std::cmp::Reverse(ring.at));
        // A neighbour's clock may be ahead; that must not push out the ring that is being made.
        while self.rings.len() > MAX_RINGS {
            let oldest = self.rings.iter().rposition(|other| other.from != ring.from).unwrap_or(MAX_RINGS);
            self.rings.remove(oldest);
        }
    }
}

impl Wire for Doorbell {
    const NAME: &'static str = "doorbell";
    const MAX_LEN: usize = 512;
    fn check(&self) -> Result<(), DecodeError> {
        if self.rings.len() > MAX_RINGS {
            return Err(DecodeError::invalid::<Self>("too many rings"));
        }
        let again = |at: usize| self.rings[..at].iter().any(|ring| ring.from == self.rings[at].from);
        if (0..self.rings.len()).any(again) {
            return Err(DecodeError::invalid::<Self>("a node that rings twice"));
        }
        Ok(())
    }
}
