//! Doing what trees want.

use std::time::Duration;

use rand::Rng;
use waterfall_tree::{Event, Input, MAX_ATTEMPTS, Output, Timestamp};
use waterfall_wire::{Mark, NodeRecord, Role, TreeMessage, decode, encode};

use super::events::Happening;
use super::{FETCHING, SETUP, SILENCE, Session, World, index, micros, through_the_wire};

impl World {
    fn note(&mut self, at: usize, what: String) {
        self.nodes[at].history.push(format!("{} ms {what}", self.now / 1_000));
    }

    pub(crate) fn input(&mut self, at: usize, input: Input) {
        match &input {
            Input::Received {
                message: TreeMessage::Mark(_) | TreeMessage::Summary(_) | TreeMessage::Down(_), ..
            } => {}
            Input::CallRefused { peer, reason, spots } => {
                let spots: Vec<usize> = spots.iter().map(|spot| index(&spot.contact.node)).collect();
                self.note(at, format!("{} refuses: {reason:?}, try {spots:?}", index(peer)));
            }
            Input::Candidates(spots) => {
                let spots: Vec<usize> = spots.iter().map(|spot| index(&spot.contact.node)).collect();
                self.note(at, format!("found {spots:?}"));
            }
            other => {
                let mut text = format!("{other:?}");
                text.truncate(90);
                self.note(at, text);
            }
        }
        let now = self.time();
        self.nodes[at].tree.handle(now, input);
        self.drain(at);
    }

    pub(super) fn drain(&mut self, at: usize) {
        self.drain_answering(at, None);
    }

    pub(super) fn drain_answering(&mut self, at: usize, call: Option<(usize, u64)>) -> bool {
        let mut answered = false;
        loop {
            match self.nodes[at].tree.poll_output() {
                Output::Timeout(wake) => {
                    self.wake(at, wake);
                    break;
                }
                Output::Accept { from, .. } => {
                    let (caller, call) = call.expect("an answer without a call");
                    assert!(!answered && index(&from) == caller);
                    answered = true;
                    self.nodes[at]
                        .sessions
                        .insert(caller, Session { call, up: false, outgoing: false, answered: true, silent: false });
                    let latency = self.latency();
                    self.at(latency, Happening::Accepted { from: at, to: caller, call });
                    self.at(SETUP, Happening::Up { at, peer: caller, call });
                }
                Output::Refuse { from, reason, spots } => {
                    let (caller, call) = call.expect("an answer without a call");
                    assert!(!answered && index(&from) == caller);
                    answered = true;
                    let (latency, spots) = (self.latency(), through_the_wire(spots));
                    self.at(latency, Happening::Refused { from: at, to: caller, call, reason, spots });
                }
                output => self.perform(at, output),
            }
        }
        self.check(at);
        answered
    }

    fn wake(&mut self, at: usize, wake: Option<Timestamp>) {
        let wake = wake.map(Timestamp::as_micros);
        if wake != self.nodes[at].wake {
            self.nodes[at].wake = wake;
            if let Some(wake) = wake {
                self.order += 1;
                self.queue.insert((wake.max(self.now), self.order), Happening::Wake(at));
            }
        }
    }

    fn perform(&mut self, at: usize, output: Output) {
        match output {
            Output::Send { to, message } => {
                self.nodes[at].sent += 1;
                let to = index(&to);
                let call =
                    self.session(at, to).unwrap_or_else(|| panic!("{at} sends to {to} without a link: {message:?}"));
                let bytes = encode(&message);
                let delay = self.in_order(at, to);
                self.at(delay, Happening::Message { from: at, to, call, bytes });
            }
            Output::Call { to, role, advertised } => {
                self.note(at, format!("calls {}", index(&to.node)));
                self.place_call(at, index(&to.node), role, advertised);
            }
            Output::Hangup { peer } => {
                let peer = index(&peer);
                if let Some(session) = self.nodes[at].sessions.remove(&peer) {
                    let delay = self.in_order(at, peer);
                    self.at(delay, Happening::Closed { from: at, to: peer, call: session.call });
                }
            }
            Output::Fetch => self.at(FETCHING, Happening::Fetched(at)),
            Output::Publish(record) => {
                let record: NodeRecord = decode(&encode(&record)).unwrap();
                assert!(at == self.root || !record.children.is_empty(), "{at} publishes a record without children");
                self.nodes[at].records.push(record);
            }
            Output::Feed { peer, on } => {
                let peer = index(&peer);
                let changed =
                    if on { self.nodes[at].feeding.insert(peer) } else { self.nodes[at].feeding.remove(&peer) };
                assert!(changed, "{at} switched feeding {peer} to what it was: {on}");
                if on
                    && self.is_quiet(at, peer)
                    && let Some(call) = self.session(at, peer)
                {
                    self.at(SILENCE, Happening::Silent { at, peer, call });
                }
            }
            Output::Notify(event) => {
                if event == Event::Left {
                    self.nodes[at].alive = false;
                }
                self.note(at, format!("{event:?}"));
                let now = self.now;
                self.nodes[at].events.push((now, event));
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn place_call(&mut self, at: usize, to: usize, role: Role, advertised: Option<Mark>) {
        self.calls += 1;
        self.nodes[at].calls_made += 1;
        let call = self.calls;
        let old = self.nodes[at]
            .sessions
            .insert(to, Session { call, up: false, outgoing: true, answered: false, silent: false });
        assert!(old.is_none(), "{at} calls {to} over a link that exists");
        let outgoing = self.nodes[at].sessions.values().filter(|s| s.outgoing && !s.up).count();
        assert!(outgoing <= 1 + MAX_ATTEMPTS, "{at} has {outgoing} calls under way");
        let mut delay = self.latency();
        if self.percent(self.faults.delayed) {
            delay += Duration::from_millis(self.rng.next_u64() % 2_000);
        }
        let called = Happening::Called { from: at, to, call, role, advertised };
        if self.percent(self.faults.duplicated) {
            let later = delay + Duration::from_millis(self.rng.next_u64() % 500);
            self.at(later, called.clone());
        }
        if !self.percent(self.faults.lost) {
            self.at(delay, called);
        }
    }

    /// The delay that keeps what one node sends another in order.
    fn in_order(&mut self, from: usize, to: usize) -> Duration {
        let arrival = self.now + micros(self.latency());
        let last = self.last_delivery.entry((from, to)).or_default();
        *last = arrival.max(*last);
        Duration::from_micros(*last - self.now)
    }
}
