//! Finding a parent: whom to call, and taking the first that fits.

use std::time::Duration;

use rand::Rng;
use waterfall_wire::{Contact, Down, NodeId, Refusal, Role, Spot, TreeMessage};

use crate::config::{ATTACH_TIMEOUT, FETCH_TIMEOUT};
use crate::feasibility::is_feasible;
use crate::neighbour::{Attempt, Parent};
use crate::search::{Search, Source};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Event, Output, Tree};

/// Candidates taken from one answer to `Fetch`.
const MAX_FETCHED: usize = 64;
/// Refused as not feasible for so long, by participants with a way to the root: our counter is not
/// the root's (it started again with a smaller one, or someone lied). Then the children are let
/// go, so that everyone can begin anew.
const INFEASIBLE_LIMIT: Duration = Duration::from_secs(10);
/// Someone who has a parent, though a starving one, searches this much less often than an orphan:
/// the orphan above is the one to act, and when a lost root returns, tier 1 should find it first.
const STARVING_BASE: u32 = 4;
/// As above, of the longest pause: a minute.
const STARVING_CAP: u32 = 12;

impl Tree {
    fn needs_parent(&self) -> bool {
        let leaving = self.parent.as_ref().is_some_and(|p| p.leaving.is_some());
        self.phase == Phase::Active && !self.is_root && (leaving || self.is_starving())
    }

    pub(crate) fn settle_search(&mut self) {
        if !self.needs_parent() {
            if self.search.is_some() {
                self.cancel_search();
            }
            return;
        }
        let mut search = self.search.take().unwrap_or_else(|| {
            self.changed = true;
            self.filled(Search::default())
        });
        self.advance(&mut search);
        self.search = Some(search);
    }

    pub(crate) fn cancel_search(&mut self) {
        self.search = None;
        self.timers.clear(Timer::Retry);
        self.timers.clear(Timer::Fetch);
        self.end_attempt(true);
    }

    fn advance(&mut self, search: &mut Search) {
        if self.attempt.is_some() || self.timers.is_set(Timer::Retry) {
            return;
        }
        let me = self.me.node;
        let next = search.next(|node| *node != me && !self.is_neighbour(*node));
        let last_resort = next.as_ref().is_none_or(|(source, _)| *source >= Source::Path);
        if last_resort && !self.timers.is_set(Timer::Fetch) && search.should_fetch() {
            self.timers.set(Timer::Fetch, self.now + FETCH_TIMEOUT);
            self.output(Output::Fetch);
        }
        if let Some((_, contact)) = next {
            self.call(contact, search);
        } else if !self.timers.is_set(Timer::Fetch) {
            let (slow_base, slow_cap) = if self.parent.is_some() { (STARVING_BASE, STARVING_CAP) } else { (1, 1) };
            let pause = search.growing(self.config.backoff_base * slow_base, self.config.backoff_cap * slow_cap);
            let pause = self.jitter(pause);
            self.timers.set(Timer::Retry, self.now + pause);
        }
    }

    fn call(&mut self, to: Contact, search: &Search) {
        let limit = self.config.call_timeout;
        // While the stream stands still the next candidate is worth more than a slow one.
        let repairing = self.mark.is_some() && !self.has_route();
        let limit = if repairing { search.growing(self.config.repair_call_timeout, limit) } else { limit };
        self.timers.set(Timer::Call, self.now + limit);
        self.attempt = Some(Attempt { to: to.clone(), attaching: false });
        self.output(Output::Call { to, role: Role::Child, advertised: self.advertised() });
    }

    /// Adds what the present or the lost parent told of other places.
    pub(crate) fn filled(&self, mut search: Search) -> Search {
        let Some(parent) = self.parent.as_ref().or(self.lost.as_ref()) else { return search };
        let Down { path, outside, beside, .. } = &parent.down;
        search.recall(Source::HandOver, parent.leaving.iter().flatten().cloned());
        search.recall(Source::Spot, outside.iter().cloned());
        let known = |node: &NodeId| outside.iter().find(|spot| spot.contact.node == *node).map(|s| s.contact.clone());
        let above = path.iter().rev().skip(1).map(|node| known(node).unwrap_or_else(|| Contact::new(*node, [])));
        search.recall(Source::Path, above.map(|contact| Spot { contact, depth: 0, free: 0 }));
        if self.parent.is_none() {
            search.recall(Source::LostParent, [parent.as_spot()]);
        }
        search.recall(Source::Beside, beside.iter().filter(|spot| spot.contact.node != parent.id()).cloned());
        search
    }

    pub(crate) fn next_round(&mut self) {
        if let Some(mut search) = self.search.take() {
            search.next_round();
            let mut search = self.filled(search);
            let lost = self.lost.as_ref().filter(|lost| self.parent.is_none() && lost.down.path.len() == 1);
            search.recall(Source::LostRoot, lost.map(Parent::as_spot));
            self.search = Some(search);
        }
    }

    pub(crate) fn on_candidates(&mut self, mut spots: Vec<Spot>) {
        self.timers.clear(Timer::Fetch);
        spots.truncate(MAX_FETCHED);
        // Many fetch the same list; equals are tried in each one's own order.
        for last in (1..spots.len()).rev() {
            let other = self.rng.next_u64() % (last as u64 + 1);
            spots.swap(last, usize::try_from(other).expect("at most 63"));
        }
        if let Some(search) = &mut self.search {
            let can_serve = self.config.fan_out > 0;
            search.learn(spots.into_iter().filter(|spot| can_serve || spot.free > 0));
        }
    }

    /// The call under way comes to nothing. Our mark, which stood still, catches up.
    pub(crate) fn end_attempt(&mut self, hang_up: bool) {
        let Some(attempt) = self.attempt.take() else { return };
        self.timers.clear(Timer::Call);
        if hang_up {
            self.output(Output::Hangup { peer: attempt.to.node });
        }
        self.follow();
    }

    pub(crate) fn is_attempt(&self, peer: NodeId) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.to.node == peer)
    }

    pub(crate) fn on_call_refused(&mut self, peer: NodeId, reason: Refusal, spots: Vec<Spot>) {
        if !self.is_attempt(peer) {
            return self.reject();
        }
        self.end_attempt(false);
        self.refused(peer, reason, spots);
    }

    pub(crate) fn on_call_failed(&mut self, peer: NodeId) {
        if !self.is_attempt(peer) {
            return self.reject();
        }
        self.end_attempt(false);
        self.unreachable(peer);
    }

    pub(crate) fn on_call_timeout(&mut self) {
        let Some(peer) = self.attempt.as_ref().map(|attempt| attempt.to.node) else { return };
        self.end_attempt(true);
        self.unreachable(peer);
    }

    pub(crate) fn unreachable(&mut self, peer: NodeId) {
        if let Some(search) = &mut self.search {
            search.set_back(&peer);
        }
    }

    pub(crate) fn refused(&mut self, peer: NodeId, reason: Refusal, spots: Vec<Spot>) {
        if let Some(search) = &mut self.search {
            match reason {
                Refusal::Denied => search.forget(&peer),
                Refusal::NoRoute => search.set_back(&peer),
                _ => {}
            }
            let can_serve = self.config.fan_out > 0;
            search.redirect(spots.into_iter().filter(|spot| can_serve || spot.free > 0));
        }
        if reason == Refusal::NotFeasible && !self.has_route() {
            let since = *self.infeasible_since.get_or_insert(self.now);
            if self.now.since(since) >= INFEASIBLE_LIMIT {
                self.infeasible_since = None;
                self.let_children_go(Refusal::NoRoute);
            }
        }
    }

    pub(crate) fn request_attach(&mut self) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| !attempt.attaching) else {
            return self.reject();
        };
        attempt.attaching = true;
        let to = attempt.to.node;
        self.timers.set(Timer::Call, self.now + ATTACH_TIMEOUT);
        let (advertised, summary) = (self.advertised(), self.summary());
        self.send(to, TreeMessage::Attach { role: Role::Child, advertised, summary });
    }

    pub(crate) fn on_attached(&mut self, from: NodeId, down: Down) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.attaching && attempt.to.node == from) {
            return self.reject();
        }
        let good = self.is_sane(from, &down) && is_feasible(down.mark, self.advertised()) && !down.starving;
        if !good {
            self.reject();
            self.send(from, TreeMessage::Detach);
            return self.end_attempt(true);
        }
        self.adopt(down);
    }

    /// The edge to the new parent stands; the old one, if it feeds, goes on for a while beside it.
    fn adopt(&mut self, down: Down) {
        let Some(attempt) = self.attempt.take() else { return };
        for timer in [Timer::Call, Timer::Retry, Timer::Fetch, Timer::Patience, Timer::Summary] {
            self.timers.clear(timer);
        }
        self.search = None;
        self.infeasible_since = None;
        self.lost = None;
        let first = self.mark.is_none();
        let to = attempt.to.node;
        self.told_summary = Some(self.summary());
        let old = self.parent.replace(Parent::new(attempt.to, down));
        self.timers.set(Timer::Stale, self.now + self.config.counter_limit);
        self.output(Output::Feed { peer: to, on: true });
        self.follow();
        self.changed = true;
        if first {
            let depth = self.mark.map_or(0, |mark| mark.depth);
            self.output(Output::Notify(Event::Attached { parent: to, depth }));
        } else {
            self.output(Output::Notify(Event::Moved { from: old.as_ref().map(Parent::id), to }));
        }
        if let Some(old) = old {
            self.drop_former();
            self.former = Some(old.id());
            self.timers.set(Timer::Overlap, self.now + self.config.overlap);
            if !old.has_route() {
                self.drop_former();
            }
        }
    }
}
