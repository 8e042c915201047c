//! The world: participants, links between them, and the queue of what happens next.

mod call;
mod census;
mod check;
mod conduct;
mod drive;
mod event;
mod fault;
mod fetch;
mod link;
mod node;
mod repeats;
mod sample;
mod silence;
mod stream;

use std::collections::BTreeMap;

use waterfall_tree::Timestamp;
use waterfall_wire::{Contact, Spot};

use crate::configs::Configs;
use crate::geography::Geography;
use crate::ident;
use crate::log::Log;
use crate::media::Timeline;
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
use census::Census;
pub(crate) use event::Event;
use fetch::{Entrance, Search};
use link::{Link, Parcel};
pub(crate) use node::{Life, Node};

/// Looks at the room in one run, however long it is.
const MOST_SAMPLES: u64 = 10_000;

/// A room and everything in it.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) now: u64,
    pub(crate) root: u32,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tally: Tally,
    pub(crate) failures: Vec<String>,
    pub(crate) violations: BTreeMap<&'static str, u64>,
    pub(crate) events: u64,
    pub(crate) log: Log,
    /// Participants that are there.
    pub(crate) present: u32,
    pub(crate) census: Census,
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
    no_source: Option<NoSource>,
    /// In order: those who die or freeze at this very instant.
    dying: Vec<u32>,
    first_counter: u64,
    configs: Configs,
    plan: Plan,
    next_step: usize,
    window: Option<Window>,
    last_sample: (u64, u64),
}

/// A time in which there was no way to the speaker, whatever anyone did.
#[derive(Debug, Clone, Copy)]
struct NoSource {
    begin: u64,
    end: u64,
    /// Or else for those who are cut off from the speaker.
    everyone: bool,
}

/// Counters as they were when measuring began.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) since: u64,
    pub(crate) traffic: Traffic,
    pub(crate) dht_bytes: u64,
    pub(crate) signal_bytes: u64,
    pub(crate) moves: u64,
    pub(crate) root_calls: u64,
    pub(crate) presence: u128,
    pub(crate) edges: u128,
    pub(crate) standbys: u128,
}

impl World {
    pub(crate) fn new(mut options: Options, plan: Plan, log: Log) -> Self {
        options.sample_every = options.sample_every.max(plan.end / MOST_SAMPLES);
        let geography = Geography::new(options.seed, &options.population);
        let mut world = Self {
            now: 0,
            root: 0,
            nodes: Vec::with_capacity(plan.steps.len().min(1 << 20) + 1),
            tally: Tally::of(&plan),
            failures: Vec::new(),
            violations: BTreeMap::new(),
            census: Census::default(),
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
            dying: Vec::new(),
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
        if world.options.loss > 0.0 {
            world.queue.push(world.options.sample_every, Event::FalseAlarm);
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
            if self.options.every_event {
                self.check_everything();
            }
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
            Event::FalseAlarm => self.false_alarm(),
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
        self.census.count(node, person.fan_out, true);
        self.nodes.push(Node::new(person, self.now));
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
