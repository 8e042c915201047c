//! The root's counter: how it comes down at rest, and on demand.
//!
//! At rest the root counts every few seconds and every relay passes the mark to all its children:
//! that proves a live way to the root. Whoever can be taken only under a newer counter has it asked
//! for (`Count`): the request climbs to the root, which counts once more, and the new mark comes
//! back along the same links only. That is Babel's seqno request (RFC 8966 §3.8.1.2), and costs
//! two messages per hop instead of one per participant.

use waterfall_wire::{Mark, NodeId, TreeMessage};

use crate::config::COUNT_PACE;
use crate::timer::Timer;
use crate::{Timestamp, Tree};

/// A request that asks for a greater jump than this is a lie, or meant for another root.
const MAX_JUMP: u64 = 1 << 41;

/// Whether a counter is too far ahead of ours for us ever to reach it by asking.
pub(crate) fn is_absurd(ours: u64, theirs: u64) -> bool {
    theirs.saturating_sub(ours) > MAX_JUMP
}

/// The counter that was asked for above, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    above: u64,
    asked_at: Option<Timestamp>,
}

impl Tree {
    /// The root's own pace.
    pub(crate) fn count_on(&mut self) {
        self.timers.set(Timer::Counter, self.now + self.config.counter_interval);
        if self.is_root {
            self.count_to(0);
        }
    }

    /// Counts to at least one more than `above`.
    fn count_to(&mut self, above: u64) {
        let Some(mark) = &mut self.mark else { return };
        mark.counter = mark.counter.max(above).saturating_add(1);
        self.pass_on_marks();
    }

    /// Our counter has grown: all children hear of it at the root's pace, those that asked always.
    pub(crate) fn pass_on_marks(&mut self) {
        let Some(mark) = self.mark else { return };
        let due = self.now.since(self.told_all_at) >= self.config.counter_interval * 9 / 10;
        if due {
            self.told_all_at = self.now;
        }
        if self.wanted.is_some_and(|wanted| wanted.above < mark.counter) {
            self.wanted = None;
        }
        let mut told = Vec::new();
        for (node, child) in self.children.iter_mut().filter(|(_, child)| child.is_attached()) {
            let asked = child.wants.is_some_and(|above| above < mark.counter);
            // Who has not been told our place yet gets the mark along with that.
            if child.told.place == self.place && (due || asked) {
                told.push(*node);
            }
            if asked {
                child.wants = None;
            }
        }
        for node in told {
            self.tell_mark(node, mark);
        }
    }

    fn tell_mark(&mut self, node: NodeId, mark: Mark) {
        self.bind(mark);
        if let Some(child) = self.children.get_mut(&node) {
            child.told.starving = false;
        }
        self.send(node, TreeMessage::Mark(mark));
    }

    /// A child, or someone below it, cannot be taken before there is a newer counter.
    pub(crate) fn on_count(&mut self, from: NodeId, above: u64) {
        let current = self.mark.filter(|_| self.has_route() && !self.is_standing_still());
        let place = self.place;
        match self.children.get_mut(&from).filter(|child| child.is_attached()) {
            Some(child) if child.told.place == place && current.is_some_and(|mark| mark.counter > above) => {
                self.tell_mark(from, current.expect("checked just now"));
            }
            Some(child) => {
                child.wants = Some(child.wants.map_or(above, |known| known.max(above)));
                self.ask_counter(above);
            }
            None => self.reject(),
        }
    }

    /// Sees to it that our counter grows above this.
    pub(crate) fn ask_counter(&mut self, above: u64) {
        let known = self.wanted.filter(|wanted| wanted.above >= above);
        let wanted = known.unwrap_or(Wanted { above, asked_at: None });
        self.wanted = Some(wanted);
        // Once asked, an answer has its time before it is asked for again.
        let asked = wanted.asked_at.is_some_and(|at| self.now.since(at) < 10 * COUNT_PACE);
        if !asked && !self.timers.is_set(Timer::Count) {
            self.give_or_ask();
        }
    }

    pub(crate) fn on_count_pace(&mut self) {
        if self.wanted.is_some_and(|wanted| wanted.asked_at.is_none()) {
            self.give_or_ask();
        }
    }

    fn give_or_ask(&mut self) {
        let Some(wanted) = self.wanted else { return };
        let Some(mark) = self.mark.filter(|mark| mark.counter <= wanted.above) else {
            self.wanted = None;
            return;
        };
        if self.is_root {
            if is_absurd(mark.counter, wanted.above) {
                self.wanted = None;
                return self.reject();
            }
            self.timers.set(Timer::Count, self.now + COUNT_PACE);
            self.count_to(wanted.above);
        } else if let Some(parent) = self.parent.as_ref().filter(|parent| !parent.silent).map(|parent| parent.id()) {
            self.timers.set(Timer::Count, self.now + COUNT_PACE);
            self.wanted = Some(Wanted { asked_at: Some(self.now), ..wanted });
            self.send(parent, TreeMessage::Count(wanted.above));
        }
    }
}
