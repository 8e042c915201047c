//! The shape of the tree below: holes near the root are filled, the strong rise, leaves sink.
//!
//! All of it is suggestions (`Rise`): who gets one calls the better place as anyone would, keeps
//! its parent until it is taken there, and stays where it is if it is not.

use std::time::Duration;

use waterfall_wire::{Climber, Mark, NodeId, Spot, TreeMessage};

use crate::config::{BALANCE_INTERVAL, MOVE_PAUSE, PROOF};
use crate::neighbour::{Child, Resume};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Timestamp, Tree};

/// What one more child served without loss adds to strength, and what a newcomer has to begin with.
const STEP: u16 = 10;
/// What a place that it says it has adds: a claim decides between equals only.
const CLAIM: u16 = 2;
/// Claims that count at most.
const MOST_CLAIMED: u8 = 4;
/// Who has been here for one, two, four, … 32 minutes will likely stay for as long again, and is worth so many
/// percent more for each. Steps are small, and double, so that a room whose members came together does
/// not change places each time they grow older: even with one child more, one step is not enough ([`MARGIN`]).
const OLDER: u32 = 5;
/// So many steps at most.
const MOST_STEPS: u32 = 6;
/// A descendant must be stronger than the child whose place it takes by this much, in percent.
const MARGIN: u32 = 132;
/// Who has no more levels than this below it may sink below anyone. Should it not reach the one that took
/// its place, it finds another far down, with all below it: so taller ones sink only below the one
/// from their own subtree that holds most of it, mostly their own child, whom they do reach.
const MOST_SENT_BLINDLY: u16 = 1;
/// Where the tree is as tall everywhere, a weak one with so many levels below it makes way for one of its own
/// although what stays with it comes to be deeper than all others by a level. Its place is worth far more, and the
/// deepest are moved later; otherwise whoever came first would stay near the root for good.
const WORTH_A_LEVEL: u16 = 3;
/// How often someone who would rise is sent on: as deep as the place may be below the one who names it.
const MAX_HOPS: u8 = 8;
/// How long a place is kept for someone who was asked to come.
const EXPECTED_FOR: Duration = Duration::from_secs(6);
/// Who was asked to take another's place and is gone within this has done so: a call and the time in
/// which both parents feed.
const RISES_WITHIN: Duration = Duration::from_secs(10);

/// A promotion under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Insertion {
    /// The descendant that comes.
    climber: NodeId,
    /// The child that goes below it.
    sinks: NodeId,
    until: Timestamp,
}

/// A move nearer the root.
#[derive(Debug)]
pub(crate) struct Rose {
    at: Timestamp,
    /// The place that we left.
    left: Spot,
}

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
pub(crate) fn climber_rank(climber: &Climber) -> (u16, u32, NodeId) {
    (climber.strength, climber.size.max(1).ilog2(), climber.contact.node)
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
        if self.insertion.as_ref().is_some_and(|insertion| insertion.until <= self.now) {
            self.insertion = None;
        }
        let filled = calm && self.fill_hole();
        let levelled = calm && self.level();
        let promoted = calm && self.insertion.is_none() && self.promote();
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
        let mut climbers: Vec<(u16, u32, NodeId, NodeId)> =
            climbers.map(|(via, c)| (c.strength, c.size, via, c.contact.node)).collect();
        climbers.sort_by_key(|(strength, size, _, node)| (*strength, size.max(&1).ilog2(), *node));
        // One from each subtree; who comes first has the place.
        let places = usize::from(own.free);
        for (_, _, via, node) in climbers.iter().rev().take(places) {
            self.ledger.promise(self.now, self.me.node);
            self.send(*via, TreeMessage::Rise { node: Some(*node), to: own.clone() });
        }
        places > 0 && !climbers.is_empty()
    }

    /// The strongest further down takes the place of one of our children that is much weaker, and
    /// that child goes below it.
    fn promote(&mut self) -> bool {
        if self.children.len() != usize::from(self.places()) {
            return false;
        }
        let old = |child: &Child| child.is_settled() && self.now.since(child.attached_at) >= PROOF;
        let settled = || self.attached().filter(|(_, child)| old(child));
        // Who has room left is not what makes the tree tall.
        let is_full = |node: &NodeId, child: &Child| {
            !child.summary.spots.iter().any(|spot| spot.contact.node == *node && spot.free > 0)
        };
        let weakest = settled().filter(|(node, child)| is_full(node, child));
        let weakest = weakest.min_by_key(|(_, child)| (child.summary.strength, child.summary.size));
        let Some((sinks, weak)) = weakest else { return false };
        let (sinks, levels, height) = (*sinks, weak.summary.height, self.extent().1);
        let (weak, size) = (u32::from(weak.summary.strength), weak.summary.size);
        let climbers = settled().filter_map(|(via, child)| Some((*via, child.summary.climber.as_ref()?)));
        let worthwhile = |via: &NodeId, climber: &Climber| {
            let strong = u32::from(climber.strength);
            // Everyone below who sinks comes to be a level deeper: no more than rise.
            let sinking = if *via == sinks { size.saturating_sub(climber.size) } else { size };
            let better = strong > weak && 100 * strong >= MARGIN * weak;
            let near = *via == sinks || levels <= MOST_SENT_BLINDLY;
            // Nor does the tree below come to be taller for little: so many participants have no more levels.
            let others = u16::try_from(sinking.saturating_sub(1)).unwrap_or(u16::MAX);
            let taller = u16::from(*via == sinks && levels >= WORTH_A_LEVEL.max(self.own_depth() + 2));
            let near = near && levels.min(others).saturating_add(2) <= height + taller;
            let enough = climber.size.saturating_mul(if taller > 0 { 2 } else { 1 }) >= sinking;
            better && near && enough && !self.children.contains(&climber.contact.node)
        };
        let climbers = climbers.filter(|(via, climber)| worthwhile(via, climber));
        let Some((via, climber)) = climbers.max_by_key(|(_, climber)| climber_rank(climber)) else {
            return false;
        };
        let node = climber.contact.node;
        let until = self.now + EXPECTED_FOR;
        self.insertion = Some(Box::new(Insertion { climber: node, sinks, until }));
        // There is no room, which tells it, and those on the way to it, that it takes another's place.
        let to = Spot { free: 0, ..self.own_spot() };
        self.send(via, TreeMessage::Rise { node: Some(node), to });
        true
    }

    /// Whether this caller was asked to come over the fan-out.
    pub(crate) fn expects(&self, node: NodeId) -> bool {
        let expected = self.insertion.as_ref().is_some_and(|i| i.climber == node && i.until > self.now);
        expected && self.children.len() <= usize::from(self.places())
    }

    /// Whether we have just come nearer the root: the one whose place we took comes below us, and
    /// is taken even where there is no room. Who goes instead finds room where we were before.
    pub(crate) fn just_rose(&self) -> bool {
        self.rose_lately() && self.places() > 0 && self.children.len() <= usize::from(self.places())
    }

    fn rose_lately(&self) -> bool {
        self.rose.as_ref().is_some_and(|rose| self.now.since(rose.at) < EXPECTED_FOR)
    }

    /// Whether a caller had a place that is at most so many levels below ours.
    pub(crate) fn comes_from(&self, advertised: Option<Mark>, below: u16) -> bool {
        advertised.is_some_and(|mark| mark.depth <= self.own_depth().saturating_add(below))
    }

    /// We are about to have a place nearer the root; if it is another's, whom we are to take below us,
    /// that is remembered.
    pub(crate) fn note_rise(&mut self, to: NodeId) {
        let promoted = self.climbing.take() == Some(to);
        let left = self.parent.as_ref().filter(|_| promoted).map(|parent| Spot { free: 1, ..parent.as_spot() });
        self.rose = left.map(|left| Box::new(Rose { at: self.now, left }));
    }

    /// The one whose place we took has come, and there is one child too many: the place that we
    /// left is open to the least of the others.
    fn make_way(&mut self, newcomer: NodeId) {
        if !self.rose_lately() || self.staying() <= usize::from(self.places()) {
            return;
        }
        let Some(rose) = self.rose.take() else { return };
        let others = self
            .children
            .iter()
            .filter(|(node, child)| child.is_settled() && (**node != newcomer || newcomer != rose.left.contact.node));
        let least = others.min_by_key(|(node, child)| (child.summary.size, **node == newcomer, **node));
        if let Some(node) = least.map(|(node, _)| *node) {
            self.ask_to_move(node, Some(rose.left));
        }
    }

    /// A child is gone. If it was to take another's place, whoever makes way for that one comes here, and
    /// knows of it; until then others do not hear of it, or it would be gone.
    pub(crate) fn keep_place(&mut self, child: &Child) {
        if child.rises.is_some_and(|at| self.now.since(at) < RISES_WITHIN) {
            self.timers.set(Timer::Kept, self.now + EXPECTED_FOR);
        }
    }

    /// A child has come; if it was asked to, the one it is stronger than goes below it.
    pub(crate) fn inserted(&mut self, node: NodeId) {
        self.make_way(node);
        let Some(insertion) = self.insertion.as_ref().filter(|insertion| insertion.climber == node) else { return };
        let sinks = insertion.sinks;
        self.insertion = None;
        let Some(child) = self.children.get(&node) else { return };
        let first =
            Spot { contact: child.contact(&node), depth: self.own_depth().saturating_add(1), free: 1, proven: 0 };
        if self.children.get(&sinks).is_some_and(Child::is_settled) && self.staying() > usize::from(self.places()) {
            self.ask_to_move(sinks, Some(first));
        }
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
