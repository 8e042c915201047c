//! A deterministic network of trees: virtual clock, latency, loss, cuts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::test_runner::Config as ProptestConfig;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use waterfall_tree::{Config, Event, Input, Output, State, Status, Timestamp, Tree};
use waterfall_wire::{
    Address, Contact, Mark, NodeId, NodeRecord, Refusal, Role, Spot, Summary, TreeMessage, decode, encode,
};

/// One way between any two nodes; round trips are twice that, plus jitter.
pub(crate) const LATENCY: Duration = Duration::from_millis(25);
/// From a link falling silent to the link layer saying so.
const SILENCE: Duration = Duration::from_millis(80);
/// From a link falling silent to the link layer giving it up.
const DEAD: Duration = Duration::from_secs(6);
/// A link is set up this long after its call was answered.
const SETUP: Duration = Duration::from_millis(60);
/// What asking around for spots takes.
const FETCHING: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
enum Happening {
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

#[derive(Debug, Clone, Copy)]
struct Session {
    call: u64,
    up: bool,
    outgoing: bool,
    answered: bool,
}

pub(crate) struct Node {
    pub(crate) tree: Tree,
    pub(crate) alive: bool,
    pub(crate) fan_out: u8,
    pub(crate) events: Vec<(u64, Event)>,
    pub(crate) records: Vec<NodeRecord>,
    history: Vec<String>,
    pub(crate) sent: u64,
    pub(crate) calls_made: u64,
    sessions: BTreeMap<usize, Session>,
    feeding: BTreeSet<usize>,
    wake: Option<u64>,
    status: Status,
}

/// What may go wrong with calls, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) delayed: u64,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) now: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) faults: Faults,
    /// Whether nobody attached may ever be without a feeding path.
    pub(crate) no_gaps: bool,
    rng: ChaCha8Rng,
    queue: BTreeMap<(u64, u64), Happening>,
    order: u64,
    calls: u64,
    cut: BTreeSet<(usize, usize)>,
    held: Vec<Happening>,
    last_delivery: BTreeMap<(usize, usize), u64>,
    was_fed: BTreeSet<usize>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} at {} ms:\n{}", self.seed, self.now / 1_000, self.picture());
        }
    }
}

pub(crate) fn id(index: usize) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(index as u64 + 1).to_le_bytes());
    NodeId(bytes)
}

pub(crate) fn index(node: &NodeId) -> usize {
    usize::try_from(u64::from_le_bytes(node.0[..8].try_into().unwrap())).unwrap() - 1
}

pub(crate) fn contact(at: usize) -> Contact {
    Contact::new(id(at), [Address(vec![u8::try_from(at % 250).unwrap(); 24])])
}

pub(crate) fn config() -> Config {
    Config::default().root(id(0))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap()
}

impl World {
    /// A world with a root.
    pub(crate) fn new(seed: u64, fan_out: u8) -> Self {
        let mut world = Self {
            seed,
            now: 1_000_000,
            nodes: Vec::new(),
            faults: Faults::default(),
            no_gaps: false,
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            queue: BTreeMap::new(),
            order: 0,
            calls: 0,
            cut: BTreeSet::new(),
            held: Vec::new(),
            last_delivery: BTreeMap::new(),
            was_fed: BTreeSet::new(),
        };
        let tree = Tree::root(config().fan_out(fan_out), contact(0), seed, world.time());
        world.add(tree, fan_out);
        world
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }

    pub(crate) fn random(&mut self, below: usize) -> usize {
        usize::try_from(self.rng.next_u64() % (below as u64)).unwrap()
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.rng.next_u64() % 100 < chance
    }

    fn add(&mut self, tree: Tree, fan_out: u8) -> usize {
        let status = tree.status();
        self.nodes.push(Node {
            tree,
            alive: true,
            fan_out,
            events: Vec::new(),
            records: Vec::new(),
            history: Vec::new(),
            sent: 0,
            calls_made: 0,
            sessions: BTreeMap::new(),
            feeding: BTreeSet::new(),
            wake: None,
            status,
        });
        let at = self.nodes.len() - 1;
        self.drain(at);
        at
    }

    pub(crate) fn join(&mut self, fan_out: u8) -> usize {
        let at = self.nodes.len();
        let tree =
            Tree::participant(config().fan_out(fan_out), contact(at), self.seed * 1_000 + at as u64, self.time());
        self.add(tree, fan_out)
    }

    /// A room of `viewers` that is settled.
    pub(crate) fn settled(seed: u64, fan_out: u8, viewers: usize) -> Self {
        let mut world = Self::new(seed, fan_out);
        for _ in 0..viewers {
            world.join(fan_out);
            world.run(150);
        }
        world.until("the room is settled", 20_000, World::is_connected);
        world.run(3_000);
        world
    }

    pub(crate) fn status(&self, at: usize) -> Status {
        self.nodes[at].tree.status()
    }

    pub(crate) fn parent(&self, at: usize) -> Option<usize> {
        self.nodes[at].status.parent.as_ref().map(index)
    }

    pub(crate) fn depth(&self, at: usize) -> usize {
        let mut depth = 0;
        let mut node = at;
        while let Some(parent) = self.parent(node) {
            depth += 1;
            node = parent;
            assert!(depth <= self.nodes.len(), "a loop above {at}");
        }
        depth
    }

    pub(crate) fn living(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&at| self.nodes[at].alive).collect()
    }

    /// How many living nodes there are at each depth.
    pub(crate) fn shape(&self) -> Vec<usize> {
        let mut shape = Vec::new();
        for at in self.living() {
            let depth = self.depth(at);
            if shape.len() <= depth {
                shape.resize(depth + 1, 0);
            }
            shape[depth] += 1;
        }
        shape
    }

    pub(crate) fn descendants(&self, of: usize) -> Vec<usize> {
        let above = |mut at: usize| {
            while let Some(parent) = self.parent(at) {
                if parent == of {
                    return true;
                }
                at = parent;
            }
            false
        };
        self.living().into_iter().filter(|&at| above(at)).collect()
    }

    /// Everyone alive has a way to the root, both ends of each edge agree, and media flows.
    pub(crate) fn is_connected(&self) -> bool {
        let fed = self.fed();
        self.living().into_iter().all(|at| {
            let status = &self.nodes[at].status;
            let in_tree = match status.state {
                State::Root => true,
                State::Attached => {
                    let parent = self.parent(at).unwrap();
                    self.nodes[parent].alive && self.nodes[parent].status.children.iter().any(|c| c.node == id(at))
                }
                _ => false,
            };
            let edges = status.children.len() + usize::from(status.parent.is_some());
            in_tree && fed.contains(&at) && self.nodes[at].feeding.len() == edges
        })
    }

    /// Who is reached by media from the root just now.
    pub(crate) fn fed(&self) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        if !self.nodes[0].alive {
            return reached;
        }
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            if !reached.insert(at) {
                continue;
            }
            for &peer in &self.nodes[at].feeding {
                let both = self.nodes[peer].alive && self.nodes[peer].feeding.contains(&at);
                if both && !self.is_cut(at, peer) && self.session(at, peer) == self.session(peer, at) {
                    open.push(peer);
                }
            }
        }
        reached
    }

    fn session(&self, at: usize, peer: usize) -> Option<u64> {
        self.nodes[at].sessions.get(&peer).filter(|session| session.up).map(|session| session.call)
    }

    pub(crate) fn picture(&self) -> String {
        let mut lines = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let Status { state, parent, depth, children, mark, starving, .. } = node.tree.status();
            let children: Vec<usize> = children.iter().map(|c| index(&c.node)).collect();
            let parent = parent.as_ref().map(index);
            let alive = if node.alive { "" } else { " DEAD" };
            lines.push(format!(
                "  {at}{alive} {state:?} parent {parent:?} depth {depth:?} children {children:?} mark {mark:?} starving {starving} feeding {:?} sessions {:?}",
                node.feeding, node.sessions.keys().collect::<Vec<_>>()
            ));
            lines.extend(node.history.iter().rev().take(12).rev().map(|line| format!("      {line}")));
        }
        lines.join("\n")
    }

    fn at(&mut self, delay: Duration, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + micros(delay), self.order), happening);
    }

    fn latency(&mut self) -> Duration {
        LATENCY + Duration::from_micros(self.rng.next_u64() % 5_000)
    }

    /// Runs for so many milliseconds.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now + millis * 1_000;
        while let Some((&(when, order), _)) = self.queue.first_key_value().filter(|((when, _), _)| *when <= end) {
            let happening = self.queue.remove(&(when, order)).unwrap();
            self.now = when;
            self.happen(happening);
        }
        self.now = end;
    }

    /// Runs until something holds; returns the milliseconds that it took.
    pub(crate) fn until(&mut self, what: &str, limit_millis: u64, holds: impl Fn(&Self) -> bool) -> u64 {
        let start = self.now;
        while !holds(self) {
            assert!(self.now - start < limit_millis * 1_000, "not within {limit_millis} ms: {what}");
            self.run(10);
        }
        (self.now - start) / 1_000
    }

    fn happen(&mut self, happening: Happening) {
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
                    if !self.nodes[peer].alive {
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
                let quiet = self.is_cut(at, peer) || !self.nodes[peer].alive;
                if self.nodes[at].alive && quiet && self.session(at, peer) == Some(call) {
                    self.input(at, Input::Silent { peer: id(peer) });
                }
            }
            Happening::Heard { at, peer, call } => {
                if self.nodes[at].alive && !self.is_cut(at, peer) && self.session(at, peer) == Some(call) {
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

    fn close(&mut self, at: usize, peer: usize, call: u64) {
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
        let living: Vec<usize> = self.living().into_iter().filter(|other| *other != at).collect();
        let mut asked: BTreeSet<usize> = living.iter().copied().filter(|other| *other == 0).collect();
        for _ in 0..2 {
            if !living.is_empty() {
                let other = self.random(living.len());
                asked.insert(living[other]);
            }
        }
        let mut spots: Vec<Spot> = Vec::new();
        for other in asked {
            for spot in through_the_wire(self.nodes[other].tree.open_spots(self.time())) {
                if !spots.iter().any(|known| known.contact.node == spot.contact.node) {
                    spots.push(spot);
                }
            }
        }
        spots
    }

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

    fn drain(&mut self, at: usize) {
        self.drain_answering(at, None);
    }

    fn drain_answering(&mut self, at: usize, call: Option<(usize, u64)>) -> bool {
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
                        .insert(caller, Session { call, up: false, outgoing: false, answered: true });
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
                assert!(at == 0 || !record.children.is_empty(), "{at} publishes a record without children");
                self.nodes[at].records.push(record);
            }
            Output::Feed { peer, on } => {
                let peer = index(&peer);
                let changed =
                    if on { self.nodes[at].feeding.insert(peer) } else { self.nodes[at].feeding.remove(&peer) };
                assert!(changed, "{at} switched feeding {peer} to what it was: {on}");
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
        let old = self.nodes[at].sessions.insert(to, Session { call, up: false, outgoing: true, answered: false });
        assert!(old.is_none(), "{at} calls {to} over a link that exists");
        let outgoing = self.nodes[at].sessions.values().filter(|s| s.outgoing && !s.up).count();
        assert_eq!(outgoing, 1, "{at} has two calls under way");
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

    /// The process dies without a word.
    pub(crate) fn kill(&mut self, at: usize) {
        self.nodes[at].alive = false;
        for peer in 0..self.nodes.len() {
            if let Some(session) = self.nodes[peer].sessions.get(&at).copied().filter(|_| self.nodes[peer].alive) {
                self.at(SILENCE, Happening::Silent { at: peer, peer: at, call: session.call });
                self.at(DEAD, Happening::Dead { at: peer, peer: at, call: session.call });
            }
        }
    }

    /// A dead node starts anew under its id.
    pub(crate) fn restart_root(&mut self, first_counter: u64) {
        let fan_out = self.nodes[0].fan_out;
        let node = config().fan_out(fan_out).first_counter(first_counter);
        self.nodes[0].tree = Tree::root(node, contact(0), self.seed + 7, self.time());
        self.nodes[0].alive = true;
        self.nodes[0].sessions.clear();
        self.nodes[0].feeding.clear();
        self.nodes[0].wake = None;
        self.drain(0);
        // Old links to it are dead for good, and packets to them are answered as unknown.
        for peer in 1..self.nodes.len() {
            if let Some(session) = self.nodes[peer].sessions.get(&0).copied().filter(|_| self.nodes[peer].alive) {
                self.close(peer, 0, session.call);
            }
        }
    }

    fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&(a.min(b), a.max(b)))
    }

    /// Nothing gets from one to the other any more.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
        for (at, peer) in [(a, b), (b, a)] {
            if let Some(call) = self.session(at, peer) {
                self.at(SILENCE, Happening::Silent { at, peer, call });
            }
        }
    }

    /// What was held back is delivered.
    pub(crate) fn mend(&mut self, a: usize, b: usize) {
        self.cut.remove(&(a.min(b), a.max(b)));
        for (at, peer) in [(a, b), (b, a)] {
            if let Some(call) = self.session(at, peer) {
                self.at(LATENCY, Happening::Heard { at, peer, call });
            }
        }
        for happening in std::mem::take(&mut self.held) {
            self.at(LATENCY, happening);
        }
    }

    /// What must hold after every event.
    fn check(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.status = node.tree.status();
        let status = &node.status;
        assert!(status.children.len() <= usize::from(node.fan_out) + 1, "{at} has too many children");
        assert!(node.fan_out > 0 || status.children.is_empty(), "a leaf has children");
        for child in &status.children {
            assert!(node.feeding.contains(&index(&child.node)), "{at} has a child that it does not feed");
        }
        let up: Vec<usize> = node
            .feeding
            .iter()
            .copied()
            .filter(|peer| !status.children.iter().any(|c| index(&c.node) == *peer))
            .collect();
        assert!(up.len() <= 2, "{at} has {} parents", up.len());
        if let Some(parent) = &status.parent {
            assert!(up.contains(&index(parent)), "{at} has a parent that does not feed it");
        } else {
            // A parent that is lost right after a move leaves the former one for the overlap.
            assert!(up.len() <= 1, "{at} is fed by nobody in particular: {up:?}");
        }
        self.depth(at);
        if self.no_gaps {
            let fed = self.fed();
            for &at in &self.was_fed {
                assert!(fed.contains(&at) || !self.nodes[at].alive, "the feed of {at} was interrupted");
            }
            self.was_fed = fed;
        } else {
            self.was_fed.clear();
        }
    }
}

/// Spots as they arrive in a reply: through the encoder, the decoder and its limits.
fn through_the_wire(spots: Vec<Spot>) -> Vec<Spot> {
    let summary: Summary = decode(&encode(&Summary { size: 1, height: 0, spots })).unwrap();
    summary.spots
}

/// How many runs, times what `WATERFALL_EFFORT` says: for long runs outside CI.
pub(crate) fn effort(runs: u64) -> u64 {
    runs * std::env::var("WATERFALL_EFFORT").map_or(1, |factor| factor.parse().unwrap())
}

/// Runs a scenario with many seeds; a world that fails prints its own.
pub(crate) fn for_seeds(count: u64, scenario: impl Fn(u64)) {
    for seed in 0..effort(count) {
        scenario(seed);
    }
}

/// The same for `proptest`, which prints the shrunk operations that fail.
pub(crate) fn cases(count: u64) -> ProptestConfig {
    ProptestConfig {
        cases: u32::try_from(effort(count)).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
