//! How a run is done.

use crate::people::Population;
use crate::strategy::Strategy;

/// Settings of one run that are not the scenario's.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// The scheme that participants follow.
    pub strategy: Strategy,
    /// Who they are.
    pub population: Population,
    /// Participants know how far others are, as if they had measured it.
    pub distances: bool,
    /// Messages are handed over instead of encoded and decoded. Their lengths are measured all the same.
    pub skip_codec: bool,
    /// Whether a gap beyond [`Options::gap_bound`], or someone never served, fails the run.
    pub checks: bool,
    /// Whether everything is checked after every event, not only what an event is known to change. For small rooms.
    pub every_event: bool,
    /// The longest interruption allowed, in microseconds.
    pub gap_bound: u64,
    /// Children allowed beyond `fan_out` for the time of a move or a repair.
    pub over_fan_out: u32,
    /// Control traffic allowed for one participant between two samples, in bit/s.
    pub traffic_bound: f64,
    /// Microseconds between two looks at the room as a whole.
    pub sample_every: u64,
    /// How often in an hour one link stalls for some 150 ms.
    pub outages_per_hour: f64,
    /// An upload carries no stream more than it has room for, not even for the time of a repair.
    pub strict_uplinks: bool,
    /// Share of packets that are lost on each link.
    pub loss: f64,
    /// Mean of what a packet takes longer than the fastest, as a share of the one-way delay.
    pub jitter: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            strategy: Strategy::Waterfall,
            population: Population::default(),
            distances: false,
            skip_codec: false,
            checks: true,
            every_event: false,
            gap_bound: 30_000_000,
            over_fan_out: u32::from(waterfall_tree::MAX_OVER),
            traffic_bound: 512_000.0,
            sample_every: 1_000_000,
            outages_per_hour: 0.0,
            strict_uplinks: false,
            loss: 0.0,
            jitter: 0.04,
        }
    }
}
