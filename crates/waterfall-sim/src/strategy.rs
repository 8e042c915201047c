//! Which scheme the participants follow.

use serde::Serialize;

/// A scheme for joining and repairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
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

    /// From the last packet to noticing that a parent is dead, in microseconds: least, and by how much links differ.
    pub(crate) const fn detection(self) -> (u64, u64) {
        match self {
            // The engine's threshold, adapted to the link's jitter.
            Self::Waterfall | Self::Reactive | Self::Random => (60_000, 20_000),
            Self::Prototype => (7_400_000, 0),
        }
    }
}
