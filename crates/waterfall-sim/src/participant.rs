//! One participant's state machine, whichever scheme it follows.

use std::sync::Arc;

use waterfall_tree::{Config, Input, Output, Timestamp, Tree};
use waterfall_wire::{Contact, NodeId, Spot};

use crate::baseline::Baseline;
use crate::strategy::Strategy;

/// What the world drives: one contract, as in the node.
#[derive(Debug)]
pub(crate) enum Participant {
    Tree(Box<Tree>),
    Baseline(Box<Baseline>),
}

/// What a participant is made of.
pub(crate) struct Birth {
    pub(crate) strategy: Strategy,
    pub(crate) root: NodeId,
    pub(crate) contact: Contact,
    pub(crate) fan_out: u8,
    /// Shared by all of one fan-out.
    pub(crate) config: Arc<Config>,
    pub(crate) seed: u64,
}

impl Participant {
    pub(crate) fn new(birth: Birth, now: Timestamp) -> Self {
        let Birth { strategy, root, contact, fan_out, config, seed } = birth;
        let is_root = contact.node == root;
        match strategy {
            Strategy::Waterfall | Strategy::Reactive => {
                let tree = if is_root {
                    Tree::root(config, contact, seed, now)
                } else {
                    Tree::participant(config, contact, seed, now)
                };
                Self::Tree(Box::new(tree))
            }
            Strategy::Random | Strategy::Prototype => {
                let fixed_order = strategy == Strategy::Prototype;
                Self::Baseline(Box::new(Baseline::new(contact.node, is_root, fixed_order, fan_out, seed, now)))
            }
        }
    }

    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) {
        match self {
            Self::Tree(tree) => tree.handle(now, input),
            Self::Baseline(baseline) => baseline.handle(now, input),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        match self {
            Self::Tree(tree) => tree.handle_timeout(now),
            Self::Baseline(baseline) => baseline.handle_timeout(now),
        }
    }

    pub(crate) fn poll_output(&mut self) -> Output {
        match self {
            Self::Tree(tree) => tree.poll_output(),
            Self::Baseline(baseline) => baseline.poll_output(),
        }
    }

    /// The answer to a probe.
    pub(crate) fn probed(&mut self, now: Timestamp) -> Vec<Spot> {
        match self {
            Self::Tree(tree) => tree.probed(now),
            Self::Baseline(_) => Vec::new(),
        }
    }
}
