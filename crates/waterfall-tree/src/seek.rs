//! Finding a parent: whom to call, and when.

use std::time::Duration;

use waterfall_wire::{Contact, MAX_SPOTS, NodeId, Refusal, Spot};

use crate::config::FETCH_TIMEOUT;
use crate::neighbour::{Resume, Standby};
use crate::proximity::bucket;
use crate::search::{Search, Source};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Loss, Output, Tree};

/// Of those whom an orphan calls at once so many were reached before; the others are nearer the root.
const MAX_MET: usize = 2;
/// Candidates taken from one answer to `Fetch`.
const MAX_FETCHED: usize = 64;
/// Refused as not feasible for so long, by participants with a way to the root: our counter is not
/// the root's (it started again with a smaller one, or someone lied). Then the children are let
/// go, so that everyone can begin anew.
const INFEASIBLE_LIMIT: Duration = Duration::from_secs(10);
/// Someone who has a parent, though a starving one, searches this much less often than an orphan:
/// the orphan above is the one to act, and when a lost root returns, tier 1 should find it first.
const STARVING_BASE: u32 = 4;
/// So many rounds, some 20-40 s in all, such a one neither fetches nor calls the root: all who hang
/// from a lost root would call it in the second in which it returns.
const PATIENT_ROUNDS: u32 = 5;
/// As above, of the longest pause: a minute.
const STARVING_CAP: u32 = 30;
/// Rounds in which an orphan waits for nobody longer than three times the first patience. After that
/// it may be that everyone is far.
const FAR_ROUNDS: u32 = 12;
/// A root that has been silent for so long is called anew. Sooner, and links that only stalled would
/// be lost; later, and a root that started again would wait for its room.
const SILENT_ROOT_LIMIT: Duration = Duration::from_secs(3);

impl Tree {
    fn needs_parent(&self) -> bool {
        let leaving = self.parent.as_ref().is_some_and(|p| p.leaving.is_some());
        self.phase == Phase::Active && !self.is_root && (leaving || self.is_orphan())
    }

    fn deepest(&self) -> Option<u16> {
        self.parent.as_ref().and_then(|parent| parent.deepest())
    }

    /// Whether others could hang from here.
    pub(crate) fn may_serve(&self) -> bool {
        self.fan_out > 0
    }

    pub(crate) fn settle_search(&mut self) {
        if !self.needs_parent() {
            if self.search.is_some() {
                self.cancel_search();
            }
            return self.settle_resume();
        }
        // The standby first, and nobody else while it may answer.
        if self.is_orphan() && self.resume() && self.waits_for_standby() {
            return;
        }
        if self.search.is_none() {
            self.begin_search();
        }
        if let Some(mut search) = self.search.take() {
            while self.advance(&mut search) {}
            self.search = Some(search);
        }
    }

    pub(crate) fn begin_search(&mut self) {
        self.changed.below = true;
        let mut search = Search::without(self.reach.silent().filter(|_| self.is_cut_off()));
        self.fill(&mut search);
        self.search = Some(Box::new(search));
        for attempt in &mut self.attempts {
            attempt.voluntary = false;
        }
    }

    pub(crate) fn cancel_search(&mut self) {
        self.search = None;
        self.timers.clear(Timer::Retry);
        self.timers.clear(Timer::Fetch);
        self.end_attempts();
    }

    /// The next step. True if there may be another at once.
    fn advance(&mut self, search: &mut Search) -> bool {
        // When a lost root returns, those who lost it should find it first: the others, whose parent
        // is looking, neither fetch nor call it at once.
        let waits = self.parent.as_ref().is_some_and(|parent| parent.leaving.is_none() && !parent.is_useless());
        let patient = waits && search.round() < PATIENT_ROUNDS;
        let root = self.path.first().copied().filter(|_| patient);
        let busy = self.timers.is_set(Timer::Retry) || self.waits_for_standby();
        if busy || !self.may_call() {
            return false;
        }
        let me = self.me.node;
        // A standby has no place for those that are too many elsewhere, unless that is known.
        let stays = self.parent.as_ref().filter(|parent| parent.stays()).and_then(|parent| parent.leaving.as_ref());
        let meant = |node| stays.is_none_or(|spots| spots.first().is_some_and(|first| first.contact.node == node));
        // The child that takes our place is still ours while both of us feed it: nobody else is as near.
        let climbs =
            |spots: &&Vec<Spot>| spots.first().is_some_and(|first| self.children.contains(&first.contact.node));
        let bound = stays.filter(|spots| self.is_tall() || climbs(spots));
        let allowed =
            |node| bound.is_none_or(|spots| !climbs(&spots) && spots.iter().any(|spot| spot.contact.node == node));
        let next = search.next(|node| {
            let reachable = !self.is_neighbour(*node) || (self.can_resume() && self.is_standby(*node) && meant(*node));
            *node != me && Some(*node) != root && allowed(*node) && reachable && !self.is_shunned(node)
        });
        let (bound, few) = (bound.is_some(), self.deepest().is_some());
        let first = self.attempts.is_empty();
        let last_resort =
            search.is_unlucky() || next.as_ref().is_none_or(|(source, _)| first && *source >= Source::Path);
        if last_resort && !patient && !bound && !few && !self.timers.is_set(Timer::Fetch) && search.should_fetch() {
            self.timers.set(Timer::Fetch, self.now + FETCH_TIMEOUT);
            self.output(Output::Fetch);
        }
        if let Some((_, contact)) = next {
            if self.is_standby(contact.node) {
                self.ask_standby(Resume::Asked);
                return false;
            }
            let patience = self.patience_with(search);
            self.call(contact, patience, false, 0);
            return true;
        }
        if self.attempts.is_empty() && (self.mark.is_some() || !self.timers.is_set(Timer::Fetch)) {
            // A newcomer knows nobody until the answer is there; others go on with whom they know.
            let (base, cap) = (self.config.backoff_base, self.config.backoff_cap);
            let pause = match self.path.len() {
                // Where it was sent there may be room in a moment.
                _ if bound => base,
                _ if waits => search.growing(base * STARVING_BASE, cap * STARVING_CAP),
                // The few who hung from the root itself are whom the others wait for.
                1 => search.growing(base, cap / 2),
                _ => search.growing(base, cap),
            };
            let pause = self.jitter(pause);
            self.timers.set(Timer::Retry, self.now + pause);
        }
        false
    }

    /// How long an answer is waited for: the next candidate is worth more than a slow one.
    fn patience_with(&self, search: &Search) -> Duration {
        let (first, longest) = (self.config.answer_patience, self.config.call_timeout);
        if self.mark.is_none() || self.has_route() {
            return search.patience(self.reach.patience(first, longest), longest);
        }
        // While the stream stands still, one that does not answer soon is likely dead as well. Those
        // who are cut off must not be waiting for someone on the other side when the way is free again;
        // and those who lost the root itself must call it soon after it is back.
        let longest = match self.path.len() {
            1 => 6 * first / 5,
            _ if search.round() < FAR_ROUNDS => 3 * first,
            _ => longest,
        };
        search.growing(first, longest)
    }

    /// Adds what the present or the lost parent told of other places.
    fn fill(&self, search: &mut Search) {
        let Some(parent) = self.parent.as_ref().or(self.lost.as_ref()) else { return };
        let as_spot = |contact| Spot { contact, depth: 0, free: 0, proven: 0 };
        let (outside, beside) = (&parent.outside, &parent.beside);
        // The first place is meant for us alone; the others are no better than the standby.
        let mut plan = parent.leaving.iter().flatten().cloned();
        search.recall(Source::HandOver, plan.next());
        search.recall(Source::Others, plan);
        if self.deepest().is_some() {
            return;
        }
        // Not where the parent only has too many: the standby would have too many next.
        if parent.leaving.is_some() && !parent.stays() {
            let standby = self.standby.as_ref().filter(|standby| standby.is_fit());
            let spot = |standby: &Standby| as_spot(standby.contact.clone());
            search.recall(Source::Standby, standby.map(|standby| spot(standby)));
        }
        if self.is_cut_off() {
            search.recall(Source::Met, self.reach.soonest(MAX_MET).map(as_spot));
            search.recall(Source::Apart, parent.stand.iter().map(|spot| as_spot(spot.contact.clone())));
        }
        search.recall(Source::Spot, outside.iter().cloned());
        let known = |node: &NodeId| outside.iter().find(|spot| spot.contact.node == *node).map(|s| s.contact.clone());
        let above = self.path.iter().rev().skip(1).map(|node| known(node).unwrap_or_else(|| Contact::new(*node, [])));
        search.recall(Source::Path, above.map(as_spot));
        if self.parent.is_none() {
            search.recall(Source::LostParent, [parent.as_spot()]);
        }
        search.recall(Source::Beside, beside.iter().filter(|spot| spot.contact.node != parent.id()).cloned());
    }

    /// The parent has just told of other places, or is gone.
    pub(crate) fn refill(&mut self) {
        if let Some(mut search) = self.search.take() {
            self.fill(&mut search);
            self.search = Some(search);
        }
    }

    pub(crate) fn next_round(&mut self) {
        let lost_root = self.parent.as_ref().is_some_and(|parent| {
            self.path.len() == 1 && parent.silent && self.now.since(parent.silent_at) >= SILENT_ROOT_LIMIT
        });
        if lost_root {
            // Should it have started again, it knows nothing of the old link.
            self.drop_parent(Loss::Silent, true);
        }
        if let Some(mut search) = self.search.take() {
            search.next_round();
            self.fill(&mut search);
            let lost = self.lost.as_ref().filter(|_| self.parent.is_none() && self.path.len() == 1);
            search.recall(Source::LostRoot, lost.map(|lost| lost.as_spot()));
            self.search = Some(search);
        }
    }

    pub(crate) fn on_candidates(&mut self, mut spots: Vec<Spot>) {
        self.timers.clear(Timer::Fetch);
        spots.truncate(MAX_FETCHED);
        // Many fetch the same list; equals are tried in each one's own order.
        for last in (1..spots.len()).rev() {
            spots.swap(last, self.rng.below(last + 1));
        }
        // Nearest the root first; among equals, who has shown that it can serve, then who is near.
        let (proximity, me) = (self.config.proximity.clone(), self.me.clone());
        spots.sort_by_cached_key(|spot| {
            let distance = bucket(proximity.round_trip(&me, &spot.contact));
            (spot.free == 0, spot.depth, spot.proven == 0, distance)
        });
        let can_serve = self.may_serve();
        if !spots.is_empty() && self.search.is_some() && self.timers.is_set(Timer::Retry) {
            // A new round begins with them, while they are news.
            self.timers.clear(Timer::Retry);
            self.next_round();
        }
        if let Some(search) = &mut self.search {
            search.learn(spots.into_iter().filter(|spot| can_serve || spot.free > 0));
        }
    }

    pub(crate) fn refused(&mut self, peer: NodeId, reason: Refusal, spots: Vec<Spot>) {
        let (can_serve, deepest) = (self.may_serve(), self.deepest().unwrap_or(u16::MAX));
        if let Some(search) = &mut self.search {
            match reason {
                Refusal::Denied => search.forget(&peer),
                Refusal::NoRoute => search.set_back(&peer),
                Refusal::Full if spots.is_empty() && search.broken_promise(&peer) => self.shun(peer),
                _ => {}
            }
        }
        if let Some(search) = &mut self.search {
            let spots = spots.into_iter().take(MAX_SPOTS).filter(|spot| spot.depth <= deepest);
            search.redirect(spots.filter(|spot| can_serve || spot.free > 0));
            self.infeasible(reason);
        }
    }

    /// Refused as not feasible for long: our counter is not the root's.
    pub(crate) fn infeasible(&mut self, reason: Refusal) {
        if reason == Refusal::NotFeasible && !self.has_route() {
            let since = *self.infeasible_since.get_or_insert(self.now);
            if self.now.since(since) >= INFEASIBLE_LIMIT {
                self.infeasible_since = None;
                if let Some(teller) = self.parent.as_ref().or(self.lost.as_ref()).map(|parent| parent.id()) {
                    self.shun(teller);
                }
                self.let_children_go(Refusal::NoRoute);
            }
        }
    }
}
