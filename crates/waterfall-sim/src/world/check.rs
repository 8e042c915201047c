//! What must always hold.

use super::World;
use super::link::{CALLEE, CALLER};

/// Failures kept in words; the rest is only counted.
const KEPT: usize = 20;
/// A node that is fed by so many at once does more than move: parent, former parent and a hedge.
const MOST_PARENTS: usize = 3;

impl World {
    /// Something that must not be. The run goes on, and fails in the end.
    pub(crate) fn violated(&mut self, kind: &'static str, node: u32, what: &str) {
        *self.violations.entry(kind).or_default() += 1;
        if self.failures.len() < KEPT {
            self.failures.push(format!("{:.3} s: participant {node} {what}", self.now as f64 / 1e6));
        }
    }

    /// Nobody is above itself. Asked whenever an edge is made, since only then a loop can close.
    pub(crate) fn check_loop(&mut self, node: u32) {
        let mut above = self.nodes[node as usize].parent;
        for _ in 0..self.nodes.len() {
            match above {
                Some(at) if at == node => return self.violated("loop", node, "is its own ancestor"),
                Some(at) if !self.nodes[at as usize].orphan => above = self.nodes[at as usize].parent,
                _ => return,
            }
        }
    }

    /// What only changes at certain events, whatever they were.
    pub(crate) fn check_everything(&mut self) {
        for node in 0..self.nodes.len() as u32 {
            if self.nodes[node as usize].is_present() {
                self.check_loop(node);
                self.count_children(node);
                self.check_parents(node);
            }
        }
    }

    /// Nobody serves more children than it may.
    pub(crate) fn check_degree(&mut self, node: u32) {
        let relay = &self.nodes[node as usize];
        if relay.children > u32::from(relay.person.fan_out) + self.options.over_fan_out {
            self.count_children(node);
        }
    }

    fn count_children(&mut self, node: u32) {
        let relay = &self.nodes[node as usize];
        let allowed = u32::from(relay.person.fan_out) + self.options.over_fan_out;
        // Those that have gone, which it cannot know yet, or that nothing reaches, are no load.
        let lives = |slot: u32| {
            let link = self.links.get(slot)?;
            let child = &self.nodes[link.ends[CALLER] as usize];
            let reached = link.open[CALLER] && !link.cut && child.is_running();
            Some(link.ends[CALLEE] == node && link.feeding[CALLEE] && reached)
        };
        let children = relay.links.iter().filter(|(_, slot)| lives(*slot) == Some(true)).count() as u32;
        if children > allowed {
            let fan_out = relay.person.fan_out;
            self.violated("degree", node, &format!("has {children} children, its fan-out is {fan_out}"));
        }
    }

    /// One parent, or more only while moving.
    pub(crate) fn check_parents(&mut self, node: u32) {
        let up = |slot: u32| self.links.get(slot).is_some_and(|link| link.ends[CALLER] == node && link.feeding[CALLER]);
        let parents = self.nodes[node as usize].links.iter().filter(|(_, slot)| up(*slot)).count();
        if parents > MOST_PARENTS {
            self.violated("parents", node, &format!("is fed by {parents}"));
        }
    }

    /// Nobody sends more than its share.
    pub(crate) fn check_traffic(&mut self, node: u32, bytes: u32, seconds: f64) {
        let rate = f64::from(bytes) * 8.0 / seconds;
        self.tally.busiest_bits = self.tally.busiest_bits.max(rate);
        if rate > self.options.traffic_bound {
            self.violated("traffic", node, &format!("sent {:.0} kbit/s of control messages", rate / 1_000.0));
        }
    }
}
