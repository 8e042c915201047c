//! Whom a timer, a message or a word of the link layer concerns.

use waterfall_wire::{NodeId, Refusal, Spot, TreeMessage};

use crate::timer::Timer;
use crate::{Event, Output, Tree};

impl Tree {
    pub(crate) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Counter => self.count_on(),
            Timer::Count => self.on_count_pace(),
            Timer::Call(peer) => self.attempt_failed(peer, true),
            Timer::Fetch => self.on_candidates(Vec::new()),
            Timer::Retry => self.next_round(),
            Timer::Patience => self.on_patience_over(),
            Timer::Stale => self.on_counter_limit(),
            Timer::Forgive => self.forgive(),
            Timer::Overlap => self.drop_former(),
            Timer::RootLost => {
                self.root_lost = true;
                self.output(Output::Notify(Event::RootLost));
            }
            Timer::HandOver => self.finish(),
            Timer::Overfull => self.ask_one_to_move(),
            Timer::Recover => self.on_recovery(),
            Timer::Publish => self.publish(),
            Timer::Recruit => self.recruit(),
            Timer::RecruitCall => self.on_recruit_timeout(),
            Timer::Balance => self.on_balance(),
            Timer::Regain => self.regain(),
            Timer::Lease(node) => self.on_lease_over(node),
            Timer::Silence(node) => self.on_long_silence(node),
            Timer::MoveOn(node) => self.on_move_over(node),
            Timer::Settled | Timer::Proof | Timer::Kept => self.changed.below = true,
            Timer::Summary => self.changed.below |= self.waiting.below,
            Timer::Plans => self.changed.plan |= self.waiting.plan,
            Timer::Resume => self.on_resume_over(),
            Timer::Grace => self.changed.fed = true,
            // Whoever searches looks at what is under way after each input.
            Timer::Another => {}
        }
    }

    pub(crate) fn on_message(&mut self, from: NodeId, message: TreeMessage) {
        match message {
            TreeMessage::Attach { role, advertised, summary } => self.on_attach(from, role, advertised, summary),
            TreeMessage::Summary(summary) => self.on_summary(from, summary),
            TreeMessage::Detach => self.on_detach(from),
            TreeMessage::Count(above) => self.on_count(from, above),
            TreeMessage::Attached(down) => self.on_attached(from, down),
            TreeMessage::Refused { reason, spots } => self.on_refused(from, reason, spots),
            TreeMessage::Down(down) => self.on_down(from, down),
            TreeMessage::Mark(mark) => self.on_mark(from, mark),
            TreeMessage::Starving => self.on_starving(from),
            TreeMessage::Rise { node, to } => self.on_rise(from, node, to),
            TreeMessage::Leaving { spots } => self.on_leaving(from, spots),
            TreeMessage::Move { spots } => self.on_move(from, spots),
        }
    }

    pub(crate) fn on_link_up(&mut self, peer: NodeId) {
        if self.is_attempt(peer) {
            self.request_attach(peer);
        } else if self.is_recruit(peer) {
            self.recruit_linked();
        } else if !self.lease_linked(peer) {
            // A link that nobody asked for, or whose lease has run out.
            self.reject();
            if !self.is_neighbour(peer) {
                self.output(Output::Hangup { peer });
            }
        }
    }

    pub(crate) fn on_link_down(&mut self, peer: NodeId) {
        if self.is_former(peer) {
            self.forget_former();
        } else if self.children.contains(&peer) {
            self.remove_child(peer, false);
        } else if self.wards.contains(&peer) {
            self.remove_ward(peer, false);
        } else {
            self.upstream_down(peer);
        }
    }

    pub(crate) fn on_silent(&mut self, peer: NodeId) {
        if self.children.contains(&peer) || self.wards.contains(&peer) {
            self.child_silent(peer);
        } else {
            self.upstream_silent(peer);
        }
    }

    pub(crate) fn on_heard(&mut self, peer: NodeId) {
        if self.children.contains(&peer) || self.wards.contains(&peer) {
            self.child_heard(peer);
        } else {
            self.upstream_heard(peer);
        }
    }

    pub(crate) fn on_call_refused(&mut self, peer: NodeId, reason: Refusal, spots: Vec<Spot>) {
        if self.is_recruit(peer) {
            self.recruit_refused(false, spots);
        } else if !self.attempt_refused(peer, reason, spots, false) {
            self.reject();
        }
    }

    pub(crate) fn on_call_failed(&mut self, peer: NodeId) {
        if self.is_attempt(peer) {
            self.attempt_failed(peer, false);
        } else if self.is_recruit(peer) {
            self.recruit_unanswered();
            self.recruit_refused(false, Vec::new());
        } else {
            self.reject();
        }
    }
}
