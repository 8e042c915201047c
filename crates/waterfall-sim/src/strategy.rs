//! Which scheme the participants follow.

use serde::{Deserialize, Serialize};

/// As in the media engine: fillers to a child, and the bounds of the silence that makes a parent lost.
const FILLER: u64 = 20_000;
const LEAST_SILENCE: u64 = 60_000;
const MOST_SILENCE: u64 = 500_000;

/// A scheme for joining and repairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// `waterfall-tree`, the code that runs in the node.
    Waterfall,
    /// The same with repair only after the fact: no second, warm parent.
    Reactive,
    /// Anyone's free place; who loses its parent, and all below it, joins anew.
    Random,
    /// The 2021 prototype: ids called in a fixed order, 300 ms each; a browser notices a dead parent after 7.4 s.
    Prototype,
}

impl Strategy {
    /// All but `Waterfall`.
    pub const BASELINES: [Self; 3] = [Self::Reactive, Self::Random, Self::Prototype];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waterfall => "waterfall",
            Self::Reactive => "reactive",
            Self::Random => "random",
            Self::Prototype => "prototype",
        }
    }

    /// From the last packet to noticing that a parent is dead, in microseconds, where pauses between packets have lately
    /// been so long.
    pub(crate) fn detection(self, longest_pause: u64) -> u64 {
        match self {
            // The media engine's threshold.
            Self::Waterfall | Self::Reactive | Self::Random => {
                (longest_pause * 3 / 2 + FILLER).clamp(LEAST_SILENCE, MOST_SILENCE)
            }
            Self::Prototype => 7_400_000,
        }
    }
}
