//! Runs from beginning to end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::log::Log;
use crate::options::Options;
use crate::report::Report;
use crate::scenario::Plan;
use crate::usage::Stopwatch;
use crate::world::World;

/// How often progress is told, in simulated microseconds, but for so many times.
const STRIDE: u64 = 250_000;
const MOST_STRIDES: u64 = 100_000;

/// A run was stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Simulated microseconds.
    pub now: u64,
    /// Of so many.
    pub end: u64,
    /// Participants there.
    pub present: u32,
    /// Events that have happened.
    pub events: u64,
}

/// Runs a plan to its end.
///
/// The same options and plan give the same report but for [`Report::run`]'s usage. `stop` ends the run at the next
/// opportunity.
///
/// # Errors
/// [`Interrupted`] when `stop` was set.
pub fn run(
    name: &str,
    nodes: u32,
    options: Options,
    plan: Plan,
    log: &mut Log,
    stop: &AtomicBool,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Interrupted> {
    let stopwatch = Stopwatch::start();
    let end = plan.end;
    let mut world = World::new(options, plan, std::mem::take(log));
    // A trace may last for a year.
    let stride = STRIDE.max(end / MOST_STRIDES);
    let mut at = 0;
    while at < end && !stop.load(Ordering::Relaxed) {
        at = (at + stride).min(end);
        world.run_until(at);
        progress(Progress { now: at, end, present: world.present, events: world.events });
    }
    let stopped = at < end;
    world.finish_streams();
    let report = Report::of(&world, name, nodes, stopwatch.usage());
    *log = std::mem::take(&mut world.log);
    if stopped { Err(Interrupted) } else { Ok(report) }
}
