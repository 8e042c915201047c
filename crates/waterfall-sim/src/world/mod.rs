//! The world: participants, links between them, and the queue of what happens next.

mod call;
mod check;
mod conduct;
mod drive;
mod fault;
mod fetch;
mod link;
mod sample;
mod stream;

use smallvec::SmallVec;
use waterfall_tree::Timestamp;
use waterfall_wire::{Contact, Spot};

use crate::configs::Configs;
use crate::geography::Geography;
use crate::ident;
use crate::log::Log;
use crate::media::{Timeline, Watch};
use crate::noise::Noise;
use crate::options::Options;
use crate::participant::{Birth, Participant};
use crate::people::Person;
use crate::queue::Queue;
use crate::scenario::{Plan, Step};
use crate::slab::Slab;
use crate::tally::Tally;
use crate::traffic::Traffic;

use call::Call;
use fetch::{Entrance, Search, SearchRef};
pub(crate) use link::LinkRef;
use link::{Link, Parcel};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The scenario's next step.
    Step,
    /// A participant's timer.
    Wake(u32),
    /// A message arrives.
    Deliver(u32),
    /// An offer arrives.
    Ring(u32),
    /// A refusal arrives.
    Answered(u32),
    /// The answer to an offer arrives.
    Taken(LinkRef),
    /// Nobody answered.
    Failed { node: u32, peer: u32, link: LinkRef },
    /// A link is set up.
    Up(LinkRef),
    /// An end of a link has heard nothing for too long.
    Silent { link: LinkRef, end: u8 },
    /// …and now for so long that it gives the link up.
    Dead { link: LinkRef, end: u8 },
    /// It hears something again.
    Heard { link: LinkRef, end: u8 },
    /// The entry record is there.
    Found(SearchRef),
    /// A question arrives at an entry participant.
    Probe { search: SearchRef, entry: u32 },
    /// Its answer arrives.
    Probed { search: SearchRef, answer: u32 },
    /// The root writes the entry record.
    WriteEntry,
    /// Others find it.
    EntrySpread,
    /// A session is over.
    Depart(u32),
    /// A viewer has noticed that its parent does not forward.
    Withheld(LinkRef),
    /// A relay has noticed that its upload does not carry a child.
    Congested(LinkRef),
    /// A process goes on.
    Thaw(u32),
    /// A link's outage is over.
    Mend(LinkRef),
    /// A link stalls.
    Outage,
    /// A partition is over.
    Heal,
    /// The root starts again.
    RootReturns,
    /// A look at the room as a whole.
    Sample,
}

/// Where a participant is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Present,
    Dead,
    Left,
}

/// One participant, with all that is around its state machine.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) who: Option<Participant>,
    pub(crate) person: Person,
    pub(crate) life: Life,
    /// What waits for a process that stands still.
    pub(crate) frozen: Option<Vec<Event>>,
    /// Links by peer.
    pub(crate) links: SmallVec<[(u32, u32); 6]>,
    /// When its state machine wants to be woken, and when an event will do so.
    pub(crate) wake: u64,
    pub(crate) pending: u64,
    pub(crate) joined: u64,
    /// As it told the user.
    pub(crate) parent: Option<u32>,
    pub(crate) orphan: bool,
    pub(crate) children: u32,
    pub(crate) calls: u32,
    /// Control messages since the last sample.
    pub(crate) sent_bytes: u32,
    /// Goes without a word when its session is over.
    pub(crate) rude: bool,
    pub(crate) line: Timeline,
    pub(crate) watch: Watch,
}

impl Node {
    pub(crate) fn is_present(&self) -> bool {
        self.life == Life::Present
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_present() && self.frozen.is_none()
    }

    /// It has lost an ancestor. False if that, or an earlier loss, was known.
    pub(crate) fn expose(&mut self, now: u64, orphaned: bool) -> bool {
        let news = self.is_present() && self.watch.exposed == u64::MAX && self.watch.first <= now;
        if news {
            (self.watch.exposed, self.watch.orphaned) = (now, orphaned);
        }
        news
    }
}

/// A room and everything in it.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) now: u64,
    pub(crate) root: u32,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tally: Tally,
    pub(crate) failures: Vec<String>,
    pub(crate) violations: u64,
    pub(crate) events: u64,
    pub(crate) log: Log,
    /// Participants that are there.
    pub(crate) present: u32,
    geography: Geography,
    jitter: Noise,
    queue: Queue<Event>,
    links: Slab<Link>,
    parcels: Slab<Parcel>,
    calls: Slab<Call>,
    searches: Slab<Search>,
    answers: Slab<Vec<Spot>>,
    entrance: Entrance,
    answering: Option<u32>,
    serial: u32,
    parted: bool,
    /// When there was no way to the speaker for some or all, whatever anyone did.
    no_source: Option<(u64, u64)>,
    first_counter: u64,
    configs: Configs,
    plan: Plan,
    next_step: usize,
    window: Option<Window>,
    last_sample: (u64, u64),
}

/// Counters as they were when measuring began.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) since: u64,
    pub(crate) traffic: Traffic,
    pub(crate) dht_bytes: u64,
    pub(crate) signal_bytes: u64,
    pub(crate) moves: u64,
    pub(crate) presence: u128,
    pub(crate) edges: u128,
    pub(crate) standbys: u128,
}

impl World {
    pub(crate) fn new(options: Options, plan: Plan, log: Log) -> Self {
        let geography = Geography::new(options.seed, &options.population);
        let mut world = Self {
            now: 0,
            root: 0,
            nodes: Vec::with_capacity(plan.steps.len().min(1 << 20) + 1),
            tally: Tally::joined_from(plan.joins_from),
            failures: Vec::new(),
            violations: 0,
            events: 0,
            log,
            present: 0,
            geography,
            jitter: Noise::new(options.seed, 0x7177),
            queue: Queue::new(),
            links: Slab::new(),
            parcels: Slab::new(),
            calls: Slab::new(),
            searches: Slab::new(),
            answers: Slab::new(),
            entrance: Entrance::default(),
            answering: None,
            serial: 0,
            parted: false,
            no_source: None,
            first_counter: 1,
            configs: Configs::default(),
            plan,
            next_step: 0,
            window: None,
            last_sample: (0, 0),
            options,
        };
        let speaker = world.options.population.speaker();
        world.join(speaker);
        world.nodes[0].line = Timeline::source(0, 0);
        world.entrance.known = vec![0];
        world.queue_next_step();
        world.queue.push(world.options.sample_every, Event::Sample);
        if world.options.outages_per_hour > 0.0 {
            world.queue.push(world.options.sample_every, Event::Outage);
        }
        world
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    pub(crate) fn contact(&self, node: u32) -> Contact {
        ident::contact(node, &self.nodes[node as usize].person)
    }

    /// Goes on until this moment. False when there is nothing more to happen.
    pub(crate) fn run_until(&mut self, until: u64) -> bool {
        while let Some(at) = self.queue.next() {
            if at > until {
                self.now = until;
                return true;
            }
            let Some((at, event)) = self.queue.pop() else { break };
            self.now = at;
            self.events += 1;
            self.log.event(at, &event);
            self.happen(event);
        }
        self.now = until;
        false
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step => self.step(),
            Event::Wake(node) => self.wake(node),
            Event::Deliver(parcel) => self.deliver(parcel),
            Event::Ring(call) => self.ring(call),
            Event::Answered(call) => self.answered(call),
            Event::Taken(link) => self.taken(link),
            Event::Failed { node, peer, link } => self.failed(node, peer, link),
            Event::Up(link) => self.link_up(link),
            Event::Silent { link, end } => self.silent(link, end),
            Event::Dead { link, end } => self.dead(link, end),
            Event::Heard { link, end } => self.heard(link, end),
            Event::Found(search) => self.found(search),
            Event::Probe { search, entry } => self.probe(search, entry),
            Event::Probed { search, answer } => self.probed(search, answer),
            Event::WriteEntry => self.write_entry(),
            Event::EntrySpread => self.entry_spread(),
            Event::Depart(node) => self.depart(node),
            Event::Withheld(link) => self.withheld(link),
            Event::Congested(link) => self.congested(link),
            Event::Thaw(node) => self.thaw(node),
            Event::Mend(link) => self.mend(link),
            Event::Outage => self.outage(),
            Event::Heal => self.heal(),
            Event::RootReturns => self.root_returns(),
            Event::Sample => self.sample(),
        }
    }

    fn queue_next_step(&mut self) {
        if let Some((at, _)) = self.plan.steps.get(self.next_step) {
            self.queue.push(*at, Event::Step);
        }
    }

    fn step(&mut self) {
        let (_, step) = self.plan.steps[self.next_step].clone();
        self.next_step += 1;
        match step {
            Step::Join { person, stays } => {
                let node = self.join(person);
                if let Some((micros, rude)) = stays {
                    self.nodes[node as usize].rude = rude;
                    self.queue.push(self.now + micros, Event::Depart(node));
                }
            }
            Step::Fault(fault) => self.fault(&fault),
        }
        self.queue_next_step();
    }

    fn depart(&mut self, node: u32) {
        if !self.nodes[node as usize].is_running() {
            return;
        }
        if self.nodes[node as usize].rude {
            self.kill(&[node]);
        } else {
            self.input(node, waterfall_tree::Input::Leave);
        }
    }

    fn join(&mut self, person: Person) -> u32 {
        let node = self.nodes.len() as u32;
        self.nodes.push(Node {
            who: None,
            person,
            life: Life::Present,
            frozen: None,
            links: SmallVec::new(),
            wake: u64::MAX,
            pending: u64::MAX,
            joined: self.now,
            parent: None,
            orphan: false,
            children: 0,
            calls: 0,
            sent_bytes: 0,
            rude: false,
            line: Timeline::default(),
            watch: Watch::default(),
        });
        self.present += 1;
        self.give_birth(node);
        node
    }

    fn config(&mut self, node: u32) -> std::sync::Arc<waterfall_tree::Config> {
        let fan_out = self.nodes[node as usize].person.fan_out;
        let first_counter = (node == self.root).then_some(self.first_counter);
        self.configs.of(&self.options, ident::id(self.root), fan_out, first_counter)
    }

    /// Starts a participant's state machine.
    pub(crate) fn give_birth(&mut self, node: u32) {
        let birth = Birth {
            strategy: self.options.strategy,
            root: ident::id(self.root),
            contact: self.contact(node),
            fan_out: self.nodes[node as usize].person.fan_out,
            config: self.config(node),
            seed: crate::noise::of(self.options.seed, u64::from(node), 0x5eed),
        };
        self.nodes[node as usize].who = Some(Participant::new(birth, self.time()));
        self.drain(node);
    }
}
