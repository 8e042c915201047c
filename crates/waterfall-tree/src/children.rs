//! The way down: who is let in, and what children say.

use std::time::Duration;

use waterfall_wire::{Mark, NodeId, Refusal, Role, Spot, Summary, TreeMessage};

use crate::config::{FEASIBILITY_WAIT, OVERFULL_LIMIT, SILENT_CHILD_EVICTION, SILENT_CHILD_LIMIT};
use crate::feasibility::is_feasible;
use crate::neighbour::{Child, Stage};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Event, Output, Tree};

/// The path to the root must fit a message with us at its end (`MAX_PATH`), so nobody this deep
/// takes children.
const MAX_SERVING_DEPTH: u16 = 31;
/// From a child's arrival until its summary, with a way to the root, must have come.
const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// A caller whose counter is ahead of ours by more than this (10 s at the root's pace) is not
/// waiting for ours to grow: the two come from different roots, or one is a lie.
const MAX_COUNTER_GAP: u64 = 50;

impl Tree {
    pub(crate) fn has_children(&self) -> bool {
        self.children.values().any(Child::is_attached)
    }

    /// Whether someone sent here would get the stream.
    pub(crate) fn is_serving(&self) -> bool {
        self.phase == Phase::Active && self.has_route() && self.mark.is_some_and(|m| m.depth <= MAX_SERVING_DEPTH)
    }

    /// Children that stay, and callers on their way in.
    fn staying(&self) -> usize {
        self.children.values().filter(|child| child.stays()).count()
    }

    /// Places that are open to anyone. Those that leaving or silent children still hold are kept
    /// for their orphans, who know of them.
    pub(crate) fn free(&self) -> u8 {
        let taken = u8::try_from(self.children.len()).unwrap_or(u8::MAX);
        if self.is_serving() { self.config.fan_out.saturating_sub(taken) } else { 0 }
    }

    pub(crate) fn on_called(&mut self, from: NodeId, role: Role, advertised: Option<Mark>) {
        if let Some(reason) = self.objection(from, role, advertised) {
            let spots = self.elsewhere(reason, from);
            return self.output(Output::Refuse { from, reason, spots });
        }
        self.calls += 1;
        self.children.insert(from, Child::new(self.calls));
        self.timers.set(Timer::Lease(from), self.now + self.config.lease);
        self.output(Output::Accept { from, role });
    }

    fn objection(&mut self, from: NodeId, role: Role, advertised: Option<Mark>) -> Option<Refusal> {
        if from == self.me.node {
            return Some(Refusal::Denied);
        }
        if self.phase != Phase::Active {
            return Some(Refusal::Leaving);
        }
        if role == Role::Standby {
            return Some(Refusal::Full);
        }
        let Some(mark) = self.mark.filter(|_| self.has_route()) else { return Some(Refusal::NoRoute) };
        let is_ahead = advertised.is_some_and(|own| own.counter.saturating_sub(mark.counter) > MAX_COUNTER_GAP);
        if is_ahead || self.path.contains(&from) {
            return Some(Refusal::NotFeasible);
        }
        match self.children.get(&from) {
            // It has lost its link to us, which we have only just begun to notice.
            Some(child) if child.silent.is_some() => self.remove_child(from, true),
            // A call that is repeated before its link is up renews the lease.
            Some(child) if matches!(child.stage, Stage::Leased) => return None,
            // Where two call each other, both are refused and go elsewhere: two links between the
            // same two would be of no use.
            _ if self.is_neighbour(from) => return Some(Refusal::Busy),
            _ => {}
        }
        (mark.depth > MAX_SERVING_DEPTH || !self.has_room()).then_some(Refusal::Full)
    }

    /// Whether one more fits: below `fan_out`, not counting children that are about to go, and
    /// never more than one over it. A child long silent makes room.
    fn has_room(&mut self) -> bool {
        let places = usize::from(self.config.fan_out);
        if self.staying() >= places {
            return self.could_insert();
        }
        if self.children.len() <= places {
            return true;
        }
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
        let settled = |child: &Child| {
            let known = child.attached_at.is_some_and(|at| self.now.since(at) >= SETTLED_AFTER);
            known && child.is_attached() && child.stays() && !child.summary.spots.iter().any(|spot| spot.free > 0)
        };
        self.is_serving()
            && self.children.len() == usize::from(self.config.fan_out)
            && self.children.values().all(settled)
            && self.children.values().any(Child::is_leaf)
    }

    /// Where a caller who is not taken may go instead.
    fn elsewhere(&mut self, reason: Refusal, caller: NodeId) -> Vec<Spot> {
        let mut spots = match reason {
            Refusal::Full => {
                let subtrees: Vec<&[Spot]> =
                    self.children.values().map(Child::spots).filter(|s| !s.is_empty()).collect();
                self.ledger.redirect(self.now, &subtrees)
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
        match self.children.get_mut(&peer) {
            Some(child) if matches!(child.stage, Stage::Leased) => {
                child.stage = Stage::Linked;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn on_lease_over(&mut self, node: NodeId) {
        match self.children.get(&node).map(|child| &child.stage) {
            Some(Stage::Held { .. }) => self.turn_away(node, Refusal::NotFeasible),
            Some(Stage::Leased | Stage::Linked) => self.remove_child(node, true),
            Some(Stage::Attached) | None => {}
        }
    }

    fn turn_away(&mut self, node: NodeId, reason: Refusal) {
        let spots = self.elsewhere(reason, node);
        self.send(node, TreeMessage::Refused { reason, spots });
        self.remove_child(node, true);
    }

    pub(crate) fn on_attach(&mut self, from: NodeId, role: Role, advertised: Option<Mark>, summary: Summary) {
        let summary = self.checked(summary);
        let Some(child) = self.children.get_mut(&from).filter(|child| matches!(child.stage, Stage::Linked)) else {
            return self.reject();
        };
        child.summary = summary;
        child.stage = Stage::Held { advertised };
        if role != Role::Child {
            return self.turn_away(from, Refusal::Full);
        }
        if !self.has_route() {
            return self.turn_away(from, Refusal::NoRoute);
        }
        if self.path.contains(&from) {
            return self.turn_away(from, Refusal::NotFeasible);
        }
        self.timers.set(Timer::Lease(from), self.now + FEASIBILITY_WAIT);
        self.release_held();
    }

    /// Attaches whoever our mark has become good enough for.
    pub(crate) fn release_held(&mut self) {
        let Some(mark) = self.mark.filter(|_| self.has_route()) else { return };
        let ready = |child: &Child| matches!(child.stage, Stage::Held { advertised } if is_feasible(mark, advertised));
        let ready: Vec<NodeId> = self.children.iter().filter(|(_, c)| ready(c)).map(|(node, _)| *node).collect();
        for node in ready {
            self.attach(node);
        }
    }

    fn attach(&mut self, node: NodeId) {
        let Some(down) = self.down_for(node) else { return };
        let Some(child) = self.children.get_mut(&node) else { return };
        child.stage = Stage::Attached;
        child.attached_at = Some(self.now);
        child.told = Some(down.clone());
        self.best_told = Some(down.mark);
        self.changed = true;
        self.timers.clear(Timer::Lease(node));
        self.timers.set(Timer::Settled, self.now + SETTLED_AFTER);
        self.send(node, TreeMessage::Attached(down));
        self.output(Output::Feed { peer: node, on: true });
        self.output(Output::Notify(Event::ChildJoined(node)));
    }

    /// A summary as far as it can be true: no spot is this participant or above it.
    fn checked(&self, mut summary: Summary) -> Summary {
        let is_above = |node: &NodeId| *node == self.me.node || self.path.contains(node);
        summary.spots.retain(|spot| !is_above(&spot.contact.node));
        summary.spots.truncate(waterfall_wire::MAX_SPOTS);
        summary.size = summary.size.max(1);
        summary
    }

    pub(crate) fn on_summary(&mut self, from: NodeId, summary: Summary) {
        let summary = self.checked(summary);
        match self.children.get_mut(&from) {
            Some(child) if child.is_attached() => child.summary = summary,
            _ => self.reject(),
        }
    }

    pub(crate) fn on_detach(&mut self, from: NodeId) {
        if self.children.contains_key(&from) { self.remove_child(from, true) } else { self.reject() }
    }

    /// False if it is no child.
    pub(crate) fn child_leaves(&mut self, from: NodeId) -> bool {
        match self.children.get_mut(&from).filter(|child| child.is_attached()) {
            Some(child) => child.departing = true,
            None => return false,
        }
        // It holds a place that others may already have; if it changes its mind it is cut.
        self.timers.set(Timer::MoveOn(from), self.now + 2 * self.config.hand_over_limit);
        true
    }

    pub(crate) fn child_silent(&mut self, peer: NodeId) {
        let now = self.now;
        if let Some(child) = self.children.get_mut(&peer).filter(|c| c.is_attached() && c.silent.is_none()) {
            child.silent = Some(now);
            self.timers.set(Timer::Silence(peer), now + SILENT_CHILD_LIMIT);
        }
    }

    pub(crate) fn child_heard(&mut self, peer: NodeId) {
        if let Some(child) = self.children.get_mut(&peer) {
            child.silent = None;
            self.timers.clear(Timer::Silence(peer));
        }
    }

    pub(crate) fn remove_child(&mut self, node: NodeId, hang_up: bool) {
        let Some(child) = self.children.remove(&node) else { return };
        for timer in [Timer::Lease(node), Timer::Silence(node), Timer::MoveOn(node)] {
            self.timers.clear(timer);
        }
        self.changed = true;
        if child.is_attached() {
            self.output(Output::Feed { peer: node, on: false });
            self.output(Output::Notify(Event::ChildLeft(node)));
            if !self.has_children() {
                self.childless_since = self.now;
            }
        }
        if hang_up {
            self.output(Output::Hangup { peer: node });
        }
        if self.phase == Phase::Leaving && !self.has_children() {
            self.finish();
        }
    }

    /// Parts with all children without a plan.
    pub(crate) fn let_children_go(&mut self, reason: Refusal) {
        for node in self.children.keys().copied().collect::<Vec<_>>() {
            if self.children.get(&node).is_some_and(Child::is_linked) {
                self.send(node, TreeMessage::Refused { reason, spots: Vec::new() });
            }
            self.remove_child(node, true);
        }
    }

    pub(crate) fn settle_overfull(&mut self) {
        if self.phase != Phase::Active || self.staying() <= usize::from(self.config.fan_out) {
            self.timers.clear(Timer::Overfull);
        } else if !self.timers.is_set(Timer::Overfull) {
            self.timers.set(Timer::Overfull, self.now + OVERFULL_LIMIT);
        }
    }

    /// One child too many has been served for as long as was promised. A leaf moves on if there is
    /// room below the others, else the youngest; it is fed until it has.
    pub(crate) fn ask_one_to_move(&mut self) {
        if self.staying() <= usize::from(self.config.fan_out) {
            return;
        }
        let has_room_below = self.children.values().any(|child| child.spots().iter().any(|spot| spot.free > 0));
        let rank = |child: &Child| (has_room_below && child.is_leaf(), child.number);
        let candidates = self.children.iter().filter(|(_, child)| child.is_attached() && child.stays());
        let Some(node) = candidates.max_by_key(|(_, child)| rank(child)).map(|(node, _)| *node) else { return };
        let subtrees: Vec<&[Spot]> =
            self.children.iter().filter(|(other, _)| **other != node).map(|(_, child)| child.spots()).collect();
        let spots = self.ledger.redirect(self.now, &subtrees);
        self.send(node, TreeMessage::Leaving { spots });
        if let Some(child) = self.children.get_mut(&node) {
            child.departing = true;
        }
        self.timers.set(Timer::MoveOn(node), self.now + self.config.hand_over_limit);
    }

    pub(crate) fn count_on(&mut self) {
        self.timers.set(Timer::Counter, self.now + self.config.counter_interval);
        if let Some(mark) = &mut self.mark {
            mark.counter = mark.counter.saturating_add(1);
        }
        self.tell_marks();
        self.release_held();
    }
}
