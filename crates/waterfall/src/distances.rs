//! How far others are, as questions to them took.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use waterfall_tree::{Addresses, Proximity};
use waterfall_wire::{Contact, NodeId};

/// Participants remembered at most: far more than one ever chooses among at a time. The one heard of longest ago
/// is forgotten for a new one.
const MAX_KNOWN: usize = 256;

/// Round trips to those who have answered a question over a direct stream; of several the shortest, since all that
/// makes one longer (dialling, a busy process, a packet sent again) is not distance.
#[derive(Debug, Default)]
pub(crate) struct Distances(Mutex<VecDeque<(NodeId, u32)>>);

impl Distances {
    /// Someone has answered after so long.
    pub(crate) fn answered(&self, node: NodeId, after: Duration) {
        let mut millis = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known.iter().position(|(other, _)| *other == node) {
            millis = known.remove(at).map_or(millis, |(_, before)| before.min(millis));
        } else if known.len() == MAX_KNOWN {
            known.pop_front();
        }
        known.push_back((node, millis));
    }
}

impl Proximity for Distances {
    fn round_trip(&self, _me: &Contact, other: &Contact) -> Option<u32> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(node, _)| *node == other.node).map(|(_, millis)| *millis)
    }

    fn share_fate(&self, a: &Contact, b: &Contact) -> bool {
        Addresses.share_fate(a, b)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn contact(n: u16) -> Contact {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        Contact::new(NodeId(id), [])
    }

    #[test]
    fn the_shortest_counts_and_memory_is_bounded() {
        let distances = Distances::default();
        let known = |n| distances.round_trip(&contact(0), &contact(n));
        assert_eq!(known(1), None);
        for millis in [80, 20, 50] {
            distances.answered(contact(1).node, Duration::from_millis(millis));
        }
        assert_eq!(known(1), Some(20));
        for n in 2..1_000 {
            distances.answered(contact(n).node, Duration::MAX);
        }
        assert_eq!((known(1), known(999)), (None, Some(u32::MAX)));
        assert_eq!(distances.0.lock().unwrap().len(), MAX_KNOWN);
    }
}
