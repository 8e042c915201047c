//! Which places were handed out a moment ago.
//!
//! A spot that was just named to someone counts as taken for a while: a crowd that calls a full relay at once
//! is spread over all that is open instead of running at the first spot.

use std::collections::VecDeque;
use std::time::Duration;

use waterfall_wire::{MAX_SPOTS, NodeId, Spot};

use crate::Timestamp;
use crate::placement::{interleave, nearest};
use crate::plan::beginning;

/// How long a spot that was handed out counts as taken. By then the one sent there has a link and
/// the next summary (one interval) tells the truth.
const PROMISE: Duration = Duration::from_millis(1_500);
/// The same of places that those who have one already are to move to: they call, are sent on several times, and
/// move, before that is told.
const MOVES_PROMISED: Duration = Duration::from_secs(4);
/// So many promises standing are a crowd.
const CROWD: usize = 8;
/// Promises remembered; beyond it the oldest is forgotten, which costs a detour, no more.
const MAX_PROMISES: usize = 256;

/// Some places of one spot that count as taken.
#[derive(Debug)]
struct Promise {
    spot: u64,
    places: u8,
    until: Timestamp,
}

/// Which spots were handed out a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// To callers, and to those who are to move: each in the order in which it lapses.
    callers: VecDeque<Promise>,
    movers: VecDeque<Promise>,
    /// How many places that are by spot, in order: it is looked up far more often than it changes.
    standing: Vec<(u64, u32)>,
    turn: usize,
}

impl Ledger {
    /// Forgets what has lapsed. To be called before all else at each moment.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        let lapsed = |promises: &VecDeque<Promise>| promises.front().is_some_and(|first| first.until <= now);
        while lapsed(&self.callers) {
            let first = self.callers.pop_front();
            first.into_iter().for_each(|promise| self.take_back(&promise));
        }
        while lapsed(&self.movers) {
            let first = self.movers.pop_front();
            first.into_iter().for_each(|promise| self.take_back(&promise));
        }
        if self.standing.is_empty() && self.standing.capacity() > 0 {
            // Most participants have nothing to promise most of the time.
            (self.callers, self.movers, self.standing) = (VecDeque::new(), VecDeque::new(), Vec::new());
        }
    }

    fn take_back(&mut self, promise: &Promise) {
        if let Ok(at) = self.standing.binary_search_by_key(&promise.spot, |(spot, _)| *spot) {
            let left = self.standing[at].1.saturating_sub(u32::from(promise.places));
            self.standing[at].1 = left;
            if left == 0 {
                self.standing.remove(at);
            }
        }
    }

    fn add(&mut self, promise: &Promise) {
        match self.standing.binary_search_by_key(&promise.spot, |(spot, _)| *spot) {
            Ok(at) => self.standing[at].1 = self.standing[at].1.saturating_add(u32::from(promise.places)),
            Err(at) => self.standing.insert(at, (promise.spot, u32::from(promise.places))),
        }
    }

    /// Whether many were sent on a moment ago.
    pub(crate) fn is_crowded(&self) -> bool {
        self.callers.len() > CROWD
    }

    /// A number that differs from one call to the next.
    pub(crate) fn next_turn(&mut self) -> usize {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    /// Where to send one more caller, the best first; the first of them is now promised.
    pub(crate) fn redirect(&mut self, now: Timestamp, subtrees: &[&[Spot]]) -> Vec<Spot> {
        let turn = self.next_turn();
        let spots = self.weighed(interleave(subtrees, turn % subtrees.len().max(1)).into_iter().cloned());
        if let Some(first) = spots.first().filter(|spot| spot.free > 0) {
            self.promise(now, first.contact.node);
        }
        spots
    }

    /// Counts one place of a spot as taken for a moment.
    pub(crate) fn promise(&mut self, now: Timestamp, node: NodeId) {
        let promise = Promise { spot: beginning(&node), places: 1, until: now + PROMISE };
        self.add(&promise);
        self.callers.push_back(promise);
        if self.callers.len() > MAX_PROMISES
            && let Some(oldest) = self.callers.pop_front()
        {
            self.take_back(&oldest);
        }
    }

    /// Counts some places of a spot as taken until those who are to move there have done so.
    pub(crate) fn promise_moves(&mut self, now: Timestamp, node: NodeId, places: u8) {
        let promise = Promise { spot: beginning(&node), places, until: now + MOVES_PROMISED };
        self.add(&promise);
        self.movers.push_back(promise);
        if self.movers.len() > MAX_PROMISES
            && let Some(oldest) = self.movers.pop_front()
        {
            self.take_back(&oldest);
        }
    }

    /// How many places there were promised a moment ago.
    pub(crate) fn promised(&self, node: &NodeId) -> u32 {
        let spot = beginning(node);
        self.standing.binary_search_by_key(&spot, |(spot, _)| *spot).map_or(0, |at| self.standing[at].1)
    }

    /// Spots less what is promised of them, nearest the root first. What is promised away may come
    /// back, so it stays on the list, but last.
    pub(crate) fn weighed(&self, spots: impl IntoIterator<Item = Spot>) -> Vec<Spot> {
        let less_promised = |mut spot: Spot| {
            let promised = self.promised(&spot.contact.node);
            spot.free = spot.free.saturating_sub(u8::try_from(promised).unwrap_or(u8::MAX));
            spot.proven = spot.proven.min(spot.free);
            spot
        };
        let (open, promised): (Vec<_>, Vec<_>) = spots.into_iter().map(less_promised).partition(|spot| spot.free > 0);
        let mut chosen = nearest(open);
        let left = MAX_SPOTS - chosen.len();
        chosen.extend(nearest(promised).into_iter().take(left));
        chosen
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use waterfall_wire::Contact;

    fn spot(n: u8, depth: u16, free: u8) -> Spot {
        Spot { contact: Contact::new(NodeId([n; 32]), []), depth, free, proven: 0 }
    }

    #[test]
    fn a_crowd_is_spread_over_all_that_is_open() {
        let subtrees: Vec<Vec<Spot>> = (1..=4).map(|n| vec![spot(n, 1, 4), spot(n + 10, 2, 4)]).collect();
        let lists: Vec<&[Spot]> = subtrees.iter().map(Vec::as_slice).collect();
        let mut ledger = Ledger::default();
        let mut first = Vec::new();
        for _ in 0..16 {
            first.push(ledger.redirect(Timestamp::ZERO, &lists)[0].contact.node.0[0]);
        }
        for n in 1..=4 {
            assert_eq!(first.iter().filter(|m| **m == n).count(), 4);
        }
        // All of depth 1 is promised, so the next goes one deeper, until promises lapse.
        assert_eq!(ledger.redirect(Timestamp::ZERO, &lists)[0].depth, 2);
        ledger.forget(Timestamp::ZERO + PROMISE);
        assert_eq!(ledger.redirect(Timestamp::ZERO + PROMISE, &lists)[0].depth, 1);
    }

    #[test]
    fn promises_are_bounded_and_lapse_each_in_its_time() {
        let subtree: Vec<Spot> = (1..=8).map(|n| spot(n, 1, 64)).collect();
        let mut ledger = Ledger::default();
        for _ in 0..10_000 {
            ledger.redirect(Timestamp::ZERO, &[&subtree]);
            ledger.promise_moves(Timestamp::ZERO, NodeId([9; 32]), 2);
        }
        assert_eq!((ledger.callers.len(), ledger.movers.len()), (MAX_PROMISES, MAX_PROMISES));
        let callers: u32 = (1..=8).map(|n| ledger.promised(&NodeId([n; 32]))).sum();
        assert_eq!((callers as usize, ledger.promised(&NodeId([9; 32]))), (MAX_PROMISES, 512));
        ledger.forget(Timestamp::ZERO + PROMISE);
        assert_eq!((ledger.promised(&NodeId([1; 32])), ledger.promised(&NodeId([9; 32]))), (0, 512));
        ledger.forget(Timestamp::ZERO + MOVES_PROMISED);
        assert!(ledger.standing.is_empty());
    }
}
