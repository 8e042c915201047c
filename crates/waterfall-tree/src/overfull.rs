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

impl Tree {
    /// Whether much hangs from here.
    pub(crate) fn is_tall(&self) -> bool {
        self.extent().1 >= TALL
    }

    pub(crate) fn settle_overfull(&mut self) {
        if self.phase != Phase::Active || self.staying() <= usize::from(self.places()) {
            self.timers.clear(Timer::Overfull);
        } else if !self.timers.is_set(Timer::Overfull) {
            self.timers.set(Timer::Overfull, self.now + OVERFULL_LIMIT);
        }
    }

    /// Children too many have been served for as long as was promised. The one with the least below
    /// it moves on, a leaf or else the youngest among equals; it is fed until it has.
    pub(crate) fn ask_one_to_move(&mut self) {
        if self.staying() <= usize::from(self.places()) || !self.has_route() {
            self.changed.below = true;
            return;
        }
        let rank = |child: &Child| (Reverse(child.summary.size), child.is_leaf(), child.number);
        let candidates = self.children.iter().filter(|(_, child)| child.is_settled());
        if let Some(node) = candidates.max_by_key(|(_, child)| rank(child)).map(|(node, _)| *node) {
            self.ask_to_move(node, None);
        }
        self.changed.below = true;
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
        let asked = if let Departure::Asked(times) = child.departure { times } else { 0 };
        // With much below it, it sinks by two levels at most as long as there is a choice.
        let deepest = self.own_depth().saturating_add(MOST_SUNK);
        let shallow = spots.iter().take_while(|spot| spot.depth <= deepest).count();
        let bound = asked + 1 < MAX_ASKED && child.summary.height >= TALL && shallow > 0;
        if bound {
            spots.truncate(shallow);
        }
        spots.truncate(waterfall_wire::MAX_SPOTS);
        self.send(node, TreeMessage::Move { spots });
        if let Some(child) = self.children.get_mut(&node) {
            child.departure = Departure::Asked(asked.saturating_add(1));
        }
        self.timers.set(Timer::MoveOn(node), self.now + if bound { 3 } else { 2 } * self.config.hand_over_limit);
        self.changed.below = true;
    }

    /// A child that was to move is still there.
    pub(crate) fn on_move_over(&mut self, node: NodeId) {
        match self.children.get(&node).map(|child| child.departure) {
            Some(Departure::Asked(times)) if times < MAX_ASKED => {
                if self.children.len() > usize::from(self.places()) {
                    return self.ask_to_move(node, None);
                }
                // There is a place for it after all.
                let Some(down) = self.down_for(node) else { return };
                if let Some(child) = self.children.get_mut(&node) {
                    child.departure = Departure::No;
                }
                self.best_told = Some(down.mark);
                self.changed.below = true;
                self.send(node, TreeMessage::Attached(down));
            }
            Some(_) => self.remove_child(node, true),
            None => {}
        }
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
