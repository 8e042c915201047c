//! Looking for a parent: whom to call next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use waterfall_wire::{Contact, MAX_SPOTS, NodeId, Spot};

/// Candidates known at most; beyond it the last in order are dropped.
const MAX_KNOWN: usize = 64;
/// Redirects followed in one round: with the subtree's nearest spots in each, that is deeper than
/// trees of sane size. A circle of liars costs this many calls per round.
const MAX_REDIRECTS: u32 = 16;
/// Calls in one round, whatever is answered.
const MAX_CALLS: u32 = 24;
/// Who said so often in one search that it has room, or had it said by others, and was full each
/// time without knowing where else, is not asked for long.
const MAX_BROKEN: u8 = 4;
/// Calls in one round that may end at someone who is cut off as well, or at nobody. So many in a
/// row mean a wide outage, where it is better to ask again at the top than to ask everyone.
const MAX_SETBACKS: u32 = 5;
/// After so many it is time to ask for others meanwhile.
const UNLUCKY: u32 = 2;
/// While others answer, who does not is left alone for so many rounds.
const SILENT_ROUNDS: u32 = 4;
/// Rounds after which the pause no longer grows.
const MAX_DOUBLINGS: u32 = 16;

/// Where a candidate is known from; the earlier are tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The root, when it is the parent that was lost: when it returns, tier 1 should find it first.
    /// However often it does not answer, each later round begins with it.
    LostRoot,
    /// The first of a leaving parent's plan.
    HandOver,
    /// The standby, when the parent leaves.
    Standby,
    /// A spot that was named just now: a redirect, a fetch. The latest list first, in its order: who
    /// is redirected goes on down from there, to what was promised to it, and does not hop.
    Named,
    /// The rest of a leaving parent's plan, in its order.
    Others,
    /// Someone who could be reached a while ago, soon.
    Met,
    /// A spot of the rescue plan, which may be some seconds old. Nearest the root first.
    Spot,
    /// As above, but of someone who has no free place: only a relay is taken, instead of a leaf.
    Crowded,
    /// Where standbys were to be found: nobody there has lost what we have.
    Apart,
    /// On the old path to the root, nearest first: most know their subtree's spots.
    Path,
    /// The parent that was lost. It may be that only the link broke.
    LostParent,
    /// Below the lost parent. No use if it vanished, but good if only the link broke.
    Beside,
}

#[derive(Debug, Clone)]
struct Candidate {
    /// How often it did not answer. Who names it afterwards may know less.
    silent: u32,
    /// How often it was no help, since it was last named by someone who should know.
    setbacks: u32,
    /// Whether it is said to have room.
    promises: bool,
    source: Source,
    depth: u16,
    unproven: bool,
    batch: Reverse<u32>,
    place: usize,
    contact: Contact,
}

impl Candidate {
    /// Later batches first among equals: a redirect is fresher than what led to it.
    fn key(&self) -> (u32, Source, u16, bool, Reverse<u32>, usize) {
        (self.setbacks.max(self.silent), self.source, self.depth, self.unproven, self.batch, self.place)
    }
}

/// One search, from the need for a parent to having one.
#[derive(Debug, Default)]
pub(crate) struct Search {
    known: Vec<Candidate>,
    tried: BTreeSet<NodeId>,
    /// Who did not answer how often.
    silent: BTreeMap<NodeId, u32>,
    /// Who was full how often although it was said to have room.
    broken: BTreeMap<NodeId, u8>,
    /// Whether anyone answered, in this search and in this round of it.
    heard: bool,
    heard_now: bool,
    /// Rounds in which nobody did.
    mute: u32,
    batches: u32,
    redirects: u32,
    setbacks: u32,
    calls: u32,
    round: u32,
    fetched: bool,
}

impl Search {
    /// A search by someone whom these did not answer of late.
    pub(crate) fn without(silent: impl Iterator<Item = NodeId>) -> Self {
        Self { silent: silent.map(|node| (node, 1)).collect(), ..Self::default() }
    }

    /// Adds what was known before this search. Who was no help stays so.
    pub(crate) fn recall(&mut self, source: Source, spots: impl IntoIterator<Item = Spot>) {
        self.add(source, spots, false);
    }

    /// Adds spots that someone has just named.
    pub(crate) fn learn(&mut self, spots: impl IntoIterator<Item = Spot>) {
        self.add(Source::Named, spots, true);
    }

    fn add(&mut self, source: Source, spots: impl IntoIterator<Item = Spot>, fresh: bool) {
        self.batches = self.batches.wrapping_add(1);
        for (place, spot) in spots.into_iter().enumerate() {
            let crowded = matches!(source, Source::Named | Source::Spot) && spot.free == 0;
            let source = if crowded { Source::Crowded } else { source };
            let by_depth = matches!(source, Source::Spot | Source::Crowded | Source::Beside);
            let depth = if by_depth { spot.depth } else { 0 };
            let mut new = Candidate {
                silent: self.silent.get(&spot.contact.node).copied().unwrap_or(0),
                setbacks: 0,
                promises: spot.free > 0,
                source,
                depth,
                unproven: by_depth && spot.proven == 0,
                batch: Reverse(self.batches),
                place,
                contact: spot.contact,
            };
            match self.known.iter_mut().find(|c| c.contact.node == new.contact.node) {
                Some(old) if fresh || new.source <= old.source => {
                    new.setbacks = if fresh || source == Source::LostRoot { 0 } else { old.setbacks };
                    new.silent = if source == Source::LostRoot { 0 } else { new.silent };
                    if new.contact.addresses.is_empty() {
                        new.contact.addresses = old.contact.addresses.clone();
                    }
                    *old = new;
                }
                Some(_) => {}
                None => self.known.push(new),
            }
        }
        self.known.sort_by_key(Candidate::key);
        self.known.truncate(MAX_KNOWN);
    }

    /// Takes over where a refusal points to, unless too many have been followed already.
    pub(crate) fn redirect(&mut self, spots: impl IntoIterator<Item = Spot>) {
        (self.heard, self.heard_now, self.mute) = (true, true, 0);
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return;
        }
        let mut spots = spots.into_iter().take(MAX_SPOTS).peekable();
        if spots.peek().is_some() {
            // No row any more.
            self.setbacks = 0;
        }
        self.learn(spots);
    }

    /// The next to call, each once a round; none when the round is over.
    pub(crate) fn next(&mut self, usable: impl Fn(&NodeId) -> bool) -> Option<(Source, Contact)> {
        if self.setbacks >= MAX_SETBACKS || self.calls >= MAX_CALLS {
            return None;
        }
        let fresh = |c: &&Candidate| !self.tried.contains(&c.contact.node) && usable(&c.contact.node);
        // While others answer, it is not for want of patience that one does not.
        let patient = self.heard && self.round < SILENT_ROUNDS;
        let found = self.known.iter().filter(fresh).find(|c| c.silent == 0);
        let found = found.or_else(|| self.known.iter().find(fresh).filter(|_| !patient))?;
        let (source, contact) = (found.source, found.contact.clone());
        self.tried.insert(contact.node);
        self.calls += 1;
        Some((source, contact))
    }

    /// A candidate does not answer: the others come first from now on, whoever names it again.
    pub(crate) fn unanswered(&mut self, node: &NodeId) {
        if self.silent.len() < MAX_KNOWN || self.silent.contains_key(node) {
            let times = self.silent.entry(*node).or_default();
            *times = times.saturating_add(1);
            for candidate in self.known.iter_mut().filter(|c| c.contact.node == *node && c.source != Source::LostRoot) {
                candidate.silent = *times;
            }
        }
        self.set_back(node);
    }

    /// Whether so many could not be reached in all that it is worth asking those who are further away.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.silent.len() >= 2
    }

    /// Whether so many did not answer that it is time to ask for others.
    pub(crate) fn is_unlucky(&self) -> bool {
        self.setbacks >= UNLUCKY
    }

    /// A candidate is cut off as well, or does not answer: the others come first from now on.
    pub(crate) fn set_back(&mut self, node: &NodeId) {
        self.setbacks += 1;
        for candidate in self.known.iter_mut().filter(|c| c.contact.node == *node && c.source != Source::LostRoot) {
            candidate.setbacks = candidate.setbacks.saturating_add(1);
        }
        self.known.sort_by_key(Candidate::key);
    }

    /// A candidate that was said to have room is full. True if that happened too often to be
    /// bad luck.
    pub(crate) fn broken_promise(&mut self, node: &NodeId) -> bool {
        if !self.known.iter().any(|c| c.contact.node == *node && c.promises) {
            return false;
        }
        if self.broken.len() >= MAX_KNOWN && !self.broken.contains_key(node) {
            self.broken.clear();
        }
        let times = self.broken.entry(*node).or_default();
        *times = times.saturating_add(1);
        *times >= MAX_BROKEN
    }

    /// Drops a candidate that wants nothing of us.
    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.known.retain(|c| c.contact.node != *node);
    }

    /// Whether to fetch now; true once a round.
    pub(crate) fn should_fetch(&mut self) -> bool {
        !std::mem::replace(&mut self.fetched, true)
    }

    /// How many rounds there were before this one.
    pub(crate) fn round(&self) -> u32 {
        self.round
    }

    /// Everyone may be tried again; but what was named in the last round is old by now, and there
    /// is fresher news to be had.
    pub(crate) fn next_round(&mut self) {
        self.known.retain(|candidate| !matches!(candidate.source, Source::Named | Source::Crowded));
        self.round = self.round.saturating_add(1);
        self.mute = if std::mem::take(&mut self.heard_now) { 0 } else { self.mute.saturating_add(1) };
        self.tried.clear();
        self.redirects = 0;
        self.setbacks = 0;
        self.calls = 0;
        self.fetched = false;
    }

    /// Patience with those who do not answer: doubles with each round in which nobody did.
    pub(crate) fn patience(&self, base: Duration, cap: Duration) -> Duration {
        base.saturating_mul(1 << self.mute.min(MAX_DOUBLINGS)).min(cap)
    }

    /// A span that doubles with each round up to a cap.
    pub(crate) fn growing(&self, base: Duration, cap: Duration) -> Duration {
        base.saturating_mul(1 << self.round.min(MAX_DOUBLINGS)).min(cap)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn spot(n: u8, depth: u16) -> Spot {
        Spot { contact: Contact::new(NodeId([n; 32]), []), depth, free: 1, proven: 0 }
    }

    fn order(search: &mut Search) -> Vec<u8> {
        std::iter::from_fn(|| search.next(|_| true)).map(|(_, contact)| contact.node.0[0]).collect()
    }

    #[test]
    fn plan_then_spots_nearest_the_root_then_the_path() {
        let mut search = Search::default();
        search.recall(Source::Path, [spot(7, 2), spot(8, 1)]);
        search.learn([spot(2, 1), spot(1, 3)]);
        search.recall(Source::HandOver, [spot(5, 9), spot(6, 0)]);
        search.redirect([spot(3, 1)]);
        assert_eq!(order(&mut search), [5, 6, 3, 2, 1, 7, 8]);
        assert_eq!(order(&mut search), [0u8; 0]);
        search.next_round();
        assert_eq!(order(&mut search), [5, 6, 7, 8], "who was named in the last round is old news");
    }

    #[test]
    fn who_was_no_help_is_asked_last_until_named_again() {
        let mut search = Search::default();
        search.recall(Source::Spot, (1..=7).map(|n| spot(n, n.into())));
        for n in 1..=5 {
            assert_eq!(search.next(|_| true).unwrap().1.node.0[0], n);
            search.set_back(&NodeId([n; 32]));
        }
        assert!(search.next(|_| true).is_none(), "the round is over");
        search.next_round();
        search.recall(Source::Spot, [spot(1, 1)]);
        search.learn([spot(2, 2)]);
        assert_eq!(order(&mut search), [2, 6, 7, 1, 3, 4, 5], "2 was named");
    }

    #[test]
    fn who_did_not_answer_is_asked_last_though_it_is_named_again() {
        let mut search = Search::default();
        search.learn([spot(1, 1), spot(2, 2)]);
        assert_eq!(search.next(|_| true).unwrap().1.node.0[0], 1);
        search.unanswered(&NodeId([1; 32]));
        search.next_round();
        search.learn([spot(1, 1), spot(2, 2)]);
        assert_eq!(order(&mut search), [2, 1]);
        for n in 0..=255 {
            search.unanswered(&NodeId([n; 32]));
        }
        assert_eq!(search.silent.len(), MAX_KNOWN);
    }

    #[test]
    fn is_bounded_whatever_it_is_told() {
        let mut search = Search::default();
        for n in 0..=255 {
            search.redirect((0..100).map(|m| spot(n ^ m, u16::from(m))));
        }
        assert!(order(&mut search).len() <= MAX_CALLS as usize);
        search.learn((0..=255).map(|n| spot(n, 1)));
        assert_eq!(search.known.len(), MAX_KNOWN);
    }

    #[test]
    fn pauses_grow_to_their_cap() {
        let mut search = Search::default();
        let (base, cap) = (Duration::from_millis(250), Duration::from_secs(5));
        assert_eq!(search.growing(base, cap), base);
        for _ in 0..100 {
            search.next_round();
        }
        assert_eq!(search.growing(base, cap), cap);
    }
}
