//! Schemes to compare with: what the 2021 prototype did, and a tree put together at random.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use waterfall_tree::{Event, Input, Loss, Output, Timestamp};
use waterfall_wire::{Contact, NodeId, Refusal, Role, Spot};

use crate::ident;
use crate::noise::Noise;

/// The prototype calls one id each so often.
const CALL_PACE: Duration = Duration::from_millis(300);
/// An offer that nobody answers is given up after this…
const PATIENCE: Duration = Duration::from_secs(1);
/// …and one that was answered when its link is not up after this.
const SETUP_PATIENCE: Duration = Duration::from_secs(5);
/// Before asking around again.
const PAUSE: Duration = Duration::from_secs(1);
/// Candidates remembered; more push out the oldest.
const MOST_CANDIDATES: usize = 64;

/// A participant without a protocol of its own: a link that is up is an edge. Who loses its parent lets go of all its
/// children before it looks for another, so no loop can close, and all below join anew.
#[derive(Debug)]
pub(crate) struct Baseline {
    me: NodeId,
    is_root: bool,
    fixed_order: bool,
    fan_out: usize,
    noise: Noise,
    parent: Option<NodeId>,
    attempt: Option<NodeId>,
    called_at: Timestamp,
    /// Children, and whether their link is up.
    children: BTreeMap<NodeId, bool>,
    candidates: VecDeque<NodeId>,
    next_id: u32,
    timer: Option<Timestamp>,
    attached_before: bool,
    left: bool,
    outputs: VecDeque<Output>,
}

impl Baseline {
    pub(crate) fn new(me: NodeId, is_root: bool, fixed_order: bool, fan_out: u8, seed: u64, now: Timestamp) -> Self {
        let mut baseline = Self {
            me,
            is_root,
            fixed_order,
            fan_out: usize::from(fan_out),
            noise: Noise::new(seed, 0xba5e),
            parent: None,
            attempt: None,
            called_at: now,
            children: BTreeMap::new(),
            candidates: VecDeque::new(),
            next_id: 0,
            timer: None,
            attached_before: false,
            left: false,
            outputs: VecDeque::new(),
        };
        if !is_root {
            baseline.seek(now);
        }
        baseline
    }

    pub(crate) fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Timeout(self.timer))
    }

    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Candidates(spots) => {
                let mut nodes: Vec<NodeId> = spots.iter().map(|spot| spot.contact.node).collect();
                self.noise.shuffle(&mut nodes);
                self.candidates.extend(nodes);
                self.next_call(now);
            }
            Input::Called { from, .. } => self.called(from),
            Input::CallAnswered { peer } if self.attempt == Some(peer) => self.timer = Some(now + SETUP_PATIENCE),
            Input::LinkUp { peer } => self.link_up(peer),
            Input::CallRefused { peer, spots, .. } if self.attempt == Some(peer) => {
                self.attempt = None;
                for spot in spots {
                    self.candidates.push_front(spot.contact.node);
                }
                self.candidates.truncate(MOST_CANDIDATES);
                self.after_failure(now);
            }
            Input::CallFailed { peer } if self.attempt == Some(peer) => {
                self.attempt = None;
                self.after_failure(now);
            }
            Input::LinkDown { peer } | Input::Silent { peer } => self.lost(now, peer),
            Input::Leave => self.leave(),
            _ => {}
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        if self.timer.is_none_or(|at| at > now) {
            return;
        }
        self.timer = None;
        if let Some(peer) = self.attempt.take() {
            self.outputs.push_back(Output::Hangup { peer });
        }
        self.next_call(now);
    }

    fn seek(&mut self, now: Timestamp) {
        if self.fixed_order {
            self.next_id = 0;
            self.next_call(now);
        } else {
            self.timer = Some(now + SETUP_PATIENCE);
            self.outputs.push_back(Output::Fetch);
        }
    }

    fn after_failure(&mut self, now: Timestamp) {
        if self.fixed_order {
            self.timer = Some((self.called_at + CALL_PACE).max(now));
        } else {
            self.next_call(now);
        }
    }

    fn next_call(&mut self, now: Timestamp) {
        if self.parent.is_some() || self.attempt.is_some() || self.left || self.is_root {
            return;
        }
        let next = if self.fixed_order {
            let next = ident::id(self.next_id);
            self.next_id += 1;
            Some(next)
        } else {
            self.candidates.pop_front()
        };
        match next {
            Some(peer) if peer == self.me && self.fixed_order => {
                // Whoever has tried all that came before it begins again.
                self.next_id = 0;
                self.timer = Some(now + CALL_PACE);
            }
            Some(peer) if peer == self.me => self.next_call(now),
            Some(peer) => {
                self.attempt = Some(peer);
                self.called_at = now;
                self.timer = Some(now + PATIENCE);
                let to = Contact::new(peer, []);
                self.outputs.push_back(Output::Call { to, role: Role::Child, advertised: None });
            }
            None => {
                self.timer = Some(now + PAUSE);
                self.outputs.push_back(Output::Fetch);
            }
        }
    }

    fn called(&mut self, from: NodeId) {
        let serves = self.is_root || self.parent.is_some();
        let fits = self.children.len() < self.fan_out && Some(from) != self.parent && Some(from) != self.attempt;
        if serves && fits && !self.left && !self.children.contains_key(&from) {
            self.children.insert(from, false);
            return self.outputs.push_back(Output::Accept { from, role: Role::Child });
        }
        let known = self.children.iter().filter(|(node, up)| **up && **node != from);
        let spots: Vec<Spot> = known
            .map(|(node, _)| Spot { contact: Contact::new(*node, []), depth: 1, free: 1, proven: 1 })
            .take(4)
            .collect();
        let reason = if serves { Refusal::Full } else { Refusal::NoRoute };
        let spots = if self.fixed_order { Vec::new() } else { spots };
        self.outputs.push_back(Output::Refuse { from, reason, spots });
    }

    fn link_up(&mut self, peer: NodeId) {
        if self.attempt == Some(peer) {
            self.attempt = None;
            self.parent = Some(peer);
            self.timer = None;
            self.candidates.clear();
            self.outputs.push_back(Output::Feed { peer, on: true });
            let event = if std::mem::replace(&mut self.attached_before, true) {
                Event::Moved { from: None, to: peer }
            } else {
                Event::Attached { parent: peer, depth: 0 }
            };
            self.outputs.push_back(Output::Notify(event));
        } else if let Some(up) = self.children.get_mut(&peer) {
            *up = true;
            self.outputs.push_back(Output::Feed { peer, on: true });
            self.outputs.push_back(Output::Notify(Event::ChildJoined(peer)));
        } else {
            self.outputs.push_back(Output::Hangup { peer });
        }
    }

    fn lost(&mut self, now: Timestamp, peer: NodeId) {
        if let Some(up) = self.children.remove(&peer) {
            return self.part_with(peer, up);
        }
        if self.attempt == Some(peer) {
            self.attempt = None;
            return self.after_failure(now);
        }
        if self.parent == Some(peer) {
            self.parent = None;
            self.outputs.push_back(Output::Feed { peer, on: false });
            self.outputs.push_back(Output::Hangup { peer });
            self.outputs.push_back(Output::Notify(Event::ParentLost { parent: peer, why: Loss::LinkDown }));
            self.part_with_all();
            self.seek(now);
        }
    }

    fn part_with(&mut self, child: NodeId, up: bool) {
        if up {
            self.outputs.push_back(Output::Feed { peer: child, on: false });
            self.outputs.push_back(Output::Notify(Event::ChildLeft(child)));
        }
        self.outputs.push_back(Output::Hangup { peer: child });
    }

    fn part_with_all(&mut self) {
        for (child, up) in std::mem::take(&mut self.children) {
            self.part_with(child, up);
        }
    }

    fn leave(&mut self) {
        self.left = true;
        self.part_with_all();
        for peer in self.parent.take().into_iter().chain(self.attempt.take()) {
            self.outputs.push_back(Output::Hangup { peer });
        }
        self.timer = None;
        self.outputs.push_back(Output::Notify(Event::Left));
    }
}
