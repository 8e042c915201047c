//! The ends of async tasks, and what follows from each.

use waterfall_media::engine::Stats;
use waterfall_media::forward::LinkId;
use waterfall_tree::Input;
use waterfall_wire::{Answer, Ask, Header, NodeId, Refusal, ReplyBody, Ring};

use super::Driver;
use super::calls::{Found, Outcome, refused};
use crate::event::Event;
use crate::member::Member;
use crate::status::Answered;

/// The end of an async task.
pub(super) enum Done {
    Found(Found),
    Called { peer: NodeId, link: LinkId, outcome: Outcome },
    Answered { peer: NodeId, link: LinkId, ask: Box<Ask>, answer: Option<Answer> },
    Rings(Vec<Ring>),
    Read { from: NodeId, letter: Option<Header> },
    Have { peer: NodeId, link: LinkId, have: Vec<(u32, u64)> },
    Proven { peer: NodeId, link: LinkId, member: Option<Member> },
    Topic { member: bool },
    Measured(Stats),
    Lingered(LinkId),
}

impl Driver {
    pub(super) fn finished(&mut self, done: Done) {
        let now = self.now();
        match done {
            Done::Found(Found { spots, ended }) => {
                if ended {
                    self.room_ended(None);
                }
                self.tree.handle(now, Input::Candidates(spots));
            }
            Done::Called { peer, link, outcome } => self.called(peer, link, outcome),
            Done::Answered { peer, link, ask, answer } => {
                let up = answer.is_some();
                let body = answer.map_or_else(|| refused(Refusal::Denied, Vec::new()), ReplyBody::Answer);
                self.decided(&ask, &body);
                if !up && self.links.get(&peer).is_some_and(|known| known.id == link) {
                    self.links.remove(&peer);
                    self.tree.handle(now, Input::LinkDown { peer });
                }
            }
            Done::Have { peer, link, have } => {
                if self.links.get(&peer).is_some_and(|known| known.id == link) {
                    self.say_resume(&peer, have);
                }
            }
            Done::Proven { peer, link, member } => self.proven(peer, link, member),
            Done::Rings(rings) => self.rung(rings),
            Done::Read { from, letter } => self.letter_read(from, letter),
            Done::Topic { member } => self.topic.changed(member),
            Done::Measured(stats) => self.measured(&stats),
            Done::Lingered(link) => self.shared.engine.close(link),
        }
    }

    /// A call of ours has ended one way or another.
    fn called(&mut self, peer: NodeId, link: LinkId, outcome: Outcome) {
        if self.outgoing.get(&peer).is_some_and(|call| call.link == link) {
            self.outgoing.remove(&peer);
        }
        let current = self.links.get(&peer).is_some_and(|known| known.id == link);
        if !current {
            return;
        }
        let now = self.now();
        match outcome {
            Outcome::Answered { path, after } => {
                let answered = Answered { peer, path, after };
                self.answered = Some(answered);
                self.emit(Event::Answered(answered));
                self.tree.handle(now, Input::CallAnswered { peer });
            }
            Outcome::Refused { reason, spots } => {
                self.links.remove(&peer);
                self.tree.handle(now, Input::CallRefused { peer, reason, spots });
            }
            Outcome::Failed => {
                self.links.remove(&peer);
                self.tree.handle(now, Input::CallFailed { peer });
            }
        }
    }
}
