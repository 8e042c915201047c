//! Promotion: the strong and the weak change places.
//!
//! Three move: the strong one rises over the fan-out, the weak one goes below it, and of the strong one's
//! children one has the place that it left.

use std::time::Duration;

use waterfall_wire::{Climber, Mark, NodeId, Spot, TreeMessage};

use crate::balance::rank_of;
use crate::config::PROOF;
use crate::neighbour::Child;
use crate::timer::Timer;
use crate::{Timestamp, Tree};

/// A descendant must be stronger than the child whose place it takes by this much, in percent.
pub(crate) const MARGIN: u32 = 132;
/// Who has no more levels than this below it may sink below anyone. Should it not reach the one that took
/// its place, it finds another far down, with all below it: so taller ones sink only below the one
/// from their own subtree that holds most of it, mostly their own child, whom they do reach.
const MOST_SENT_BLINDLY: u16 = 1;
/// Where the tree is as tall everywhere, a weak one with so many levels below it, and more than above it, makes way
/// for one of its own although what stays with it, at most twice as many as rise, comes to be deeper than all others
/// by a level. Its place is worth far more, and the deepest are moved later; otherwise whoever came first would stay
/// near the root for good.
const WORTH_A_LEVEL: u16 = 3;
/// How long the deepest below one that is to make way are moved elsewhere, so that the tree is not taller for it.
const THINNED_WITHIN: Duration = Duration::from_secs(20);
/// How long a place is kept for someone who was asked to come.
const EXPECTED_FOR: Duration = Duration::from_secs(6);
/// Who was asked to take another's place and is gone within this has done so: a call and the time in
/// which both parents feed.
const RISES_WITHIN: Duration = Duration::from_secs(10);

/// A promotion under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Insertion {
    /// The descendant that comes.
    climber: NodeId,
    /// The child that goes below it.
    sinks: NodeId,
    until: Timestamp,
}

/// A move nearer the root.
#[derive(Debug)]
pub(crate) struct Rose {
    at: Timestamp,
    /// The place that we left.
    left: Spot,
}

/// A child that is to make way, and whose deepest are moved elsewhere first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thinning {
    child: NodeId,
    until: Timestamp,
}

/// Two that are to change places.
struct Exchange {
    /// The child that the climber is below, and the climber.
    via: NodeId,
    climber: NodeId,
    /// The child that goes below the climber.
    sinks: NodeId,
    /// Whether the tree would be taller for it, as it is now.
    taller: bool,
}

impl Tree {
    /// The strongest further down takes the place of one of our children that is much weaker, and
    /// that child goes below it.
    pub(crate) fn promote(&mut self) -> bool {
        let under_way = self.insertion.as_ref().is_some_and(|insertion| insertion.until > self.now);
        if under_way || self.children.len() != usize::from(self.places()) {
            return false;
        }
        let Some(exchange) = self.exchange() else {
            self.thinning = None;
            return false;
        };
        let Exchange { via, climber, sinks, taller } = exchange;
        if taller && !self.is_thinned(sinks) {
            return true;
        }
        self.thinning = None;
        self.insertion = Some(Box::new(Insertion { climber, sinks, until: self.now + EXPECTED_FOR }));
        // There is no room, which tells it, and those on the way to it, that it takes another's place.
        let to = Spot { free: 0, ..self.own_spot() };
        self.send(via, TreeMessage::Rise { node: Some(climber), to });
        true
    }

    /// The weakest of the children, and the strongest further down that is worth its place.
    fn exchange(&self) -> Option<Exchange> {
        let old = |child: &Child| child.is_settled() && self.now.since(child.attached_at) >= PROOF;
        let settled = || self.attached().filter(|(_, child)| old(child));
        // Who has room left is not what makes the tree tall.
        let is_full = |node: &NodeId, child: &Child| {
            !child.summary.spots.iter().any(|spot| spot.contact.node == *node && spot.free > 0)
        };
        let weakest = settled().filter(|(node, child)| is_full(node, child));
        let (sinks, child) = weakest.min_by_key(|(_, child)| (child.summary.strength, child.summary.size))?;
        let (weak, size, levels) = (u32::from(child.summary.strength), child.summary.size, child.summary.height);
        let height = self.extent().1;
        let climbers = settled().filter_map(|(via, child)| Some((via, child.summary.climber.as_ref()?)));
        let worthwhile = |(via, climber): (&NodeId, &Climber)| {
            let strong = u32::from(climber.strength);
            let better = strong > weak && 100 * strong >= MARGIN * weak;
            let own = via == sinks;
            let near = own || levels <= MOST_SENT_BLINDLY;
            // Everyone below who sinks comes to be a level deeper: no more than rise, nor does the tree below come
            // to be taller for it. In its upper half the place is worth more than that.
            let (sinking, staying) =
                if own { (size.saturating_sub(climber.size), climber.staying) } else { (size, levels) };
            let upper = own && levels >= WORTH_A_LEVEL && levels > self.own_depth().saturating_add(1);
            let taller = staying.saturating_add(2) > height;
            let many = climber.size.saturating_mul(if upper { 2 } else { 1 }) >= sinking;
            let fits = better && near && many && (upper || !taller) && !self.children.contains(&climber.contact.node);
            fits.then(|| {
                (rank_of(climber), Exchange { via: *via, climber: climber.contact.node, sinks: *sinks, taller })
            })
        };
        climbers.filter_map(worthwhile).max_by_key(|(rank, _)| *rank).map(|(_, exchange)| exchange)
    }

    /// Whether this child, which is to make way, has had the time to give its deepest away; it begins now if it has not.
    fn is_thinned(&mut self, child: NodeId) -> bool {
        let begun = self.thinning.take().filter(|thinning| thinning.child == child);
        let thinning = begun.unwrap_or_else(|| Box::new(Thinning { child, until: self.now + THINNED_WITHIN }));
        self.thinning.insert(thinning).until <= self.now
    }

    /// Whether this child is to make way, so that its deepest should be elsewhere.
    pub(crate) fn is_to_be_thinned(&self, child: &NodeId) -> bool {
        self.thinning.as_ref().is_some_and(|thinning| thinning.child == *child)
    }

    /// Whether this caller was asked to come over the fan-out.
    pub(crate) fn expects(&self, node: NodeId) -> bool {
        let expected = self.insertion.as_ref().is_some_and(|i| i.climber == node && i.until > self.now);
        expected && self.children.len() <= usize::from(self.places())
    }

    /// Whether we have just come nearer the root: the one whose place we took comes below us, and
    /// is taken even where there is no room. Who goes instead finds room where we were before.
    pub(crate) fn just_rose(&self) -> bool {
        self.rose_lately() && self.places() > 0 && self.children.len() <= usize::from(self.places())
    }

    fn rose_lately(&self) -> bool {
        self.rose.as_ref().is_some_and(|rose| self.now.since(rose.at) < EXPECTED_FOR)
    }

    /// Whether a caller had a place that is at most so many levels below ours.
    pub(crate) fn comes_from(&self, advertised: Option<Mark>, below: u16) -> bool {
        advertised.is_some_and(|mark| mark.depth <= self.own_depth().saturating_add(below))
    }

    /// We are about to have a place nearer the root; if it is another's, whom we are to take below us,
    /// that is remembered.
    pub(crate) fn note_rise(&mut self, to: NodeId) {
        let promoted = self.climbing.take() == Some(to);
        let left = self.parent.as_ref().filter(|_| promoted).map(|parent| Spot { free: 1, ..parent.as_spot() });
        self.rose = left.map(|left| Box::new(Rose { at: self.now, left }));
    }

    /// The one whose place we took has come, and there is one child too many: the place that we
    /// left is open to the least of the others.
    fn make_way(&mut self, newcomer: NodeId) {
        if !self.rose_lately() || self.staying() <= usize::from(self.places()) {
            return;
        }
        let Some(left) = self.rose.as_ref().map(|rose| rose.left.clone()) else { return };
        let others = self
            .children
            .iter()
            .filter(|(node, child)| child.is_settled() && (**node != newcomer || newcomer != left.contact.node));
        let least = others.min_by_key(|(node, child)| (child.summary.size, **node == newcomer, **node));
        if let Some(node) = least.map(|(node, _)| *node) {
            self.ask_to_move(node, Some(left));
        }
    }

    /// The place for whoever moves instead of one who could not: where we were ourselves a moment ago, or below
    /// the child that has just come.
    pub(crate) fn place_of_another(&self) -> Option<Spot> {
        if let Some(rose) = self.rose.as_ref().filter(|_| self.rose_lately()) {
            return Some(rose.left.clone());
        }
        let late = |child: &Child| child.is_settled() && self.now.since(child.attached_at) < EXPECTED_FOR;
        let newest = self.children.iter().filter(|(_, child)| late(child)).max_by_key(|(_, child)| child.number);
        newest.map(|(node, child)| self.below(node, child))
    }

    pub(crate) fn below(&self, node: &NodeId, child: &Child) -> Spot {
        Spot { contact: child.contact(node), depth: self.own_depth().saturating_add(1), free: 1, proven: 0 }
    }

    /// A child is gone. If it was to take another's place, whoever makes way for that one comes here, and
    /// knows of it; until then others do not hear of it, or it would be gone.
    pub(crate) fn keep_place(&mut self, child: &Child) {
        if child.rises.is_some_and(|at| self.now.since(at) < RISES_WITHIN) {
            self.timers.set(Timer::Kept, self.now + EXPECTED_FOR);
        }
    }

    /// A child has come; if it was asked to, the one it is stronger than goes below it.
    pub(crate) fn inserted(&mut self, node: NodeId) {
        self.make_way(node);
        let Some(insertion) = self.insertion.as_ref().filter(|insertion| insertion.climber == node) else { return };
        let sinks = insertion.sinks;
        self.insertion = None;
        let Some(child) = self.children.get(&node) else { return };
        let first = self.below(&node, child);
        if self.children.get(&sinks).is_some_and(Child::is_settled) && self.staying() > usize::from(self.places()) {
            self.ask_to_move(sinks, Some(first));
        }
    }
}
