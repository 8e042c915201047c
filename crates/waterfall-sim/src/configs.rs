//! How the trees behave, once for all participants that behave alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use waterfall_tree::{Config, Proximity};
use waterfall_wire::{Contact, NodeId};

use crate::options::Options;
use crate::strategy::Strategy;

/// Configurations by fan-out.
#[derive(Debug, Default)]
pub(crate) struct Configs(BTreeMap<u8, Arc<Config>>);

impl Configs {
    /// The one for this fan-out; for the root, which has a counter to begin with, one of its own.
    pub(crate) fn of(
        &mut self,
        options: &Options,
        root: NodeId,
        fan_out: u8,
        first_counter: Option<u64>,
    ) -> Arc<Config> {
        let make = || {
            let config = Config::default().fan_out(fan_out).root(root);
            let config = if options.distances { config.proximity(Arc::new(Squares)) } else { config };
            config.standby(options.strategy != Strategy::Reactive)
        };
        match first_counter {
            Some(counter) => Arc::new(make().first_counter(counter)),
            None => Arc::clone(self.0.entry(fan_out).or_insert_with(|| Arc::new(make()))),
        }
    }
}

/// Distances as the simulator's addresses tell them, to the nearest 16 ms.
#[derive(Debug)]
struct Squares;

/// Side of a square, in milliseconds of one-way delay.
const SIDE: f64 = 16.0;

/// The region and the square of an address that the simulator made.
fn place(contact: &Contact) -> Option<[u8; 2]> {
    match contact.addresses.first()?.0.as_slice() {
        [4, region, square, ..] => Some([*region, *square]),
        _ => None,
    }
}

impl Proximity for Squares {
    fn round_trip(&self, me: &Contact, other: &Contact) -> Option<u32> {
        let ([_, mine], [_, theirs]) = (place(me)?, place(other)?);
        // Squares wrap around after sixteen.
        let apart = |a: u8, b: u8| f64::from(((i32::from(a) - i32::from(b) + 24) % 16 - 8).unsigned_abs()) * SIDE;
        let way = apart(mine >> 4, theirs >> 4).hypot(apart(mine & 15, theirs & 15)).max(SIDE / 2.0);
        Some((2.0 * way) as u32)
    }

    fn share_fate(&self, a: &Contact, b: &Contact) -> bool {
        place(a).is_some_and(|one| place(b) == Some(one))
    }
}
