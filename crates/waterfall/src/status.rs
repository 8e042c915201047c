//! How a participant stands in its room, now.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use waterfall_wire::NodeId;

use crate::SignalPath;
use crate::member::Member;

/// What publishers and subscribers count, each on its own task.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Bytes of payload published.
    pub(crate) published: AtomicU64,
    /// Packets that did not open.
    pub(crate) packets_refused: AtomicU64,
}

/// What a link is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkRole {
    /// It feeds us.
    Parent,
    /// We feed it.
    Child,
    /// It would feed us if the parent were lost, or we would feed it.
    Standby,
    /// Being set up, or being left.
    Other,
}

/// One link and what it has carried.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinkStatus {
    /// Who is at the other end.
    pub peer: NodeId,
    /// Whose node that is, once proven; none in rooms that know no members.
    pub member: Option<Member>,
    /// What it is to us.
    pub role: LinkRole,
    /// Bytes of media payload sent, each packet once.
    pub media_sent: u64,
    /// Bytes of media payload that came over this link first.
    pub media_received: u64,
    /// Packets that came over this link after they had come over another.
    pub duplicates: u64,
    /// Bytes of media payload sent again because they were asked for.
    pub repair_sent: u64,
    /// Packets dropped because the link was too slow; pictures up to the next key frame.
    pub packets_dropped: u64,
}

/// A call of ours that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Answered {
    /// Who said yes.
    pub peer: NodeId,
    /// How the answer came: [`SignalPath::Direct`] or [`SignalPath::Letter`].
    pub path: SignalPath,
    /// From the offer to the answer. The link itself comes up after that.
    pub after: Duration,
}

/// How a participant stands in its room, now.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Status {
    /// Who feeds us; none for the root and for an orphan.
    pub parent: Option<NodeId>,
    /// Who would feed us if the parent were lost.
    pub standby: Option<NodeId>,
    /// Whom we stand by for.
    pub wards: Vec<NodeId>,
    /// Edges to the root; none for an orphan.
    pub depth: Option<u16>,
    /// Whom we feed.
    pub children: Vec<NodeId>,
    /// Participants in our subtree, ourselves included. At the root: in the room.
    pub size: u32,
    /// Edges down to our deepest descendant. At the root: the tree's height.
    pub height: u16,
    /// How many children we take.
    pub fan_out: u8,
    /// Every link there is and, for the figures' sake, was; at most 256 past ones.
    pub links: Vec<LinkStatus>,
    /// Bytes of media payload that our own tracks have put out, each packet once.
    pub published: u64,
    /// Who the newest packets came from, as counted on the links, not as the tree has it.
    pub fed_by: Option<NodeId>,
    /// The latest call of ours that was answered; none for the root.
    pub answered: Option<Answered>,
    /// The owner has said that the room is over.
    pub ended: bool,
    /// Questions, gossip and link messages dropped because they were malformed, forged, repeated,
    /// expired or out of place.
    pub messages_refused: u64,
    /// Packets of subscribed tracks dropped because they were not their speaker's, or altered.
    pub packets_refused: u64,
}
