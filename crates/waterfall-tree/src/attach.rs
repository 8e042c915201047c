//! From a link to an edge: requests to be a child or a ward, and changes between the two.

use waterfall_wire::{Down, Mark, NodeId, Refusal, Role, Summary, TreeMessage};

use crate::balance::most_for;
use crate::children::SETTLED_AFTER;
use crate::config::{FEASIBILITY_WAIT, PROOF};
use crate::feasibility::is_feasible;
use crate::neighbour::{Child, Stage, Told, Ward, WardStage};
use crate::plan::digest;
use crate::timer::Timer;
use crate::{Event, Output, Tree};

impl Tree {
    pub(crate) fn on_attach(&mut self, from: NodeId, role: Role, advertised: Option<Mark>, summary: Summary) {
        let summary = self.checked(summary);
        let stage = self.children.get(&from).map(|child| child.stage);
        let ward = self.wards.get(&from).map(|ward| ward.stage);
        match (role, stage, ward) {
            (Role::Child | Role::Orphan, Some(Stage::Linked), _) => self.hold(from, advertised, summary),
            (Role::Child | Role::Orphan, None, Some(WardStage::Warm | WardStage::Linked)) => {
                self.take_orphan(from, advertised, summary);
            }
            (Role::Standby, None, Some(WardStage::Warm | WardStage::Linked)) => self.warm(from, summary.size),
            (Role::Standby, Some(Stage::Held { .. } | Stage::Attached), _) => self.child_to_ward(from, summary.size),
            (Role::Standby, Some(Stage::Linked), _) => self.turn_away(from, Refusal::Full),
            _ => self.reject(),
        }
    }

    /// A request by someone whose call was accepted.
    fn hold(&mut self, from: NodeId, advertised: Option<Mark>, summary: Summary) {
        let Some(child) = self.children.get_mut(&from) else { return };
        child.take_over(&from, summary);
        child.stage = Stage::Held { advertised };
        self.attach_when_feasible(from);
    }

    fn attach_when_feasible(&mut self, from: NodeId) {
        if !self.has_route() {
            return self.turn_away(from, Refusal::NoRoute);
        }
        if self.path.contains(&from) {
            return self.turn_away(from, Refusal::NotFeasible);
        }
        self.timers.set(Timer::Lease(from), self.now + FEASIBILITY_WAIT);
        self.release_held();
    }

    /// One we stand by for has lost its parent. It is fed at once; it counts when it is feasible.
    fn take_orphan(&mut self, from: NodeId, advertised: Option<Mark>, summary: Summary) {
        let refusal = if !self.has_route() {
            Some(Refusal::NoRoute)
        } else if self.path.contains(&from) {
            Some(Refusal::NotFeasible)
        } else {
            (!self.has_room_for_orphan()).then_some(Refusal::Full)
        };
        if let Some(reason) = refusal {
            // It stays our ward; whether we stay its standby is for it to say.
            let spots = self.elsewhere(reason, from);
            return self.send(from, TreeMessage::Refused { reason, spots });
        }
        self.wards.remove(&from);
        self.timers.clear(Timer::Silence(from));
        self.calls = self.calls.wrapping_add(1);
        let mut child = Child::new(self.calls, self.now);
        (child.stage, child.fed) = (Stage::Held { advertised }, true);
        child.take_over(&from, summary);
        self.children.insert(from, child);
        self.feed(from, true);
        self.attach_when_feasible(from);
    }

    /// A child found a better parent, or its own again, and would have us stand by.
    fn child_to_ward(&mut self, node: NodeId, size: u32) {
        // Every child may become one, on top of those that called for that.
        let full = self.wards.len() >= usize::from(self.ward_places()) + usize::from(self.places());
        let Some(child) = self.children.remove(&node) else { return };
        for timer in [Timer::Lease(node), Timer::Silence(node), Timer::MoveOn(node)] {
            self.timers.clear(timer);
        }
        self.changed.below = true;
        if child.fed {
            self.feed(node, false);
        }
        if child.is_attached() {
            self.child_is_gone(node);
        }
        if full {
            self.send(node, TreeMessage::Refused { reason: Refusal::Full, spots: Vec::new() });
            return self.output(Output::Hangup { peer: node });
        }
        self.wards.insert(node, Ward::new(WardStage::Linked));
        self.warm(node, size);
    }

    /// Tells a ward our place; from then on it hears when that changes.
    fn warm(&mut self, node: NodeId, size: u32) {
        self.timers.clear(Timer::Lease(node));
        let Some(down) = self.down_for_ward() else { return self.turn_ward_away(node, Refusal::NoRoute) };
        if self.path.contains(&node) {
            return self.turn_ward_away(node, Refusal::NotFeasible);
        }
        let place = self.place;
        if let Some(ward) = self.wards.get_mut(&node) {
            let stand = digest(&down.stand);
            *ward = Ward { stage: WardStage::Warm, place, starving: down.starving, stand, size };
        }
        self.changed.below = true;
        self.send(node, TreeMessage::Attached(down));
    }

    pub(crate) fn turn_ward_away(&mut self, node: NodeId, reason: Refusal) {
        if self.wards.get(&node).is_some_and(|ward| ward.stage != WardStage::Leased) {
            self.send(node, TreeMessage::Refused { reason, spots: Vec::new() });
        }
        self.remove_ward(node, true);
    }

    /// Someone who asked is not taken. An orphan that was our ward is so again.
    pub(crate) fn turn_away(&mut self, node: NodeId, reason: Refusal) {
        let spots = self.elsewhere(reason, node);
        self.send(node, TreeMessage::Refused { reason, spots });
        let was_ward = self.children.get(&node).is_some_and(|child| child.fed && !child.is_attached());
        if !was_ward {
            return self.remove_child(node, true);
        }
        self.children.remove(&node);
        self.timers.clear(Timer::Lease(node));
        self.feed(node, false);
        self.changed.below = true;
        // What it is told next is whatever changes from here on.
        let place = self.place.wrapping_sub(1);
        self.wards.insert(node, Ward { place, ..Ward::new(WardStage::Warm) });
        self.changed.fed = true;
    }

    /// Attaches whoever our mark has become good enough for.
    pub(crate) fn release_held(&mut self) {
        if !self.children.values().any(|child| child.wants.is_some() || matches!(child.stage, Stage::Held { .. })) {
            return;
        }
        // Also while we have asked another to take us: several who ask each other would wait for each
        // other. If its answer is not feasible after that, we ask again, by its newer counter.
        let Some(mark) = self.mark.filter(|_| self.has_route()) else { return };
        let ready = |child: &Child| matches!(child.stage, Stage::Held { advertised } if is_feasible(mark, advertised));
        let ready: Vec<NodeId> = self.children.iter().filter(|(_, c)| ready(c)).map(|(node, _)| *node).collect();
        for node in ready {
            self.attach(node);
        }
        // Asked again where the one who was asked before is no longer our parent.
        let waits = |child: &Child| match child.stage {
            Stage::Held { advertised } => advertised.map(|own| own.counter),
            _ => child.wants,
        };
        if let Some(above) = self.children.values().filter_map(waits).max() {
            self.ask_counter(above);
        }
    }

    /// Without a way to the root nobody who waits can be helped.
    pub(crate) fn turn_held_away(&mut self) {
        let held = |child: &Child| matches!(child.stage, Stage::Held { .. });
        let held: Vec<NodeId> = self.children.iter().filter(|(_, c)| held(c)).map(|(node, _)| *node).collect();
        for node in held {
            self.turn_away(node, Refusal::NoRoute);
        }
    }

    fn attach(&mut self, node: NodeId) {
        let Some(down) = self.down_for(node) else { return };
        let (now, place) = (self.now, self.place);
        let Some(child) = self.children.get_mut(&node) else { return };
        (child.stage, child.wants) = (Stage::Attached, None);
        (child.attached_at, child.clean_since) = (now, now);
        child.told = Told::new(place, &down);
        let was_fed = std::mem::replace(&mut child.fed, true);
        self.bind(down.mark);
        self.changed.below = true;
        self.timers.clear(Timer::Lease(node));
        self.timers.set(Timer::Settled, now + SETTLED_AFTER);
        self.timers.set(Timer::Proof, now + PROOF);
        self.send(node, TreeMessage::Attached(down));
        if !was_fed {
            self.feed(node, true);
        }
        self.output(Output::Notify(Event::ChildJoined(node)));
        self.inserted(node);
    }

    /// A summary as far as it can be true: no spot is this participant or above it, and who serves
    /// some has some below.
    fn checked(&self, mut summary: Summary) -> Summary {
        let is_above = |node: &NodeId| *node == self.me.node || self.path.contains(node);
        summary.spots.retain(|spot| !is_above(&spot.contact.node));
        summary.wards.retain(|spot| !is_above(&spot.contact.node));
        summary.size = summary.size.max(1);
        summary.strength = summary.strength.min(most_for(summary.size));
        let climber = summary.climber.filter(|climber| summary.size > 1 && !is_above(&climber.contact.node));
        summary.climber = climber.map(|mut climber| {
            climber.size = climber.size.clamp(1, summary.size - 1);
            climber.strength = climber.strength.min(most_for(climber.size));
            climber
        });
        summary
    }

    pub(crate) fn on_summary(&mut self, from: NodeId, summary: Summary) {
        let summary = self.checked(summary);
        match self.children.get_mut(&from) {
            Some(child) if child.is_attached() => {
                child.take_over(&from, summary);
                self.changed.below = true;
            }
            _ => self.reject(),
        }
    }

    fn down_for_ward(&self) -> Option<Down> {
        let stand = self.places_to_stand_by(None, 0);
        let (mark, path, starving) = (self.mark?, self.path_to_me(), self.is_starving());
        Some(Down { mark, path, starving, outside: Vec::new(), beside: Vec::new(), stand, lag: self.lag() })
    }

    /// Our place to a ward, when it has changed.
    pub(crate) fn tell_ward(&mut self, node: NodeId) {
        let Some(down) = self.down_for_ward() else { return };
        let place = self.place;
        if let Some(ward) = self.wards.get_mut(&node) {
            (ward.place, ward.starving, ward.stand) = (place, down.starving, digest(&down.stand));
        }
        self.send(node, TreeMessage::Down(down));
    }
}
