//! What happens on the network, when its time comes.

use std::collections::BTreeSet;

use waterfall_tree::Input;
use waterfall_wire::{Mark, Refusal, Role, Spot, TreeMessage, decode};

use super::{DEAD, SETUP, SILENCE, World, id, through_the_wire};

#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Wake(usize),
    Called { from: usize, to: usize, call: u64, role: Role, advertised: Option<Mark> },
    Accepted { from: usize, to: usize, call: u64 },
    Refused { from: usize, to: usize, call: u64, reason: Refusal, spots: Vec<Spot> },
    Up { at: usize, peer: usize, call: u64 },
    Message { from: usize, to: usize, call: u64, bytes: Vec<u8> },
    Closed { from: usize, to: usize, call: u64 },
    Silent { at: usize, peer: usize, call: u64 },
    Heard { at: usize, peer: usize, call: u64 },
    Dead { at: usize, peer: usize, call: u64 },
    Fetched(usize),
}

impl Happening {
    /// In whose process it happens.
    fn whose(&self) -> usize {
        match *self {
            Self::Wake(at) | Self::Fetched(at) => at,
            Self::Called { to, .. }
            | Self::Accepted { to, .. }
            | Self::Refused { to, .. }
            | Self::Message { to, .. }
            | Self::Closed { to, .. } => to,
            Self::Up { at, .. } | Self::Silent { at, .. } | Self::Heard { at, .. } | Self::Dead { at, .. } => at,
        }
    }
}

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
        if self.nodes[happening.whose()].frozen {
            self.thawing.push(happening);
            return;
        }
        match happening.clone() {
            Happening::Wake(at) => {
                if self.nodes[at].alive && self.nodes[at].wake.is_some_and(|wake| wake <= self.now) {
                    self.nodes[at].wake = None;
                    let now = self.time();
                    self.nodes[at].tree.handle_timeout(now);
                    self.drain(at);
                }
            }
            Happening::Called { from, to, call, role, advertised } => {
                if self.nodes[to].alive && !self.is_cut(from, to) {
                    self.called(from, to, call, role, advertised);
                }
            }
            Happening::Accepted { from, to, call } => {
                if self.is_first_answer(to, from, call) {
                    self.input(to, Input::CallAnswered { peer: id(from) });
                    self.at(SETUP, Happening::Up { at: to, peer: from, call });
                }
            }
            Happening::Refused { from, to, call, reason, spots } => {
                if self.is_first_answer(to, from, call) && self.ends(to, from, call) {
                    self.input(to, Input::CallRefused { peer: id(from), reason, spots });
                }
            }
            Happening::Up { at, peer, call } => {
                if self.nodes[at].alive
                    && let Some(session) = self.nodes[at].sessions.get_mut(&peer).filter(|s| s.call == call && !s.up)
                {
                    session.up = true;
                    self.input(at, Input::LinkUp { peer: id(peer) });
                    if self.is_quiet(at, peer) {
                        self.at(SILENCE, Happening::Silent { at, peer, call });
                        self.at(DEAD, Happening::Dead { at, peer, call });
                    }
                }
            }
            Happening::Message { from, to, call, bytes } => {
                if self.is_cut(from, to) {
                    self.held.push(happening);
                } else if self.nodes[to].alive && self.session(to, from) == Some(call) {
                    let message: TreeMessage = decode(&bytes).unwrap();
                    self.input(to, Input::Received { from: id(from), message });
                }
            }
            Happening::Closed { from, to, call } => {
                if self.is_cut(from, to) {
                    self.held.push(happening);
                } else if self.nodes[to].alive {
                    self.close(to, from, call);
                }
            }
            Happening::Dead { at, peer, call } => {
                if self.nodes[at].alive && !self.nodes[peer].alive {
                    self.close(at, peer, call);
                }
            }
            Happening::Silent { at, peer, call } => {
                let heard = !self.is_quiet(at, peer) || self.session(at, peer) != Some(call);
                if self.nodes[at].alive
                    && !heard
                    && let Some(session) = self.nodes[at].sessions.get_mut(&peer)
                    && !std::mem::replace(&mut session.silent, true)
                {
                    self.input(at, Input::Silent { peer: id(peer) });
                }
            }
            Happening::Heard { at, peer, call } => {
                let heard = !self.is_quiet(at, peer) && self.session(at, peer) == Some(call);
                if self.nodes[at].alive
                    && heard
                    && let Some(session) = self.nodes[at].sessions.get_mut(&peer)
                    && std::mem::replace(&mut session.silent, false)
                {
                    self.input(at, Input::Heard { peer: id(peer) });
                }
            }
            Happening::Fetched(at) => {
                if self.nodes[at].alive {
                    let spots = self.fetched(at);
                    self.input(at, Input::Candidates(spots));
                }
            }
        }
    }

    fn called(&mut self, from: usize, to: usize, call: u64, role: Role, advertised: Option<Mark>) {
        let now = self.time();
        self.nodes[to].tree.handle(now, Input::Called { from: id(from), role, advertised });
        // The answer comes at once, before anything else is let in.
        let answered = self.drain_answering(to, Some((from, call)));
        assert!(answered, "a call to {to} was not answered");
    }

    /// A call that arrived twice is answered twice.
    fn is_first_answer(&mut self, caller: usize, callee: usize, call: u64) -> bool {
        let node = &mut self.nodes[caller];
        let session = node.sessions.get_mut(&callee).filter(|session| session.call == call);
        node.alive && session.is_some_and(|session| !std::mem::replace(&mut session.answered, true))
    }

    /// The session's end as one side learns it. False if it had ended before.
    fn ends(&mut self, at: usize, peer: usize, call: u64) -> bool {
        let ends = self.nodes[at].sessions.get(&peer).is_some_and(|session| session.call == call);
        if ends {
            self.nodes[at].sessions.remove(&peer);
        }
        ends
    }

    pub(super) fn close(&mut self, at: usize, peer: usize, call: u64) {
        let Some(session) = self.nodes[at].sessions.get(&peer).copied() else { return };
        if self.ends(at, peer, call) {
            let peer = id(peer);
            let input =
                if session.up || !session.outgoing { Input::LinkDown { peer } } else { Input::CallFailed { peer } };
            self.input(at, input);
        }
    }

    /// What the root (if it can be reached) and two others answer to a probe.
    fn fetched(&mut self, at: usize) -> Vec<Spot> {
        let living: Vec<usize> =
            self.living().into_iter().filter(|other| *other != at && !self.nodes[*other].frozen).collect();
        let mut asked: BTreeSet<usize> = living.iter().copied().filter(|other| *other == self.root).collect();
        for _ in 0..2 {
            if !living.is_empty() {
                let other = self.random(living.len());
                asked.insert(living[other]);
            }
        }
        let mut spots: Vec<Spot> = Vec::new();
        for other in asked {
            let now = self.time();
            for spot in through_the_wire(self.nodes[other].tree.probed(now)) {
                if !spots.iter().any(|known| known.contact.node == spot.contact.node) {
                    spots.push(spot);
                }
            }
        }
        spots
    }
}
