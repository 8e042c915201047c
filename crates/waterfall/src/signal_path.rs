//! By which path offers and answers travel, and how long each may take.

use std::time::Duration;

use waterfall_tree::Config;

/// By which path a node offers and answers links.
///
/// Both ends must have a path in common: a node that takes letters only does not answer direct
/// questions, and one that asks directly only reads no letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalPath {
    /// Over a direct libp2p stream only. Fails where the other end cannot be dialled.
    Direct,
    /// By letter only: offers and answers are records in the DHT, and open spots are read from there.
    /// Slower, and every join costs the DHT some dozen operations; works wherever the DHT can be used.
    Letter,
    /// Directly first, and by letter as well when there is no answer within a second. The first
    /// answer counts.
    #[default]
    Auto,
}

impl SignalPath {
    /// Whether direct questions are asked and answered.
    pub(crate) fn is_direct(self) -> bool {
        self != Self::Letter
    }

    /// Whether letters are written and read.
    pub(crate) fn has_letters(self) -> bool {
        self != Self::Direct
    }

    /// How long an answer by letter is waited for. A callee that hears of letters by its doorbells
    /// alone, after a quiet time, looks every 16 s; with letters only, two such looks fit. Where
    /// there was a direct path to try, one that is wrong should not hold up the next candidate.
    pub(crate) fn letter_patience(self) -> Duration {
        Duration::from_secs(if self == Self::Letter { 36 } else { 5 })
    }

    /// How long the first parent may take. A full, busy room redirects a few times; each direct
    /// call takes well under a second when it works and five when it does not.
    pub(crate) fn attach_limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Direct => 30,
            Self::Auto => 45,
            Self::Letter => 120,
        })
    }

    /// Gives the tree the patience that the path needs. A lease begins when the callee says yes, and
    /// a letter needs some seconds from there to the caller.
    pub(crate) fn configure(self, config: Config) -> Config {
        let seconds = Duration::from_secs;
        match self {
            Self::Direct => config,
            Self::Auto => config.call_timeout(seconds(8)).answer_patience(seconds(1)).lease(seconds(8)),
            Self::Letter => config.call_timeout(seconds(40)).answer_patience(seconds(5)).lease(seconds(12)),
        }
    }
}
