//! What a link does by the clock: requests, fillers, silence, overflow.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::filler::{Filler, Row};
use super::nack::Tracker;
use super::slots::Slots;
use super::{Link, LinkEvent, STANDBY_FILLER};
use crate::forward::Group;

/// Silence on links that are no tree edge.
const STANDBY_SILENCE: Duration = Duration::from_secs(3);
/// A link that is never idle still says where each of its slots stands, once in so many filler intervals.
const BUSY_FILLER: u32 = 5;
/// An edge whose other end says nothing about what it has is taken for a new viewer after this.
const RESUME_GRACE: Duration = Duration::from_secs(1);
/// How often rate, overflow, fillers and silence are looked after, at the least.
const UPKEEP: Duration = Duration::from_millis(50);
/// How often a link looks whether the system's queue has room again.
const BLOCKED_RETRY: Duration = Duration::from_millis(1);

impl Link {
    /// Does what is due, and sends what may be sent; nothing but the transport's own while `blocked`.
    pub(crate) fn service(&mut self, now: Instant, group: &mut Group, blocked: bool) {
        if self.transport.due().is_some_and(|due| due <= now) {
            self.transport.handle_timeout(now);
            self.rtt = self.transport.round_trip(now).or(self.rtt);
        }
        if !self.up && self.transport.is_up() {
            self.go_up(now);
        }
        if !self.up {
            return;
        }
        self.ask_again(now);
        if !blocked {
            self.pump(now, group);
        } else {
            self.held = Some(now + BLOCKED_RETRY);
        }
        if self.upkeep <= now {
            self.keep_up(now, group);
        }
    }

    fn keep_up(&mut self, now: Instant, group: &mut Group) {
        self.upkeep = now + UPKEEP.min(self.config.filler / 2);
        let rate = self.config.pacing_floor.max(2 * group.rate(now));
        self.pacer.set_rate(self.estimate.rate().map_or(rate, |estimate| estimate.min(rate)), now);
        let mature = now.saturating_duration_since(self.edge_since) >= RESUME_GRACE;
        if self.edge && !self.queue.is_flowing() && mature {
            self.queue.begin(group, &[], now);
        }
        self.queue.follow(group);
        for overflow in self.queue.check(group, now) {
            self.counters.overflowed += overflow.packets;
            self.events.push_back(LinkEvent::Overflow(overflow));
        }
        self.events.extend(self.queue.awaiting_key_frame().map(LinkEvent::KeyFrameWanted));
        let strict = self.edge && self.remote_edge;
        let threshold = if strict { self.config.silence } else { STANDBY_SILENCE };
        if !self.silent && now.saturating_duration_since(self.heard) >= threshold {
            self.silent = true;
            self.events.push_back(LinkEvent::Silent);
        }
        let interval = if self.edge { self.config.filler } else { STANDBY_FILLER };
        let idle = now.saturating_duration_since(self.sent) >= interval;
        let owed = self.sent_since_filler && now.saturating_duration_since(self.filled) >= interval * BUSY_FILLER;
        if idle || owed {
            self.fill(now, group);
        }
    }

    fn fill(&mut self, now: Instant, group: &Group) {
        let highest = |kid| group.tracks.get(&kid).and_then(|track| track.highest()).unwrap_or(0);
        let rows = self.slots.iter().flat_map(Slots::used);
        let rows = rows.map(|(slot, last_sequence, kid)| Row { slot, last_sequence, kid, highest: highest(kid) });
        let filler = Filler { fed: group.fed, edge: self.edge, rows: rows.collect() };
        let bytes = Bytes::from(filler.encode());
        if let Err(error) = self.transport.write_filler(now, &bytes) {
            tracing::debug!(link = self.id.0, %error, "a filler could not be sent");
        }
        (self.sent, self.filled, self.sent_since_filler) = (now, now, false);
    }

    /// When [`Link::service`] is due.
    pub(crate) fn due(&self) -> Instant {
        if !self.up {
            return self.transport.due().map_or(self.deadline, |due| due.min(self.deadline));
        }
        let trackers = self.trackers.values().filter_map(Tracker::due).min();
        let others = [self.transport.due(), trackers, self.held];
        others.into_iter().flatten().fold(self.upkeep, Instant::min)
    }
}
