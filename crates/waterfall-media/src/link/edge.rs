//! When media flows over a link, and from where on.

use std::time::Instant;

use super::{Link, STANDBY_FILLER};
use crate::forward::{Group, MAX_TRACKS};

impl Link {
    /// Gives back the slot of a track that is no more.
    pub(crate) fn forget_track(&mut self, kid: u32) {
        self.queue.forget(kid);
        self.incoming.remove(&kid);
        if let Some(slots) = &mut self.slots {
            slots.release(kid);
        }
    }

    /// Makes it a tree edge, or no longer one.
    pub(crate) fn set_edge(&mut self, on: bool, group: &Group, now: Instant) {
        if self.edge == on {
            return;
        }
        self.edge = on;
        self.edge_since = now;
        self.upkeep = now;
        // The other end learns of it with the next filler, which is therefore due.
        self.filled = self.filled.checked_sub(STANDBY_FILLER).unwrap_or(self.filled);
        self.sent_since_filler = true;
        if !on {
            self.queue.end();
            self.repairs.clear();
        } else if let Some(have) = self.resume.take() {
            self.queue.begin(group, &have, now);
        }
    }

    /// Begins to send from what the other end has; on a link that is no edge yet, when it becomes one.
    pub(crate) fn resume(&mut self, mut have: Vec<(u32, u64)>, group: &Group, now: Instant) {
        have.truncate(MAX_TRACKS);
        if self.edge {
            self.queue.begin(group, &have, now);
        } else {
            self.resume = Some(have);
        }
    }
}
