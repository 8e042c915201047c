//! Finding a standby.
//!
//! Candidates are told by the parent: places in the subtree of its own standby. That subtree hangs
//! from another child of the root than ours if the parent's standby does, so by induction standbys
//! share nothing with parents but the root, and are as deep as the parent or nearer. The children
//! of the root take each other's subtrees. Where nothing of that kind is known, open spots of the
//! rescue plan and then those above the parent are asked.

use std::time::Duration;

use waterfall_wire::{Contact, Down, NodeId, Refusal, Role, Spot, TreeMessage};

use crate::config::{ATTACH_TIMEOUT, STANDBY_AGAIN, STANDBY_DELAY, STANDBY_RETRY, STANDBY_RETRY_CAP};
use crate::lag::millis;
use crate::neighbour::{Standby, WardStage};
use crate::plan::beginning;
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Event, Output, Timestamp, Tree};

/// Candidates of one round; more are not asked.
const MAX_CALLS: usize = 8;
/// Candidates known at most.
const MAX_KNOWN: usize = 4 * MAX_CALLS;

/// One round of looking for a standby.
#[derive(Debug, Default)]
pub(crate) struct Recruiting {
    candidates: Vec<Contact>,
    tried: Vec<NodeId>,
    /// A ward was sent elsewhere to stand by for us; one a round, for it may be no use.
    spared: bool,
    call: Option<Contact>,
    /// When that began, and how long its link took.
    called_at: Timestamp,
    took: Duration,
    /// The link is up and the request sent, at this moment.
    linked: Option<Timestamp>,
    /// How many have answered, so that it is known how good they are.
    measured: u8,
}

impl Recruiting {
    /// Candidates that come last.
    fn learn(&mut self, contacts: impl Iterator<Item = Contact>) {
        for contact in contacts {
            if self.candidates.len() < MAX_KNOWN && !self.candidates.iter().any(|known| known.node == contact.node) {
                self.candidates.push(contact);
            }
        }
    }
}

/// A standby that would leave no longer gap than this, in milliseconds, is good enough: with jitter
/// and the age of the last packet it stays below 150 ms.
const GOOD_GAP: u16 = 115;
/// Whoever is to be exchanged for a better one must be worse by this.
const WORTH_EXCHANGING: u16 = 10;
/// Round trips that a link takes to come up, where only one is known: two for the offer, and what ICE, DTLS and SCTP take.
const LINK_ROUND_TRIPS: u32 = 6;
/// Remembered of those who were measured and are no better.
const MAX_PASSED_OVER: usize = 16;
/// How many are measured in one round before the best of them has to do.
const MAX_MEASURED: u8 = 5;
/// Rounds in which a better one is looked for.
const BETTER_ROUNDS: u8 = 6;
/// Rounds without anybody after which one looks among its equals.
const STUCK: u8 = 3;

impl Tree {
    pub(crate) fn is_recruit(&self, peer: NodeId) -> bool {
        let call = self.recruiting.as_ref().and_then(|recruiting| recruiting.call.as_ref());
        call.is_some_and(|to| to.node == peer)
    }

    /// Who has a good parent looks for a standby; an orphan has other things to do.
    pub(crate) fn settle_recruiting(&mut self) {
        if self.phase != Phase::Active || self.is_root || self.is_orphan() {
            self.abandon_recruiting();
        } else if self.standby.is_none() && self.recruiting.is_none() && !self.timers.is_set(Timer::Recruit) {
            self.recruit_soon();
        }
    }

    pub(crate) fn recruit_soon(&mut self) {
        if self.config.standby && self.phase == Phase::Active && !self.is_root {
            self.recruit_rounds = 0;
            self.passed_over = Vec::new();
            // In a crowd, newcomers' parents are new themselves and have yet to find their own.
            let told = self.parent.as_ref().is_some_and(|parent| !parent.stand.is_empty());
            let pause = self.jitter(if told || self.moved_at.is_some() { STANDBY_AGAIN } else { STANDBY_DELAY });
            self.timers.set_by(Timer::Recruit, self.now + pause);
        }
    }

    /// Looks again later whether what there is can be bettered.
    pub(crate) fn recruit_check(&mut self) {
        let base = if self.standby.is_some() { STANDBY_RETRY } else { STANDBY_DELAY };
        let doubled = base.saturating_mul(1 << self.recruit_rounds.min(8));
        self.recruit_rounds = self.recruit_rounds.saturating_add(1);
        let pause = self.jitter(doubled.min(STANDBY_RETRY_CAP));
        self.timers.set(Timer::Recruit, self.now + pause);
    }

    /// Begins a round, if one is of use.
    pub(crate) fn recruit(&mut self) {
        if !self.config.standby || self.recruiting.is_some() || self.is_root || self.phase != Phase::Active {
            return;
        }
        if !self.has_route() {
            return self.recruit_check();
        }
        if self.standby_is_given_up() {
            let given_up = self.standby.as_ref().map(|standby| standby.id());
            self.drop_standby(true);
            self.timers.clear(Timer::Recruit);
            // The parent may still name it.
            given_up.into_iter().for_each(|node| self.pass_over(node));
        }
        if self.is_resuming() {
            return self.recruit_check();
        }
        let fit = self.standby.as_ref().filter(|standby| standby.is_fit());
        let shared = fit.map(|standby| self.shared(&standby.path));
        let good = self.has_good_standby() || self.recruit_rounds > BETTER_ROUNDS;
        if shared == Some(0) && good {
            return;
        }
        if self.standby.is_some() && fit.is_none() {
            return self.recruit_check();
        }
        let candidates = self.standby_candidates(shared.is_some());
        self.recruiting = Some(Box::new(Recruiting { candidates, ..Recruiting::default() }));
        self.recruit_next();
    }

    /// Whom to ask, the best first. To better what there is, only those that may well be better.
    fn standby_candidates(&mut self, only_better: bool) -> Vec<Contact> {
        let Some(parent) = self.parent.as_ref() else { return Vec::new() };
        let above = self.path.iter().rev().skip(1).map(|node| Contact::new(*node, []));
        // Below the root, what is beside us shares nothing with it but the root.
        let beside = parent.beside.iter().filter(|_| self.path.len() == 1);
        let rest = parent.outside.iter().chain(beside);
        // What hangs below the standby shares as little with us as it does.
        let known = self.standby.iter().flat_map(|standby| &standby.stand);
        let spots = parent.stand.iter().chain(known).chain(rest);
        let above = above.filter(|_| !only_better);
        let proximity = self.config.proximity.clone();
        let fate = |contact: &Contact| proximity.share_fate(contact, &parent.contact);
        let mut ranked: Vec<(bool, usize, Contact)> = Vec::new();
        for (place, contact) in spots.map(|spot| spot.contact.clone()).chain(above).enumerate() {
            if !ranked.iter().any(|(_, _, known)| known.node == contact.node) {
                ranked.push((fate(&contact), place, contact));
            }
        }
        // The parent told places nearest the root first, turned so that siblings differ.
        ranked.sort_by_key(|(fate, place, _)| (*fate, *place));
        ranked.into_iter().map(|(_, _, contact)| contact).collect()
    }

    fn recruit_next(&mut self) {
        let Some(mut recruiting) = self.recruiting.take() else { return };
        // Who finds nobody else takes whom it passed over.
        let choosy = self.standby.is_some() || self.recruit_rounds == 0;
        let usable = |tree: &Self, recruiting: &Recruiting, node: &NodeId| {
            let passed_over = choosy && tree.passed_over.contains(&beginning(node));
            *node != tree.me.node
                && !passed_over
                && !recruiting.tried.contains(node)
                && !tree.is_neighbour(*node)
                && !tree.is_shunned(node)
        };
        let next = recruiting.candidates.iter().position(|to| usable(self, &recruiting, &to.node));
        let to = match next.filter(|_| recruiting.tried.len() < MAX_CALLS) {
            Some(next) => recruiting.candidates.remove(next),
            None => match self.spare_ward().filter(|_| !recruiting.spared) {
                Some(ward) => {
                    recruiting.spared = true;
                    self.turn_ward_away(ward, Refusal::Busy);
                    Contact::new(ward, [])
                }
                None => return self.recruit_check(),
            },
        };
        recruiting.tried.push(to.node);
        recruiting.linked = None;
        (recruiting.call, recruiting.called_at) = (Some(to.clone()), self.now);
        self.recruiting = Some(recruiting);
        let patience = self.reach.patience(self.config.answer_patience, self.config.call_timeout);
        let patience = patience * if self.standby.is_some() { 2 } else { 1 };
        self.timers.set(Timer::RecruitCall, self.now + patience);
        self.output(Output::Call { to, role: Role::Standby, advertised: self.best_told });
    }

    /// In a small room everyone who could stand by for us may have us as its standby, and two have one
    /// link. More depends on who has more below it: the least of our wards has to look elsewhere, and is asked
    /// to stand by for us. As it is less, it cannot do the same to us. Who has found nobody for long does so with
    /// its equals, too: they may know of places that it does not.
    fn spare_ward(&self) -> Option<NodeId> {
        if self.standby.is_some() || self.recruit_rounds == 0 {
            return None;
        }
        let own = self.extent().0;
        let most = if self.recruit_rounds < STUCK { own.saturating_sub(1) } else { own };
        let lesser = self.wards.iter().filter(|(_, ward)| ward.stage == WardStage::Warm && ward.size <= most);
        let lesser = lesser.filter(|(node, _)| !self.is_shunned(node));
        lesser.min_by_key(|(node, ward)| (ward.size, **node)).map(|(node, _)| *node)
    }

    pub(crate) fn recruit_linked(&mut self) {
        let (advertised, summary) = (self.best_told, self.summary());
        let Some(recruiting) = self.recruiting.as_mut() else { return };
        if recruiting.linked.replace(self.now).is_some() {
            return self.reject();
        }
        recruiting.took = self.now.since(recruiting.called_at);
        let Some(to) = recruiting.call.as_ref().map(|to| to.node) else { return };
        self.timers.set(Timer::RecruitCall, self.now + ATTACH_TIMEOUT);
        self.send(to, TreeMessage::Attach { role: Role::Standby, advertised, summary });
    }

    /// Whom we called stands by, if it is any use.
    pub(crate) fn recruited(&mut self, from: NodeId, down: Down) {
        let asked_at = self.recruiting.as_ref().and_then(|recruiting| recruiting.linked);
        let (Some(recruiting), Some(asked_at)) = (self.recruiting.as_mut(), asked_at) else {
            return self.reject();
        };
        let Some(contact) = recruiting.call.take() else { return };
        recruiting.measured += 1;
        let took = recruiting.took;
        // Others near it, should it not be good enough.
        recruiting.learn(down.stand.iter().map(|spot| spot.contact.clone()));
        let done = recruiting.measured >= MAX_MEASURED;
        self.timers.clear(Timer::RecruitCall);
        let round_trip = millis(self.now.since(asked_at));
        // One that has just been asked to be the parent is not exchanged.
        let useful = !down.starving && self.is_sane(from, &down) && !self.is_resuming();
        if useful && self.is_better_standby(&down, round_trip) {
            self.take_standby(contact, down, round_trip);
        } else {
            self.reach.met(contact, took);
            self.pass_over(from);
            self.send(from, TreeMessage::Detach);
            self.output(Output::Hangup { peer: from });
        }
        if self.has_good_standby() {
            self.recruiting = None;
        } else if done {
            self.recruiting = None;
            self.recruit_check();
        } else {
            self.recruit_next();
        }
    }

    /// Whether it shares less with the parent than the standby there is, or as much and would leave
    /// a clearly shorter gap.
    fn is_better_standby(&self, down: &Down, round_trip: u16) -> bool {
        let Some(old) = self.standby.as_ref() else { return true };
        let (new, old) = (self.shared(&down.path), self.shared(&old.path));
        let gap = self.gap_after(down.lag, round_trip).saturating_add(WORTH_EXCHANGING);
        new < old || (new == old && self.standby_gap().is_some_and(|old| gap < old))
    }

    /// It is not called again as long as there is a standby, nor in the first round without one.
    pub(crate) fn pass_over(&mut self, node: NodeId) {
        if self.passed_over.len() == MAX_PASSED_OVER {
            self.passed_over.remove(0);
        }
        self.passed_over.push(beginning(&node));
    }

    fn take_standby(&mut self, contact: Contact, down: Down, round_trip: u16) {
        if let Some(old) = self.standby.take() {
            self.pass_over(old.id());
            self.send(old.id(), TreeMessage::Detach);
            self.output(Output::Hangup { peer: old.id() });
            let took = LINK_ROUND_TRIPS * Duration::from_millis(old.round_trip.into());
            self.reach.met(old.contact, took);
        }
        let (standby, apart) = (contact.node, self.shared(&down.path) == 0);
        self.standby = Some(Box::new(Standby::new(contact, down, round_trip)));
        self.changed.plan = true;
        self.timers.clear(Timer::Recruit);
        self.output(Output::Notify(Event::StandbyFound { standby, apart }));
    }

    /// Whether there is no need to look for another.
    pub(crate) fn has_good_standby(&self) -> bool {
        let apart = self.standby.as_ref().is_some_and(|standby| self.shared(&standby.path) == 0);
        apart && self.standby_gap().is_some_and(|gap| gap.saturating_add(self.silence()) <= GOOD_GAP)
    }

    /// It does not; others may.
    pub(crate) fn recruit_refused(&mut self, hang_up: bool, spots: Vec<Spot>) {
        let Some(recruiting) = self.recruiting.as_mut() else { return };
        let Some(to) = recruiting.call.take() else { return };
        self.timers.clear(Timer::RecruitCall);
        // What it names comes first: it lies in the same subtree as it does.
        recruiting.candidates.splice(0..0, spots.into_iter().map(|spot| spot.contact));
        recruiting.candidates.truncate(MAX_KNOWN);
        if hang_up {
            self.output(Output::Hangup { peer: to.node });
        }
        self.recruit_next();
    }

    pub(crate) fn on_recruit_timeout(&mut self) {
        self.recruit_unanswered();
        self.recruit_refused(true, Vec::new());
    }

    /// Nothing came of the call for a standby: whoever it was is dead or out of reach.
    pub(crate) fn recruit_unanswered(&mut self) {
        let unanswered = self.recruiting.as_ref().filter(|recruiting| recruiting.linked.is_none());
        if let Some(to) = unanswered.and_then(|recruiting| recruiting.call.as_ref()).map(|to| to.node) {
            self.reach.missed(to);
        }
    }

    pub(crate) fn abandon_recruiting(&mut self) {
        let Some(recruiting) = self.recruiting.take() else { return };
        self.timers.clear(Timer::RecruitCall);
        if let Some(to) = recruiting.call {
            if recruiting.linked.is_some() {
                self.send(to.node, TreeMessage::Detach);
            }
            self.output(Output::Hangup { peer: to.node });
        }
    }
}
