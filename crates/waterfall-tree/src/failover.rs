//! From a lost parent to the standby, over the link that is up, and changing parents in general.
//!
//! The orphan asks (`Attach` as a child) and lets media flow in the same breath; the standby lets
//! it flow when the request arrives. The edge counts for the tree only when the standby answers
//! `Attached`, which it does when its mark is feasible. Until then the orphan has no way to the
//! root in the eyes of the tree: it takes nobody, passes on no marks and soon says that it starves.

use std::time::Duration;

use waterfall_wire::{Contact, Down, NodeId, Refusal, Role, Spot, TreeMessage};

use crate::config::{ATTACH_TIMEOUT, CATCH_UP, GRACE, HEDGE, MAX_OVER, RESUME_PATIENCE};
use crate::feasibility::is_feasible;
use crate::neighbour::{Former, Parent, Resume, Standby};
use crate::timer::Timer;
use crate::{Event, Output, Tree};

/// When a place near the root is tried after a loss: by then the dead no longer take their places,
/// and the nearest relays have told of what is free.
const REGAIN_AFTER: Duration = Duration::from_secs(2);
/// An answer that takes so much longer than a round trip is not waited for alone.
const LATE: Duration = Duration::from_millis(20);
/// A standby that had no room may be asked again after this: by then others have moved on.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Tree {
    /// To be called once when the parent turns out to be no use.
    pub(crate) fn parent_is_lost(&mut self) {
        self.changed.fed = true;
        self.changed.below = true;
        if self.standby.as_ref().is_some_and(|standby| standby.is_fit()) && self.mark.is_some() {
            self.timers.set(Timer::Grace, self.now + GRACE);
        }
        // Whoever was only to move has looked among few, and without haste.
        let moving = self.parent.as_ref().or(self.lost.as_ref()).is_some_and(|parent| parent.stays());
        if moving && self.timers.is_set(Timer::Retry) {
            self.timers.clear(Timer::Retry);
            self.next_round();
        } else if moving {
            self.refill();
        }
    }

    /// Asks the standby to step in, if there is one that can. True while nobody else needs asking.
    pub(crate) fn resume(&mut self) -> bool {
        if self.can_resume() {
            self.ask_standby(Resume::Asked);
        } else if let Some(standby) = self.standby.as_mut().filter(|standby| standby.resume == Resume::Rising) {
            standby.resume = Resume::Asked;
            self.await_standby(RESUME_PATIENCE);
        }
        self.timers.is_set(Timer::Resume)
    }

    /// It has been asked. Unless it can answer only when a newer counter has come, that takes a round trip, and who
    /// says nothing for longer is likely dead as well.
    fn await_standby(&mut self, patience: Duration) {
        let Some(standby) = self.standby.as_ref() else { return };
        let at_once = is_feasible(standby.mark, self.best_told);
        let answer = Duration::from_millis(standby.round_trip.into()) + LATE;
        self.timers.set(Timer::Resume, self.now + patience);
        self.timers.set(Timer::Another, self.now + if at_once { answer.min(patience) } else { patience });
    }

    /// Whether nobody but the standby need be asked: its answer is not overdue.
    pub(crate) fn waits_for_standby(&self) -> bool {
        let overdue = self.is_orphan() && !(self.timers.is_set(Timer::Another) && self.attempts.is_empty());
        self.timers.is_set(Timer::Resume) && !overdue
    }

    /// Whether the standby can be asked to be the parent.
    pub(crate) fn can_resume(&self) -> bool {
        self.standby.as_ref().is_some_and(|standby| {
            let declined = standby.declined_at.is_some_and(|at| self.now.since(at) < ASK_AGAIN);
            standby.resume == Resume::Idle && standby.is_fit() && !declined
        })
    }

    pub(crate) fn ask_standby(&mut self, how: Resume) {
        let (advertised, summary) = (self.best_told, self.summary());
        let Some(standby) = self.standby.as_mut() else { return };
        standby.resume = how;
        let peer = standby.id();
        let patience = if how == Resume::Rising { ATTACH_TIMEOUT } else { RESUME_PATIENCE };
        self.await_standby(patience);
        self.send(peer, TreeMessage::Attach { role: Role::Child, advertised, summary });
        self.feed(peer, true);
    }

    /// Whether the standby has been asked to be the parent.
    pub(crate) fn is_resuming(&self) -> bool {
        self.standby.as_ref().is_some_and(|standby| standby.resume != Resume::Idle)
    }

    /// The parent is good again, or another was found first: the standby stands by as before.
    pub(crate) fn settle_resume(&mut self) {
        let rising = self.standby.as_ref().is_some_and(|standby| standby.resume == Resume::Rising);
        if !rising {
            self.stand_down();
        }
    }

    /// The standby has had its time. To rise nobody waits for longer.
    pub(crate) fn on_resume_over(&mut self) {
        if self.standby.as_ref().is_some_and(|standby| standby.resume == Resume::Rising) {
            self.stand_down();
        }
    }

    pub(crate) fn stand_down(&mut self) {
        if !self.is_resuming() {
            return;
        }
        let peer = self.end_resume();
        let (advertised, summary) = (self.best_told, self.summary());
        self.send(peer, TreeMessage::Attach { role: Role::Standby, advertised, summary });
    }

    fn end_resume(&mut self) -> NodeId {
        let standby = self.standby.as_mut().expect("only called while a standby is asked");
        standby.resume = Resume::Idle;
        let peer = standby.id();
        self.feed(peer, false);
        self.timers.clear(Timer::Resume);
        self.timers.clear(Timer::Grace);
        self.changed.fed = true;
        self.follow();
        peer
    }

    /// The standby answers. False if it was not asked to be the parent.
    pub(crate) fn resumed(&mut self, down: Down) {
        let Some(standby) = self.standby.as_ref() else { return };
        let from = standby.id();
        if standby.resume == Resume::Idle || down.beside.is_empty() {
            // The answer to a request that was taken back, or to being its ward again: only what a
            // child is told begins with the parent's own spot, and only marks told to children bind
            // the parent.
            return self.standby_down(down);
        }
        let good = self.is_sane(from, &down) && is_feasible(down.mark, self.best_told) && !down.starving;
        if !good {
            self.reject();
            self.end_resume();
            return self.drop_standby(true);
        }
        // Whoever was called meanwhile is not needed any more.
        self.end_attempts();
        let standby = self.standby.take().expect("looked at just now");
        self.timers.clear(Timer::Resume);
        if standby.resume == Resume::Rising {
            self.note_rise(from);
        }
        self.take_parent(standby.contact, down, standby.round_trip, true);
    }

    /// The standby does not take us.
    pub(crate) fn standby_refused(&mut self, reason: Refusal, spots: Vec<Spot>) {
        let Some(resume) = self.standby.as_ref().map(|standby| standby.resume).filter(|r| *r != Resume::Idle) else {
            let peer = self.standby.as_ref().map(|standby| standby.id());
            self.drop_standby(true);
            // It needs the link for a standby of its own, or has no use for us: others first.
            return peer.into_iter().for_each(|peer| self.pass_over(peer));
        };
        self.end_resume();
        let now = self.now;
        match (reason, self.standby.as_mut()) {
            // It lost its own parent at the same moment. It will say when it is fed again.
            (Refusal::NoRoute, Some(standby)) => {
                standby.starving = true;
                self.standby_unfit();
            }
            (Refusal::Full | Refusal::NotFeasible, Some(standby)) => standby.declined_at = Some(now),
            _ => self.drop_standby(true),
        }
        if resume == Resume::Rising {
            return;
        }
        self.infeasible(reason);
        if self.search.is_none() {
            self.begin_search();
        }
        let can_serve = self.may_serve();
        if let Some(search) = &mut self.search {
            search.redirect(spots.into_iter().filter(|spot| can_serve || spot.free > 0));
        }
    }

    /// The edge to a new parent stands; the old one, if it feeds or may yet be heard again, keeps
    /// its link for a while.
    pub(crate) fn take_parent(&mut self, contact: Contact, mut down: Down, round_trip: u16, fed: bool) {
        for timer in [Timer::Retry, Timer::Fetch, Timer::Patience, Timer::Resume, Timer::Grace, Timer::RootLost] {
            self.timers.clear(timer);
        }
        self.search = None;
        self.infeasible_since = None;
        self.wanted = None;
        let first = self.mark.is_none();
        let to = contact.node;
        let path = std::mem::take(&mut down.path);
        let summary = self.summary();
        self.summary_told(&summary);
        let lost = self.lost.take();
        let old = self.parent.replace(Box::new(Parent::new(contact, down, round_trip, self.now)));
        if let Some(lost) = old.as_ref().or(lost.as_ref()).filter(|lost| lost.is_useless() || lost.loss_told) {
            let spot = lost.outside.iter().filter(|spot| spot.free > 0).min_by_key(|spot| spot.depth);
            self.regained = spot.cloned().map(Box::new);
            let pause = self.jitter(REGAIN_AFTER);
            self.timers.set(Timer::Regain, self.now + pause);
        }
        self.set_path(path);
        self.timers.set(Timer::Stale, self.now + self.config.counter_limit);
        // Three may feed at once, not four.
        self.drop_former();
        if !fed {
            self.feed(to, true);
        }
        self.changed.fed = true;
        self.changed.below = true;
        self.changed.plan = true;
        if !first {
            self.moved_at = Some(self.now);
        }
        self.follow();
        if first {
            let depth = self.mark.map_or(0, |mark| mark.depth);
            self.output(Output::Notify(Event::Attached { parent: to, depth }));
        } else {
            self.output(Output::Notify(Event::Moved { from: old.as_ref().map(|old| old.id()), to }));
        }
        if let Some(old) = old {
            self.part_with(*old);
        }
        self.recruit_soon();
        self.review_standby();
    }

    fn part_with(&mut self, old: Parent) {
        self.drop_former();
        let (useless, lying) = (old.is_useless(), old.stale || old.withholding);
        if lying {
            self.shun(old.id());
        }
        // Who goes soon, or is gone, is of no use for longer.
        let short = old.leaving.is_some() && !old.stays();
        self.former = Some(Former { contact: old.contact, round_trip: old.round_trip });
        let pause = match useless {
            true => HEDGE,
            false if short => self.config.overlap,
            false => self.config.overlap + CATCH_UP,
        };
        self.timers.set(Timer::Overlap, self.now + pause);
        // Who is cut off and says so would be no standby either.
        if lying || (old.starving && !old.silent) {
            self.drop_former();
        }
    }

    /// Something is heard of the parent before last, which had fallen silent: it is alive, its
    /// link is up, so it may stand by.
    pub(crate) fn former_heard(&mut self) {
        if self.standby.is_some() || !self.config.standby {
            return;
        }
        let Some(Former { contact, round_trip }) = self.former.take() else { return };
        self.timers.clear(Timer::Overlap);
        let peer = contact.node;
        self.feed(peer, false);
        let (advertised, summary) = (self.best_told, self.summary());
        self.send(peer, TreeMessage::Attach { role: Role::Standby, advertised, summary });
        self.abandon_recruiting();
        self.standby = Some(Box::new(Standby::untold(contact, round_trip)));
        self.recruit_check();
    }

    pub(crate) fn is_former(&self, peer: NodeId) -> bool {
        self.former.as_ref().is_some_and(|former| former.contact.node == peer)
    }

    pub(crate) fn drop_former(&mut self) {
        if let Some(peer) = self.former.as_ref().map(|former| former.contact.node) {
            self.send(peer, TreeMessage::Detach);
            self.forget_former();
            self.output(Output::Hangup { peer });
        }
    }

    pub(crate) fn forget_former(&mut self) {
        self.timers.clear(Timer::Overlap);
        if let Some(former) = self.former.take() {
            self.feed(former.contact.node, false);
        }
    }

    /// Whether there is room for an orphan: some over the fan-out, for a while. Only who has been silent
    /// for long makes room for one more: others may be heard again, and all would be fed.
    pub(crate) fn has_room_for_orphan(&mut self) -> bool {
        let most = usize::from(self.places() + MAX_OVER);
        self.places() > 0 && (self.children.len() < most || self.evict_silent())
    }
}
