//! Going without a gap for those below.

use waterfall_wire::{NodeId, Refusal, Spot, TreeMessage};

use crate::placement::{Heir, hand_over};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Event, Output, Tree};

impl Tree {
    /// Children get a plan each and are fed until they have moved, the parent is told to expect
    /// one of them.
    pub(crate) fn leave(&mut self) {
        if self.phase != Phase::Active {
            return;
        }
        self.cancel_search();
        self.end_attempts();
        self.abandon_recruiting();
        self.stand_down();
        self.drop_former();
        for node in self.wards.ids() {
            self.turn_ward_away(node, Refusal::Leaving);
        }
        for node in self.children.ids() {
            if self.children.get(&node).is_some_and(|child| !child.is_attached()) {
                self.send_away(node);
            }
        }
        let plan = self.plan();
        // Before the children: when they call the parent it should know.
        if let Some(parent) = self.parent.as_ref().map(|parent| parent.id()) {
            self.send(parent, TreeMessage::Leaving { spots: Vec::new() });
        }
        self.phase = Phase::Leaving;
        if !self.has_children() {
            return self.finish();
        }
        for (node, spots) in plan {
            self.send(node, TreeMessage::Leaving { spots });
        }
        self.timers.set(Timer::HandOver, self.now + self.config.hand_over_limit);
    }

    /// Someone whose link is not a tree edge yet.
    fn send_away(&mut self, node: NodeId) {
        let linked = self.children.get(&node).is_some_and(|child| child.is_linked());
        if linked {
            let spots = self.outside();
            self.send(node, TreeMessage::Refused { reason: Refusal::Leaving, spots });
        }
        self.remove_child(node, true);
    }

    fn plan(&self) -> Vec<(NodeId, Vec<Spot>)> {
        // Below a leaving root there is nowhere to go: nobody else has a way to it.
        if self.is_root {
            return self.attached().map(|(node, _)| (*node, Vec::new())).collect();
        }
        let heirs: Vec<Heir<'_>> = self
            .attached()
            .map(|(node, child)| Heir { node: *node, size: child.summary.size, spots: child.spots() })
            .collect();
        let above = self.parent.as_ref().filter(|parent| parent.has_route()).map(|parent| parent.as_spot());
        hand_over(&heirs, above.as_ref(), &self.outside())
    }

    /// Out of the tree, whoever is still there.
    pub(crate) fn finish(&mut self) {
        self.phase = Phase::Left;
        for node in self.children.ids() {
            self.remove_child(node, true);
        }
        self.drop_former();
        if let Some(peer) = self.standby.take().map(|standby| standby.id()) {
            self.send(peer, TreeMessage::Detach);
            self.output(Output::Hangup { peer });
        }
        if let Some(peer) = self.parent.take().map(|parent| parent.id()) {
            self.send(peer, TreeMessage::Detach);
            self.feed(peer, false);
            self.output(Output::Hangup { peer });
        }
        self.timers.clear_all();
        self.output(Output::Notify(Event::Left));
    }
}
