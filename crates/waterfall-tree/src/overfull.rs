//! More children than there are places: who goes, and how it is asked.

use std::cmp::Reverse;

use waterfall_wire::{MAX_FAN_OUT, NodeId, Spot, TreeMessage};

use crate::Tree;
use crate::config::{MAX_ASKED, OVERFULL_LIMIT, RECOVERY};
use crate::neighbour::{Child, Departure};
use crate::timer::Timer;
use crate::tree::Phase;

/// Whoever has so many levels below it goes only where it is sent, lest all of them come to be far
/// down because one place was not free at once.
const TALL: u16 = 2;
/// Places this far below whoever asks such a one to move are near enough.
const MOST_SUNK: u16 = 2;
/// Asked so often, such a one goes below one of its siblings, whether that has room or not.
const PRESSED: u8 = 2;

impl Tree {
    /// Whether much hangs from here.
    pub(crate) fn is_tall(&self) -> bool {
        self.extent().1 >= TALL
    }

    /// Whether we were asked to move once already, in vain, and much hangs from here: whoever we are sent to takes us
    /// over its fan-out, and sends on someone with less below it.
    pub(crate) fn is_pressed(&self) -> bool {
        self.is_tall() && self.parent.as_ref().is_some_and(|parent| parent.stays() && parent.asked >= PRESSED)
    }

    pub(crate) fn settle_overfull(&mut self) {
        if self.children.len() <= usize::from(self.places()) {
            self.children.iter_mut().for_each(|(_, child)| child.asked = 0);
        }
        if self.phase != Phase::Active || self.staying() <= usize::from(self.places()) {
            self.timers.clear(Timer::Overfull);
        } else if !self.timers.is_set(Timer::Overfull) {
            self.timers.set(Timer::Overfull, self.now + OVERFULL_LIMIT);
        }
    }

    /// Children too many have been served for as long as was promised: one moves on, and is fed until it has.
    pub(crate) fn ask_one_to_move(&mut self) {
        self.changed.below = true;
        if self.staying() <= usize::from(self.places()) || !self.has_route() {
            return;
        }
        if let Some(node) = self.who_moves(|_, _| true) {
            self.ask_to_move(node, None);
        }
    }

    /// Of those that were asked least, the one with the least below it; among equals a leaf, or else the youngest.
    fn who_moves(&self, may: impl Fn(&NodeId, &Child) -> bool) -> Option<NodeId> {
        let rank = |child: &Child| (child.asked, child.summary.size, !child.is_leaf(), Reverse(child.number));
        let candidates = self.children.iter().filter(|(node, child)| child.is_settled() && may(node, child));
        candidates.min_by_key(|(_, child)| rank(child)).map(|(node, _)| *node)
    }

    /// Whether someone with so many levels below it would not make the tree below taller there.
    fn is_shallow(&self, to: &Spot, levels: u16) -> bool {
        to.depth.saturating_add(levels) < self.own_depth().saturating_add(self.extent().1)
    }

    /// Asks a child to go to one of the places that are known, or to this one first.
    pub(crate) fn ask_to_move(&mut self, node: NodeId, first: Option<Spot>) {
        let subtrees: Vec<&[Spot]> =
            self.children.iter().filter(|(other, _)| **other != node).map(|(_, child)| child.spots()).collect();
        let below = self.ledger.redirect(self.now, &subtrees);
        let outside = self.outside();
        let named = first.is_some();
        let mut spots: Vec<Spot> = first.into_iter().collect();
        for spot in below.into_iter().chain(outside) {
            let own = spot.contact.node == self.me.node || spot.contact.node == node;
            if !own && !spots.iter().any(|known| known.contact.node == spot.contact.node) {
                spots.push(spot);
            }
        }
        spots[usize::from(named)..].sort_by_key(|spot| (spot.free == 0, spot.depth));
        let Some(child) = self.children.get(&node) else { return };
        let (asked, levels) = (child.asked.saturating_add(1), child.summary.height);
        if asked >= PRESSED && levels >= TALL {
            let below = self.siblings(&node);
            spots.retain(|spot| !below.iter().any(|sibling| sibling.contact.node == spot.contact.node));
            spots.splice(0..0, below);
        }
        let deepest = self.own_depth().saturating_add(MOST_SUNK);
        let shallow = |spot: &&Spot| {
            // With much below it, it sinks by two levels at most as long as there is a choice; and nobody
            // who makes way for another makes the tree taller.
            (levels < TALL || spot.depth <= deepest) && (!named || self.is_shallow(spot, levels))
        };
        let kept = usize::from(named) + spots[usize::from(named)..].iter().take_while(shallow).count();
        let bound = asked < MAX_ASKED && kept > 0;
        if bound {
            spots.truncate(kept);
        }
        spots.truncate(waterfall_wire::MAX_SPOTS);
        self.send(node, TreeMessage::Move { spots });
        if let Some(child) = self.children.get_mut(&node) {
            (child.departure, child.asked) = (Departure::Asked, asked);
        }
        let patience = if bound && levels >= TALL { 3 } else { 2 };
        self.timers.set(Timer::MoveOn(node), self.now + patience * self.config.hand_over_limit);
        self.changed.below = true;
    }

    /// The other children that serve anybody, the flattest first.
    fn siblings(&self, node: &NodeId) -> Vec<Spot> {
        let serving =
            |(other, child): &(&NodeId, &Child)| *other != node && child.is_settled() && child.summary.size > 1;
        let mut siblings: Vec<(&NodeId, &Child)> = self.children.iter().filter(serving).collect();
        siblings.sort_by_key(|(_, child)| (child.summary.height, child.summary.size));
        siblings.into_iter().map(|(other, child)| self.below(other, child)).collect()
    }

    /// A child that was to move is still there.
    pub(crate) fn on_move_over(&mut self, node: NodeId) {
        let Some(child) = self.children.get(&node) else { return };
        let asked = child.asked;
        if child.departure != Departure::Asked {
            return self.remove_child(node, true);
        }
        if self.children.len() <= usize::from(self.places()) {
            // There is a place for it after all.
            return self.let_stay(node);
        }
        // What was named may be out of its reach, but not of another's.
        if let Some(to) = self.place_of_another().filter(|_| asked == 1) {
            let fits = |child: &Child| child.asked == 0 && self.is_shallow(&to, child.summary.height);
            if let Some(other) = self.who_moves(|other, child| *other != to.contact.node && fits(child)) {
                self.let_stay(node);
                return self.ask_to_move(other, Some(to));
            }
        }
        if asked < MAX_ASKED { self.ask_to_move(node, None) } else { self.remove_child(node, true) }
    }

    fn let_stay(&mut self, node: NodeId) {
        let Some(down) = self.down_for(node) else { return };
        if let Some(child) = self.children.get_mut(&node) {
            child.departure = Departure::No;
        }
        self.bind(down.mark);
        self.changed.below = true;
        self.send(node, TreeMessage::Attached(down));
    }

    /// What was meant for a child did not all go out.
    pub(crate) fn on_congested(&mut self, peer: NodeId) {
        let now = self.now;
        let Some(child) = self.children.get_mut(&peer).filter(|child| child.is_attached()) else {
            return self.reject();
        };
        child.clean_since = now;
        let settled = child.is_settled();
        self.timers.set(Timer::Recover, now + RECOVERY);
        self.timers.set(Timer::Proof, now + crate::config::PROOF);
        let staying = u8::try_from(self.staying()).unwrap_or(u8::MAX);
        if settled && staying > 1 {
            // One child is served whatever happens: it may be its own path that is bad.
            self.withdrawn = self.fan_out.saturating_sub(staying - 1);
            self.proven = self.proven.min(staying - 1);
            self.ask_to_move(peer, None);
        }
        self.changed.below = true;
    }

    pub(crate) fn on_recovery(&mut self) {
        self.withdrawn = self.withdrawn.saturating_sub(1);
        self.changed.below = true;
        if self.withdrawn > 0 {
            self.timers.set(Timer::Recover, self.now + RECOVERY);
        }
    }

    pub(crate) fn on_fan_out(&mut self, children: u8) {
        self.fan_out = children.min(MAX_FAN_OUT);
        self.withdrawn = 0;
        self.timers.clear(Timer::Recover);
        self.proven = self.proven.min(self.fan_out);
        self.changed.below = true;
        for node in self.wards.ids().into_iter().skip(usize::from(self.ward_places())) {
            self.turn_ward_away(node, waterfall_wire::Refusal::Full);
        }
    }
}
