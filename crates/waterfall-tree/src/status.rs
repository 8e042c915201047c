//! A participant's state in the tree, for people and for the data plane.

use waterfall_wire::{Mark, NodeId};

use crate::Tree;
use crate::tree::Phase;

/// What a participant is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The tree hangs from it.
    Root,
    /// Looking for its first parent.
    Joining,
    /// It has a parent with a way to the root.
    Attached,
    /// It has such a parent and looks for another, since that one leaves.
    Moving,
    /// It has no way to the root and looks for one.
    Orphaned,
    /// It feeds its children until they have moved.
    Leaving,
    /// It is out of the tree.
    Left,
}

/// A child, as its parent knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildStatus {
    /// Who.
    pub node: NodeId,
    /// Participants in its subtree, itself included, as it says.
    pub size: u32,
    /// Edges down to its deepest descendant, as it says.
    pub height: u16,
    /// Nothing is heard from it.
    pub silent: bool,
}

/// A participant's place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Who feeds it.
    pub parent: Option<NodeId>,
    /// Who would feed it if the parent were lost.
    pub standby: Option<NodeId>,
    /// Whether the standby shares no ancestor with the parent but the root, as far as known.
    pub apart: bool,
    /// Whom it stands by for.
    pub wards: Vec<NodeId>,
    /// Edges to the root, the last known; none before the first parent.
    pub depth: Option<u16>,
    /// The children it feeds.
    pub children: Vec<ChildStatus>,
    /// Participants in its subtree, itself included; saturates.
    pub size: u32,
    /// Edges down to the deepest descendant.
    pub height: u16,
    /// From the root to the parent; the middle of very long paths is left out.
    pub path: Vec<NodeId>,
    /// The root's counter and the depth.
    pub mark: Option<Mark>,
    /// Children it takes at most just now.
    pub fan_out: u8,
    /// Whether children are told that it has no way to the root; what fillers should say, too.
    pub starving: bool,
    /// Links, messages and answers dropped since they came from someone who had no business to
    /// send them, or said what cannot be.
    pub rejected: u64,
}

impl Tree {
    /// This participant's place in the tree.
    #[must_use]
    pub fn status(&self) -> Status {
        let (size, height) = self.extent();
        let child = |(node, child): (&NodeId, &crate::neighbour::Child)| ChildStatus {
            node: *node,
            size: child.summary.size,
            height: child.summary.height,
            silent: child.silent.is_some(),
        };
        Status {
            state: self.state(),
            parent: self.parent(),
            standby: self.standby(),
            apart: self.standby.as_ref().is_some_and(|standby| self.shared(&standby.path) == 0),
            wards: self.wards.ids(),
            depth: self.mark.map(|mark| mark.depth),
            children: self.attached().map(child).collect(),
            size,
            height,
            path: self.path.clone(),
            mark: self.mark,
            fan_out: self.places(),
            starving: self.is_starving(),
            rejected: self.rejected,
        }
    }

    /// Who feeds it.
    #[must_use]
    pub fn parent(&self) -> Option<NodeId> {
        self.parent.as_ref().map(|parent| parent.id())
    }

    /// Whether this one is above us, or will be if it takes us: what flows from there feeds us.
    #[must_use]
    pub fn is_fed_by(&self, peer: &NodeId) -> bool {
        [self.parent(), self.standby()].contains(&Some(*peer)) || self.is_attempt(*peer)
    }

    /// The standby, while it stands by or has just been asked to step in.
    #[must_use]
    pub fn standby(&self) -> Option<NodeId> {
        self.standby.as_ref().map(|standby| standby.id())
    }

    /// Whether there is a standby that could step in now, as far as known.
    #[must_use]
    pub fn has_fit_standby(&self) -> bool {
        self.standby.as_ref().is_some_and(|standby| standby.is_fit())
    }

    /// The children it feeds.
    pub fn children(&self) -> impl Iterator<Item = NodeId> {
        self.attached().map(|(node, _)| *node)
    }

    /// How many children it feeds.
    #[must_use]
    pub fn child_count(&self) -> usize {
        self.attached().count()
    }

    /// Edges to the root, the last known; none before the first parent.
    #[must_use]
    pub fn depth(&self) -> Option<u16> {
        self.mark.map(|mark| mark.depth)
    }

    /// Whether it has a way to the root, as far as it knows.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.phase == Phase::Active && self.has_route()
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Left => State::Left,
            Phase::Leaving => State::Leaving,
            Phase::Active if self.is_root => State::Root,
            Phase::Active if self.mark.is_none() => State::Joining,
            Phase::Active if !self.has_route() => State::Orphaned,
            Phase::Active if self.search.is_some() => State::Moving,
            Phase::Active => State::Attached,
        }
    }
}
