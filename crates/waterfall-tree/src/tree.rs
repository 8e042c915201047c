//! The state machine's shell: construction, inputs, timers, and what is settled after each.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use waterfall_wire::{Contact, Mark, NodeId, NodeRecord, Refusal, Summary, TreeMessage};

use crate::config::{PUBLISH_REFRESH, ROOT_LOST_AFTER};
use crate::neighbour::{Attempt, Child, Parent};
use crate::placement::Ledger;
use crate::search::Search;
use crate::timer::{Timer, Timers};
use crate::{Config, Event, Input, Output, Timestamp};

/// The first record waits this long for the first children to arrive together.
const PUBLISH_DEBOUNCE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Active,
    /// Feeding on until the children have moved.
    Leaving,
    Left,
}

/// One participant's part of one room's tree.
///
/// Give it what happens ([`Tree::handle`], [`Tree::handle_timeout`]), then take what to do out of
/// [`Tree::poll_output`] until it says [`Output::Timeout`]. It holds no socket and no clock, and
/// with the same seed and the same inputs it does the same.
///
/// Memory is bounded by [`Config::fan_out`] and the list limits of the wire format; outputs wait
/// in a queue that each input lengthens by a bounded number, so drain it after each.
#[derive(Debug)]
pub struct Tree {
    pub(crate) config: Config,
    pub(crate) me: Contact,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Timestamp,
    pub(crate) is_root: bool,
    pub(crate) phase: Phase,
    /// Our place, as last taken over from the parent; none before the first parent.
    pub(crate) mark: Option<Mark>,
    /// The best mark any child was told; see [`Tree::advertised`].
    pub(crate) best_told: Option<Mark>,
    /// When the last child went.
    pub(crate) childless_since: Timestamp,
    /// From the root to the parent.
    pub(crate) path: Vec<NodeId>,
    pub(crate) parent: Option<Parent>,
    /// The parent before, while there is none: its rescue plan is what we go by.
    pub(crate) lost: Option<Parent>,
    /// The parent before, while it still feeds beside the new one.
    pub(crate) former: Option<NodeId>,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) search: Option<Search>,
    /// Since when calls have been refused as not feasible.
    pub(crate) infeasible_since: Option<Timestamp>,
    pub(crate) children: BTreeMap<NodeId, Child>,
    pub(crate) calls: u64,
    pub(crate) ledger: Ledger,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output>,
    /// Something other than the counter may have changed since the neighbours were told.
    pub(crate) changed: bool,
    pub(crate) told_summary: Option<Summary>,
    pub(crate) published: Option<(Timestamp, NodeRecord)>,
    pub(crate) root_lost: bool,
    pub(crate) rejected: u64,
}

impl Tree {
    /// The root of a room: the first speaker.
    #[must_use]
    pub fn root(config: Config, me: Contact, seed: u64, now: Timestamp) -> Self {
        let mut tree = Self::new(config, me, seed, now);
        tree.is_root = true;
        tree.mark = Some(Mark { counter: tree.config.first_counter, depth: 0 });
        tree.timers.set(Timer::Counter, now + tree.config.counter_interval);
        tree.settle();
        tree
    }

    /// Someone who wants a parent; its first output is [`Output::Fetch`].
    #[must_use]
    pub fn participant(config: Config, me: Contact, seed: u64, now: Timestamp) -> Self {
        let mut tree = Self::new(config, me, seed, now);
        tree.settle();
        tree
    }

    fn new(config: Config, me: Contact, seed: u64, now: Timestamp) -> Self {
        Self {
            config,
            me: Contact::new(me.node, me.addresses),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            is_root: false,
            phase: Phase::Active,
            mark: None,
            best_told: None,
            childless_since: now,
            path: Vec::new(),
            parent: None,
            lost: None,
            former: None,
            attempt: None,
            search: None,
            infeasible_since: None,
            children: BTreeMap::new(),
            calls: 0,
            ledger: Ledger::default(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            changed: true,
            told_summary: None,
            published: None,
            root_lost: false,
            rejected: 0,
        }
    }

    /// Takes in something that happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        if self.phase == Phase::Left {
            if let Input::Called { from, .. } = input {
                self.output(Output::Refuse { from, reason: Refusal::Leaving, spots: Vec::new() });
            }
            return;
        }
        // Marks come five times a second and change nothing but the counter.
        self.changed |= !matches!(input, Input::Received { message: TreeMessage::Mark(_), .. });
        match input {
            Input::Candidates(spots) => self.on_candidates(spots),
            Input::Called { from, role, advertised } => self.on_called(from, role, advertised),
            Input::LinkUp { peer } => self.on_link_up(peer),
            Input::LinkDown { peer } => self.on_link_down(peer),
            Input::CallRefused { peer, reason, spots } => self.on_call_refused(peer, reason, spots),
            Input::CallFailed { peer } => self.on_call_failed(peer),
            Input::Received { from, message } => self.on_message(from, message),
            Input::Silent { peer } => self.on_silent(peer),
            Input::Heard { peer } => self.on_heard(peer),
            Input::Addresses(addresses) => self.me = Contact::new(self.me.node, addresses),
            Input::Leave => self.leave(),
        }
        self.settle();
    }

    /// Does what is due. To be called at the moment told by [`Output::Timeout`]; earlier or later
    /// does no harm but delay.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let mut due = Vec::new();
        while let Some(timer) = self.timers.pop_due(self.now) {
            due.push(timer);
        }
        for timer in due {
            self.fire(timer);
        }
        self.settle();
    }

    /// The next thing to do; [`Output::Timeout`] when there is nothing more.
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Timeout(self.timers.next()))
    }

    fn fire(&mut self, timer: Timer) {
        self.changed |= timer != Timer::Counter;
        match timer {
            Timer::Counter => self.count_on(),
            Timer::Call => self.on_call_timeout(),
            Timer::Fetch => self.on_candidates(Vec::new()),
            Timer::Retry => self.next_round(),
            Timer::Patience => self.on_patience_over(),
            Timer::Stale => self.on_counter_limit(),
            Timer::Overlap => self.drop_former(),
            Timer::RootLost => {
                self.root_lost = true;
                self.output(Output::Notify(Event::RootLost));
            }
            Timer::HandOver => self.finish(),
            Timer::Overfull => self.ask_one_to_move(),
            Timer::Publish => self.publish(),
            Timer::Lease(node) => self.on_lease_over(node),
            Timer::Silence(node) | Timer::MoveOn(node) => self.remove_child(node, true),
            // These only end a pause; settling sends what has changed meanwhile.
            Timer::Summary | Timer::Plans | Timer::Settled => {}
        }
    }

    fn on_message(&mut self, from: NodeId, message: TreeMessage) {
        match message {
            TreeMessage::Attach { role, advertised, summary } => self.on_attach(from, role, advertised, summary),
            TreeMessage::Summary(summary) => self.on_summary(from, summary),
            TreeMessage::Detach => self.on_detach(from),
            TreeMessage::Attached(down) => self.on_attached(from, down),
            TreeMessage::Refused { reason, spots } => self.on_refused(from, reason, spots),
            TreeMessage::Down(down) => self.on_down(from, down),
            TreeMessage::Mark(mark) => self.on_mark(from, mark),
            TreeMessage::Leaving { spots } => self.on_leaving(from, spots),
        }
    }

    fn on_link_up(&mut self, peer: NodeId) {
        if self.attempt.as_ref().is_some_and(|attempt| attempt.to.node == peer) {
            self.request_attach();
        } else if !self.lease_linked(peer) {
            // A link that nobody asked for, or whose lease has run out.
            self.rejected = self.rejected.saturating_add(1);
            if !self.is_neighbour(peer) {
                self.output(Output::Hangup { peer });
            }
        }
    }

    fn on_link_down(&mut self, peer: NodeId) {
        if self.former == Some(peer) {
            self.forget_former();
        } else if self.children.contains_key(&peer) {
            self.remove_child(peer, false);
        } else {
            self.upstream_down(peer);
        }
    }

    fn on_silent(&mut self, peer: NodeId) {
        if self.children.contains_key(&peer) { self.child_silent(peer) } else { self.parent_silent(peer) }
    }

    fn on_heard(&mut self, peer: NodeId) {
        if self.children.contains_key(&peer) { self.child_heard(peer) } else { self.parent_heard(peer) }
    }

    /// Brings the search, the neighbours and the published record in line with the state.
    pub(crate) fn settle(&mut self) {
        if self.phase == Phase::Left {
            return;
        }
        self.settle_search();
        self.settle_route();
        if std::mem::take(&mut self.changed) {
            self.settle_overfull();
            self.tell_children();
            self.tell_parent();
            self.settle_publication();
        }
    }

    fn settle_route(&mut self) {
        if self.has_route() {
            self.timers.clear(Timer::RootLost);
            if std::mem::take(&mut self.root_lost) {
                self.output(Output::Notify(Event::RootFound));
            }
        } else if self.mark.is_some() && !self.root_lost && !self.timers.is_set(Timer::RootLost) {
            self.timers.set(Timer::RootLost, self.now + ROOT_LOST_AFTER);
        }
    }

    fn settle_publication(&mut self) {
        let wanted = self.phase == Phase::Active && (self.is_root || self.has_children());
        match &self.published {
            _ if !wanted => self.timers.clear(Timer::Publish),
            None if self.timers.is_set(Timer::Publish) => {}
            None => self.timers.set(Timer::Publish, self.now + PUBLISH_DEBOUNCE),
            Some((at, record)) => {
                let pause = if *record == self.node_record() { PUBLISH_REFRESH } else { self.config.publish_interval };
                self.timers.set(Timer::Publish, *at + pause);
            }
        }
    }

    fn publish(&mut self) {
        let record = self.node_record();
        self.published = Some((self.now, record.clone()));
        self.output(Output::Publish(record));
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn send(&mut self, to: NodeId, message: TreeMessage) {
        self.output(Output::Send { to, message });
    }

    /// A message or link from someone who is not what it pretends to be: dropped and counted.
    pub(crate) fn reject(&mut self) {
        self.rejected = self.rejected.saturating_add(1);
    }

    pub(crate) fn is_neighbour(&self, peer: NodeId) -> bool {
        self.children.contains_key(&peer)
            || self.former == Some(peer)
            || self.parent.as_ref().is_some_and(|parent| parent.id() == peer)
            || self.attempt.as_ref().is_some_and(|attempt| attempt.to.node == peer)
    }

    /// A random part, from half to the whole, of a span: keeps many from acting in step.
    pub(crate) fn jitter(&mut self, span: Duration) -> Duration {
        let half = span / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(self.rng.next_u64() % micros)
    }
}
