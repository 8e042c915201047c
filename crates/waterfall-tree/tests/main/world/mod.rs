//! A deterministic network of trees: virtual clock, latency, loss, cuts, frozen processes.

mod check;
mod effects;
mod events;
mod faults;
mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::test_runner::{Config as ProptestConfig, RngSeed};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use waterfall_tree::{Config, Event, Status, Timestamp, Tree};
use waterfall_wire::{Address, Contact, NodeId, NodeRecord, Spot, Summary, decode, encode};

use events::Happening;

/// One way between any two nodes; round trips are twice that, plus jitter.
pub(crate) const LATENCY: Duration = Duration::from_millis(25);
/// From a link that carries media falling silent to the link layer saying so.
const SILENCE: Duration = Duration::from_millis(80);
/// The same for a link that carries none: fillers come once a second.
const IDLE_SILENCE: Duration = Duration::from_millis(2_500);
/// From a link falling silent to the link layer giving it up.
const DEAD: Duration = Duration::from_secs(6);
/// A link is set up this long after its call was answered.
const SETUP: Duration = Duration::from_millis(60);
/// What asking around for spots takes.
const FETCHING: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
struct Session {
    call: u64,
    up: bool,
    /// We called, so the other end is above us.
    outgoing: bool,
    answered: bool,
    /// The tree was told that nothing is heard.
    silent: bool,
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
    frozen: bool,
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
    thawing: Vec<Happening>,
    /// Whom the tree hangs from.
    pub(crate) root: usize,
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
            thawing: Vec::new(),
            root: 0,
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
            frozen: false,
            wake: None,
            status,
        });
        let at = self.nodes.len() - 1;
        self.drain(at);
        at
    }

    pub(crate) fn join(&mut self, fan_out: u8) -> usize {
        let at = self.nodes.len();
        let config = config().root(id(self.root)).fan_out(fan_out);
        let tree = Tree::participant(config, contact(at), self.seed * 1_000 + at as u64, self.time());
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
}

/// A summary of one that serves nobody.
pub(crate) fn summary(size: u32, height: u16, spots: Vec<Spot>) -> Summary {
    Summary { size, height, spots, open: 0, wards: Vec::new(), strength: 0, climber: None }
}

/// Spots as they arrive in a reply: through the encoder, the decoder and its limits.
fn through_the_wire(spots: Vec<Spot>) -> Vec<Spot> {
    let summary: Summary = decode(&encode(&summary(1, 0, spots))).unwrap();
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

/// The same for `proptest`, which prints the shrunk operations that fail. The same cases each time, unless
/// `PROPTEST_RNG_SEED` says otherwise.
pub(crate) fn cases(count: u64) -> ProptestConfig {
    ProptestConfig {
        cases: u32::try_from(effort(count)).unwrap(),
        failure_persistence: None,
        rng_seed: std::env::var("PROPTEST_RNG_SEED").map_or(RngSeed::Fixed(0), |seed| seed.parse().unwrap()),
        ..ProptestConfig::default()
    }
}
