//! What goes wrong: processes that die, freeze and thaw; networks that part and heal; a root that comes back.

use waterfall_tree::Input;

use super::link::{CALLEE, CALLER, LinkRef};
use super::{Event, Life, NoSource, World};
use crate::media::{Timeline, timeline::Piece};
use crate::scenario::{Fault, Pick};

/// Data channels that were cut off send again after up to so long (SCTP's timer backs off).
const RETRANSMIT: u64 = 1_000_000;
/// Short outages of single links are exponential with this mean: a radio that stalls.
const OUTAGE: f64 = 150_000.0;
/// What happens so seldom does not happen in a run.
const MOST_PAUSE: f64 = 1e15;
/// A root that starts again counts on from far above what it ever counted.
const COUNTER_LEAP: u64 = 1_000_000_000;

impl World {
    pub(crate) fn fault(&mut self, fault: &Fault) {
        match *fault {
            Fault::Kill(pick) => {
                let victims = self.pick(pick);
                self.kill(&victims);
            }
            Fault::Leave(pick) => {
                for node in self.pick(pick) {
                    self.input(node, Input::Leave);
                }
            }
            Fault::Freeze { pick, micros } => {
                for node in self.pick(pick) {
                    self.freeze(node, micros);
                }
            }
            Fault::RootRestarts { after } => {
                self.no_source = Some(NoSource { begin: self.now, end: self.now + after, everyone: true });
                self.kill(&[self.root]);
                self.queue.push(self.now + after, Event::RootReturns);
            }
            Fault::Partition { micros } => self.part(micros),
        }
    }

    /// Participants that are there and meet a description.
    fn pick(&mut self, pick: Pick) -> Vec<u32> {
        let root = self.root;
        let mut all: Vec<u32> =
            (0..self.nodes.len() as u32).filter(|n| *n != root && self.nodes[*n as usize].is_present()).collect();
        match pick {
            Pick::Share(share) => {
                self.jitter.shuffle(&mut all);
                all.truncate((all.len() as f64 * share).round() as usize);
                all.sort_unstable();
            }
            Pick::FirstTier => all.retain(|node| self.nodes[*node as usize].parent == Some(root)),
            Pick::OneOfFirstTier => {
                all.retain(|node| {
                    let node = &self.nodes[*node as usize];
                    node.parent == Some(root) && node.children > 0
                });
                self.jitter.shuffle(&mut all);
                all.truncate(1);
            }
            Pick::OneRelay => {
                all.retain(|node| self.nodes[*node as usize].children > 0);
                self.jitter.shuffle(&mut all);
                all.truncate(1);
            }
        }
        all
    }

    /// Processes end without a word, all at one instant.
    pub(crate) fn kill(&mut self, victims: &[u32]) {
        self.expose_below_all(victims);
        for &node in victims {
            self.look(node);
            self.end_stream(node);
            for link in self.links_of(node) {
                self.stop_serving(node, link);
                self.fall_silent(link, node);
                self.abandon(link, node);
            }
            self.bury(node, Life::Dead);
        }
    }

    /// These, in order, vanish at one instant.
    fn expose_below_all(&mut self, victims: &[u32]) {
        self.dying = victims.to_vec();
        for &node in victims {
            self.expose_below(node);
        }
        self.dying.clear();
    }

    fn links_of(&self, node: u32) -> Vec<LinkRef> {
        let of = |slot: u32| self.links.get(slot).map(|link| LinkRef { slot, serial: link.serial });
        self.nodes[node as usize].links.iter().filter_map(|(_, slot)| of(*slot)).collect()
    }

    fn stop_serving(&mut self, node: u32, at: LinkRef) {
        let Some(link) = self.link_mut(at) else { return };
        if link.ends[CALLEE] == node {
            self.stop_feed(at);
        } else {
            link.feed = None;
        }
    }

    /// The end of someone who is no more; the other end does not know yet.
    fn abandon(&mut self, at: LinkRef, node: u32) {
        let Some(link) = self.link_mut(at) else { return };
        let end = link.end(node);
        link.open[end] = false;
        link.feeding[end] = false;
        if link.open == [false, false] {
            let held = std::mem::take(&mut link.held);
            for parcel in held {
                self.parcels.take(parcel);
            }
            self.links.take(at.slot);
        }
    }

    /// What a participant was is dropped; its number stays.
    fn bury(&mut self, node: u32, life: Life) {
        let dead = &mut self.nodes[node as usize];
        dead.who = None;
        dead.links = smallvec::SmallVec::new();
        dead.life = life;
        dead.frozen = None;
        dead.children = 0;
        let fan_out = dead.person.fan_out;
        (dead.wake, dead.pending) = (u64::MAX, u64::MAX);
        // Its children still get what it had sent.
        self.present -= 1;
        self.census.count(node, fan_out, false);
    }

    /// A gap that someone dies in counts as long as it was.
    fn end_stream(&mut self, node: u32) {
        let now = self.now;
        if node == self.root {
            let value = self.nodes[node as usize].line.value(now);
            self.nodes[node as usize].line.replace(now + 1, &[Piece { at: now + 1, value, slope: 0 }]);
            return;
        }
        let mut notices: Vec<crate::media::watch::Notice> = Vec::new();
        self.nodes[node as usize].watch.exposure = None;
        self.nodes[node as usize].watch.finish(now, |notice| notices.push(notice));
        for notice in notices {
            self.noticed(node, notice);
        }
    }

    /// A participant has left in order.
    pub(crate) fn gone(&mut self, node: u32) {
        self.look(node);
        self.end_stream(node);
        for link in self.links_of(node) {
            let peer = self.link(link).map(|link| link.other(node));
            if let Some(peer) = peer {
                self.hang_up(node, peer);
            }
        }
        self.bury(node, Life::Left);
    }

    fn freeze(&mut self, node: u32, micros: u64) {
        self.expose_below_all(&[node]);
        self.stop_line(node);
        self.nodes[node as usize].frozen = Some(Vec::new());
        for link in self.links_of(node) {
            self.fall_silent(link, node);
        }
        self.queue.push(self.now + micros, Event::Thaw(node));
    }

    pub(crate) fn thaw(&mut self, node: u32) {
        let Some(held) = self.nodes[node as usize].frozen.take() else { return };
        for event in held {
            if let Event::Wake(node) = event {
                self.nodes[node as usize].pending = self.now;
            }
            self.queue.push(self.now, event);
        }
        for link in self.links_of(node) {
            self.speak_again(link, node);
        }
        self.resume_line(node);
    }

    /// Whether a partition is between the two.
    pub(crate) fn is_cut(&self, a: u32, b: u32) -> bool {
        self.parted && self.side(a) != self.side(b)
    }

    /// East and west.
    pub(super) fn side(&self, node: u32) -> bool {
        node != self.root && self.nodes[node as usize].person.at.0 > 25.0
    }

    fn part(&mut self, micros: u64) {
        self.parted = true;
        self.no_source = Some(NoSource { begin: self.now, end: self.now + micros, everyone: false });
        self.queue.push(self.now + micros, Event::Heal);
        for node in 0..self.nodes.len() as u32 {
            for child in self.fed_by(node) {
                if self.is_cut(node, child) {
                    self.expose_from(child);
                }
            }
        }
        for node in 0..self.nodes.len() as u32 {
            for link in self.links_of(node) {
                let ends = self.link(link).map_or([node; 2], |link| link.ends);
                if ends[CALLEE] == node && self.is_cut(ends[CALLER], node) {
                    self.cut(link);
                }
            }
        }
    }

    /// Nothing gets through a link in either direction.
    fn cut(&mut self, at: LinkRef) {
        let Some(link) = self.link_mut(at).filter(|link| link.up && !link.cut) else { return };
        link.cut = true;
        let ends = link.ends;
        self.stop_feed(at);
        for node in ends {
            self.fall_silent(at, node);
        }
    }

    /// Everything gets through again, what was held back first.
    pub(crate) fn mend(&mut self, at: LinkRef) {
        let now = self.now;
        let backoff = self.jitter.below(RETRANSMIT);
        let Some(link) = self.link_mut(at).filter(|link| link.cut) else { return };
        link.cut = false;
        let (ends, delay) = (link.ends, link.delay);
        for parcel in std::mem::take(&mut link.held) {
            self.queue.push(now + delay + backoff, Event::Deliver(parcel));
        }
        for node in ends {
            if self.nodes[node as usize].is_running() {
                self.speak_again(at, node);
            }
        }
        self.restart_feed(at);
    }

    pub(crate) fn heal(&mut self) {
        self.parted = false;
        for node in 0..self.nodes.len() as u32 {
            for link in self.links_of(node) {
                if self.link(link).is_some_and(|link| link.ends[CALLEE] == node) {
                    self.mend(link);
                }
            }
        }
    }

    /// A single link stalls for a moment.
    pub(crate) fn outage(&mut self) {
        let per_second = self.options.outages_per_hour / 3_600.0;
        if per_second <= 0.0 {
            return;
        }
        if let Some(link) = self.any_link() {
            let lasts = self.jitter.exponential(OUTAGE) as u64 + 1;
            self.cut(link);
            self.queue.push(self.now + lasts, Event::Mend(link));
        }
        self.once_more(per_second, Event::Outage);
    }

    /// Each number has the same chance, whether a link has it just now or not.
    pub(super) fn any_link(&mut self) -> Option<LinkRef> {
        let slot = self.jitter.below(self.links.numbers()) as u32;
        self.links.get(slot).map(|link| LinkRef { slot, serial: link.serial })
    }

    /// What happens so often to each link happens next somewhere.
    pub(super) fn once_more(&mut self, per_second: f64, event: Event) {
        let everywhere = per_second * self.links.numbers().max(1) as f64;
        let next = self.jitter.exponential(1e6 / everywhere).min(MOST_PAUSE) as u64;
        self.queue.push(self.now + next.max(1), event);
    }

    pub(crate) fn root_returns(&mut self) {
        let (root, now) = (self.root, self.now);
        let value = self.nodes[root as usize].line.value(now);
        self.nodes[root as usize].line = Timeline::source(now, value);
        self.first_counter += COUNTER_LEAP;
        self.nodes[root as usize].life = Life::Present;
        self.present += 1;
        self.give_birth(root);
        self.entrance_changed();
    }
}
