//! When media flows over a link, and from where on.

use std::time::Instant;

use super::Link;
use crate::forward::{Group, MAX_TRACKS};

impl Link {
    /// Gives back the slot of a track that is no more.
    pub(crate) fn forget_track(&mut self, kid: u32) {
        self.queue.forget(kid);
        self.incoming.remove(&kid);
        self.ledger.forget(kid);
        if let Some(slots) = &mut self.slots {
            slots.release(kid);
        }
    }

    /// Makes it a tree edge, or no longer one.
    pub(crate) fn set_edge(&mut self, on: bool, group: &mut Group, now: Instant) {
        if self.edge == on {
            return;
        }
        self.edge = on;
        self.edge_since = now;
        self.upkeep = now;
        // The other end learns of it with the next filler.
        self.news = true;
        self.ledger.clear();
        self.expect(now);
        if !on {
            self.queue.end();
            self.repairs.clear();
        } else if let Some(have) = self.resume.take() {
            self.begin(&have, group, now);
        }
    }

    /// Says whether this node is fed over it.
    pub(crate) fn set_feeder(&mut self, on: bool, now: Instant) {
        if self.feeder != on {
            self.feeder = on;
            // The interval of fillers, and what is expected of the other end's, are others now.
            self.news = true;
            self.expect(now);
        }
    }

    /// Begins to send from what the other end has; on a link that is no edge yet, when it becomes one.
    pub(crate) fn resume(&mut self, mut have: Vec<(u32, u64)>, group: &mut Group, now: Instant) {
        have.truncate(MAX_TRACKS);
        if self.edge {
            self.begin(&have, group, now);
        } else {
            self.resume = Some(have);
        }
    }

    fn begin(&mut self, have: &[(u32, u64)], group: &mut Group, now: Instant) {
        self.queue.begin(group, have, now);
        self.pace(now, group);
        if self.queue.is_catching_up() {
            // The way is new, or has just been in trouble: no burst.
            self.pacer.calm();
        }
    }
}
