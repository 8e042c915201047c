//! Dying, freezing, cutting.

use std::time::Duration;

use waterfall_tree::{Input, Tree};

use super::events::Happening;
use super::{DEAD, IDLE_SILENCE, LATENCY, SILENCE, World, config, contact, id};

impl World {
    /// The process dies without a word.
    pub(crate) fn kill(&mut self, at: usize) {
        self.nodes[at].alive = false;
        for peer in 0..self.nodes.len() {
            if let Some(session) = self.nodes[peer].sessions.get(&at).copied().filter(|_| self.nodes[peer].alive) {
                self.falls_silent(peer, at);
                self.at(DEAD, Happening::Dead { at: peer, peer: at, call: session.call });
            }
        }
    }

    /// Nothing comes to `at` from `peer` any more; told when the link layer notices.
    fn falls_silent(&mut self, at: usize, peer: usize) {
        if let Some(call) = self.session(at, peer) {
            let noticed = if self.nodes[at].feeding.contains(&peer) { SILENCE } else { IDLE_SILENCE };
            self.at(noticed, Happening::Silent { at, peer, call });
        }
    }

    /// The process stands still; what comes for it waits.
    pub(crate) fn freeze(&mut self, at: usize) {
        if !std::mem::replace(&mut self.nodes[at].frozen, true) {
            for peer in self.living() {
                self.falls_silent(peer, at);
            }
        }
    }

    /// It goes on where it was.
    pub(crate) fn thaw(&mut self, at: usize) {
        if !std::mem::replace(&mut self.nodes[at].frozen, false) {
            return;
        }
        for peer in self.living() {
            if let Some(call) = self.session(peer, at) {
                self.at(LATENCY, Happening::Heard { at: peer, peer: at, call });
            }
        }
        for happening in std::mem::take(&mut self.thawing) {
            self.at(Duration::ZERO, happening);
        }
    }

    /// Whether nothing gets from `peer` to `at`.
    pub(super) fn is_quiet(&self, at: usize, peer: usize) -> bool {
        self.is_cut(at, peer) || !self.nodes[peer].alive || self.nodes[peer].frozen
    }

    /// A dead node starts anew under its id.
    pub(crate) fn restart_root(&mut self, first_counter: u64) {
        let fan_out = self.nodes[0].fan_out;
        let node = config().fan_out(fan_out).first_counter(first_counter);
        self.nodes[0].tree = Tree::root(node, contact(0), self.seed + 7, self.time());
        self.nodes[0].alive = true;
        self.nodes[0].frozen = false;
        self.nodes[0].sessions.clear();
        self.nodes[0].feeding.clear();
        self.nodes[0].wake = None;
        self.drain(0);
        // Old links to it are dead for good, and packets to them are answered as unknown.
        for peer in 1..self.nodes.len() {
            if let Some(session) = self.nodes[peer].sessions.get(&0).copied().filter(|_| self.nodes[peer].alive) {
                self.close(peer, 0, session.call);
            }
        }
    }

    /// Everyone hears that the room hangs from another.
    pub(crate) fn succeed(&mut self, root: usize) {
        self.root = root;
        for at in self.living() {
            self.input(at, Input::Root(id(root)));
        }
    }

    pub(super) fn is_cut(&self, a: usize, b: usize) -> bool {
        self.cut.contains(&(a.min(b), a.max(b)))
    }

    /// Nothing gets from one to the other any more.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
        for (at, peer) in [(a, b), (b, a)] {
            self.falls_silent(at, peer);
        }
    }

    /// What was held back is delivered.
    pub(crate) fn mend(&mut self, a: usize, b: usize) {
        self.cut.remove(&(a.min(b), a.max(b)));
        for (at, peer) in [(a, b), (b, a)] {
            if let Some(call) = self.session(at, peer) {
                self.at(LATENCY, Happening::Heard { at, peer, call });
            }
        }
        for happening in std::mem::take(&mut self.held) {
            self.at(LATENCY, happening);
        }
    }
}
