//! The simulator: whole rooms of `waterfall-tree` participants in one process, without a network.
//!
//! The state machine that runs in a node runs here for each participant, driven by the same loop: an input goes in,
//! outputs are done until there is nothing left but to wait. Around it are models of the network, of the DHT and of
//! call set-up, and the stream itself, worked out exactly wherever a feed begins or ends. One seed decides everything;
//! the same seed gives the same run, event by event.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use waterfall_sim::{Log, Options, Scenario, Size, run};
//!
//! let options = Options { seed: 7, ..Options::default() };
//! let size = Size { after: 40, ramp: 10, ..Size::of(50) };
//! let scenario = Scenario::named("growth").expect("it is on the list");
//! let plan = scenario.plan(options.seed, &options.population, &size);
//! let report = run("growth", 50, options, plan, &mut Log::default(), &AtomicBool::new(false), |_| ())?;
//! assert_eq!((report.present, report.violations), (51, 0));
//! # Ok::<(), waterfall_sim::Interrupted>(())
//! ```

mod baseline;
mod configs;
mod geography;
mod histogram;
mod ident;
mod log;
mod media;
mod noise;
mod options;
mod participant;
mod people;
mod queue;
mod report;
mod scenario;
mod simulation;
mod slab;
mod strategy;
mod tally;
mod trace;
mod traffic;
mod usage;
mod world;

pub use histogram::{Histogram, Percentiles};
pub use log::Log;
pub use options::Options;
pub use people::Population;
pub use report::{
    Conditions, Effort, Joins, Kind, Report, RootLoad, Shape, TrafficReport, Viewing, markdown,
    plot::{PlotError, plots},
};
pub use scenario::{Plan, SCENARIOS, Scenario, Size};
pub use simulation::{Interrupted, Progress, run};
pub use strategy::Strategy;
pub use tally::Sample;
pub use trace::{HEADER as TRACE_HEADER, TraceError, read as read_trace};
pub use usage::Usage;
