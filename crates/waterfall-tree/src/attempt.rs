//! Calls for a parent: up to the link and the answer.
//!
//! Mostly there is one at a time. Without the stream another begins whenever none of those under
//! way has been answered for a moment: who does not answer is likely dead as well. The
//! first that takes us is the parent, and the others are given up.

use std::time::Duration;

use waterfall_wire::{Contact, Down, Mark, NodeId, Refusal, Role, Spot, TreeMessage};

use crate::config::{ANOTHER, AT_ONCE, ATTACH_TIMEOUT, MAX_ATTEMPTS};
use crate::feasibility::is_feasible;
use crate::neighbour::Attempt;
use crate::search::Source;
use crate::timer::Timer;
use crate::{Output, Tree};

/// Milliseconds that the stream may come later at a place nearer the root.
const MAX_SETBACK: u16 = 100;

impl Tree {
    pub(crate) fn call(&mut self, to: Contact, limit: Duration, voluntary: bool, hops: u8) {
        let (peer, now) = (to.node, self.now);
        self.timers.set(Timer::Call(peer), now + limit);
        // Nobody whom a newcomer calls has been talked to before, and in a crowd each call too many holds
        // a place that others look for.
        let pause = if self.mark.is_none() { 3 * self.config.answer_patience / 5 } else { ANOTHER };
        self.timers.set(Timer::Another, now + pause);
        self.attempts.reserve_exact(1);
        self.attempts.push(Attempt {
            to: to.clone(),
            answered_at: None,
            asked_at: None,
            fed: false,
            called_at: now,
            voluntary,
            hops,
        });
        let role = if self.is_cut_off() || self.is_pressed() { Role::Orphan } else { Role::Child };
        // Where a place is kept for those nearby, who serves nobody must show as well that it is one: a
        // counter of 0 binds nobody.
        let place = self.mark.map(|mark| Mark { counter: 0, ..mark });
        self.output(Output::Call { to, role, advertised: self.best_told.or(place) });
    }

    pub(crate) fn attempt(&self, peer: NodeId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.to.node == peer)
    }

    fn attempt_mut(&mut self, peer: NodeId) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.to.node == peer)
    }

    pub(crate) fn is_attempt(&self, peer: NodeId) -> bool {
        self.attempt(peer).is_some()
    }

    /// Whether one more call may begin.
    pub(crate) fn may_call(&self) -> bool {
        let calls = self.attempts.len();
        if calls == 0 || self.has_route() {
            return calls == 0;
        }
        if calls < AT_ONCE && self.is_cut_off() && self.attempts.iter().all(|attempt| attempt.asked_at.is_none()) {
            return true;
        }
        // Nobody who was called has answered for a moment.
        let unanswered = self.attempts.iter().all(|attempt| attempt.answered_at.is_none());
        unanswered && !self.timers.is_set(Timer::Another) && calls < MAX_ATTEMPTS
    }

    /// Whether the stream stands still and nobody above is about to see to that.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.mark.is_some() && !self.is_root && self.parent.as_ref().is_none_or(|parent| parent.is_useless())
    }

    fn take_attempt(&mut self, peer: NodeId) -> Option<Attempt> {
        let place = self.attempts.iter().position(|attempt| attempt.to.node == peer)?;
        self.timers.clear(Timer::Call(peer));
        self.timers.clear(Timer::Another);
        let attempt = self.attempts.remove(place);
        self.attempts.shrink_to_fit();
        Some(attempt)
    }

    /// This call comes to nothing. Our mark, which stood still, catches up.
    pub(crate) fn end_attempt(&mut self, peer: NodeId, hang_up: bool) {
        if let Some(attempt) = self.take_attempt(peer) {
            if attempt.fed {
                self.feed(peer, false);
            }
            if hang_up {
                self.output(Output::Hangup { peer });
            }
            self.follow();
        }
    }

    pub(crate) fn end_attempts(&mut self) {
        while let Some(peer) = self.attempts.first().map(|attempt| attempt.to.node) {
            self.end_attempt(peer, true);
        }
    }

    /// The link is coming up; that gets time of its own.
    pub(crate) fn on_call_answered(&mut self, peer: NodeId) {
        let (now, longest) = (self.now, self.config.call_timeout);
        if let Some(attempt) = self.attempt_mut(peer).filter(|attempt| attempt.asked_at.is_none()) {
            attempt.answered_at = Some(now);
            let after = now.since(attempt.called_at);
            self.reach.answered(after);
            // From here it takes as many round trips again as the answer did, and half of that.
            let first = self.config.setup_patience.max(2 * after);
            let limit = self.search.as_ref().map_or(longest, |search| search.growing(first, longest));
            self.timers.set(Timer::Call(peer), now + limit);
        } else if self.is_recruit(peer) {
            self.timers.set(Timer::RecruitCall, now + longest);
        } else {
            self.reject();
        }
    }

    /// A call that leads to nobody, or has taken too long.
    pub(crate) fn attempt_failed(&mut self, peer: NodeId, hang_up: bool) {
        if self.attempt(peer).is_some_and(|attempt| attempt.answered_at.is_none()) {
            self.reach.missed(peer);
        }
        self.end_attempt(peer, hang_up);
        let root = self.root.filter(|root| self.mark.is_none() && *root != peer);
        if let Some(search) = &mut self.search {
            search.unanswered(&peer);
            // A newcomer knows nobody else; the root knows several ways down.
            let root = root.filter(|_| search.is_out_of_reach()).map(|root| Contact::new(root, []));
            search.recall(Source::Path, root.map(|contact| Spot { contact, depth: 0, free: 0, proven: 0 }));
        }
    }

    /// Whom we called does not take us; false if we called somebody else.
    pub(crate) fn attempt_refused(&mut self, peer: NodeId, reason: Refusal, spots: Vec<Spot>, hang_up: bool) -> bool {
        let Some(attempt) = self.attempt(peer) else { return false };
        let (voluntary, hops) = (attempt.voluntary, attempt.hops);
        if attempt.answered_at.is_none() {
            let after = self.now.since(attempt.called_at);
            self.reach.answered(after);
        }
        self.end_attempt(peer, hang_up);
        if voluntary {
            self.rise_on(hops, spots);
        } else {
            self.refused(peer, reason, spots);
        }
        true
    }

    pub(crate) fn request_attach(&mut self, peer: NodeId) {
        let (advertised, summary, now) = (self.best_told, self.summary(), self.now);
        let others_feed =
            self.attempts.iter().any(|attempt| attempt.fed) || self.is_resuming() || self.former.is_some();
        let at_once = self.is_cut_off() && !others_feed;
        let Some(attempt) = self.attempt_mut(peer).filter(|attempt| attempt.asked_at.is_none()) else {
            return self.reject();
        };
        (attempt.asked_at, attempt.fed) = (Some(now), at_once);
        // Not told by all who set up links.
        attempt.answered_at.get_or_insert(attempt.called_at);
        // A leaving parent does not feed for long.
        let hurry = self.parent.as_ref().is_some_and(|parent| parent.leaving.is_some() && !parent.stays());
        let limit = if hurry { ATTACH_TIMEOUT / 3 } else { ATTACH_TIMEOUT };
        self.timers.set(Timer::Call(peer), now + limit);
        self.send(peer, TreeMessage::Attach { role: Role::Child, advertised, summary });
        if at_once {
            self.feed(peer, true);
        }
    }

    /// Whether we would only be nearer the root there, but the stream comes so much later that a move
    /// would show: what is seen last is that much older there.
    fn is_far_behind(&self, from: NodeId, down: &Down) -> bool {
        let voluntary = self.attempt(from).filter(|attempt| attempt.voluntary && self.has_route());
        let lag = voluntary.map(|attempt| down.lag.saturating_add(attempt.round_trip(self.now) / 2));
        lag.is_some_and(|lag| lag > self.lag().saturating_add(MAX_SETBACK))
    }

    pub(crate) fn on_attached(&mut self, from: NodeId, down: Down) {
        if self.is_standby(from) {
            return self.resumed(down);
        }
        if self.is_recruit(from) {
            return self.recruited(from, down);
        }
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.id() == from) {
            // It wanted us to move and has a place for us after all.
            parent.leaving = None;
            return self.on_down(from, down);
        }
        if self.attempt(from).is_none_or(|attempt| attempt.asked_at.is_none()) {
            return self.unless_known(from);
        }
        let good = self.is_sane(from, &down) && is_feasible(down.mark, self.best_told) && !down.starving;
        if !good {
            self.reject();
            self.send(from, TreeMessage::Detach);
            return self.end_attempt(from, true);
        }
        if self.is_far_behind(from, &down) {
            // Not before a while has passed: the same place would be suggested again.
            self.moved_at = Some(self.now);
            self.send(from, TreeMessage::Detach);
            return self.end_attempt(from, true);
        }
        if let Some(attempt) = self.take_attempt(from) {
            // The others are not needed any more.
            self.end_attempts();
            if attempt.voluntary {
                self.note_rise(from);
            }
            let round_trip = attempt.round_trip(self.now);
            self.take_parent(attempt.to, down, round_trip, attempt.fed);
        }
    }
}
