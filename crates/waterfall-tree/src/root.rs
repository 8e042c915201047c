//! Whom the tree hangs from, when that changes.

use waterfall_wire::{Mark, NodeId};

use crate::timer::Timer;
use crate::{Event, Loss, Output, Tree};

/// A successor begins this far above the last counter it heard: others may have heard newer ones.
const HEAD_START: u64 = 1 << 20;

impl Tree {
    pub(crate) fn on_root(&mut self, node: NodeId) {
        self.root = Some(node);
        if node == self.me.node {
            self.become_root();
        } else if self.is_root {
            self.step_down();
        }
        // Whoever hangs from another root has a parent until that says that it is fed from there,
        // or falls silent; what feeds us now is worth more than an empty place.
    }

    /// The tree hangs from us now. Our children keep their links, and hear a newer counter.
    fn become_root(&mut self) {
        if self.is_root || self.phase != crate::tree::Phase::Active {
            return;
        }
        self.cancel_search();
        self.abandon_recruiting();
        self.end_attempts();
        self.drop_former();
        self.drop_standby(true);
        if let Some(peer) = self.parent.as_ref().map(|parent| parent.id()) {
            self.send(peer, waterfall_wire::TreeMessage::Detach);
            self.drop_parent(Loss::Refused, true);
        }
        for timer in [Timer::Recruit, Timer::Resume, Timer::Grace, Timer::Patience, Timer::Stale] {
            self.timers.clear(timer);
        }
        self.lost = None;
        self.is_root = true;
        let last = self.mark.map_or(0, |mark| mark.counter).max(self.best_told.map_or(0, |mark| mark.counter));
        let counter = last.saturating_add(HEAD_START).max(self.config.first_counter);
        self.mark = Some(Mark { counter, depth: 0 });
        self.set_path(Vec::new());
        self.place_changed();
        self.timers.set(Timer::Counter, self.now + self.config.counter_interval);
        if std::mem::take(&mut self.root_lost) {
            self.output(Output::Notify(Event::RootFound));
        }
    }

    /// Another is the root. Our children starve with us until we have found a parent below it.
    fn step_down(&mut self) {
        self.is_root = false;
        self.timers.clear(Timer::Counter);
        self.changed.fed = true;
        self.changed.below = true;
    }

    /// Tells the user when there has been no way to the root for long, and when there is one again.
    pub(crate) fn settle_route(&mut self) {
        if self.has_route() {
            self.timers.clear(Timer::RootLost);
            if std::mem::take(&mut self.root_lost) {
                self.output(Output::Notify(Event::RootFound));
            }
        } else if self.mark.is_some() && !self.root_lost && !self.timers.is_set(Timer::RootLost) {
            self.timers.set(Timer::RootLost, self.now + crate::config::ROOT_LOST_AFTER);
        }
    }
}
