//! What comes more than once.

use super::World;

impl World {
    /// Adds up what has come twice since a participant was last looked at, which each feed that begins or ends
    /// brings about: where several feed at a time, all that they brought less what is new.
    pub(super) fn count_repeats(&mut self, node: u32) {
        let (now, receiver) = (self.now, &self.nodes[node as usize]);
        let from = receiver.watch.seen();
        let feeds = self.arriving(node);
        if feeds.iter().filter(|feed| feed.is_on(from, now)).count() < 2 {
            return;
        }
        let brought: u64 = feeds.iter().map(|feed| feed.brought(from, now)).sum();
        let new = receiver.line.grown(from, now);
        drop(feeds);
        // What waited above a hole, or while the process stood still, is new later than it came.
        self.tally.repeated += brought as i64 - new as i64;
    }
}
