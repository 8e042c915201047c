//! Who notices when that nothing comes over a link.

use waterfall_tree::Input;

use super::link::{CALLER, Link, LinkRef};
use super::{Event, World};
use crate::media::PACKET;
use crate::options::Options;
use crate::{ident, noise};

/// How many packets in a row are lost, where this is the share and a number between 0 and 1 decides.
fn in_a_row(loss: f64, chance: f64) -> u64 {
    if loss > 0.0 { (chance.max(1e-9).ln() / loss.ln()) as u64 } else { 0 }
}

/// What goes up an edge are fillers; how often they come, and the silence in which a child is lost, as in the media engine.
const UP_FILLER: u64 = 100_000;
const CHILD_SILENCE: u64 = 500_000;
/// The same on links that are no edges.
const STANDBY_FILLER: u64 = 1_000_000;
const STANDBY_SILENCE: u64 = 3_500_000;
/// An idle feeder says something each so often, so that pauses on the way to it end with it.
const DOWN_FILLER: u64 = 20_000;
/// The longest of the pauses in the time that the engine remembers, some three thousand, is so many times the mean
/// jitter longer than a pause should be…
const WORST_JITTER: f64 = 8.0;
const REMEMBERED: f64 = 3_000.0;
/// A link on which nothing came for so long is closed, as in the media engine.
const DEAD: u64 = 15_000_000;

/// What is expected of the other end of a link: how often something comes, and how long a silence means that it is lost.
#[derive(Debug, Clone, Copy)]
struct Expected {
    every: u64,
    threshold: u64,
}

impl World {
    fn expected(&self, link: &Link, end: usize) -> Expected {
        match (link.is_edge(), end == CALLER) {
            (true, true) => Expected { every: PACKET, threshold: self.parent_silence(link.delay) },
            (true, false) => Expected { every: UP_FILLER, threshold: CHILD_SILENCE },
            (false, _) => Expected { every: STANDBY_FILLER, threshold: STANDBY_SILENCE },
        }
    }

    /// A parent is lost when it is silent for longer than its pauses of late.
    fn parent_silence(&self, delay: u64) -> u64 {
        let Options { jitter, loss, .. } = self.options;
        // …and as many packets in a row are lost as can be expected in as many.
        let run = if loss > 0.0 { (REMEMBERED.ln() / -loss.ln()).ceil() } else { 0.0 };
        let late = delay as f64 * jitter * WORST_JITTER + run * PACKET as f64;
        self.options.strategy.detection(DOWN_FILLER + late as u64)
    }

    /// From now on nothing comes from this end of a link: when will the other notice?
    pub(super) fn fall_silent(&mut self, at: LinkRef, quiet: u32) {
        let Some(link) = self.link(at).filter(|link| link.up) else { return };
        let (end, delay) = (1 - link.end(quiet), link.delay);
        let Expected { every, threshold } = self.expected(link, end);
        let chance = noise::of(self.options.seed ^ 0x511e, u64::from(at.serial), self.now);
        // The last before the silence may have been lost as well.
        let lost = in_a_row(self.options.loss, noise::unit(noise::mix(chance)));
        let last_heard = self.now.saturating_sub(chance % every + lost * every) + delay;
        let noticed = (last_heard + threshold).max(self.now);
        self.queue.push(noticed, Event::Silent { link: at, end: end as u8 });
        self.queue.push(last_heard + DEAD, Event::Dead { link: at, end: end as u8 });
    }

    /// A link that was idle is used from now on: that nothing comes is noticed soon, but not before an answer could
    /// have come.
    pub(crate) fn hurry(&mut self, at: LinkRef, end: usize) {
        let Some(link) = self.link(at).filter(|link| link.up && !link.silent[end]) else { return };
        let threshold = if end == CALLER { self.parent_silence(link.delay) } else { CHILD_SILENCE };
        let noticed = self.now + 2 * link.delay + threshold;
        if self.is_quiet(at, end as u8) {
            self.queue.push(noticed, Event::Silent { link: at, end: end as u8 });
        }
    }

    /// Losses in a row make someone believe that a neighbour is silent.
    pub(crate) fn false_alarm(&mut self) {
        let loss = self.options.loss;
        // In a second, at one end: so many packets come, and the first of as many as the silence takes is lost with all
        // that follow it.
        let rate = |is: Expected| 1e6 / is.every as f64 * loss.powf((is.threshold / is.every) as f64);
        let kinds = [(PACKET, 60_000), (UP_FILLER, CHILD_SILENCE), (STANDBY_FILLER, STANDBY_SILENCE)];
        let most = kinds.into_iter().map(|(every, threshold)| rate(Expected { every, threshold })).fold(0.0, f64::max);
        self.once_more(2.0 * most, Event::FalseAlarm);
        let Some(at) = self.any_link() else { return };
        let (end, chance) = (self.jitter.below(2) as usize, self.jitter.unit());
        let again = in_a_row(loss, self.jitter.unit());
        let Some(link) = self.link(at).filter(|link| link.up && link.open == [true, true] && !link.silent[end]) else {
            return;
        };
        let expected = self.expected(link, end);
        if chance * most < rate(expected) && !self.is_quiet(at, end as u8) {
            self.queue.push(self.now + (again + 1) * expected.every, Event::Heard { link: at, end: end as u8 });
            self.tell_silent(at, end as u8);
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
        self.tell_silent(at, end);
    }

    fn tell_silent(&mut self, at: LinkRef, end: u8) {
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
