//! What neighbours are told, and when: marks at once, paths at once, plans and summaries paced.

use waterfall_wire::{Down, MAX_PATH, MAX_SPOTS, NodeId, NodeRecord, Spot, Summary, TreeMessage};

use crate::neighbour::{Child, Parent};
use crate::placement::{interleave, nearest, rotate_equals};
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Timestamp, Tree};

impl Tree {
    /// Where a newcomer finds room, nearest the root first: the answer to a probe. At most 8
    /// ([`waterfall_wire::MAX_SPOTS`]), from this participant's subtree; empty without a way to
    /// the root.
    #[must_use]
    pub fn open_spots(&self, now: Timestamp) -> Vec<Spot> {
        self.ledger.weighed(now.max(self.now), self.spots())
    }

    fn spots(&self) -> Vec<Spot> {
        // Without a free place it is still where a relay may take a leaf's.
        let own = Some(self.own_spot()).filter(|spot| spot.free > 0 || self.could_insert());
        let below = if self.is_serving() { self.spots_below(None, 0) } else { Vec::new() };
        nearest(own.into_iter().chain(below))
    }

    /// What the room graph shows of this participant.
    #[must_use]
    pub fn node_record(&self) -> NodeRecord {
        let Summary { size, height, spots } = self.summary();
        NodeRecord {
            depth: self.depth(),
            parent: self.parent.as_ref().map(Parent::id),
            children: self.attached().map(|(node, _)| *node).collect(),
            fan_out: self.config.fan_out,
            size,
            height,
            spots,
            contact: self.me.clone(),
        }
    }

    pub(crate) fn depth(&self) -> u16 {
        self.mark.map_or(0, |mark| mark.depth)
    }

    pub(crate) fn attached(&self) -> impl Iterator<Item = (&NodeId, &Child)> {
        self.children.iter().filter(|(_, child)| child.is_attached())
    }

    /// Our own subtree. Whatever children claim, sums saturate.
    pub(crate) fn summary(&self) -> Summary {
        let size = self.attached().fold(1u32, |sum, (_, child)| sum.saturating_add(child.summary.size));
        let height = self.attached().map(|(_, child)| child.summary.height.saturating_add(1)).max().unwrap_or(0);
        Summary { size, height, spots: self.spots() }
    }

    fn own_spot(&self) -> Spot {
        Spot { contact: self.me.clone(), depth: self.depth(), free: self.free() }
    }

    /// Open spots of the children's subtrees in turns, but for one child's.
    fn spots_below(&self, except: Option<NodeId>, first: usize) -> Vec<Spot> {
        let lists: Vec<&[Spot]> = self
            .attached()
            .filter(|(node, _)| Some(**node) != except)
            .map(|(_, child)| child.spots())
            .filter(|spots| !spots.is_empty())
            .collect();
        let mut spots = interleave(&lists, first % lists.len().max(1));
        let depth = self.depth().saturating_add(1);
        for spot in &mut spots {
            // After a move below us it may be out of date, but nothing below us is above us.
            spot.depth = spot.depth.max(depth);
        }
        spots
    }

    /// The rescue plan for our children: where there is room if we vanish. The first to profit
    /// from that is our parent, who then has one place free.
    pub(crate) fn outside(&self) -> Vec<Spot> {
        let Some(parent) = self.parent.as_ref().or(self.lost.as_ref()) else { return Vec::new() };
        let above = Spot { free: parent.as_spot().free.saturating_add(1), ..parent.as_spot() };
        let above = Some(above).filter(|_| self.parent.is_some() && !parent.silent);
        let told = parent.down.outside.iter().chain(&parent.down.beside);
        let told = told.filter(|spot| spot.free > 0 && spot.contact.node != parent.id());
        let mut list = nearest(above.clone().into_iter().chain(told.cloned()));
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
        rotate_equals(&mut outside, turn);
        let mut beside = nearest(self.spots_below(Some(node), turn));
        // Our own comes first, free or not: it is how the child's children know us.
        beside.insert(0, self.own_spot());
        beside.truncate(MAX_SPOTS);
        Some(Down { mark, path: self.path_to_me(), starving: self.is_starving(), outside, beside })
    }

    /// The root and the lowest of the path; the middle is left out where it would be too long.
    fn path_to_me(&self) -> Vec<NodeId> {
        let mut path = self.path.clone();
        path.push(self.me.node);
        if path.len() > MAX_PATH {
            path.drain(1..=path.len() - MAX_PATH);
        }
        path
    }

    /// Passes the counter on, as soon as it changes.
    pub(crate) fn tell_marks(&mut self) {
        let Some(mark) = self.mark else { return };
        for node in self.attached().map(|(node, _)| *node).collect::<Vec<_>>() {
            self.best_told = Some(mark);
            self.send(node, TreeMessage::Mark(mark));
        }
    }

    /// Tells children what changed. Whether and how they are fed goes out at once; plans change
    /// with every arrival anywhere near, so they wait for their turn.
    pub(crate) fn tell_children(&mut self) {
        let mut plans_told = false;
        for node in self.attached().map(|(node, _)| *node).collect::<Vec<_>>() {
            let Some(down) = self.down_for(node) else { return };
            let Some(told) = self.children.get(&node).and_then(|child| child.told.as_ref()) else { continue };
            let place_changed =
                told.path != down.path || told.starving != down.starving || told.mark.depth != down.mark.depth;
            let plan_changed = told.outside != down.outside || told.beside != down.beside;
            if !place_changed && (!plan_changed || self.timers.is_set(Timer::Plans)) {
                continue;
            }
            plans_told |= plan_changed;
            self.best_told = Some(down.mark);
            if let Some(child) = self.children.get_mut(&node) {
                child.told = Some(down.clone());
            }
            self.send(node, TreeMessage::Down(down));
        }
        if plans_told {
            self.timers.set(Timer::Plans, self.now + self.config.summary_interval);
        }
    }

    pub(crate) fn tell_parent(&mut self) {
        let Some(parent) = self.parent.as_ref().filter(|parent| !parent.silent).map(Parent::id) else { return };
        if self.timers.is_set(Timer::Summary) || self.phase != Phase::Active {
            return;
        }
        let summary = self.summary();
        if self.told_summary.as_ref() != Some(&summary) {
            self.told_summary = Some(summary.clone());
            self.timers.set(Timer::Summary, self.now + self.config.summary_interval);
            self.send(parent, TreeMessage::Summary(summary));
        }
    }
}
