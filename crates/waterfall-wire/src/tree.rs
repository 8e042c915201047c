//! What neighbours in the room tree say to each other over a link's reliable data channel.

use minicbor::{Decode, Encode};

use crate::{Contact, DecodeError, NodeId, Role, Wire};

/// Most children a participant may serve.
pub const MAX_FAN_OUT: u8 = 64;
/// Most spots in one list: enough to choose among, few enough to stay in one datagram.
pub const MAX_SPOTS: usize = 8;
/// Most standby places in one list: a choice, no more; each can say where else.
pub const MAX_WARDS: usize = 4;
/// Longest path to the root that is told. With fan-out 2 this still holds 4 billion participants.
pub const MAX_PATH: usize = 32;

/// The root's counter as it passed a participant, and that participant's depth (root: 0).
///
/// The pair orders routes as Babel's (seqno, metric) does (RFC 8966 §3.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    /// Drawn by the root, grows; a newer counter proves a live way to the root.
    #[n(0)]
    pub counter: u64,
    /// Edges between the participant and the root.
    #[n(1)]
    pub depth: u16,
}

/// Room for one or more children somewhere in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Spot {
    /// Who has room, and where it can be called.
    #[n(0)]
    pub contact: Contact,
    /// That participant's own depth; a child of it is one deeper.
    #[n(1)]
    pub depth: u16,
    /// How many more children it takes, or knows room for below it. In a list of standby places: how
    /// many more it stands by for.
    #[n(2)]
    pub free: u8,
    /// How many of these it has already shown it can serve: children it had for ten seconds
    /// without losing anything on the way to them.
    #[n(3)]
    pub proven: u8,
}

/// A descendant that someone above it may take nearer the root.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Climber {
    /// Who.
    #[n(0)]
    pub contact: Contact,
    /// As in its own summary.
    #[n(1)]
    pub strength: u16,
    /// As in its own summary.
    #[n(2)]
    pub size: u32,
    /// Edges from whoever tells of it down to the deepest that would stay if it went, with all below it.
    #[n(3)]
    pub staying: u16,
}

/// What a child tells its parent of its own subtree, itself included.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Summary {
    /// Participants in the subtree, the child included; at least 1.
    #[n(0)]
    pub size: u32,
    /// Edges from the child down to its deepest descendant; 0 for a leaf.
    #[n(1)]
    pub height: u16,
    /// Open spots in the subtree, nearest the root first; at most [`MAX_SPOTS`].
    #[n(2)]
    pub spots: Vec<Spot>,
    /// What the open places in the whole subtree weigh, listed or not: 2²⁰ each for those of the child
    /// itself, and a fourth of that for each level below it.
    #[n(3)]
    pub open: u32,
    /// Standby places in the subtree, nearest the root first; at most [`MAX_WARDS`].
    #[n(4)]
    pub wards: Vec<Spot>,
    /// What the child itself has shown it can do: it grows with the children it serves without
    /// loss and with its age. 0: it serves nobody and never will.
    #[n(5)]
    pub strength: u16,
    /// The strongest below the child.
    #[n(6)]
    pub climber: Option<Climber>,
}

/// What a parent tells a child of the way up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Down {
    /// The parent's own mark. The child's depth is one more.
    #[n(0)]
    pub mark: Mark,
    /// From the root down to the parent, both included; at most [`MAX_PATH`].
    #[n(1)]
    pub path: Vec<NodeId>,
    /// The parent has lost its own way to the root and is looking for another.
    #[n(2)]
    pub starving: bool,
    /// The rescue plan: spots outside the parent's subtree, usable when the parent vanishes.
    #[n(3)]
    pub outside: Vec<Spot>,
    /// Spots inside the parent's subtree but not in this child's, the parent's own included.
    #[n(4)]
    pub beside: Vec<Spot>,
    /// Standby places, as far from the parent's fate as is known; at most [`MAX_WARDS`]. To a
    /// standby child: such places in the sender's own subtree, itself included; the rescue plan is
    /// empty then.
    #[n(5)]
    pub stand: Vec<Spot>,
    /// How old the stream is when it comes to the parent, in milliseconds: half the round trips of
    /// the links between it and the root, as measured. 0 for the root; the greatest also stands
    /// for more.
    #[n(6)]
    pub lag: u16,
}

/// Why a participant does not take a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Refusal {
    /// All its spots are taken or leased.
    #[n(0)]
    Full,
    /// Taking this child could close a loop: neither newer nor nearer the root.
    #[n(1)]
    NotFeasible,
    /// It has no way to the root itself just now.
    #[n(2)]
    NoRoute,
    /// It is about to leave.
    #[n(3)]
    Leaving,
    /// It is handling too many calls.
    #[n(4)]
    Busy,
    /// The caller is expelled, or its offer was not acceptable.
    #[n(5)]
    Denied,
}

/// A message between neighbours in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TreeMessage {
    /// Child to parent, once the link is up: take me. Over a link that is in use already: from now
    /// on as this.
    #[n(0)]
    Attach {
        /// As a child proper, or as someone to stand by for.
        #[n(0)]
        role: Role,
        /// The lowest mark the child itself has advertised, if it ever had one.
        #[n(1)]
        advertised: Option<Mark>,
        /// The child's own subtree, itself included.
        #[n(2)]
        summary: Summary,
    },
    /// Parent to child: taken.
    #[n(1)]
    Attached(#[n(0)] Down),
    /// Parent to child: not taken; try these.
    #[n(2)]
    Refused {
        /// Why.
        #[n(0)]
        reason: Refusal,
        /// Where else; at most [`MAX_SPOTS`].
        #[n(1)]
        spots: Vec<Spot>,
    },
    /// Child to parent, at most once a second, left out while nothing changed.
    #[n(3)]
    Summary(#[n(0)] Summary),
    /// Parent to child, when anything in it but the counter changed.
    #[n(4)]
    Down(#[n(0)] Down),
    /// Parent to child: the parent's mark. The parent has a way to the root, whatever it said
    /// before. Comes as often as the root counts by itself, and when it was asked for.
    #[n(5)]
    Mark(#[n(0)] Mark),
    /// To all neighbours: I leave; children, move to one of these. I forward until you have.
    #[n(6)]
    Leaving {
        /// Where to go; at most [`MAX_SPOTS`].
        #[n(0)]
        spots: Vec<Spot>,
    },
    /// Child to parent: I have another parent, stop forwarding to me.
    #[n(7)]
    Detach,
    /// Child to parent, and on up to the root: someone needs a mark with a greater counter than
    /// this before it can be taken (a seqno request, RFC 8966 §3.8.1.2).
    #[n(8)]
    Count(#[n(0)] u64),
    /// Parent to child: I have lost my way to the root and look for another. All else that I told
    /// stands; a mark says that it is over.
    #[n(9)]
    Starving,
    /// Parent to child: there is room nearer the root.
    #[n(10)]
    Rise {
        /// For whom: the child, or someone below it. None: for the deepest below.
        #[n(0)]
        node: Option<NodeId>,
        /// Where. Without a free place: there it takes the place of another, who then calls it.
        #[n(1)]
        to: Spot,
    },
    /// Parent to child: I have one child too many, and it is you; move to one of these. I forward
    /// until you have.
    #[n(11)]
    Move {
        /// Where to go; at most [`MAX_SPOTS`].
        #[n(0)]
        spots: Vec<Spot>,
    },
}

impl Spot {
    fn check<T: Wire>(&self) -> Result<(), DecodeError> {
        self.contact.check::<T>()?;
        if self.free > 2 * MAX_FAN_OUT || self.proven > self.free {
            return Err(DecodeError::invalid::<T>("a spot promises more than can be"));
        }
        Ok(())
    }
}

pub(crate) fn check_spots<T: Wire>(spots: &[Spot]) -> Result<(), DecodeError> {
    if spots.len() > MAX_SPOTS {
        return Err(DecodeError::invalid::<T>("too many spots"));
    }
    for spot in spots {
        spot.check::<T>()?;
        if spot.free > MAX_FAN_OUT {
            return Err(DecodeError::invalid::<T>("a spot promises more than the largest fan-out"));
        }
    }
    Ok(())
}

fn check_wards<T: Wire>(places: &[Spot]) -> Result<(), DecodeError> {
    if places.len() > MAX_WARDS {
        return Err(DecodeError::invalid::<T>("too many standby places"));
    }
    places.iter().try_for_each(Spot::check::<T>)
}

impl Wire for Summary {
    const NAME: &'static str = "summary";
    const MAX_LEN: usize = 3 * 1024;
    fn check(&self) -> Result<(), DecodeError> {
        if self.size == 0 {
            return Err(DecodeError::invalid::<Self>("a subtree has at least one participant"));
        }
        check_spots::<Self>(&self.spots)?;
        check_wards::<Self>(&self.wards)?;
        self.climber.as_ref().map_or(Ok(()), |climber| climber.contact.check::<Self>())
    }
}

impl Down {
    fn check<T: Wire>(&self) -> Result<(), DecodeError> {
        if self.path.len() > MAX_PATH {
            return Err(DecodeError::invalid::<T>("the path is too long"));
        }
        check_spots::<T>(&self.outside)?;
        check_spots::<T>(&self.beside)?;
        check_wards::<T>(&self.stand)
    }
}

impl Wire for TreeMessage {
    const NAME: &'static str = "tree message";
    const MAX_LEN: usize = 6 * 1024;
    fn check(&self) -> Result<(), DecodeError> {
        match self {
            Self::Attach { summary, .. } | Self::Summary(summary) => summary.check(),
            Self::Attached(down) | Self::Down(down) => down.check::<Self>(),
            Self::Refused { spots, .. } | Self::Leaving { spots } | Self::Move { spots } => check_spots::<Self>(spots),
            Self::Rise { to, .. } => check_spots::<Self>(std::slice::from_ref(to)),
            Self::Mark(_) | Self::Detach | Self::Count(_) | Self::Starving => Ok(()),
        }
    }
}
