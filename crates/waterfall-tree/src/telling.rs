//! What neighbours are told, and when: place and feeding at once, summaries paced.

use waterfall_wire::{Climber, Contact, MAX_FAN_OUT, MAX_SPOTS, NodeId, Spot, Summary, TreeMessage};

use crate::balance::{climber_rank, strength};
use crate::config::SIZE_INTERVAL;
use crate::neighbour::{Child, Told, WardStage};
use crate::placement::nearest;
use crate::plan::beginning;
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Timestamp, Tree};

/// Children named to one caller when all listed spots are promised.
const GATEWAYS: usize = 4;
/// What an open place weighs in the sums that are told upwards (`Summary::open`); each level further
/// down it weighs a fourth of that. Callers are spread in proportion, so that they go where places are
/// near the root, though most are at the bottom.
const OPEN: u32 = 1 << OPEN_BITS;
/// From depth 10 on of the subtree such a place weighs nothing.
const OPEN_BITS: u16 = 20;

/// A running digest (FNV-1a on words): to notice a change without keeping what was told.
struct Digest(u64);

impl Digest {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }

    fn contact(&mut self, contact: &Contact) {
        self.add(beginning(&contact.node));
        self.add(
            contact.addresses.iter().flat_map(|a| &a.0).fold(7, |sum, byte| sum * 31 % (1 << 40) + u64::from(*byte)),
        );
    }

    fn spots(&mut self, spots: &[Spot]) {
        self.add(spots.len() as u64);
        for spot in spots {
            self.contact(&spot.contact);
            self.add(u64::from(spot.depth) << 16 | u64::from(spot.free) << 8 | u64::from(spot.proven));
        }
    }
}

/// Digests of a summary and of what of it must be told soon.
pub(crate) fn digests(summary: &Summary) -> (u64, u64) {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    digest.spots(&summary.spots);
    // Of standby places those who ask are told the truth.
    for place in &summary.wards {
        digest.contact(&place.contact);
    }
    digest.add(u64::from(summary.height));
    // Asking one that has moved on to rise is of no use.
    digest.add(summary.climber.as_ref().map_or(0, |climber| beginning(&climber.contact.node)));
    digest.add(summary.climber.as_ref().map_or(0, |climber| u64::from(climber.staying)));
    let urgent = digest.0;
    digest.add(u64::from(summary.size));
    digest.add(u64::from(summary.open));
    digest.add(u64::from(summary.strength));
    if let Some(climber) = &summary.climber {
        digest.contact(&climber.contact);
        digest.add(u64::from(climber.strength));
    }
    (urgent, digest.0)
}

impl Tree {
    /// Where a newcomer finds room, nearest the root first. At most 8
    /// ([`waterfall_wire::MAX_SPOTS`]), from this participant's subtree, as of the last input; empty
    /// without a way to the root.
    #[must_use]
    pub fn open_spots(&self) -> Vec<Spot> {
        self.ledger.weighed(self.spots())
    }

    /// The answer to a probe: as [`Tree::open_spots`], but the first of them counts as taken for a
    /// moment, so that many who ask at once are spread over all that is open. Once all that is
    /// listed is taken, children with room somewhere below them are named.
    #[must_use]
    pub fn probed(&mut self, now: Timestamp) -> Vec<Spot> {
        let now = now.max(self.now);
        self.ledger.forget(now);
        let mut spots = self.spots();
        let own = spots.iter().position(|spot| spot.contact.node == self.me.node).map(|at| spots.remove(at));
        let others = if own.as_ref().is_some_and(|own| own.free > 0) {
            // Our own places are counted when they are called for.
            self.ledger.weighed(spots)
        } else {
            let others = self.ledger.redirect(now, &[&spots]);
            self.with_gateways(others, false)
        };
        let mut spots: Vec<Spot> = own.into_iter().chain(others).collect();
        spots.sort_by_key(|spot| spot.free == 0);
        let mut spots = self.or_elsewhere(spots);
        spots.truncate(MAX_SPOTS);
        spots
    }

    /// Where there is no room below, or so little that none of it may be in the caller's reach, what is
    /// known of the rest of the room: a caller must not come to a dead end. The parent knows more than we do.
    pub(crate) fn or_elsewhere(&self, mut spots: Vec<Spot>) -> Vec<Spot> {
        let Some(parent) = self.parent.as_ref().filter(|parent| parent.has_route()) else { return spots };
        let named = spots.iter().filter(|spot| spot.free > 0).count();
        if !self.is_serving() || named >= GATEWAYS {
            return spots;
        }
        let told = parent.outside.iter().chain(&parent.beside);
        let told = told.filter(|spot| spot.free > 0 && spot.contact.node != parent.id());
        let above = Spot { free: 1, ..parent.as_spot() };
        let mut list = nearest(told.cloned());
        list.truncate(GATEWAYS);
        list.push(above);
        if named > 0 {
            // So few that none may be in reach: those above come last.
            list.retain(|spot| !spots.iter().any(|known| known.contact.node == spot.contact.node));
            spots.splice(named..named, list);
            spots.truncate(MAX_SPOTS);
            return spots;
        }
        spots.retain(|spot| !list.iter().any(|known| known.contact.node == spot.contact.node));
        list.append(&mut spots);
        list.truncate(MAX_SPOTS);
        list
    }

    /// Where listed spots are few against a crowd, callers are sent down the tree in proportion to
    /// the open places below, and find at each step who knows better where these are.
    pub(crate) fn with_gateways(&mut self, mut spots: Vec<Spot>, unlucky: bool) -> Vec<Spot> {
        let below = self.own_depth().saturating_add(1);
        let mut far = Vec::new();
        if self.ledger.is_crowded() {
            // What is known of places further down is a second old for each level: taken by now, and of use
            // only to those who reach nobody nearer, for they may be sent on from there.
            far = spots.extract_if(.., |spot| spot.depth > below).collect();
            far.truncate(if unlucky { MAX_SPOTS } else { 0 });
            far.iter_mut().for_each(|spot| spot.free = spot.free.max(1));
        }
        if spots.first().is_some_and(|spot| spot.free > 0) || !self.is_serving() {
            spots.append(&mut far);
            spots.truncate(MAX_SPOTS);
            return spots;
        }
        let mut open = self.gateways(None);
        let mut gateways = self.draw(&mut open, GATEWAYS);
        if let Some(first) = gateways.first().map(|gateway| gateway.contact.node) {
            self.ledger.promise(self.now, first);
        }
        let named = |spot: &Spot| gateways.iter().any(|gateway| gateway.contact.node == spot.contact.node);
        let (crowded, open): (Vec<_>, Vec<_>) =
            spots.into_iter().chain(far).filter(|spot| !named(spot)).partition(|spot| spot.free == 0);
        gateways.extend(open.into_iter().chain(crowded));
        gateways.truncate(MAX_SPOTS);
        gateways
    }

    /// So many of some spots, in random order, the heavier more likely first.
    pub(crate) fn draw(&mut self, from: &mut Vec<(u32, Spot)>, most: usize) -> Vec<Spot> {
        let mut drawn = Vec::new();
        while !from.is_empty() && drawn.len() < most {
            let all: u64 = from.iter().map(|(weight, _)| u64::from(*weight)).sum();
            let mut left = self.rng.next() % all.max(1);
            let chosen = from.iter().position(|(weight, _)| {
                let here = left < u64::from(*weight);
                left = left.saturating_sub(u64::from(*weight));
                here
            });
            drawn.push(from.swap_remove(chosen.unwrap_or(0)).1);
        }
        drawn
    }

    /// The children that there is room below, but for one: what that weighs, and a spot that stands for
    /// all of it, as deep as the nearest and for as many as there are places that deep. What was
    /// promised a moment ago is taken off.
    pub(crate) fn gateways(&self, except: Option<NodeId>) -> Vec<(u32, Spot)> {
        let below = self.own_depth().saturating_add(1);
        let others = self.attached().filter(|(node, child)| child.is_settled() && Some(**node) != except);
        let open = others.filter(|(_, child)| child.summary.open > 0);
        let gateway = |(node, child): (&NodeId, &Child)| {
            let weight = |depth: u16| OPEN.checked_shr(2 * u32::from(depth - below)).unwrap_or(0).max(1);
            let depth = child.summary.spots.first().map_or(below, |spot| spot.depth.max(below));
            let listed = child.summary.spots.iter().filter(|spot| spot.free > 0);
            let listed = listed.map(|spot| (spot.contact.node, weight(spot.depth.max(below))));
            let promised = listed.chain([(*node, weight(depth))]).fold(0u32, |sum, (node, weight)| {
                sum.saturating_add(self.ledger.promised(&node).saturating_mul(weight))
            });
            let left = child.summary.open.saturating_sub(promised).max(1);
            let free = u8::try_from(left / weight(depth)).unwrap_or(u8::MAX).clamp(1, MAX_FAN_OUT);
            (left, Spot { contact: child.contact(node), depth, free, proven: 0 })
        };
        open.map(gateway).collect()
    }

    pub(crate) fn spots(&self) -> Vec<Spot> {
        // Without a free place it is still where a relay may take a leaf's.
        let own = Some(self.own_spot()).filter(|spot| spot.free > 0 || self.could_insert());
        let below = if self.is_serving() { self.spots_below(None, 0) } else { Vec::new() };
        nearest(own.into_iter().chain(below))
    }

    pub(crate) fn own_depth(&self) -> u16 {
        self.mark.map_or(0, |mark| mark.depth)
    }

    pub(crate) fn attached(&self) -> impl Iterator<Item = (&NodeId, &Child)> {
        self.children.iter().filter(|(_, child)| child.is_attached())
    }

    /// Participants in our subtree, and edges to the deepest. Whatever children claim, sums
    /// saturate.
    pub(crate) fn extent(&self) -> (u32, u16) {
        let size = self.attached().fold(1u32, |sum, (_, child)| sum.saturating_add(child.summary.size));
        let height = self.attached().map(|(_, child)| child.summary.height.saturating_add(1)).max().unwrap_or(0);
        (size, height)
    }

    /// What the open places in our subtree weigh, listed or not.
    fn open(&self) -> u32 {
        if !self.is_serving() {
            return 0;
        }
        let settled = self.attached().filter(|(_, child)| child.is_settled());
        let below = settled.map(|(_, child)| child.summary.open.div_ceil(4));
        below.fold(OPEN * u32::from(self.free()), u32::saturating_add)
    }

    /// Our own subtree.
    pub(crate) fn summary(&self) -> Summary {
        let (size, height) = self.extent();
        Summary {
            size,
            height,
            spots: self.spots(),
            open: self.open(),
            wards: self.places_to_stand_by(None, 0),
            strength: self.strength(),
            climber: self.climber(),
        }
    }

    pub(crate) fn own_spot(&self) -> Spot {
        let free = self.free();
        let spare = usize::from(self.proven).saturating_sub(self.staying());
        let proven = u8::try_from(spare).unwrap_or(u8::MAX).min(free);
        Spot { contact: self.me.clone(), depth: self.own_depth(), free, proven }
    }

    fn strength(&self) -> u16 {
        if self.places() == 0 {
            return 0;
        }
        // Not what is free just now: whoever has places because others moved on would be the strongest for a moment.
        let claims = self.places().saturating_sub(self.proven);
        strength(self.proven, claims, self.now.since(self.joined_at))
    }

    /// The strongest below us, for those above us to take nearer the root.
    fn climber(&self) -> Option<Climber> {
        let settled = self.attached().filter(|(_, child)| child.is_settled());
        let candidates = settled.flat_map(|(node, child)| {
            let Summary { strength, size, climber, .. } = &child.summary;
            let own = (*strength > 0).then_some((*strength, *size, node, child));
            own.into_iter().chain(climber.iter().map(move |c| (c.strength, c.size, &c.contact.node, child)))
        });
        let (strength, size, node, child) =
            candidates.max_by_key(|(s, size, node, _)| climber_rank(*s, *size, **node))?;
        let told = child.summary.climber.as_ref().filter(|climber| climber.contact.node == *node);
        let contact = told.map_or_else(|| child.contact(node), |climber| climber.contact.clone());
        let via = child.number;
        let others = self.attached().filter(|(_, child)| child.number != via).map(|(_, child)| child.summary.height);
        let deepest = others.chain(told.map(|climber| climber.staying)).max();
        let staying = deepest.map_or(0, |levels| levels.saturating_add(1));
        Some(Climber { contact, strength, size, staying })
    }

    /// Tells children and wards where we are and whether we are fed, as far as that is news.
    pub(crate) fn tell_place(&mut self) {
        if !self.has_route() {
            self.turn_held_away();
        }
        let Some(mark) = self.mark else { return };
        let (place, starving) = (self.place, self.is_starving());
        for node in self.attached().map(|(node, _)| *node).collect::<Vec<_>>() {
            let Some(told) = self.children.get(&node).map(|child| (child.told.place, child.told.starving)) else {
                continue;
            };
            if told.0 != place {
                self.tell_down(node);
            } else if told.1 != starving {
                if let Some(child) = self.children.get_mut(&node) {
                    child.told.starving = starving;
                }
                self.bind(mark);
                self.send(node, if starving { TreeMessage::Starving } else { TreeMessage::Mark(mark) });
            }
        }
        for node in self.wards.ids() {
            let Some(ward) = self.wards.get_mut(&node).filter(|ward| ward.stage == WardStage::Warm) else { continue };
            if ward.place != place {
                self.tell_ward(node);
            } else if ward.starving != starving {
                ward.starving = starving;
                self.send(node, if starving { TreeMessage::Starving } else { TreeMessage::Mark(mark) });
            }
        }
    }

    fn tell_down(&mut self, node: NodeId) {
        let Some(down) = self.down_for(node) else { return };
        let place = self.place;
        self.bind(down.mark);
        if let Some(child) = self.children.get_mut(&node) {
            child.told = Told::new(place, &down);
        }
        self.send(node, TreeMessage::Down(down));
    }

    /// A new parent has this of us already; what changes from now on it hears at once.
    pub(crate) fn summary_told(&mut self, summary: &Summary) {
        let (urgent, all) = digests(summary);
        self.told_summary = Some((urgent, all, None));
    }

    pub(crate) fn tell_parent(&mut self, maybe: bool) {
        // What is below is told when there is a way to the root again.
        let parent = self.parent.as_ref().filter(|parent| parent.has_route()).map(|parent| parent.id());
        let Some(parent) = parent.filter(|_| maybe && self.phase == Phase::Active) else { return };
        let told_at = self.told_summary.and_then(|(_, _, at)| at);
        if let Some(next) = told_at.map(|at| at + self.config.summary_interval).filter(|next| *next > self.now) {
            self.waiting.below = true;
            return self.timers.set(Timer::Summary, next);
        }
        self.waiting.below = false;
        let summary = self.summary();
        let (urgent, all) = digests(&summary);
        match self.told_summary {
            Some((_, told, _)) if told == all => return,
            Some((told, _, Some(at))) if told == urgent && self.now.since(at) < SIZE_INTERVAL => {
                self.waiting.below = true;
                return self.timers.set(Timer::Summary, at + SIZE_INTERVAL);
            }
            _ => {}
        }
        self.told_summary = Some((urgent, all, Some(self.now)));
        self.send(parent, TreeMessage::Summary(summary));
    }
}
