//! The state machine's shell: construction, inputs, timers, and what is settled after each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use waterfall_wire::{Contact, Mark, NodeId, Refusal, Spot, TreeMessage};

use crate::counter::Wanted;
use crate::ledger::Ledger;
use crate::neighbour::{Attempt, Child, Former, Parent, Standby, Ward};
use crate::promotion::{Insertion, Rose, Thinning};
use crate::publication::Published;
use crate::reach::Reach;
use crate::recruit::Recruiting;
use crate::rng::Rng;
use crate::roster::Roster;
use crate::search::Search;
use crate::shun::Shunned;
use crate::timer::{Timer, Timers};
use crate::{Config, Input, Output, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Active,
    /// Feeding on until the children have moved.
    Leaving,
    Left,
}

/// What may have changed since it was last told or looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changed {
    /// Whether and how children are fed.
    pub(crate) fed: bool,
    /// What is below.
    pub(crate) below: bool,
    /// Where those below could go.
    pub(crate) plan: bool,
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
    pub(crate) config: Arc<Config>,
    pub(crate) me: Contact,
    pub(crate) rng: Rng,
    pub(crate) now: Timestamp,
    pub(crate) joined_at: Timestamp,
    /// The only one that paths may begin with.
    pub(crate) root: Option<NodeId>,
    pub(crate) is_root: bool,
    pub(crate) phase: Phase,
    /// Children at most, by the user's wish.
    pub(crate) fan_out: u8,
    /// Children less than that since the uplink carries no more.
    pub(crate) withdrawn: u8,
    /// Most children that were served without loss together.
    pub(crate) proven: u8,
    /// Our place, as last taken over from the parent; none before the first parent.
    pub(crate) mark: Option<Mark>,
    /// The best mark that anyone may have from us, which a new parent must beat; see [`Tree::bind`].
    pub(crate) best_told: Option<Mark>,
    /// When the last child went.
    pub(crate) childless_since: Timestamp,
    /// From the root to the parent, or the last one.
    pub(crate) path: Vec<NodeId>,
    /// Grows whenever path or depth change.
    pub(crate) place: u32,
    pub(crate) parent: Option<Box<Parent>>,
    /// The parent before, while there is none: its rescue plan is what we go by.
    pub(crate) lost: Option<Box<Parent>>,
    /// The parent before, while it still feeds beside the new one, or may yet be heard again.
    pub(crate) former: Option<Former>,
    pub(crate) standby: Option<Box<Standby>>,
    pub(crate) recruiting: Option<Box<Recruiting>>,
    pub(crate) recruit_rounds: u8,
    /// Who was measured and is no better than what there is, or was given up as standby: the
    /// beginnings of the ids.
    pub(crate) passed_over: Vec<u64>,
    pub(crate) reach: Reach,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) search: Option<Box<Search>>,
    /// Since when calls have been refused as not feasible.
    pub(crate) infeasible_since: Option<Timestamp>,
    pub(crate) shunned: Option<Box<Shunned>>,
    pub(crate) moved_at: Option<Timestamp>,
    /// How we last moved nearer the root because we were asked to.
    pub(crate) rose: Option<Box<Rose>>,
    /// Whose child we are to be in the place of another.
    pub(crate) climbing: Option<NodeId>,
    /// Where there may be a place as near the root as the one we lost.
    pub(crate) regained: Option<Box<Spot>>,
    pub(crate) children: Roster<Child>,
    pub(crate) wards: Roster<Ward>,
    pub(crate) calls: u32,
    pub(crate) ledger: Ledger,
    /// The same of places to stand by.
    pub(crate) standby_ledger: Ledger,
    pub(crate) insertion: Option<Box<Insertion>>,
    pub(crate) thinning: Option<Box<Thinning>>,
    pub(crate) wanted: Option<Wanted>,
    pub(crate) told_all_at: Timestamp,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) changed: Changed,
    /// What has changed and waits for its turn to be told.
    pub(crate) waiting: Changed,
    /// Digests of what is urgent in the last summary and of all of it, and when it was told.
    pub(crate) told_summary: Option<(u64, u64, Option<Timestamp>)>,
    pub(crate) published: Option<Published>,
    pub(crate) root_lost: bool,
    pub(crate) rejected: u64,
}

impl Tree {
    /// The root of a room: the first speaker. A configuration that many share can be given as an
    /// `Arc`.
    #[must_use]
    pub fn root(config: impl Into<Arc<Config>>, me: Contact, seed: u64, now: Timestamp) -> Self {
        let mut tree = Self::new(config.into(), me, seed, now);
        tree.is_root = true;
        tree.mark = Some(Mark { counter: tree.config.first_counter, depth: 0 });
        tree.timers.set(Timer::Counter, now + tree.config.counter_interval);
        tree.settle();
        tree
    }

    /// Someone who wants a parent; its first output is [`Output::Fetch`].
    #[must_use]
    pub fn participant(config: impl Into<Arc<Config>>, me: Contact, seed: u64, now: Timestamp) -> Self {
        let mut tree = Self::new(config.into(), me, seed, now);
        tree.settle();
        tree
    }

    fn new(config: Arc<Config>, me: Contact, seed: u64, now: Timestamp) -> Self {
        Self {
            me: Contact::new(me.node, me.addresses.iter().cloned()),
            rng: Rng::new(seed),
            now,
            joined_at: now,
            root: config.root,
            is_root: false,
            phase: Phase::Active,
            fan_out: config.fan_out,
            withdrawn: 0,
            proven: 0,
            mark: None,
            best_told: None,
            childless_since: now,
            path: Vec::new(),
            place: 0,
            parent: None,
            lost: None,
            former: None,
            standby: None,
            recruiting: None,
            recruit_rounds: 0,
            passed_over: Vec::new(),
            reach: Reach::default(),
            attempts: Vec::new(),
            search: None,
            infeasible_since: None,
            shunned: None,
            moved_at: None,
            rose: None,
            climbing: None,
            regained: None,
            children: Roster::default(),
            wards: Roster::default(),
            calls: 0,
            ledger: Ledger::default(),
            standby_ledger: Ledger::default(),
            insertion: None,
            thinning: None,
            wanted: None,
            told_all_at: now,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            changed: Changed::default(),
            waiting: Changed::default(),
            told_summary: None,
            published: None,
            root_lost: false,
            rejected: 0,
            config,
        }
    }

    fn advance_to(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.ledger.forget(self.now);
        self.standby_ledger.forget(self.now);
        self.forget_told();
    }

    /// Takes in something that happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.advance_to(now);
        if self.phase == Phase::Left {
            if let Input::Called { from, .. } = input {
                self.output(Output::Refuse { from, reason: Refusal::Leaving, spots: Vec::new() });
            }
            return;
        }
        match input {
            Input::Candidates(spots) => self.on_candidates(spots),
            Input::Called { from, role, advertised } => self.on_called(from, role, advertised),
            Input::LinkUp { peer } => self.on_link_up(peer),
            Input::LinkDown { peer } => self.on_link_down(peer),
            Input::CallAnswered { peer } => self.on_call_answered(peer),
            Input::CallRefused { peer, reason, spots } => self.on_call_refused(peer, reason, spots),
            Input::CallFailed { peer } => self.on_call_failed(peer),
            Input::Received { from, message } => self.on_message(from, message),
            Input::Silent { peer } => self.on_silent(peer),
            Input::Heard { peer } => self.on_heard(peer),
            Input::Withheld { peer } => self.on_withheld(peer),
            Input::Congested { peer } => self.on_congested(peer),
            Input::FanOut(children) => self.on_fan_out(children),
            Input::Root(node) => self.on_root(node),
            Input::Addresses(addresses) => {
                self.me = Contact::new(self.me.node, addresses);
                self.changed.below = true;
            }
            Input::Leave => self.leave(),
        }
        self.settle();
    }

    /// Does what is due. To be called at the moment told by [`Output::Timeout`]; earlier or later
    /// does no harm but delay.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.advance_to(now);
        // What is set anew while firing waits for the next call.
        let due: Vec<Timer> = std::iter::from_fn(|| self.timers.pop_due(self.now)).collect();
        for timer in due {
            self.fire(timer);
        }
        self.settle();
    }

    /// The next thing to do; [`Output::Timeout`] when there is nothing more.
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        // Most participants have nothing to do most of the time.
        self.outputs = VecDeque::new();
        Output::Timeout(self.timers.next())
    }

    /// Brings the search, the neighbours and the published record in line with the state.
    fn settle(&mut self) {
        if self.phase == Phase::Left {
            return;
        }
        self.settle_search();
        self.release_held();
        self.settle_route();
        self.settle_recruiting();
        let changed = std::mem::take(&mut self.changed);
        if changed.fed {
            self.tell_place();
        }
        if changed.below {
            self.settle_overfull();
            self.settle_publication();
            self.settle_balance();
        }
        self.tell_plans(changed.plan || changed.below);
        self.tell_parent(changed.below);
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn send(&mut self, to: NodeId, message: TreeMessage) {
        self.output(Output::Send { to, message });
    }

    pub(crate) fn feed(&mut self, peer: NodeId, on: bool) {
        self.output(Output::Feed { peer, on });
    }

    /// A message or link from someone who is not what it pretends to be: dropped and counted.
    pub(crate) fn reject(&mut self) {
        self.rejected = self.rejected.saturating_add(1);
    }

    pub(crate) fn is_neighbour(&self, peer: NodeId) -> bool {
        self.children.contains(&peer)
            || self.wards.contains(&peer)
            || self.is_former(peer)
            || self.is_parent(peer)
            || self.is_standby(peer)
            || self.is_attempt(peer)
            || self.is_recruit(peer)
    }

    pub(crate) fn is_shunned(&self, node: &NodeId) -> bool {
        self.shunned.as_ref().is_some_and(|shunned| shunned.contains(node, self.now))
    }

    /// Not called for a while. The root cannot be done without.
    pub(crate) fn shun(&mut self, node: NodeId) {
        if self.root != Some(node) && self.path.first() != Some(&node) {
            self.shunned.get_or_insert_default().add(node, self.now);
        }
    }

    /// A random part, from half to the whole, of a span: keeps many from acting in step.
    pub(crate) fn jitter(&mut self, span: Duration) -> Duration {
        let half = span / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(self.rng.next() % micros)
    }
}
