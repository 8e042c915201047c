//! What goes into a [`crate::Tree`] and what comes out of it.

use waterfall_wire::{Address, Contact, Mark, NodeId, NodeRecord, Refusal, Role, Spot, TreeMessage};

use crate::Timestamp;

/// Something that happened to this participant.
///
/// The caller keeps at most one link per peer. Of a link or call that the tree gave up
/// ([`Output::Hangup`]) nothing more is told: no `LinkUp`, `LinkDown`, `CallFailed` or `Received`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// The answer to [`Output::Fetch`]: spots that were found, in any order; empty when nobody was.
    Candidates(Vec<Spot>),
    /// An offer arrived. Answered at once by [`Output::Accept`] or [`Output::Refuse`].
    Called {
        /// Who calls, as proven by the offer's signature.
        from: NodeId,
        /// What for.
        role: Role,
        /// The lowest mark the caller has advertised.
        advertised: Option<Mark>,
    },
    /// A link that was called or accepted can carry messages.
    LinkUp {
        /// The other end.
        peer: NodeId,
    },
    /// A link broke or was closed by the other end.
    LinkDown {
        /// The other end.
        peer: NodeId,
    },
    /// Whom we called takes us: the link is being set up. `LinkUp` or `CallFailed` follow.
    CallAnswered {
        /// The callee.
        peer: NodeId,
    },
    /// Whom we called does not take us.
    CallRefused {
        /// The callee.
        peer: NodeId,
        /// Why.
        reason: Refusal,
        /// Where else to call.
        spots: Vec<Spot>,
    },
    /// Whom we called could not be reached.
    CallFailed {
        /// The callee.
        peer: NodeId,
    },
    /// A message came over a link, in the order in which it was sent.
    Received {
        /// The other end.
        from: NodeId,
        /// What it says.
        message: TreeMessage,
    },
    /// Nothing, not even a filler, has come over this link for the configured silence. Told of
    /// parents, standbys and those on the other side alike. Over a link that media flows on (see
    /// [`Output::Feed`]) that is 60-80 ms; over others some seconds, as fillers come once a second
    /// there. When `Feed` turns on over a link that was idle, the short silence counts from then.
    Silent {
        /// The other end.
        peer: NodeId,
    },
    /// Something came over a link that was silent.
    Heard {
        /// The other end.
        peer: NodeId,
    },
    /// The neighbour's link is alive and it says that it is fed, but what it must have by its own
    /// word, or by the speaker's signed heartbeat, does not come. Of use for a parent or standby;
    /// of others it changes nothing.
    Withheld {
        /// The other end.
        peer: NodeId,
    },
    /// What was meant for this child did not all go out: its queue overflowed, or its path carried
    /// less than the stream for two seconds. It is sent elsewhere and one child less is served for
    /// a while. Not told while all is well.
    Congested {
        /// The other end.
        peer: NodeId,
    },
    /// Children to serve at most from now on: the user's wish, or what the uplink was measured to
    /// carry. Those beyond it are asked to move.
    FanOut(u8),
    /// The tree hangs from this participant now: what the room's charter or entry record says.
    /// If it is this one, it becomes the root and keeps its children; if it was the root and
    /// another is named, it looks for a parent below that one, with its children.
    Root(NodeId),
    /// Where this participant can be called has changed. More than fit a contact, or too long
    /// ones, are left out.
    Addresses(Vec<Address>),
    /// Hand the children over and go.
    Leave,
}

/// Something the caller must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send a message over the link to a peer.
    Send {
        /// The other end.
        to: NodeId,
        /// What to say.
        message: TreeMessage,
    },
    /// Make an offer; answered by `CallAnswered` and then `LinkUp`, by `CallRefused` or `CallFailed`.
    /// At most one to a standby and [`crate::MAX_ATTEMPTS`] to parents at a time, all to different
    /// peers.
    Call {
        /// Whom. Without addresses where none are known: then ask the routing layer.
        to: Contact,
        /// What for.
        role: Role,
        /// The lowest mark this participant has advertised.
        advertised: Option<Mark>,
    },
    /// Answer an offer: taken. `LinkUp` follows, or the lease runs out and `Hangup` follows.
    Accept {
        /// Who called.
        from: NodeId,
        /// What for.
        role: Role,
    },
    /// Answer an offer: not taken.
    Refuse {
        /// Who called.
        from: NodeId,
        /// Why.
        reason: Refusal,
        /// Where else to call, the best first.
        spots: Vec<Spot>,
    },
    /// Close the link, or give up the call, to or from a peer, once what was sent before is out.
    Hangup {
        /// The other end.
        peer: NodeId,
    },
    /// Find open spots; answered by [`Input::Candidates`], even if there are none.
    Fetch,
    /// Store this node record. Debounced, only while there are children or as root.
    Publish(NodeRecord),
    /// Whether media flows over this link, both ways: tree edges, and links that are about to be
    /// tree edges. Told at both ends; whoever turns it on says what it has and sends on from what
    /// the other has. To a standby it is told at the moment when the parent is lost, and to someone who
    /// was called meanwhile when the link is up: before the other end may have taken us.
    Feed {
        /// The other end.
        peer: NodeId,
        /// From now on, or no longer.
        on: bool,
    },
    /// Tell the user.
    Notify(Event),
    /// Nothing more to do. Call [`crate::Tree::handle_timeout`] at this moment, if any.
    Timeout(Option<Timestamp>),
}

/// What the user may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first parent was found.
    Attached {
        /// Who feeds us.
        parent: NodeId,
        /// Edges to the root.
        depth: u16,
    },
    /// The parent is gone or useless and another is being looked for. Not sent when the parent
    /// leaves in order or is merely starving: then it goes on serving meanwhile.
    ParentLost {
        /// Who.
        parent: NodeId,
        /// What happened.
        why: Loss,
    },
    /// A silent parent was heard again before another was found.
    ParentRegained(NodeId),
    /// There is another parent.
    Moved {
        /// The old one, if its link still stood.
        from: Option<NodeId>,
        /// The new one.
        to: NodeId,
    },
    /// There is a second, warm parent.
    StandbyFound {
        /// Who.
        standby: NodeId,
        /// Whether it shares no ancestor with the parent but the root, as far as known.
        apart: bool,
    },
    /// The standby is gone or no use. Not sent when it becomes the parent.
    StandbyLost(NodeId),
    /// A child is served.
    ChildJoined(NodeId),
    /// A child is no longer served.
    ChildLeft(NodeId),
    /// There has been no way to the root for [`crate::ROOT_LOST_AFTER`]. Not sent before the first
    /// `Attached`.
    RootLost,
    /// There is one again, after `RootLost`.
    RootFound,
    /// This participant is out of the tree; nothing follows.
    Left,
}

/// Why a parent is no longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Nothing is heard from it.
    Silent,
    /// The link broke.
    LinkDown,
    /// It does not want us any more.
    Refused,
    /// It feeds no newer counter: it has no way to the root.
    Stale,
    /// It says that we are above it, or names another root.
    BadPath,
    /// It does not pass on what it has.
    Withheld,
}
