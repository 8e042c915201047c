//! The shape of the tree below: holes near the root are filled, the strong rise, leaves sink.
//!
//! All of it is suggestions (`Rise`): who gets one calls the better place as anyone would, keeps
//! its parent until it is taken there, and stays where it is if it is not.

use std::time::Duration;

use waterfall_wire::{Climber, NodeId, Spot, TreeMessage};

use crate::Tree;
use crate::config::{BALANCE_INTERVAL, MOVE_PAUSE, PROOF};
use crate::neighbour::{Child, Resume};
use crate::timer::Timer;
use crate::tree::Phase;

/// What one more child served without loss adds to strength, and what a newcomer has to begin with.
const STEP: u16 = 10;
/// What a place that it says it has adds: a claim decides between equals only.
const CLAIM: u16 = 2;
/// Claims that count at most.
const MOST_CLAIMED: u8 = 4;
/// Who has been here for one, two, four, … 32 minutes will likely stay for as long again, and is worth so many
/// percent more for each. Steps are small, and double, so that a room whose members came together does
/// not change places each time they grow older: even with one child more, one step is not enough
/// ([`MARGIN`](crate::promotion::MARGIN)).
const OLDER: u32 = 5;
/// So many steps at most.
const MOST_STEPS: u32 = 6;
/// How often someone who would rise is sent on: as deep as the place may be below the one who names it.
const MAX_HOPS: u8 = 8;

/// What a relay that served so many children without loss, says that it has room for so many
/// more, and has been here for so long, is worth. Never 0.
pub(crate) fn strength(children: u8, claims: u8, age: Duration) -> u16 {
    let served = STEP * (1 + u16::from(children)) + CLAIM * u16::from(claims.min(MOST_CLAIMED));
    let minutes = age.as_secs() / 60;
    let steps = (u64::BITS - minutes.leading_zeros()).min(MOST_STEPS);
    u16::try_from(u32::from(served) * (100 + OLDER * steps) / 100).unwrap_or(u16::MAX)
}

/// Who rises first. Sizes change all the time, and those on the way must agree who is meant: only
/// their magnitude counts, then the id.
pub(crate) fn climber_rank(strength: u16, size: u32, node: NodeId) -> (u16, u32, NodeId) {
    (strength, size.max(1).ilog2(), node)
}

/// As [`climber_rank`].
pub(crate) fn rank_of(climber: &Climber) -> (u16, u32, NodeId) {
    climber_rank(climber.strength, climber.size, climber.contact.node)
}

/// The most that a subtree of this size can truthfully say of its top.
pub(crate) fn most_for(size: u32) -> u16 {
    let children = u8::try_from(size.saturating_sub(1)).unwrap_or(u8::MAX).min(waterfall_wire::MAX_FAN_OUT);
    strength(children, MOST_CLAIMED, Duration::MAX)
}

impl Tree {
    /// Children served for long enough without losing anything on the way to them.
    pub(crate) fn proven_children(&self) -> u8 {
        let proven = |child: &Child| child.is_settled() && self.now.since(child.clean_since) >= PROOF;
        u8::try_from(self.children.values().filter(|child| proven(child)).count()).unwrap_or(u8::MAX)
    }

    pub(crate) fn settle_balance(&mut self) {
        self.proven = self.proven.max(self.proven_children()).min(self.places());
        if self.config.balance && self.has_children() && !self.timers.is_set(Timer::Balance) {
            let pause = self.jitter(BALANCE_INTERVAL);
            self.timers.set(Timer::Balance, self.now + pause);
        }
    }

    /// Looks at the shape below and suggests one change, if one is worth it.
    pub(crate) fn on_balance(&mut self) {
        let calm = self.phase == Phase::Active
            && self.is_serving()
            && self.search.is_none()
            && self.attempts.is_empty()
            && self.staying() <= usize::from(self.places());
        let filled = calm && self.fill_hole();
        let levelled = calm && self.level();
        let promoted = calm && self.promote();
        if filled || levelled || promoted || !calm {
            // There may be more to do.
            let pause = self.jitter(BALANCE_INTERVAL);
            self.timers.set(Timer::Balance, self.now + pause);
        }
    }

    /// Places of our own are free: the strongest further down may have them.
    fn fill_hole(&mut self) -> bool {
        let own = self.own_spot();
        let settled = self.attached().filter(|(_, child)| child.is_settled());
        let climbers = settled.filter_map(|(via, child)| Some((*via, child.summary.climber.as_ref()?)));
        let climbers = climbers.filter(|(_, climber)| !self.children.contains(&climber.contact.node));
        let mut climbers: Vec<_> =
            climbers.map(|(via, climber)| (rank_of(climber), via, climber.contact.node)).collect();
        climbers.sort_unstable();
        // One from each subtree; who comes first has the place.
        let places = usize::from(own.free);
        for (_, via, node) in climbers.iter().rev().take(places) {
            self.ledger.promise(self.now, self.me.node);
            self.send(*via, TreeMessage::Rise { node: Some(*node), to: own.clone() });
        }
        places > 0 && !climbers.is_empty()
    }

    /// Our parent knows of room nearer the root, for us or for someone below us.
    pub(crate) fn on_rise(&mut self, from: NodeId, node: Option<NodeId>, to: Spot) {
        if !self.is_parent(from) {
            return self.unless_known(from);
        }
        let Some(node) = node else {
            let turn = self.rng.below(64);
            return self.share(to, turn);
        };
        if node == self.me.node {
            return self.rise(to);
        }
        let leads = |id: &NodeId, child: &Child| {
            *id == node || child.summary.climber.as_ref().is_some_and(|climber| climber.contact.node == node)
        };
        // It may have moved on meanwhile.
        let via = self.attached().find(|(id, child)| child.is_settled() && leads(id, child)).map(|(id, _)| *id);
        let Some(via) = via else { return };
        if let Some(child) = self.children.get_mut(&via).filter(|_| via == node && to.free == 0) {
            child.rises = Some(self.now);
        }
        self.send(via, TreeMessage::Rise { node: Some(node), to });
    }

    /// A loss may have brought us, and all below us, further from the root than need be.
    pub(crate) fn regain(&mut self) {
        if let Some(to) = self.regained.take() {
            self.rise_on(0, vec![*to]);
        }
    }

    /// Calls the first of some places that is worth moving for, unless too many have sent us on.
    pub(crate) fn rise_on(&mut self, hops: u8, spots: Vec<Spot>) {
        let near = |spot: &Spot| spot.free > 0 && spot.depth.saturating_add(1) < self.own_depth();
        let free = |spot: &Spot| !self.is_neighbour(spot.contact.node) && !self.is_shunned(&spot.contact.node);
        let calm = self.phase == Phase::Active && self.has_route() && self.search.is_none() && self.attempts.is_empty();
        let me = self.me.node;
        let wanted = calm && hops < MAX_HOPS && !self.is_resuming() && self.config.balance;
        let to = spots.into_iter().find(|spot| wanted && spot.contact.node != me && near(spot) && free(spot));
        if let Some(to) = to {
            self.call(to.contact, self.config.call_timeout, true, hops + 1);
        }
    }

    /// Whether we could go there now, as far as it is for us to say.
    pub(crate) fn may_rise(&self, to: &Spot) -> bool {
        let rested = self.moved_at.is_none_or(|at| self.now.since(at) >= MOVE_PAUSE);
        let node = to.contact.node;
        self.phase == Phase::Active
            && self.config.balance
            && self.has_route()
            && self.search.is_none()
            && self.attempts.is_empty()
            && to.depth.saturating_add(1) < self.own_depth()
            && node != self.me.node
            && !self.is_shunned(&node)
            && rested
            && !self.is_resuming()
    }

    pub(crate) fn rise(&mut self, to: Spot) {
        let node = to.contact.node;
        if !self.may_rise(&to) {
            return;
        }
        self.climbing = (to.free == 0).then_some(node);
        if self.is_standby(node) && self.can_resume() {
            self.ask_standby(Resume::Rising);
        } else if !self.is_neighbour(node) {
            self.call(to.contact, self.config.call_timeout, true, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotion::MARGIN;

    #[test]
    fn strength_grows_with_children_and_age_and_is_bounded() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        assert_eq!(strength(0, 0, minutes(0)), STEP);
        assert!(strength(4, 0, minutes(0)) > strength(2, 4, minutes(0)));
        assert!(strength(4, 0, minutes(10)) > strength(4, 0, minutes(1)));
        assert!(100 * u32::from(strength(4, 0, minutes(3))) < MARGIN * u32::from(strength(3, 0, minutes(1))));
        assert!(100 * u32::from(strength(3, 0, minutes(40))) < MARGIN * u32::from(strength(3, 0, minutes(0))));
        assert_eq!(strength(4, 0, minutes(100)), strength(4, 0, minutes(100_000)));
        assert_eq!(strength(4, 9, minutes(1)), strength(4, 64, minutes(1)));
        assert!(strength(64, 64, Duration::MAX) < u16::MAX / 2);
    }

    #[test]
    fn nobody_is_stronger_than_its_subtree() {
        assert!(strength(4, 0, Duration::MAX) > most_for(2));
        assert!(strength(4, 4, Duration::MAX) <= most_for(5));
        assert_eq!(most_for(u32::MAX), most_for(65));
    }
}
