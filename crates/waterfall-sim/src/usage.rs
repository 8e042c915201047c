//! What a run takes of the machine.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Clock ticks in a second, as `/proc` counts processor time; 100 on every Linux.
const TICKS: f64 = 100.0;

/// Effort since a stopwatch was started. Processor time and memory are 0 where the system has no `/proc`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds on the clock.
    pub wall_seconds: f64,
    /// Seconds of processor, user and system.
    pub cpu_seconds: f64,
    /// The process' largest resident size since the run began; so far, where the system cannot tell.
    pub peak_memory_kib: u64,
}

/// Measures from its creation.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    cpu: f64,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        // Linux then counts the peak anew; elsewhere there is no such file.
        let _not_everywhere = std::fs::write("/proc/self/clear_refs", "5");
        Self { started: Instant::now(), cpu: cpu_seconds() }
    }

    /// Effort since the start.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            wall_seconds: self.started.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds() - self.cpu,
            peak_memory_kib: peak_memory_kib(),
        }
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may hold spaces; it ends at the last parenthesis.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    ticks.sum::<u64>() as f64 / TICKS
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
