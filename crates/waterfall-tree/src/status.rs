//! A participant's state in the tree, for people and for the data plane.

use waterfall_wire::{Mark, NodeId};

use crate::Tree;
use crate::neighbour::Parent;
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
    /// Children it takes at most.
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
        let summary = self.summary();
        let child = |(node, child): (&NodeId, &crate::neighbour::Child)| ChildStatus {
            node: *node,
            size: child.summary.size,
            height: child.summary.height,
            silent: child.silent.is_some(),
        };
        Status {
            state: self.state(),
            parent: self.parent.as_ref().map(Parent::id),
            depth: self.mark.map(|mark| mark.depth),
            children: self.attached().map(child).collect(),
            size: summary.size,
            height: summary.height,
            path: self.path.clone(),
            mark: self.mark,
            fan_out: self.config.fan_out,
            starving: self.is_starving(),
            rejected: self.rejected,
        }
    }

    fn state(&self) -> State {
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
