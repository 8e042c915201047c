//! Following the parent, and noticing that it is gone.

use std::time::Duration;

use waterfall_wire::{Down, MAX_PATH, MAX_SPOTS, Mark, NodeId, Refusal, Spot, TreeMessage};

use crate::feasibility::{below, is_better};
use crate::neighbour::Parent;
use crate::timer::Timer;
use crate::{Event, Loss, Output, Tree};

/// Without children for so long, marks once told no longer bind: whoever believed them has noticed
/// by then that nothing comes.
const FORGET_AFTER: Duration = Duration::from_secs(5);

impl Tree {
    /// Whether there is a way to the root, as far as known here.
    pub(crate) fn has_route(&self) -> bool {
        self.is_root || self.parent.as_ref().is_some_and(Parent::has_route)
    }

    /// Whether the children are told that we look for another parent because ours does not feed.
    pub(crate) fn is_starving(&self) -> bool {
        !self.is_root && self.parent.as_ref().is_none_or(|p| p.silent || p.stale || p.patience_over)
    }

    /// The best mark that anyone may have from us, which a new parent must beat.
    pub(crate) fn advertised(&self) -> Option<Mark> {
        let forgotten = !self.has_children() && self.now.since(self.childless_since) >= FORGET_AFTER;
        self.best_told.filter(|_| !forgotten)
    }

    pub(crate) fn is_parent(&self, peer: NodeId) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.id() == peer)
    }

    /// Whether this can be what an honest parent says: the path ends with it, does not hold us, and
    /// is as long as it is deep.
    pub(crate) fn is_sane(&self, from: NodeId, down: &Down) -> bool {
        let length = (usize::from(down.mark.depth) + 1).min(MAX_PATH);
        down.path.last() == Some(&from) && down.path.len() == length && self.is_acceptable(&down.path)
    }

    fn is_acceptable(&self, path: &[NodeId]) -> bool {
        !path.contains(&self.me.node) && self.config.root.is_none_or(|root| path.first() == Some(&root))
    }

    pub(crate) fn drop_former(&mut self) {
        if let Some(peer) = self.former {
            self.send(peer, TreeMessage::Detach);
            self.forget_former();
            self.output(Output::Hangup { peer });
        }
    }

    pub(crate) fn forget_former(&mut self) {
        self.timers.clear(Timer::Overlap);
        if let Some(peer) = self.former.take() {
            self.output(Output::Feed { peer, on: false });
        }
    }

    /// Takes over the parent's mark and path, unless our mark must stand still just now.
    pub(crate) fn follow(&mut self) {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.attaching) {
            return;
        }
        let Some(parent) = &self.parent else { return };
        let mark = below(parent.down.mark);
        let moved = self.path != parent.down.path || self.mark.is_none_or(|old| old.depth != mark.depth);
        if moved {
            self.path.clone_from(&parent.down.path);
            self.changed = true;
        }
        let counted = self.mark != Some(mark);
        self.mark = Some(mark);
        if counted {
            self.release_held();
            // When more than the counter changed, settling tells it all at once.
            if !moved {
                self.tell_marks();
            }
        }
    }

    pub(crate) fn on_down(&mut self, from: NodeId, down: Down) {
        if !self.is_parent(from) {
            return self.unless_former(from);
        }
        if !self.is_acceptable(&down.path) {
            self.reject();
            return self.drop_parent(Loss::BadPath, true);
        }
        let sane = self.is_sane(from, &down);
        let Some(parent) = self.parent.as_mut().filter(|p| sane && !is_better(p.down.mark, down.mark)) else {
            return self.reject();
        };
        let newer = down.mark.counter > parent.down.mark.counter;
        let starving = down.starving;
        parent.down = down;
        if starving {
            if !parent.patience_over && !self.timers.is_set(Timer::Patience) {
                self.timers.set(Timer::Patience, self.now + self.config.patience);
            }
        } else {
            parent.patience_over = false;
            self.timers.clear(Timer::Patience);
        }
        self.heard_counter(newer);
    }

    pub(crate) fn on_mark(&mut self, from: NodeId, mark: Mark) {
        if !self.is_parent(from) {
            return self.unless_former(from);
        }
        let Some(parent) = self.parent.as_mut().filter(|p| !is_better(p.down.mark, mark)) else {
            return self.reject();
        };
        let newer = mark.counter > parent.down.mark.counter;
        parent.down.mark = mark;
        self.heard_counter(newer);
    }

    fn heard_counter(&mut self, newer: bool) {
        if newer {
            self.timers.set(Timer::Stale, self.now + self.config.counter_limit);
            if let Some(parent) = self.parent.as_mut().filter(|parent| parent.stale) {
                parent.stale = false;
                self.changed = true;
                self.parent_regained();
            }
        }
        self.follow();
    }

    /// A former parent goes on talking until it reads that we have gone.
    fn unless_former(&mut self, from: NodeId) {
        if self.former != Some(from) {
            self.reject();
        }
    }

    pub(crate) fn on_refused(&mut self, from: NodeId, reason: Refusal, spots: Vec<Spot>) {
        if self.is_attempt(from) {
            self.end_attempt(true);
            self.refused(from, reason, spots);
        } else if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == from) {
            parent.leaving = Some(spots.into_iter().take(MAX_SPOTS).collect());
            self.drop_parent(Loss::Refused, true);
        } else {
            self.unless_former(from);
        }
    }

    pub(crate) fn on_leaving(&mut self, from: NodeId, spots: Vec<Spot>) {
        if self.is_attempt(from) {
            self.end_attempt(true);
            self.refused(from, Refusal::Leaving, spots);
        } else if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == from) {
            parent.leaving = Some(spots.into_iter().take(MAX_SPOTS).collect());
            if let Some(search) = self.search.take() {
                self.search = Some(self.filled(search));
            }
        } else if !self.child_leaves(from) {
            self.unless_former(from);
        }
    }

    pub(crate) fn upstream_down(&mut self, peer: NodeId) {
        if self.is_attempt(peer) {
            self.end_attempt(false);
            self.unreachable(peer);
        } else if self.is_parent(peer) {
            self.drop_parent(Loss::LinkDown, false);
        }
    }

    fn drop_parent(&mut self, why: Loss, hang_up: bool) {
        self.tell_loss(why);
        let Some(parent) = self.parent.take() else { return };
        let peer = parent.id();
        self.lost = Some(parent);
        self.changed = true;
        self.timers.clear(Timer::Patience);
        self.timers.clear(Timer::Stale);
        self.output(Output::Feed { peer, on: false });
        if hang_up {
            self.output(Output::Hangup { peer });
        }
        if let Some(search) = self.search.take() {
            self.search = Some(self.filled(search));
        }
    }

    fn tell_loss(&mut self, why: Loss) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| !parent.loss_told) {
            parent.loss_told = true;
            let parent = parent.id();
            self.output(Output::Notify(Event::ParentLost { parent, why }));
        }
    }

    fn parent_regained(&mut self) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.loss_told) {
            parent.loss_told = false;
            let parent = parent.id();
            self.output(Output::Notify(Event::ParentRegained(parent)));
        }
    }

    pub(crate) fn parent_silent(&mut self, peer: NodeId) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == peer) {
            parent.silent = true;
            self.tell_loss(Loss::Silent);
        }
    }

    pub(crate) fn parent_heard(&mut self, peer: NodeId) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == peer && parent.silent) {
            parent.silent = false;
            // It gets time to tell its counter before that is held against it.
            parent.stale = false;
            self.timers.set(Timer::Stale, self.now + self.config.counter_limit);
            self.parent_regained();
        }
    }

    pub(crate) fn on_patience_over(&mut self) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.down.starving) {
            parent.patience_over = true;
        }
    }

    pub(crate) fn on_counter_limit(&mut self) {
        let Some(parent) = self.parent.as_mut() else { return };
        if parent.down.starving || parent.silent {
            // It says itself, or shows, that it is cut off: dealt with as that.
            self.timers.set(Timer::Stale, self.now + self.config.counter_limit);
        } else {
            parent.stale = true;
            self.tell_loss(Loss::Stale);
        }
    }
}
