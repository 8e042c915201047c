//! Looks at the room as a whole: heights, traffic, and what is true of everyone.

use super::{Event, link::CALLEE};
use super::{Window, World};
use crate::histogram::Histogram;
use crate::media::HOP;
use crate::tally::Sample;

/// Not known yet, and no unbroken way up.
const UNKNOWN: u32 = u32::MAX;
const CUT_OFF: u32 = u32::MAX - 1;

impl World {
    pub(crate) fn sample(&mut self) {
        let seconds = (self.now - self.last_sample.0) as f64 / 1e6;
        let depths = self.depths();
        let attached = depths.iter().filter(|depth| **depth < CUT_OFF);
        let (count, height, sum) = attached.fold((0u32, 0, 0u64), |(count, height, sum), depth| {
            (count + 1, height.max(*depth), sum + u64::from(*depth))
        });
        let least_height = self.census.least_height().0;
        let too_deep = depths.iter().filter(|depth| (least_height + 2..CUT_OFF).contains(depth)).count() as u32;
        let bytes = self.tally.traffic.total().bytes;
        let each = (bytes - self.last_sample.1) as f64 * 8.0 / seconds / f64::from(self.present.max(1));
        self.tally.samples.push(Sample {
            seconds: self.now as f64 / 1e6,
            present: self.present,
            attached: count,
            height,
            least_height,
            too_deep,
            mean_depth: sum as f64 / f64::from(count.max(1)),
            control_bits: each,
        });
        self.weigh_links();
        for node in 0..self.nodes.len() as u32 {
            let sent = std::mem::take(&mut self.nodes[node as usize].sent_bytes);
            self.check_traffic(node, sent, seconds);
        }
        self.refresh_entry();
        self.last_sample = (self.now, bytes);
        if self.window.is_none() && self.now >= self.plan.measured_from {
            self.window = Some(self.mark());
        }
        let next = self.now + self.options.sample_every;
        // Measuring begins with a look, since much happens right after.
        let begins = Some(self.plan.measured_from).filter(|begins| (self.now + 1..next).contains(begins));
        self.queue.push(begins.unwrap_or(next), Event::Sample);
    }

    fn mark(&self) -> Window {
        Window {
            since: self.now,
            traffic: self.tally.traffic.clone(),
            dht_bytes: self.tally.dht_bytes,
            signal_bytes: self.tally.signal_bytes,
            moves: self.tally.moves,
            root_calls: self.tally.root_calls,
            presence: self.tally.presence,
            edges: self.tally.edges,
            standbys: self.tally.standbys,
        }
    }

    /// Adds up how long how many links stood.
    fn weigh_links(&mut self) {
        let lasted = u128::from(self.now - self.last_sample.0);
        let (mut edges, mut standbys) = (0u128, 0u128);
        for (number, node) in self.nodes.iter().enumerate() {
            for (_, slot) in &node.links {
                let Some(link) = self.links.get(*slot) else { continue };
                if link.up && link.ends[CALLEE] as usize == number {
                    if link.is_edge() { edges += 1 } else { standbys += 1 }
                }
            }
        }
        self.tally.presence += u128::from(self.present) * lasted;
        self.tally.edges += edges * lasted;
        self.tally.standbys += standbys * lasted;
    }

    /// Edges to the root by participant; [`CUT_OFF`] or more where the chain is broken.
    fn depths(&self) -> Vec<u32> {
        let mut depths = vec![UNKNOWN; self.nodes.len()];
        if self.nodes[self.root as usize].is_present() {
            depths[self.root as usize] = 0;
        }
        let mut chain = Vec::new();
        for start in 0..self.nodes.len() as u32 {
            let mut at = start;
            chain.clear();
            let mut depth = loop {
                if depths[at as usize] != UNKNOWN {
                    break depths[at as usize];
                }
                let node = &self.nodes[at as usize];
                let parent = node.parent.filter(|_| node.is_present() && !node.orphan);
                chain.push(at);
                match parent {
                    // Longer than there are participants: it goes round in a circle.
                    Some(parent) if chain.len() <= self.nodes.len() => at = parent,
                    _ => break CUT_OFF,
                }
            };
            while let Some(node) = chain.pop() {
                depth = if depth >= CUT_OFF { CUT_OFF } else { depth + 1 };
                depths[node as usize] = depth;
            }
        }
        depths
    }

    /// For everyone attached: the way the stream takes against the direct one, in thousandths, and in microseconds.
    pub(crate) fn stretches(&self) -> (Histogram, Histogram) {
        let (mut stretch, mut delay) = (Histogram::default(), Histogram::default());
        let depths = self.depths();
        let mut ways = vec![u64::MAX; self.nodes.len()];
        ways[self.root as usize] = 0;
        let mut chain = Vec::new();
        for start in 0..self.nodes.len() as u32 {
            if depths[start as usize] >= CUT_OFF || start == self.root {
                continue;
            }
            let mut at = start;
            while ways[at as usize] == u64::MAX {
                chain.push(at);
                at = self.nodes[at as usize].parent.unwrap_or(self.root);
            }
            while let Some(node) = chain.pop() {
                let parent = self.nodes[node as usize].parent.unwrap_or(self.root);
                ways[node as usize] = ways[parent as usize] + self.delay(parent, node) + HOP;
            }
            let direct = self.delay(self.root, start).max(1);
            stretch.add(ways[start as usize] * 1_000 / direct);
            delay.add(ways[start as usize]);
        }
        (stretch, delay)
    }

    /// Present, and with a second link that is up beside the parent's.
    pub(crate) fn with_standby(&self) -> u32 {
        let has = |node: usize| {
            let spare = |slot: u32| {
                let link = self.links.get(slot)?;
                Some(link.up && link.ends[0] as usize == node && !link.feeding[0])
            };
            self.nodes[node].links.iter().any(|(_, slot)| spare(*slot) == Some(true))
        };
        (0..self.nodes.len()).filter(|node| self.nodes[*node].is_present() && has(*node)).count() as u32
    }
}
