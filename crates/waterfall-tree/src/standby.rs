//! The standby, once it is there: what it tells, and whether it is still the right one.

use std::time::Duration;

use waterfall_wire::{Contact, Down, Mark, NodeId};

use crate::config::{STANDBY_RETRY, STANDBY_SILENT_LIMIT, STANDBY_STARVING_LIMIT};
use crate::feasibility::below;
use crate::neighbour::{Resume, Standby};
use crate::timer::Timer;
use crate::{Event, Loss, Output, Tree};

impl Standby {
    pub(crate) fn new(contact: Contact, down: Down, round_trip: u16) -> Self {
        Self {
            contact,
            mark: down.mark,
            path: down.path,
            starving: down.starving,
            silent: false,
            stand: down.stand,
            resume: Resume::Idle,
            lag: down.lag,
            round_trip,
            declined_at: None,
            unfit_since: None,
        }
    }

    /// One that has yet to tell its place; until then it is of no use.
    pub(crate) fn untold(contact: Contact, round_trip: u16) -> Self {
        Self {
            contact,
            mark: below(Mark { counter: 0, depth: 0 }),
            path: Vec::new(),
            starving: true,
            silent: false,
            stand: Vec::new(),
            resume: Resume::Idle,
            lag: 0,
            round_trip,
            declined_at: None,
            unfit_since: None,
        }
    }
}

impl Standby {
    /// How long it may be unfit.
    fn limit(&self) -> Duration {
        if self.silent { STANDBY_SILENT_LIMIT } else { STANDBY_STARVING_LIMIT }
    }
}

impl Tree {
    pub(crate) fn is_standby(&self, peer: NodeId) -> bool {
        self.standby.as_ref().is_some_and(|standby| standby.id() == peer)
    }

    /// How many of the parent and those above it, but for the root, the standby has above itself
    /// or is. The root is everybody's.
    pub(crate) fn shared(&self, path: &[NodeId]) -> usize {
        self.path.iter().skip(1).filter(|node| path.contains(node)).count()
    }

    pub(crate) fn standby_down(&mut self, down: Down) {
        let Some(from) = self.standby.as_ref().map(|standby| standby.id()) else { return };
        if !down.starving && !self.is_sane(from, &down) {
            // It came to be below us, or never told the truth.
            return self.drop_standby(true);
        }
        let Some(standby) = self.standby.as_mut() else { return };
        standby.mark = down.mark;
        standby.path = down.path;
        standby.stand = down.stand;
        (standby.starving, standby.lag) = (down.starving, down.lag);
        self.changed.plan = true;
        self.standby_unfit();
        self.review_standby();
    }

    pub(crate) fn standby_mark(&mut self, mark: Mark) {
        if let Some(standby) = self.standby.as_mut() {
            standby.mark = mark;
            standby.starving = false;
            self.standby_unfit();
        }
    }

    /// Keeps account of how long it has been of no use while all is well here.
    pub(crate) fn standby_unfit(&mut self) {
        let now = self.now;
        let Some(standby) = self.standby.as_mut() else { return };
        if standby.is_fit() {
            standby.unfit_since = None;
        } else {
            standby.unfit_since.get_or_insert(now);
            let limit = standby.limit();
            self.timers.set_by(Timer::Recruit, now + limit);
        }
    }

    /// Parent or standby have moved: they may share more than they did.
    pub(crate) fn review_standby(&mut self) {
        let Some(standby) = self.standby.as_ref() else { return };
        let me = self.me.node;
        if standby.path.contains(&me) {
            return self.drop_standby(true);
        }
        if !self.has_good_standby() {
            let pause = self.jitter(STANDBY_RETRY);
            self.timers.set_by(Timer::Recruit, self.now + pause);
        }
    }

    /// Whether the standby has been of no use for too long.
    pub(crate) fn standby_is_given_up(&self) -> bool {
        let over = |standby: &Standby| standby.unfit_since.is_some_and(|at| self.now.since(at) >= standby.limit());
        self.has_route() && self.standby.as_ref().is_some_and(|standby| over(standby))
    }

    pub(crate) fn drop_standby(&mut self, hang_up: bool) {
        let Some(standby) = self.standby.take() else { return };
        let peer = standby.id();
        if standby.resume != Resume::Idle {
            self.feed(peer, false);
            self.timers.clear(Timer::Resume);
            self.timers.clear(Timer::Grace);
            self.changed.fed = true;
        }
        if hang_up {
            self.send(peer, waterfall_wire::TreeMessage::Detach);
            self.output(Output::Hangup { peer });
        }
        self.output(Output::Notify(Event::StandbyLost(peer)));
        self.changed.plan = true;
        self.follow();
        self.recruit_soon();
    }

    pub(crate) fn upstream_down(&mut self, peer: NodeId) {
        if self.is_attempt(peer) {
            self.attempt_failed(peer, false);
        } else if self.is_recruit(peer) {
            self.recruit_refused(false, Vec::new());
        } else if self.is_standby(peer) {
            self.drop_standby(false);
        } else if self.is_parent(peer) {
            self.drop_parent(Loss::LinkDown, false);
        }
    }

    pub(crate) fn upstream_silent(&mut self, peer: NodeId) {
        if self.is_parent(peer) {
            self.parent_silent();
        } else if let Some(standby) = self.standby.as_mut().filter(|standby| standby.id() == peer) {
            standby.silent = true;
            if standby.resume != Resume::Idle {
                // Dead as well. There is no time to wait and see.
                self.drop_standby(true);
            } else {
                self.standby_unfit();
            }
        }
    }

    pub(crate) fn upstream_heard(&mut self, peer: NodeId) {
        if self.is_parent(peer) {
            self.parent_heard();
        } else if self.is_former(peer) {
            self.former_heard();
        } else if let Some(standby) = self.standby.as_mut().filter(|standby| standby.id() == peer) {
            standby.silent = false;
            self.standby_unfit();
        }
    }
}
