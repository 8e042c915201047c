//! What can be set, and why it is what it is.

use std::time::Duration;

use waterfall_wire::{MAX_FAN_OUT, NodeId};

/// Children served at most: 4 keeps the upload at four times the stream and the tree shallow
/// (height 5 holds 1 364 viewers).
pub const DEFAULT_FAN_OUT: u8 = 4;
/// A spot is held this long for a caller whose link is being set up: ICE and DTLS over a bad path
/// take 2-3 s.
pub const LEASE: Duration = Duration::from_secs(5);
/// A call that has not become a link by then is given up. Not longer than the callee's [`LEASE`],
/// after which it would be cut anyway.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The first patience with a call while the stream stands still; doubles with each round up to the
/// patience with other calls. A healthy call over a path of 100 ms takes 0.6 s.
pub const REPAIR_CALL_TIMEOUT: Duration = Duration::from_secs(1);
/// From the link being up to the parent's answer: a held request ([`FEASIBILITY_WAIT`]) and a
/// slow round trip.
pub const ATTACH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a parent holds a request that only a newer counter makes feasible: five times the
/// root's pace, so that one delayed mark is no refusal.
pub const FEASIBILITY_WAIT: Duration = Duration::from_secs(1);
/// Least time between two summaries, and between two changes of a rescue plan: each costs about
/// 1 KB per link.
pub const SUMMARY_INTERVAL: Duration = Duration::from_secs(1);
/// The root's pace. A participant that must wait for a newer counter waits this long at most.
pub const COUNTER_INTERVAL: Duration = Duration::from_millis(200);
/// How long a starving parent is left alone with its repair: longer than a repair takes where
/// round trips are 50-100 ms, so that of a dead relay's descendants only its children act.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// No newer counter for so long: the parent is cut off and does not know or say so. Ten beats of
/// the root.
pub const COUNTER_LIMIT: Duration = Duration::from_secs(2);
/// How long a leaving participant goes on feeding children that have not moved.
pub const HAND_OVER_LIMIT: Duration = Duration::from_secs(2);
/// How long the former parent feeds beside the new one, so that what is under way over the new
/// link arrives before the old one falls silent.
pub const OVERLAP: Duration = Duration::from_millis(250);
/// The first pause of a search that found nobody; doubles up to [`BACKOFF_CAP`]. About one link
/// setup, after which a full relay knows its new children's spots.
pub const BACKOFF_BASE: Duration = Duration::from_millis(250);
/// The longest pause of a search. Someone who has a parent, though a starving one, pauses longer.
pub const BACKOFF_CAP: Duration = Duration::from_secs(5);
/// An unanswered `Fetch` counts as having found nobody.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// Without a way to the root for so long, the user is told.
pub const ROOT_LOST_AFTER: Duration = Duration::from_secs(5);
/// How long one child more than `fan_out` is served before one is asked to move. By then the
/// newcomer has told what room there is below it.
pub const OVERFULL_LIMIT: Duration = Duration::from_secs(3);
/// A child that has been silent for so long is cut.
pub const SILENT_CHILD_LIMIT: Duration = Duration::from_secs(5);
/// A child that has been silent for so long gives its place up to a caller who needs it. Long
/// enough that a short radio gap costs nobody the place.
pub const SILENT_CHILD_EVICTION: Duration = Duration::from_millis(250);
/// Least time between two publications of the node record; a PUT costs some 45 messages.
pub const PUBLISH_INTERVAL: Duration = Duration::from_secs(5);
/// A record that did not change is published again after this, half its life.
pub const PUBLISH_REFRESH: Duration = Duration::from_secs(300);

/// What repeats by itself does so no faster.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// How a participant behaves. Setters take `self` and return it.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) fan_out: u8,
    pub(crate) first_counter: u64,
    pub(crate) root: Option<NodeId>,
    pub(crate) lease: Duration,
    pub(crate) call_timeout: Duration,
    pub(crate) repair_call_timeout: Duration,
    pub(crate) summary_interval: Duration,
    pub(crate) counter_interval: Duration,
    pub(crate) patience: Duration,
    pub(crate) counter_limit: Duration,
    pub(crate) hand_over_limit: Duration,
    pub(crate) overlap: Duration,
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_cap: Duration,
    pub(crate) publish_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fan_out: DEFAULT_FAN_OUT,
            first_counter: 1,
            root: None,
            lease: LEASE,
            call_timeout: CALL_TIMEOUT,
            repair_call_timeout: REPAIR_CALL_TIMEOUT,
            summary_interval: SUMMARY_INTERVAL,
            counter_interval: COUNTER_INTERVAL,
            patience: PATIENCE,
            counter_limit: COUNTER_LIMIT,
            hand_over_limit: HAND_OVER_LIMIT,
            overlap: OVERLAP,
            backoff_base: BACKOFF_BASE,
            backoff_cap: BACKOFF_CAP,
            publish_interval: PUBLISH_INTERVAL,
        }
    }
}

impl Config {
    /// Children served at most, default [`DEFAULT_FAN_OUT`]; 0 makes a leaf, more than
    /// [`MAX_FAN_OUT`] is taken as that. More than the upload carries starves all of them.
    #[must_use]
    pub fn fan_out(mut self, children: u8) -> Self {
        self.fan_out = children.min(MAX_FAN_OUT);
        self
    }

    /// The root's first counter, default 1. A root that starts again under the same id must begin
    /// above all it ever counted, or nobody can attach until they have forgotten the old counters
    /// (some seconds): the time in Unix milliseconds does, as the root counts 5 a second.
    #[must_use]
    pub fn first_counter(mut self, counter: u64) -> Self {
        self.first_counter = counter;
        self
    }

    /// The only participant accepted at the root end of a path; default any.
    #[must_use]
    pub fn root(mut self, root: NodeId) -> Self {
        self.root = Some(root);
        self
    }

    /// How long a spot is held for a caller, default [`LEASE`]. Too short cuts slow links while
    /// they come up, too long lets callers who never come block spots.
    #[must_use]
    pub fn lease(mut self, span: Duration) -> Self {
        self.lease = span;
        self
    }

    /// When a call is given up, default [`CALL_TIMEOUT`].
    #[must_use]
    pub fn call_timeout(mut self, span: Duration) -> Self {
        self.call_timeout = span;
        self
    }

    /// The first patience with a call while the stream stands still, default [`REPAIR_CALL_TIMEOUT`]. Below
    /// what a call takes, the first candidates are given up for nothing.
    #[must_use]
    pub fn repair_call_timeout(mut self, span: Duration) -> Self {
        self.repair_call_timeout = span;
        self
    }

    /// Least time between summaries and between plans, default [`SUMMARY_INTERVAL`]. Longer sends
    /// joiners to spots that are taken, shorter costs traffic on every link.
    #[must_use]
    pub fn summary_interval(mut self, span: Duration) -> Self {
        self.summary_interval = span;
        self
    }

    /// The root's pace, default [`COUNTER_INTERVAL`]. The same for all in a room: slower than a
    /// fifth of their [`COUNTER_LIMIT`] makes them leave good parents. At least 10 ms.
    #[must_use]
    pub fn counter_interval(mut self, span: Duration) -> Self {
        self.counter_interval = span.max(MIN_INTERVAL);
        self
    }

    /// How long a starving parent is left alone, default [`PATIENCE`].
    #[must_use]
    pub fn patience(mut self, span: Duration) -> Self {
        self.patience = span;
        self
    }

    /// How long a parent may tell no newer counter, default [`COUNTER_LIMIT`].
    #[must_use]
    pub fn counter_limit(mut self, span: Duration) -> Self {
        self.counter_limit = span;
        self
    }

    /// How long children are fed after `Leave`, default [`HAND_OVER_LIMIT`]. Too short and they
    /// see a gap.
    #[must_use]
    pub fn hand_over_limit(mut self, span: Duration) -> Self {
        self.hand_over_limit = span;
        self
    }

    /// How long old and new parent feed together, default [`OVERLAP`].
    #[must_use]
    pub fn overlap(mut self, span: Duration) -> Self {
        self.overlap = span;
        self
    }

    /// First and longest pause of a search, defaults [`BACKOFF_BASE`] and [`BACKOFF_CAP`]. Short
    /// pauses find a returning root sooner and ask the DHT more. At least 10 ms.
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.backoff_base = base.max(MIN_INTERVAL);
        self.backoff_cap = cap.max(self.backoff_base);
        self
    }

    /// Least time between two `Publish`, default [`PUBLISH_INTERVAL`].
    #[must_use]
    pub fn publish_interval(mut self, span: Duration) -> Self {
        self.publish_interval = span;
        self
    }
}
