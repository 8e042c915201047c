//! The way down: who is let in, and who goes.

use std::time::Duration;

use waterfall_wire::{Mark, NodeId, Refusal, Role, Spot};

use crate::config::{MAX_OVER, SILENT_CHILD_EVICTION, SILENT_CHILD_LIMIT, WARDS_PER_CHILD};
use crate::counter::is_absurd;
use crate::feasibility::is_feasible;
use crate::neighbour::{Child, Departure, Stage, Ward, WardStage};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Event, Output, Tree};

/// The path to the root must fit a message with us at its end (`MAX_PATH`), so nobody this deep
/// takes children.
const MAX_SERVING_DEPTH: u16 = 31;
/// From a child's arrival until its summary, with a way to the root, must have come.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_secs(2);

impl Tree {
    pub(crate) fn has_children(&self) -> bool {
        self.children.values().any(Child::is_attached)
    }

    /// Children served at most just now.
    pub(crate) fn places(&self) -> u8 {
        self.fan_out.saturating_sub(self.withdrawn)
    }

    /// Participants stood by for at most.
    pub(crate) fn ward_places(&self) -> u8 {
        self.places().saturating_mul(WARDS_PER_CHILD)
    }

    /// Whether someone sent here would get the stream.
    pub(crate) fn is_serving(&self) -> bool {
        self.phase == Phase::Active && self.has_route() && self.mark.is_some_and(|m| m.depth <= MAX_SERVING_DEPTH)
    }

    /// Children that stay, and callers on their way in.
    pub(crate) fn staying(&self) -> usize {
        self.children.values().filter(|child| child.stays()).count()
    }

    /// Places that are open to anyone. Those that leaving or silent children still hold are kept
    /// for their orphans, who know of them.
    pub(crate) fn free(&self) -> u8 {
        let kept = usize::from(self.timers.is_set(Timer::Kept));
        let taken = u8::try_from(self.children.len() + kept).unwrap_or(u8::MAX);
        if self.is_serving() { self.places().saturating_sub(taken) } else { 0 }
    }

    /// Places to stand by for one more.
    pub(crate) fn free_for_wards(&self) -> u8 {
        let taken = u8::try_from(self.wards.len()).unwrap_or(u8::MAX);
        if self.is_serving() { self.ward_places().saturating_sub(taken) } else { 0 }
    }

    pub(crate) fn on_called(&mut self, from: NodeId, role: Role, advertised: Option<Mark>) {
        let objection = self.objection(from, advertised).or_else(|| match role {
            Role::Child => self.no_place(from, advertised, false),
            Role::Orphan => self.no_place(from, advertised, true),
            Role::Standby => self.no_ward_place(from),
        });
        if let Some(reason) = objection {
            let spots =
                if role == Role::Standby { self.wards_below(reason, from) } else { self.elsewhere(reason, from) };
            return self.output(Output::Refuse { from, reason, spots });
        }
        match role {
            Role::Child | Role::Orphan => {
                self.calls = self.calls.wrapping_add(1);
                // What it needs is asked for while its link comes up.
                let wants = advertised.filter(|own| !self.mark.is_some_and(|mark| is_feasible(mark, Some(*own))));
                let wants = wants.map(|own| own.counter);
                self.children.insert(from, Child { wants, ..Child::new(self.calls, self.now) });
                self.timers.clear(Timer::Kept);
                self.changed.below = true;
                if let Some(above) = wants {
                    self.ask_counter(above);
                }
            }
            Role::Standby => {
                self.wards.insert(from, Ward::new(WardStage::Leased));
            }
        }
        self.timers.set(Timer::Lease(from), self.now + self.config.lease);
        self.output(Output::Accept { from, role });
    }

    fn objection(&self, from: NodeId, advertised: Option<Mark>) -> Option<Refusal> {
        if from == self.me.node {
            return Some(Refusal::Denied);
        }
        if self.phase != Phase::Active {
            return Some(Refusal::Leaving);
        }
        let Some(mark) = self.mark.filter(|_| self.has_route()) else { return Some(Refusal::NoRoute) };
        let absurd = advertised.is_some_and(|own| is_absurd(mark.counter, own.counter));
        (absurd || self.path.contains(&from)).then_some(Refusal::NotFeasible)
    }

    /// Why there is no place for this child, if there is none.
    fn no_place(&mut self, from: NodeId, advertised: Option<Mark>, orphan: bool) -> Option<Refusal> {
        match self.children.get(&from) {
            // It has lost its link to us, which we have only just begun to notice.
            Some(child) if child.silent.is_some() => self.remove_child(from, true),
            // A call that is repeated before its link is up renews the lease.
            Some(child) if child.stage == Stage::Leased => return None,
            // Where two call each other, both are refused and go elsewhere: two links between the
            // same two would be of no use.
            _ if self.is_neighbour(from) => return Some(Refusal::Busy),
            _ => {}
        }
        let deep = self.own_depth() > MAX_SERVING_DEPTH;
        let room = self.has_room_for(from, advertised) || (orphan && self.has_room_for_orphan());
        (deep || !room).then_some(Refusal::Full)
    }

    fn no_ward_place(&self, from: NodeId) -> Option<Refusal> {
        if self.wards.get(&from).is_some_and(|ward| ward.stage == WardStage::Leased) {
            return None;
        }
        if self.is_neighbour(from) {
            return Some(Refusal::Busy);
        }
        // Nor for the one that we are about to go below.
        let bound_for = self.parent.as_ref().filter(|parent| parent.stays()).and_then(|parent| parent.named());
        (self.free_for_wards() == 0 || bound_for == Some(from)).then_some(Refusal::Full)
    }

    /// Whether one more fits: below `fan_out`, not counting children that are about to go, and
    /// never more than one over it. A child long silent makes room.
    fn has_room_for(&mut self, node: NodeId, advertised: Option<Mark>) -> bool {
        let places = usize::from(self.places());
        if self.staying() >= places {
            let within = self.children.len() < places + usize::from(MAX_OVER);
            let rose = self.just_rose() && self.comes_from(advertised, 0);
            return self.could_insert() || (within && (self.expects(node) || rose));
        }
        // Who is to come was below the one who left; we may have gone down by one ourselves.
        if self.timers.is_set(Timer::Kept) && self.staying() + 1 == places && !self.comes_from(advertised, 2) {
            return false;
        }
        if self.children.len() <= places {
            return true;
        }
        self.evict_silent()
    }

    /// Makes room by parting with the child that has been silent longest, if that is long.
    pub(crate) fn evict_silent(&mut self) -> bool {
        let longest = self.children.iter().filter_map(|(node, child)| Some((child.silent?, *node))).min();
        let evicted = longest.filter(|(since, _)| self.now.since(*since) >= SILENT_CHILD_EVICTION);
        if let Some((_, node)) = evicted {
            self.remove_child(node, true);
        }
        evicted.is_some()
    }

    /// Whether there is no room here or below, but a leaf whose place a relay would use better. Then
    /// one caller is taken over the fan-out, and when it has told of room, the leaf moves below it.
    /// Without this the first few leaves would close a room to everyone.
    pub(crate) fn could_insert(&self) -> bool {
        let full = |child: &Child| {
            let known = self.now.since(child.attached_at) >= SETTLED_AFTER;
            known && child.is_settled() && !child.summary.spots.iter().any(|spot| spot.free > 0)
        };
        self.is_serving()
            && self.places() > 0
            && self.children.len() == usize::from(self.places())
            && self.children.values().all(full)
            && self.children.values().any(Child::is_leaf)
    }

    /// Where a caller who is not taken may go instead.
    pub(crate) fn elsewhere(&mut self, reason: Refusal, caller: NodeId) -> Vec<Spot> {
        let mut spots = match reason {
            Refusal::Full => {
                let subtrees: Vec<&[Spot]> =
                    self.children.values().map(Child::spots).filter(|s| !s.is_empty()).collect();
                let spots = self.ledger.redirect(self.now, &subtrees);
                let spots = self.with_gateways(spots, true);
                self.or_elsewhere(spots)
            }
            Refusal::Leaving => self.outside(),
            // Whoever is cut off knows only others of whom the same may be true.
            _ => Vec::new(),
        };
        spots.retain(|spot| spot.contact.node != caller);
        spots
    }

    /// A caller's link is up. False if nobody is expected there.
    pub(crate) fn lease_linked(&mut self, peer: NodeId) -> bool {
        if let Some(child) = self.children.get_mut(&peer).filter(|child| child.stage == Stage::Leased) {
            child.stage = Stage::Linked;
            return true;
        }
        match self.wards.get_mut(&peer).filter(|ward| ward.stage == WardStage::Leased) {
            Some(ward) => ward.stage = WardStage::Linked,
            None => return false,
        }
        true
    }

    pub(crate) fn on_lease_over(&mut self, node: NodeId) {
        match self.children.get(&node).map(|child| child.stage) {
            Some(Stage::Held { .. }) => self.turn_away(node, Refusal::NotFeasible),
            Some(Stage::Leased | Stage::Linked) => self.remove_child(node, true),
            Some(Stage::Attached) => {}
            None if self.wards.get(&node).is_some_and(|ward| ward.stage != WardStage::Warm) => {
                self.remove_ward(node, true);
            }
            None => {}
        }
    }

    pub(crate) fn on_detach(&mut self, from: NodeId) {
        if self.children.contains(&from) {
            self.remove_child(from, true);
        } else if self.wards.contains(&from) {
            self.remove_ward(from, true);
        } else {
            self.reject();
        }
    }

    /// False if it is no child.
    pub(crate) fn child_leaves(&mut self, from: NodeId) -> bool {
        match self.children.get_mut(&from).filter(|child| child.is_attached()) {
            Some(child) => child.departure = Departure::Leaves,
            None => return self.wards.contains(&from),
        }
        self.changed.below = true;
        // It holds a place that others may already have; if it changes its mind it is cut.
        self.timers.set(Timer::MoveOn(from), self.now + 2 * self.config.hand_over_limit);
        true
    }

    pub(crate) fn child_silent(&mut self, peer: NodeId) {
        let now = self.now;
        let Some(child) = self.children.get_mut(&peer) else {
            return self.timers.set(Timer::Silence(peer), now + SILENT_CHILD_LIMIT);
        };
        if child.is_attached() && child.silent.is_none() {
            child.silent = Some(now);
            self.changed.below = true;
            self.timers.set(Timer::Silence(peer), now + SILENT_CHILD_LIMIT);
        }
    }

    pub(crate) fn child_heard(&mut self, peer: NodeId) {
        self.timers.clear(Timer::Silence(peer));
        if let Some(child) = self.children.get_mut(&peer)
            && child.silent.take().is_some()
        {
            self.changed.below = true;
        }
    }

    pub(crate) fn on_long_silence(&mut self, peer: NodeId) {
        self.remove_child(peer, true);
        self.remove_ward(peer, true);
    }

    pub(crate) fn remove_child(&mut self, node: NodeId, hang_up: bool) {
        let Some(child) = self.children.remove(&node) else { return };
        for timer in [Timer::Lease(node), Timer::Silence(node), Timer::MoveOn(node)] {
            self.timers.clear(timer);
        }
        self.changed.below = true;
        self.keep_place(&child);
        if child.fed {
            self.feed(node, false);
        }
        if child.is_attached() {
            self.child_is_gone(node);
        }
        if hang_up {
            self.output(Output::Hangup { peer: node });
        }
        if self.phase == Phase::Leaving && !self.has_children() {
            self.finish();
        }
    }

    /// One that was attached is so no more.
    pub(crate) fn child_is_gone(&mut self, node: NodeId) {
        self.output(Output::Notify(Event::ChildLeft(node)));
        if !self.has_children() {
            self.childless_since = self.now;
        }
    }

    pub(crate) fn remove_ward(&mut self, node: NodeId, hang_up: bool) {
        if self.wards.remove(&node).is_none() {
            return;
        }
        self.timers.clear(Timer::Lease(node));
        self.timers.clear(Timer::Silence(node));
        if hang_up {
            self.output(Output::Hangup { peer: node });
        }
    }

    /// Parts with all children without a plan.
    pub(crate) fn let_children_go(&mut self, reason: Refusal) {
        for node in self.children.ids() {
            if self.children.get(&node).is_some_and(Child::is_linked) {
                self.send(node, waterfall_wire::TreeMessage::Refused { reason, spots: Vec::new() });
            }
            self.remove_child(node, true);
        }
    }
}
