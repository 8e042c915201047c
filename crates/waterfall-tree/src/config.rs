//! What can be set, and why it is what it is.

use std::sync::Arc;
use std::time::Duration;

use waterfall_wire::{MAX_FAN_OUT, NodeId};

use crate::proximity::{Addresses, Proximity};

/// Children served at most: 4 keeps the upload at four times the stream and the tree shallow
/// (height 5 holds 1 364 viewers).
pub const DEFAULT_FAN_OUT: u8 = 4;
/// A spot is held this long for a caller whose link is being set up: ICE and DTLS over a bad path
/// take 2-3 s.
pub const LEASE: Duration = Duration::from_secs(5);
/// A call that has not become a link by then is given up. Not longer than the callee's [`LEASE`],
/// after which it would be cut anyway.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The first patience with a link that comes up while there is no stream, or not for long; doubles
/// with each round up to [`CALL_TIMEOUT`]. Over a path of 100 ms it takes 0.5 s.
pub const SETUP_PATIENCE: Duration = Duration::from_secs(1);
/// The first patience with an offer that is not answered, in the same cases; doubles likewise. It
/// takes a round trip, or two where nobody talked to the callee before.
pub const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// While there is no stream: if nobody who was called has answered for so long, one more is called
/// meanwhile. Most answers take less; who is far or dead costs no more time than this.
pub const ANOTHER: Duration = Duration::from_millis(150);
/// Calls that someone begins at once whose parent and standby are both gone: one of them mostly leads to
/// somebody who is alive, near and within reach.
pub const AT_ONCE: usize = 3;
/// Calls under way together at most. Each may hold a place for the length of a [`LEASE`].
pub const MAX_ATTEMPTS: usize = 5;
/// From the link being up to the parent's answer: a held request ([`FEASIBILITY_WAIT`]) and a
/// slow round trip.
pub const ATTACH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a parent holds a request that only a newer counter makes feasible. The counter is
/// asked for, which takes a way to the root and back: 1 s at depth 10 with 50 ms from hop to hop.
pub const FEASIBILITY_WAIT: Duration = Duration::from_secs(2);
/// Least time between two summaries: each costs about 1 KB.
pub const SUMMARY_INTERVAL: Duration = Duration::from_secs(1);
/// Least time between two summaries of which only the number of participants changed.
pub const SIZE_INTERVAL: Duration = Duration::from_secs(5);
/// Least time between two looks at whether a child's rescue plan is still worth something. A plan
/// is sent again only when less than half of it is: otherwise every arrival anywhere would go
/// through the whole room.
pub const PLAN_INTERVAL: Duration = Duration::from_secs(15);
/// The root's pace at rest. Whoever must have a newer counter asks for one, so this is only how
/// often a live way to the root is proved: 170 bit/s with all headers.
pub const COUNTER_INTERVAL: Duration = Duration::from_secs(5);
/// Least time between two counters that the root gives on demand, or a relay asks for.
pub const COUNT_PACE: Duration = Duration::from_millis(100);
/// How long a starving parent is left alone with its repair: longer than a repair takes where
/// round trips are 50-100 ms, so that of a dead relay's descendants only its children act.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// No newer counter for so long: the parent is cut off and does not know or say so. Three beats of
/// the root and some delay. Silence is noticed much sooner, by fillers; this is for those who lie.
pub const COUNTER_LIMIT: Duration = Duration::from_secs(18);
/// After the link to a new parent is up: a standby is looked for after half to all of this, when
/// the parent has had time to find its own. A crowd that came together is spread.
pub const STANDBY_DELAY: Duration = Duration::from_secs(2);
/// After a move, or when the standby is gone: a standby is looked for after half to all of this. Who
/// has none is without the stream for a second if the parent dies just now.
pub const STANDBY_AGAIN: Duration = Duration::from_millis(300);
/// The first pause after nobody was found to stand by, and between tries to find someone better.
pub const STANDBY_RETRY: Duration = Duration::from_secs(2);
/// The longest such pause.
pub const STANDBY_RETRY_CAP: Duration = Duration::from_secs(60);
/// A standby that has no way to the root for so long, while we have, is replaced. Longer than a
/// repair takes.
pub const STANDBY_STARVING_LIMIT: Duration = Duration::from_secs(5);
/// The same of one that is silent: on an idle link it has missed three fillers by the time that
/// this is noticed, so it is mostly dead.
pub const STANDBY_SILENT_LIMIT: Duration = Duration::from_millis(250);
/// How long only the standby is asked when the parent is lost. A live one answers after a round
/// trip; that it is dead is noticed by its silence, mostly sooner than this.
pub const RESUME_PATIENCE: Duration = Duration::from_millis(400);
/// How long an orphan with a standby does not tell its children: mostly there is nothing to tell
/// then, and a large subtree is spared two messages each.
pub const GRACE: Duration = Duration::from_millis(200);
/// A parent that fell silent and is heard again this soon after the standby took its place
/// becomes the standby, over the link that is there.
pub const HEDGE: Duration = Duration::from_millis(300);
/// Wards: participants this one stands by for at most, for each child it may have. With one
/// standby each, and leaves that take none, half of this would do.
pub const WARDS_PER_CHILD: u8 = 2;
/// Children over `fan_out` at most, for as long as it takes to move them: orphans whose standby
/// this is, or who have neither parent nor standby.
pub const MAX_OVER: u8 = 2;
/// How often one participant is asked to move before it is cut.
pub const MAX_ASKED: u8 = 3;
/// The pause between two looks at the shape of the tree below, half to all of it; and only when
/// something changed there. Two summaries: who looks sooner sees the effect of its own suggestions
/// too late.
pub const BALANCE_INTERVAL: Duration = Duration::from_secs(2);
/// Least time between two moves of one participant nearer to the root: what it has told of itself
/// must have come to those above it.
pub const MOVE_PAUSE: Duration = Duration::from_secs(10);
/// A child served for so long without loss is proof of what its parent can do.
pub const PROOF: Duration = Duration::from_secs(10);
/// After congestion, one more child is tried again after this.
pub const RECOVERY: Duration = Duration::from_secs(60);
/// How long a participant that withheld, or made promises it did not keep, is not called.
pub const SHUN: Duration = Duration::from_secs(600);
/// How long a leaving participant goes on feeding children that have not moved.
pub const HAND_OVER_LIMIT: Duration = Duration::from_secs(2);
/// How long the former parent feeds beside the new one, so that what is under way over the new
/// link arrives before the old one falls silent.
pub const OVERLAP: Duration = Duration::from_millis(250);
/// How much longer a former parent feeds that could go on feeding: the new one may have come only just now
/// and be up to a key frame's distance (2 s) behind, while it is sent at twice the stream's rate what it lacks.
pub const CATCH_UP: Duration = Duration::from_millis(2_000);
/// The first pause of a search that found nobody; doubles up to [`BACKOFF_CAP`]. About one link
/// setup, after which a full relay knows its new children's spots.
pub const BACKOFF_BASE: Duration = Duration::from_millis(250);
/// The longest pause of a search: a round is a handful of calls, and who searches is without the
/// stream. Someone who has a parent, though a starving one, pauses longer.
pub const BACKOFF_CAP: Duration = Duration::from_secs(2);
/// An unanswered `Fetch` counts as having found nobody.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// Without a way to the root for so long, the user is told.
pub const ROOT_LOST_AFTER: Duration = Duration::from_secs(5);
/// How long more children than `fan_out` are served before one is asked to move. By then the
/// newcomer has told what room there is below it, and an orphan's old parent may be back.
pub const OVERFULL_LIMIT: Duration = Duration::from_secs(3);
/// A child that has been silent for so long is cut.
pub const SILENT_CHILD_LIMIT: Duration = Duration::from_secs(5);
/// A child that has been silent for so long gives its place up to a caller who needs it. Long
/// enough that a short radio gap costs nobody the place.
pub const SILENT_CHILD_EVICTION: Duration = Duration::from_millis(250);
/// Least time between two publications of the node record; a PUT costs some 45 messages.
pub const PUBLISH_INTERVAL: Duration = Duration::from_secs(10);
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
    pub(crate) summary_interval: Duration,
    pub(crate) counter_interval: Duration,
    pub(crate) patience: Duration,
    pub(crate) counter_limit: Duration,
    pub(crate) hand_over_limit: Duration,
    pub(crate) overlap: Duration,
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_cap: Duration,
    pub(crate) publish_interval: Duration,
    pub(crate) plan_interval: Duration,
    pub(crate) answer_patience: Duration,
    pub(crate) setup_patience: Duration,
    pub(crate) standby: bool,
    pub(crate) balance: bool,
    pub(crate) proximity: Arc<dyn Proximity>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fan_out: DEFAULT_FAN_OUT,
            first_counter: 1,
            root: None,
            lease: LEASE,
            call_timeout: CALL_TIMEOUT,
            summary_interval: SUMMARY_INTERVAL,
            counter_interval: COUNTER_INTERVAL,
            patience: PATIENCE,
            counter_limit: COUNTER_LIMIT,
            hand_over_limit: HAND_OVER_LIMIT,
            overlap: OVERLAP,
            backoff_base: BACKOFF_BASE,
            backoff_cap: BACKOFF_CAP,
            publish_interval: PUBLISH_INTERVAL,
            plan_interval: PLAN_INTERVAL,
            answer_patience: ANSWER_PATIENCE,
            setup_patience: SETUP_PATIENCE,
            standby: true,
            balance: true,
            proximity: Arc::new(Addresses),
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
    /// (some seconds) or ask it for more: the time in Unix milliseconds does, as the root counts no
    /// more than ten a second.
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

    /// The first patience with an offer that is not answered while a parent is needed, default
    /// [`ANSWER_PATIENCE`]; grows up to the call timeout. Where calls go by slow ways, as many
    /// seconds as these take.
    #[must_use]
    pub fn answer_patience(mut self, span: Duration) -> Self {
        self.answer_patience = span.max(MIN_INTERVAL);
        self
    }

    /// The first patience with a link that comes up after its call was answered, default
    /// [`SETUP_PATIENCE`]; grows likewise.
    #[must_use]
    pub fn setup_patience(mut self, span: Duration) -> Self {
        self.setup_patience = span.max(MIN_INTERVAL);
        self
    }

    /// Least time between summaries, default [`SUMMARY_INTERVAL`]. Longer sends
    /// joiners to spots that are taken, shorter costs traffic on every link.
    #[must_use]
    pub fn summary_interval(mut self, span: Duration) -> Self {
        self.summary_interval = span;
        self
    }

    /// Least time between looks at rescue plans, default [`PLAN_INTERVAL`]. Longer leaves children
    /// with plans of which little is true, shorter costs traffic on every link.
    #[must_use]
    pub fn plan_interval(mut self, span: Duration) -> Self {
        self.plan_interval = span;
        self
    }

    /// The root's pace at rest, default [`COUNTER_INTERVAL`]. The same for all in a room: slower
    /// than a third of their [`COUNTER_LIMIT`] makes them leave good parents. At least 10 ms.
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

    /// Whether to keep a second, warm parent; default true. Without, a lost parent is a gap of a
    /// second or more.
    #[must_use]
    pub fn standby(mut self, wanted: bool) -> Self {
        self.standby = wanted;
        self
    }

    /// Whether to send those below to better places (holes nearer the root, promotion); default
    /// true. Without, leaves that came early keep the places near the root.
    #[must_use]
    pub fn balance(mut self, wanted: bool) -> Self {
        self.balance = wanted;
        self
    }

    /// What is known of distances on the network; default [`Addresses`].
    #[must_use]
    pub fn proximity(mut self, proximity: Arc<dyn Proximity>) -> Self {
        self.proximity = proximity;
        self
    }

    /// Least time between two `Publish`, default [`PUBLISH_INTERVAL`].
    #[must_use]
    pub fn publish_interval(mut self, span: Duration) -> Self {
        self.publish_interval = span;
        self
    }
}
