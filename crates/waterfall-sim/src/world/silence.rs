//! Who notices when that nothing comes over a link.

use waterfall_tree::Input;

use super::link::{CALLER, LinkRef};
use super::{Event, World};
use crate::geography::JITTER;
use crate::media::PACKET;
use crate::{ident, noise};

/// What goes up an edge are fillers; how often they come, and the silence in which a child is lost, as in the media engine.
const UP_FILLER: u64 = 100_000;
const CHILD_SILENCE: u64 = 500_000;
/// The same on links that are no edges.
const STANDBY_FILLER: u64 = 1_000_000;
const STANDBY_SILENCE: u64 = 3_500_000;
/// The longest of some thousand pauses is so many times the mean jitter longer than a pause should be.
const WORST_JITTER: f64 = 8.0;
/// A link on which nothing came for so long is closed, as in the media engine.
const DEAD: u64 = 15_000_000;
/// Between two packets on a link with this delay, in microseconds.
fn longest_pause(delay: u64) -> u64 {
    PACKET + (delay as f64 * JITTER * WORST_JITTER) as u64
}

impl World {
    /// From now on nothing comes from this end of a link: when will the other notice?
    pub(super) fn fall_silent(&mut self, at: LinkRef, quiet: u32) {
        let Some(link) = self.link(at).filter(|link| link.up) else { return };
        let end = 1 - link.end(quiet);
        let (strict, delay) = (link.is_edge(), link.delay);
        let chance = noise::of(self.options.seed ^ 0x511e, u64::from(at.serial), self.now);
        let (interval, threshold) = match (strict, end == CALLER) {
            (true, true) => (PACKET, self.options.strategy.detection(longest_pause(delay))),
            (true, false) => (UP_FILLER, CHILD_SILENCE),
            (false, _) => (STANDBY_FILLER, STANDBY_SILENCE),
        };
        let last_heard = self.now.saturating_sub(chance % interval) + delay;
        let noticed = (last_heard + threshold).max(self.now);
        self.queue.push(noticed, Event::Silent { link: at, end: end as u8 });
        self.queue.push(last_heard + DEAD, Event::Dead { link: at, end: end as u8 });
    }

    /// A link that was idle is used from now on: that nothing comes is noticed soon, but not before an answer could
    /// have come.
    pub(crate) fn hurry(&mut self, at: LinkRef, end: usize) {
        let Some(link) = self.link(at).filter(|link| link.up && !link.silent[end]) else { return };
        let threshold =
            if end == CALLER { self.options.strategy.detection(longest_pause(link.delay)) } else { CHILD_SILENCE };
        let noticed = self.now + 2 * link.delay + threshold;
        if self.is_quiet(at, end as u8) {
            self.queue.push(noticed, Event::Silent { link: at, end: end as u8 });
        }
    }

    fn is_quiet(&self, at: LinkRef, end: u8) -> bool {
        self.link(at).is_some_and(|link| {
            let other = &self.nodes[link.ends[1 - usize::from(end)] as usize];
            link.open[usize::from(end)] && (link.cut || !link.open[1 - usize::from(end)] || !other.is_running())
        })
    }

    pub(crate) fn silent(&mut self, at: LinkRef, end: u8) {
        if !self.is_quiet(at, end) {
            return;
        }
        let Some(link) = self.link_mut(at).filter(|link| link.up && !link.silent[usize::from(end)]) else { return };
        link.silent[usize::from(end)] = true;
        let (node, peer) = (link.ends[usize::from(end)], link.ends[1 - usize::from(end)]);
        if !self.hold_if_frozen(node, Event::Silent { link: at, end }) {
            self.input(node, Input::Silent { peer: ident::id(peer) });
        }
    }

    pub(crate) fn dead(&mut self, at: LinkRef, end: u8) {
        let Some(link) = self.link(at).filter(|link| link.silent[usize::from(end)]) else { return };
        let (node, peer) = (link.ends[usize::from(end)], link.ends[1 - usize::from(end)]);
        if self.is_quiet(at, end) && self.nodes[node as usize].is_running() {
            self.close_end(at, node);
            self.input(node, Input::LinkDown { peer: ident::id(peer) });
        }
    }

    pub(crate) fn heard(&mut self, at: LinkRef, end: u8) {
        let end = usize::from(end);
        let Some(link) = self.link_mut(at).filter(|link| link.silent[end] && link.open[end]) else { return };
        link.silent[end] = false;
        let (node, peer) = (link.ends[end], link.ends[1 - end]);
        if !self.hold_if_frozen(node, Event::Heard { link: at, end: end as u8 }) {
            self.input(node, Input::Heard { peer: ident::id(peer) });
        }
    }

    /// The other end of a link speaks again.
    pub(super) fn speak_again(&mut self, at: LinkRef, speaker: u32) {
        let Some(link) = self.link(at).filter(|link| link.up) else { return };
        let (end, delay) = (1 - link.end(speaker), link.delay);
        self.queue.push(self.now + delay, Event::Heard { link: at, end: end as u8 });
    }
}
