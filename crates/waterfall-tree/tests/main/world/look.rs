//! What a room looks like from outside.

use std::collections::BTreeSet;

use waterfall_tree::{State, Status, WARDS_PER_CHILD};

use super::{World, id, index};

impl World {
    pub(crate) fn status(&self, at: usize) -> Status {
        self.nodes[at].tree.status()
    }

    pub(crate) fn parent(&self, at: usize) -> Option<usize> {
        self.nodes[at].status.parent.as_ref().map(index)
    }

    pub(crate) fn depth(&self, at: usize) -> usize {
        let mut depth = 0;
        let mut node = at;
        while let Some(parent) = self.parent(node) {
            depth += 1;
            node = parent;
            assert!(depth <= self.nodes.len(), "a loop above {at}");
        }
        depth
    }

    pub(crate) fn living(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&at| self.nodes[at].alive).collect()
    }

    /// How many living nodes there are at each depth.
    pub(crate) fn shape(&self) -> Vec<usize> {
        let mut shape = Vec::new();
        for at in self.living() {
            let depth = self.depth(at);
            if shape.len() <= depth {
                shape.resize(depth + 1, 0);
            }
            shape[depth] += 1;
        }
        shape
    }

    pub(crate) fn descendants(&self, of: usize) -> Vec<usize> {
        let above = |mut at: usize| {
            while let Some(parent) = self.parent(at) {
                if parent == of {
                    return true;
                }
                at = parent;
            }
            false
        };
        self.living().into_iter().filter(|&at| above(at)).collect()
    }

    /// Nobody is moving: media flows over the edges of the tree and nowhere else.
    pub(crate) fn is_at_rest(&self) -> bool {
        let edges = |at: &usize| {
            let status = &self.nodes[*at].status;
            status.children.len() + usize::from(status.parent.is_some())
        };
        self.is_connected() && self.living().iter().all(|at| self.nodes[*at].feeding.len() == edges(at))
    }

    /// Everyone alive has a way to the root, both ends of each edge agree, and media flows.
    pub(crate) fn is_connected(&self) -> bool {
        let fed = self.fed();
        self.living().into_iter().all(|at| {
            if self.nodes[at].frozen {
                return false;
            }
            let status = &self.nodes[at].status;
            let in_tree = match status.state {
                State::Root => at == self.root,
                State::Attached | State::Moving => {
                    let parent = self.parent(at).unwrap();
                    self.nodes[parent].alive && self.nodes[parent].status.children.iter().any(|c| c.node == id(at))
                }
                _ => false,
            };
            in_tree && fed.contains(&at)
        })
    }

    /// Who is reached by media from the root just now.
    pub(crate) fn fed(&self) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        if !self.nodes[self.root].alive {
            return reached;
        }
        let mut open = vec![self.root];
        while let Some(at) = open.pop() {
            if !reached.insert(at) {
                continue;
            }
            for &peer in &self.nodes[at].feeding {
                let both = self.nodes[peer].feeding.contains(&at);
                if both
                    && !self.is_quiet(at, peer)
                    && !self.is_quiet(peer, at)
                    && self.session(at, peer) == self.session(peer, at)
                {
                    open.push(peer);
                }
            }
        }
        reached
    }

    pub(super) fn session(&self, at: usize, peer: usize) -> Option<u64> {
        self.nodes[at].sessions.get(&peer).filter(|session| session.up).map(|session| session.call)
    }

    pub(crate) fn picture(&self) -> String {
        let mut lines = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let Status { state, parent, standby, wards, depth, children, mark, starving, .. } = node.tree.status();
            let children: Vec<usize> = children.iter().map(|c| index(&c.node)).collect();
            let parent = parent.as_ref().map(index);
            let standby = standby.as_ref().map(index);
            let wards: Vec<usize> = wards.iter().map(index).collect();
            let alive = if node.alive { "" } else { " DEAD" };
            lines.push(format!(
                "  {at}{alive} {state:?} parent {parent:?} standby {standby:?} wards {wards:?} depth {depth:?} children {children:?} mark {mark:?} starving {starving} feeding {:?} sessions {:?}",
                node.feeding, node.sessions.keys().collect::<Vec<_>>()
            ));
            lines.extend(node.history.iter().rev().take(12).rev().map(|line| format!("      {line}")));
        }
        lines.join("\n")
    }

    /// Whether the standby of this one is alive, has it as a ward and could feed it.
    pub(crate) fn has_standby(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        let standby = node.status.standby.as_ref().map(index);
        node.tree.has_fit_standby()
            && standby.is_some_and(|standby| {
                !self.is_quiet(at, standby)
                    && self.session(at, standby) == self.session(standby, at)
                    && self.nodes[standby].status.wards.contains(&id(at))
            })
    }

    /// Whether someone could stand by for this one: with room, neither below it nor its parent, nor
    /// one that it stands by for (there is one link between two).
    pub(crate) fn could_have_standby(&self, at: usize) -> bool {
        let below = self.descendants(at);
        self.living().into_iter().any(|other| {
            let node = &self.nodes[other];
            let room = node.status.wards.len() < usize::from(node.fan_out * WARDS_PER_CHILD);
            let linked = self.nodes[at].status.wards.contains(&id(other));
            other != at && room && !linked && self.parent(at) != Some(other) && !below.contains(&other)
        })
    }

    /// Whether nearly everyone has a standby who can have one. In a small room the last places may
    /// all be with those that one stands by for.
    pub(crate) fn most_have_standbys(&self) -> bool {
        let others: Vec<usize> = self.living().into_iter().filter(|at| *at != self.root).collect();
        let without = others.iter().filter(|at| !self.has_standby(**at) && self.could_have_standby(**at)).count();
        without <= 1 + others.len() / 8
    }

    /// Whether everyone but the root has a standby who can have one.
    pub(crate) fn all_have_standbys(&self) -> bool {
        let others = self.living().into_iter().filter(|at| *at != self.root);
        others.into_iter().all(|at| self.has_standby(at) || !self.could_have_standby(at))
    }
}
