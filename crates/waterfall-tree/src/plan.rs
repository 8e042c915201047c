//! What children are told of other places: the rescue plan, and where standbys are to be found.

use waterfall_wire::{Down, MAX_PATH, MAX_SPOTS, MAX_WARDS, NodeId, Spot};

use crate::Tree;
use crate::neighbour::{Child, Told, Ward, WardStage};
use crate::placement::{interleave, nearest, nearest_of, rotate_equals};
use crate::timer::Timer;

/// Places of each kind that one child is told: enough that some are good when they are needed,
/// few enough that a plan stays under 1 KB.
const PLAN: usize = 4;

/// Spots below that are looked at, of all that the children name: more than a list of what is told
/// holds, so that a plan whose spots are just not the nearest any more still counts as good.
const KNOWN_BELOW: usize = 2 * MAX_SPOTS;

/// The beginnings of the ids in a plan.
pub(crate) fn ids<'a>(spots: impl IntoIterator<Item = &'a Spot>) -> Vec<u64> {
    spots.into_iter().map(|spot| beginning(&spot.contact.node)).collect()
}

/// Enough of an id to recognise it among a few.
pub(crate) fn beginning(node: &NodeId) -> u64 {
    node.0[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Which places a list names, in one number.
pub(crate) fn digest(places: &[Spot]) -> u64 {
    places.iter().fold(0, |sum, spot| sum.rotate_left(9) ^ beginning(&spot.contact.node))
}

impl Tree {
    /// Open spots of the children's subtrees in turns, but for one child's.
    pub(crate) fn spots_below(&self, except: Option<NodeId>, first: usize) -> Vec<Spot> {
        self.dealt(Child::spots, except, first)
    }

    fn dealt(&self, of: impl Fn(&Child) -> &[Spot], except: Option<NodeId>, first: usize) -> Vec<Spot> {
        let others = self.attached().filter(|(node, _)| Some(**node) != except);
        let lists: Vec<&[Spot]> = others.map(|(_, child)| of(child)).filter(|spots| !spots.is_empty()).collect();
        // After a move below us depths may be out of date, but nothing below us is above us.
        let floor = self.own_depth().saturating_add(1);
        nearest_of(interleave(&lists, first % lists.len().max(1)), floor, KNOWN_BELOW)
    }

    /// Standby places of this subtree, nearest the root first, but for one child's.
    pub(crate) fn places_to_stand_by(&self, except: Option<NodeId>, first: usize) -> Vec<Spot> {
        let below = if self.is_serving() { self.dealt(Child::wards, except, first) } else { Vec::new() };
        let own = Spot { contact: self.me.clone(), depth: self.own_depth(), free: self.free_for_wards(), proven: 0 };
        let own = Some(own).filter(|own| own.free > 0 && !(self.is_root && except.is_some()));
        let mut places = nearest(own.into_iter().chain(below));
        // The nearest and some further down: those near the root know each other already.
        if places.len() > MAX_WARDS {
            places.drain(MAX_WARDS / 2..places.len() - MAX_WARDS / 2);
        }
        places
    }

    /// Where a standby caller who is not taken may go instead.
    pub(crate) fn wards_below(&mut self, reason: waterfall_wire::Refusal, caller: NodeId) -> Vec<Spot> {
        if !matches!(reason, waterfall_wire::Refusal::Full) {
            return Vec::new();
        }
        let turn = self.rng.below(64);
        let mut places = if self.is_serving() { self.dealt(Child::wards, Some(caller), turn) } else { Vec::new() };
        places.retain(|spot| spot.contact.node != caller);
        let is_open = |spot: &Spot| u32::from(spot.free) > self.standby_ledger.promised(&spot.contact.node);
        let (mut open, taken): (Vec<Spot>, Vec<Spot>) = places.into_iter().partition(is_open);
        match open.first().map(|spot| spot.contact.node) {
            Some(first) => self.standby_ledger.promise(self.now, first),
            None => open = self.relays_below(caller),
        }
        // From the bottom up: the nearest are what everyone asks for.
        if let Some((_, others)) = open.split_first_mut() {
            others.reverse();
        }
        open.extend(taken.into_iter().rev());
        open.truncate(MAX_SPOTS);
        open
    }

    /// Some children that have others below them, drawn in proportion to how many: one of those may stand by.
    fn relays_below(&mut self, caller: NodeId) -> Vec<Spot> {
        let depth = self.own_depth().saturating_add(1);
        let relays = self.attached().filter(|(node, child)| **node != caller && child.summary.size > 1);
        let mut relays: Vec<(u32, Spot)> = relays
            .map(|(node, child)| (child.summary.size, Spot { contact: child.contact(node), depth, free: 1, proven: 0 }))
            .collect();
        self.draw(&mut relays, PLAN)
    }

    /// Where a child's standby may be: as far from our own fate as we know.
    fn stand_for(&self, node: NodeId, turn: usize) -> Vec<Spot> {
        let apart = self.standby.as_ref().filter(|standby| standby.is_fit() && self.shared(&standby.path) == 0);
        let mut places = if self.is_root {
            self.places_to_stand_by(Some(node), turn)
        } else {
            // Where all of the standby's have someone, what the parent told serves: places below its standby, or one
            // further up.
            let above = self.parent.as_ref().map(|parent| &parent.stand).into_iter().flatten();
            let mut places: Vec<Spot> = apart.map(|standby| standby.stand.clone()).unwrap_or_default();
            for spot in above {
                if !places.iter().any(|known| known.contact.node == spot.contact.node) {
                    places.push(spot.clone());
                }
            }
            places
        };
        places.retain(|spot| spot.contact.node != node && spot.contact.node != self.me.node);
        rotate_equals(&mut places, turn);
        places.truncate(MAX_WARDS);
        places
    }

    /// The rescue plan for our children: where there is room if we vanish. The first to profit
    /// from that is our parent, who then has one place free.
    pub(crate) fn outside(&self) -> Vec<Spot> {
        let Some(parent) = self.parent.as_ref().or(self.lost.as_ref()) else { return Vec::new() };
        let above = parent.as_spot();
        let above = Spot { free: above.free.saturating_add(1), ..above };
        let above = Some(above).filter(|_| self.parent.is_some() && !parent.is_useless());
        // As ours, our parent's plan begins with its own parent, and one place that is free there only
        // if ours vanishes. That is nothing to those below us.
        let kept = self.path.iter().rev().nth(1);
        let free = |spot: &Spot| spot.free.saturating_sub(u8::from(Some(&spot.contact.node) == kept));
        let told = parent.outside.iter().map(|spot| Spot { free: free(spot), ..spot.clone() });
        let told = told.chain(parent.beside.iter().cloned());
        let told = told.filter(|spot| spot.free > 0 && spot.contact.node != parent.id());
        let told = told.map(|spot| Spot { proven: spot.proven.min(spot.free), ..spot });
        let mut list = nearest(above.clone().into_iter().chain(told));
        list.retain(|spot| spot.contact.node != self.me.node);
        if let Some(above) = above.filter(|a| !list.iter().any(|spot| spot.contact.node == a.contact.node)) {
            list.truncate(MAX_SPOTS - 1);
            list.push(above);
        }
        list
    }

    /// What one child is told of the way up; none while we have no place ourselves.
    pub(crate) fn down_for(&self, node: NodeId) -> Option<Down> {
        let mark = self.mark?;
        let turn = self.children.get(&node).map_or(0, |child| usize::try_from(child.number).unwrap_or(0));
        let mut outside = self.outside();
        outside.retain(|spot| spot.contact.node != node);
        // What is told are the nearest few; which, and in which order, differs from child to child.
        rotate_equals(&mut outside, turn);
        outside.truncate(PLAN);
        let mut beside = self.spots_below(Some(node), turn);
        beside.retain(|spot| spot.contact.node != node);
        // Our own comes first, free or not: it is how the child's children know us.
        beside.insert(0, self.own_spot());
        beside.truncate(1 + PLAN);
        let (path, starving) = (self.path_to_me(), self.is_starving());
        Some(Down { mark, path, starving, outside, beside, stand: self.stand_for(node, turn), lag: self.lag() })
    }

    /// The root and the lowest of the path; the middle is left out where it would be too long.
    pub(crate) fn path_to_me(&self) -> Vec<NodeId> {
        let mut path = Vec::with_capacity(self.path.len() + 1);
        path.extend_from_slice(&self.path);
        path.push(self.me.node);
        if path.len() > MAX_PATH {
            path.drain(1..=path.len() - MAX_PATH);
        }
        path
    }

    /// Sends plans again of which less than half is still good.
    pub(crate) fn tell_plans(&mut self, maybe: bool) {
        if !maybe || (!self.has_children() && self.wards.is_empty()) || !self.has_route() {
            return;
        }
        if self.timers.is_set(Timer::Plans) {
            self.waiting.plan = true;
            return;
        }
        self.waiting.plan = false;
        self.timers.set(Timer::Plans, self.now + self.config.plan_interval);
        let outside = self.outside();
        for node in self.attached().map(|(node, _)| *node).collect::<Vec<_>>() {
            self.tell_plan(node, &outside);
        }
        let stand = digest(&self.places_to_stand_by(None, 0));
        let stale = |ward: &Ward| ward.stage == WardStage::Warm && ward.place == self.place && ward.stand != stand;
        let stale: Vec<NodeId> = self.wards.iter().filter(|(_, w)| stale(w)).map(|(node, _)| *node).collect();
        for node in stale {
            self.tell_ward(node);
        }
    }

    fn tell_plan(&mut self, node: NodeId, outside: &[Spot]) {
        let Some(child) = self.children.get(&node).filter(|child| child.told.place == self.place) else { return };
        let beside = self.spots_below(Some(node), 0);
        let stand = self.stand_for(node, 0);
        let (known, standbys) = (ids(outside.iter().chain(&beside)), ids(&stand));
        let me = beginning(&self.me.node);
        let Told { plan, stand: told_standbys, .. } = &child.told;
        let good = plan.iter().filter(|id| known.contains(id) || **id == me).count();
        let possible = known.len().min(PLAN) + 1;
        let plan_is_good = 2 * good > plan.len() && 2 * plan.len() > possible;
        // Two to choose among, for one of them may be above or below the child.
        let good = told_standbys.iter().filter(|id| standbys.contains(id)).count();
        if plan_is_good && good >= standbys.len().min(2) {
            return;
        }
        let Some(down) = self.down_for(node) else { return };
        let told = Told::new(self.place, &down);
        if told.plan == *plan && told.stand == *told_standbys {
            return;
        }
        self.bind(down.mark);
        if let Some(child) = self.children.get_mut(&node) {
            child.told = told;
        }
        self.send(node, waterfall_wire::TreeMessage::Down(down));
    }
}
