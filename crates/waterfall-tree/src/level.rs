//! Levelling: the tall parts of the tree give to the flat ones.
//!
//! What is moved are whole subtrees, as many at once as there are places for, and each relay on the way
//! shares them out: so the height falls by levels, however large the room.

use waterfall_wire::{NodeId, Spot, TreeMessage};

use crate::Tree;
use crate::neighbour::Child;

/// How many levels someone must gain to be moved from one subtree to another.
const WORTHWHILE: u16 = 2;
/// In rooms no larger than this, where a level is much and moves are few, one level is enough.
const SMALL: u32 = 64;
/// Who is no deeper than this and has so few below is in a small room.
const NEAR: u16 = 2;

impl Tree {
    fn worthwhile(&self) -> u16 {
        let small = self.own_depth() <= NEAR && self.extent().0 <= SMALL;
        if small { 1 } else { WORTHWHILE }
    }

    /// The deepest of each subtree may have a place much nearer the root in another.
    pub(crate) fn level(&mut self) -> bool {
        let depth = self.own_depth();
        let settled = self.attached().filter(|(_, child)| child.is_settled());
        let mut subtrees: Vec<(u16, NodeId)> = settled.map(|(node, child)| (child.summary.height, *node)).collect();
        subtrees.sort_by_key(|(height, node)| (std::cmp::Reverse(*height), *node));
        let mut any = false;
        for (height, node) in subtrees {
            // Whoever makes way takes those below it one level down: that much is to be gained by not being there.
            let gain = if self.is_to_be_thinned(&node) { 1 } else { self.worthwhile() };
            let deepest = depth.saturating_add(1).saturating_add(height);
            let turn = self.rng.below(64);
            let spots = self.spots_below(Some(node), turn);
            let worthwhile = |spot: &&Spot| spot.free > 0 && deepest > spot.depth.saturating_add(gain);
            // Promised or not: who was asked may have moved too short a while ago.
            any |= spots.iter().any(|spot| worthwhile(&spot));
            let spots = self.ledger.weighed(spots);
            let mut places: Vec<Spot> = spots.iter().filter(worthwhile).cloned().collect();
            // More than the nearest few that are listed: as many as there are find them on the way down.
            let listed = |to: &Spot| {
                self.children.get(&to.contact.node).map_or(0, |child| {
                    child
                        .spots()
                        .iter()
                        .filter(|spot| spot.depth <= to.depth)
                        .fold(0u8, |sum, spot| sum.saturating_add(spot.free))
                })
            };
            let beyond = self.gateways(Some(node)).into_iter().map(|(_, to)| {
                let free = to.free.saturating_sub(listed(&to));
                Spot { free, ..to }
            });
            places.extend(beyond.filter(|to| worthwhile(&to)));
            for to in places {
                self.ledger.promise_moves(self.now, to.contact.node, to.free);
                self.send(node, TreeMessage::Rise { node: None, to });
                any = true;
            }
        }
        any
    }

    /// The deepest below share some places among them. Who is deep enough goes itself, with all below it.
    pub(crate) fn share(&mut self, to: Spot, turn: usize) {
        let depth = self.own_depth();
        if depth > to.depth.saturating_add(WORTHWHILE) && self.may_rise(&to) {
            return self.rise(to);
        }
        let below = |gain: u16| -> Vec<NodeId> {
            let enough = to.depth.saturating_add(gain);
            let tall = |child: &Child| depth.saturating_add(1).saturating_add(child.summary.height) > enough;
            self.attached().filter(|(_, child)| child.is_settled() && tall(child)).map(|(node, _)| *node).collect()
        };
        let mut tall = below(WORTHWHILE);
        if tall.is_empty() {
            tall = below(1);
        }
        if tall.is_empty() {
            return self.rise(to);
        }
        // The deepest first. Among equals others each time: who cannot reach the place must not keep it from them.
        let turn = turn % tall.len();
        tall.rotate_left(turn);
        tall.sort_by_key(|node| std::cmp::Reverse(self.children.get(node).map(|child| child.summary.height)));
        let (each, more) = (usize::from(to.free.max(1)) / tall.len(), usize::from(to.free.max(1)) % tall.len());
        for (place, node) in tall.into_iter().enumerate() {
            let free = u8::try_from(each + usize::from(place < more)).unwrap_or(u8::MAX);
            if free > 0 {
                let to = Spot { free, proven: to.proven.min(free), ..to.clone() };
                self.send(node, TreeMessage::Rise { node: None, to });
            }
        }
    }
}
