//! Following the parent, and noticing that it is no use.

use std::time::Duration;

use waterfall_wire::{Down, MAX_PATH, MAX_SPOTS, Mark, NodeId, Refusal, Spot};

use crate::feasibility::{below, is_better};
use crate::timer::Timer;
use crate::{Event, Loss, Output, Tree};

/// Without children for so long, marks once told no longer bind: whoever believed them has noticed
/// by then that nothing comes.
const FORGET_AFTER: Duration = Duration::from_secs(5);
/// Who has found no other parent for so long gives one that withheld another chance: it may have been wrong about
/// it, and whoever goes on withholding is found out again.
const FORGIVE_AFTER: Duration = Duration::from_secs(30);

impl Tree {
    /// Whether there is a way to the root, as far as known here.
    pub(crate) fn has_route(&self) -> bool {
        self.is_root || self.parent.as_ref().is_some_and(|parent| parent.has_route())
    }

    /// Whether we look for another parent because ours does not feed.
    pub(crate) fn is_orphan(&self) -> bool {
        !self.is_root && self.parent.as_ref().is_none_or(|p| p.is_useless() || p.patience_over)
    }

    /// Whether this participant tells its children that it has no way to the root, and fillers
    /// should say so, too. Not as long as a standby is about to step in.
    #[must_use]
    pub fn is_starving(&self) -> bool {
        let says_so = self.parent.as_ref().is_some_and(|parent| parent.starving);
        says_so || (self.is_orphan() && !self.timers.is_set(Timer::Grace))
    }

    /// A child is about to be told this mark. The only way to tell one: nothing worse makes a parent from then on.
    pub(crate) fn bind(&mut self, mark: Mark) {
        if self.best_told.is_none_or(|best| is_better(mark, best)) {
            self.best_told = Some(mark);
        }
    }

    /// What was told to nobody who is still there no longer binds.
    pub(crate) fn forget_told(&mut self) {
        if !self.has_children() && self.now.since(self.childless_since) >= FORGET_AFTER {
            self.best_told = None;
        }
    }

    pub(crate) fn is_parent(&self, peer: NodeId) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.id() == peer)
    }

    /// Whether this can be what an honest parent says: the path ends with it, does not hold us, and
    /// is as long as it is deep.
    pub(crate) fn is_sane(&self, from: NodeId, down: &Down) -> bool {
        let length = (usize::from(down.mark.depth) + 1).min(MAX_PATH);
        down.path.last() == Some(&from)
            && down.path.len() == length
            && !down.path.contains(&self.me.node)
            && self.root.is_none_or(|root| down.path.first() == Some(&root))
    }

    /// Whether a request is out whose answer must find our counter as it was.
    pub(crate) fn is_standing_still(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.asked_at.is_some()) || self.is_resuming()
    }

    /// Takes over the parent's mark, unless ours must stand still just now.
    pub(crate) fn follow(&mut self) {
        let Some(parent) = &self.parent else { return };
        let mark = below(parent.mark);
        let moved = self.mark.is_none_or(|old| old.depth != mark.depth);
        if self.is_standing_still() && !moved {
            return;
        }
        let counted = self.mark.is_none_or(|old| old.counter < mark.counter);
        self.mark = Some(mark);
        if moved {
            self.place_changed();
        }
        if counted {
            self.pass_on_marks();
        }
    }

    pub(crate) fn set_path(&mut self, path: Vec<NodeId>) {
        if self.path != path {
            self.path = path;
            self.path.shrink_to_fit();
            self.place_changed();
        }
    }

    pub(crate) fn place_changed(&mut self) {
        self.place = self.place.wrapping_add(1);
        self.changed.fed = true;
        self.changed.below = true;
    }

    pub(crate) fn on_down(&mut self, from: NodeId, mut down: Down) {
        if self.is_standby(from) {
            return self.standby_down(down);
        }
        if !self.is_parent(from) {
            return self.unless_known(from);
        }
        // While there is no way to a new root, paths from the old one are all there is.
        let foreign = self.root.is_some_and(|root| down.path.first() != Some(&root)) && !down.starving;
        if foreign || down.path.contains(&self.me.node) {
            self.reject();
            return self.drop_parent(Loss::BadPath, true);
        }
        let length = (usize::from(down.mark.depth) + 1).min(MAX_PATH);
        let sane = down.path.last() == Some(&from) && down.path.len() == length;
        let Some(parent) = self.parent.as_mut().filter(|p| sane && !is_better(p.mark, down.mark)) else {
            return self.reject();
        };
        let newer = down.mark.counter > parent.mark.counter;
        let path = std::mem::take(&mut down.path);
        let starving = down.starving;
        parent.take_over(down);
        self.set_path(path);
        self.changed.plan = true;
        self.parent_starves(starving);
        self.heard_counter(newer);
        self.review_standby();
    }

    pub(crate) fn on_mark(&mut self, from: NodeId, mark: Mark) {
        if self.is_standby(from) {
            return self.standby_mark(mark);
        }
        if !self.is_parent(from) {
            return self.unless_known(from);
        }
        let Some(parent) = self.parent.as_mut().filter(|p| !is_better(p.mark, mark) && p.mark.depth == mark.depth)
        else {
            return self.reject();
        };
        let newer = mark.counter > parent.mark.counter;
        parent.mark = mark;
        self.parent_starves(false);
        self.heard_counter(newer);
    }

    pub(crate) fn on_starving(&mut self, from: NodeId) {
        if let Some(standby) = self.standby.as_mut().filter(|standby| standby.id() == from) {
            standby.starving = true;
            self.standby_unfit();
        } else if self.is_parent(from) {
            self.parent_starves(true);
        } else {
            self.unless_known(from);
        }
    }

    fn parent_starves(&mut self, starving: bool) {
        let Some(parent) = self.parent.as_mut() else { return };
        if parent.starving == starving {
            return;
        }
        parent.starving = starving;
        self.changed.fed = true;
        if starving {
            if !parent.patience_over {
                self.timers.set(Timer::Patience, self.now + self.config.patience);
            }
        } else {
            parent.patience_over = false;
            self.changed.below = true;
            self.timers.clear(Timer::Patience);
        }
    }

    fn heard_counter(&mut self, newer: bool) {
        let now = self.now;
        if newer && let Some(parent) = self.parent.as_mut() {
            parent.newer_at = now;
            if std::mem::take(&mut parent.stale) {
                self.changed.fed = true;
                self.timers.set(Timer::Stale, now + self.config.counter_limit);
                self.parent_regained();
            }
        }
        self.follow();
    }

    /// Those we have parted with go on talking until they read that we have gone.
    pub(crate) fn unless_known(&mut self, from: NodeId) {
        if !self.is_former(from) && !self.is_standby(from) {
            self.reject();
        }
    }

    pub(crate) fn on_refused(&mut self, from: NodeId, reason: Refusal, spots: Vec<Spot>) {
        if self.is_attempt(from) {
            self.attempt_refused(from, reason, spots, true);
        } else if self.is_recruit(from) {
            self.recruit_refused(true, spots);
        } else if self.is_standby(from) {
            self.standby_refused(reason, spots);
        } else if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == from) {
            parent.leaving = Some(spots.into_iter().take(MAX_SPOTS).collect());
            self.drop_parent(Loss::Refused, true);
        } else {
            self.unless_known(from);
        }
    }

    pub(crate) fn on_move(&mut self, from: NodeId, spots: Vec<Spot>) {
        let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == from) else {
            return self.unless_known(from);
        };
        let first = spots.first().map(|spot| spot.contact.node);
        parent.leaving = Some(spots.into_iter().take(MAX_SPOTS).collect());
        parent.asked = parent.asked.saturating_add(1);
        // Two have one link: who is to be above us cannot have us stand by as well. Anywhere else we and
        // all below us might come to be much further down.
        if let Some(ward) = first.filter(|first| self.wards.contains(first)) {
            self.turn_ward_away(ward, Refusal::Busy);
        }
        self.refill();
    }

    pub(crate) fn on_leaving(&mut self, from: NodeId, spots: Vec<Spot>) {
        if self.is_attempt(from) {
            self.attempt_refused(from, Refusal::Leaving, spots, true);
        } else if self.is_recruit(from) {
            self.recruit_refused(true, Vec::new());
        } else if self.is_standby(from) {
            self.standby_refused(Refusal::Leaving, spots);
        } else if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == from) {
            parent.leaving = Some(spots.into_iter().take(MAX_SPOTS).collect());
            parent.asked = 0;
            self.refill();
        } else if !self.child_leaves(from) {
            self.unless_known(from);
        }
    }

    pub(crate) fn drop_parent(&mut self, why: Loss, hang_up: bool) {
        self.tell_loss(why);
        let Some(parent) = self.parent.take() else { return };
        let peer = parent.id();
        if parent.withholding {
            self.shun(peer);
        }
        self.lost = Some(parent);
        self.parent_is_lost();
        self.timers.clear(Timer::Patience);
        self.timers.clear(Timer::Stale);
        self.feed(peer, false);
        if hang_up {
            self.output(Output::Hangup { peer });
        }
        self.refill();
    }

    pub(crate) fn tell_loss(&mut self, why: Loss) {
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
            self.changed.fed = true;
            self.changed.below = true;
            self.output(Output::Notify(Event::ParentRegained(parent)));
        }
    }

    pub(crate) fn parent_silent(&mut self) {
        let now = self.now;
        if let Some(parent) = self.parent.as_mut() {
            (parent.silent, parent.silent_at) = (true, now);
            self.tell_loss(Loss::Silent);
            self.parent_is_lost();
        }
    }

    pub(crate) fn parent_heard(&mut self) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.silent) {
            parent.silent = false;
            // It gets time to tell its counter before that is held against it.
            parent.stale = false;
            parent.newer_at = self.now;
            self.timers.set(Timer::Stale, self.now + self.config.counter_limit);
            self.parent_regained();
        }
    }

    pub(crate) fn on_withheld(&mut self, peer: NodeId) {
        if self.is_standby(peer) {
            self.shun(peer);
            self.drop_standby(true);
        } else if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == peer && !parent.withholding) {
            // It may still bring something: kept until another is found, then shunned.
            parent.withholding = true;
            self.tell_loss(Loss::Withheld);
            self.parent_is_lost();
            self.timers.set(Timer::Forgive, self.now + FORGIVE_AFTER);
        }
    }

    pub(crate) fn forgive(&mut self) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.withholding) {
            parent.withholding = false;
            self.parent_regained();
        }
    }

    pub(crate) fn on_patience_over(&mut self) {
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.starving) {
            parent.patience_over = true;
            self.changed.fed = true;
        }
    }

    pub(crate) fn on_counter_limit(&mut self) {
        let (now, limit) = (self.now, self.config.counter_limit);
        let Some(parent) = self.parent.as_mut() else { return };
        if now.since(parent.newer_at) < limit {
            self.timers.set(Timer::Stale, parent.newer_at + limit);
        } else if parent.starving || parent.silent {
            // It says itself, or shows, that it is cut off: dealt with as that.
            self.timers.set(Timer::Stale, now + limit);
        } else {
            parent.stale = true;
            self.tell_loss(Loss::Stale);
            self.parent_is_lost();
        }
    }
}
