//! The room tree: a sans-IO state machine for joining, serving and repairing.
//!
//! A [`Tree`] is one participant in one room. The tree hangs from a root, the first speaker;
//! everyone else has one parent, who feeds it, and at most `fan_out` children, whom it feeds.
//!
//! - *Join*: call the open spot nearest the root; who is full says where else (`placement`).
//! - *No loops*: a parent is taken only if its mark, the root's counter and its depth, beats all
//!   that the participant has told its own children (`feasibility`, RFC 8966 §3.5.1).
//! - *Standby*: everyone keeps a second parent over a link that is up and feeds nothing. When the
//!   parent is lost it feeds after one round trip (`recruit`, `standby`, `failover`).
//! - *Repair*: without one, those of the rescue plan that the parent told are called, then those on
//!   the old path to the root, then whom a search finds. Children keep their links meanwhile.
//! - *Shape*: holes near the root are filled, the strong rise, leaves sink (`balance`).
//! - *Leave*: children get a plan each and are fed until they have moved.
//!
//! Nothing here reads a clock, draws from the system's randomness or opens a socket: the caller
//! tells the time and gives a seed, so that a run can be repeated from its seed.
//!
//! ```
//! use waterfall_tree::{Config, Input, Output, Timestamp, Tree};
//! use waterfall_wire::{Contact, NodeId};
//!
//! let me = Contact::new(NodeId([1; 32]), []);
//! let mut tree = Tree::participant(Config::default(), me, 7, Timestamp::ZERO);
//! assert_eq!(tree.poll_output(), Output::Fetch);
//! let Output::Timeout(Some(wake)) = tree.poll_output() else { panic!("nothing else to do") };
//! tree.handle(Timestamp::from_micros(1_000), Input::Candidates(Vec::new()));
//! assert!(wake > Timestamp::ZERO);
//! ```

mod attach;
mod attempt;
mod balance;
mod children;
mod config;
mod counter;
mod dispatch;
mod failover;
mod feasibility;
mod io;
mod lag;
mod leave;
mod ledger;
mod level;
mod neighbour;
mod overfull;
mod parent;
mod placement;
mod plan;
mod promotion;
mod proximity;
mod publication;
mod reach;
mod recruit;
mod rng;
mod root;
mod roster;
mod search;
mod seek;
mod shun;
mod standby;
mod status;
mod telling;
mod time;
mod timer;
mod tree;

pub use config::{
    ANOTHER, ANSWER_PATIENCE, AT_ONCE, ATTACH_TIMEOUT, BACKOFF_BASE, BACKOFF_CAP, BALANCE_INTERVAL, CALL_TIMEOUT,
    CATCH_UP, COUNT_PACE, COUNTER_INTERVAL, COUNTER_LIMIT, Config, DEFAULT_FAN_OUT, FEASIBILITY_WAIT, FETCH_TIMEOUT,
    GRACE, HAND_OVER_LIMIT, HEDGE, LEASE, MAX_ASKED, MAX_ATTEMPTS, MAX_OVER, MOVE_PAUSE, OVERFULL_LIMIT, OVERLAP,
    PATIENCE, PLAN_INTERVAL, PROOF, PUBLISH_INTERVAL, PUBLISH_REFRESH, RECOVERY, RESUME_PATIENCE, ROOT_LOST_AFTER,
    SETUP_PATIENCE, SHUN, SILENT_CHILD_EVICTION, SILENT_CHILD_LIMIT, SIZE_INTERVAL, STANDBY_AGAIN, STANDBY_DELAY,
    STANDBY_RETRY, STANDBY_RETRY_CAP, STANDBY_SILENT_LIMIT, STANDBY_STARVING_LIMIT, SUMMARY_INTERVAL, WARDS_PER_CHILD,
};
pub use io::{Event, Input, Loss, Output};
pub use proximity::{Addresses, Proximity};
pub use status::{ChildStatus, State, Status};
pub use time::Timestamp;
pub use tree::Tree;
