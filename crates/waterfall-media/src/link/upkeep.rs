//! What a link does by the clock: requests, fillers, silence, overflow.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::filler::{Filler, Row};
use super::nack::Tracker;
use super::silence::Watch;
use super::slots::Slots;
use super::{Backlog, Link, LinkEvent, STANDBY_FILLER};
use crate::forward::Group;

/// Silence on links that are no tree edge: three fillers may be lost.
const STANDBY_SILENCE: Duration = Duration::from_millis(3_500);
/// Fillers to the end that feeds this node are so much rarer: only what flows down is in a hurry.
const UPWARD: u32 = 5;
/// A link that is never idle still says where each of its slots stands.
const BUSY_FILLER: Duration = Duration::from_millis(500);
/// An edge whose other end says nothing about what it has is taken for a new viewer after this.
const RESUME_GRACE: Duration = Duration::from_secs(1);
/// How often rate and overflow are looked after, at the least.
const UPKEEP: Duration = Duration::from_millis(50);
/// How often a link looks whether the system's queue has room again.
const BLOCKED_RETRY: Duration = Duration::from_millis(1);
/// Least rate at which a RESUME is answered, bytes per second: 400 kbit/s.
const LEAST_FLUSH: u64 = 50_000;
/// A sleep of this process after which nothing that came late says anything about the other end.
const LONG_SLEEP: Duration = Duration::from_millis(500);

/// How fast what a RESUME asked for is sent, with what comes meanwhile: at twice the stream's rate.
fn flush_rate(stream: u64, backlog: &Backlog) -> u64 {
    // The stream may have been interrupted here, too: what waits of it tells its rate as well.
    let waiting = backlog.bytes as f64 / backlog.time.as_secs_f64().max(0.1);
    (2 * stream.max(waiting as u64)).max(LEAST_FLUSH)
}

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
        if self.hearing.falls_silent(now) {
            self.ledger.clear();
            self.events.push_back(LinkEvent::Silent);
        }
        if self.filler_due() <= now {
            self.fill(now, group);
        }
    }

    fn keep_up(&mut self, now: Instant, group: &mut Group) {
        self.upkeep = now + UPKEEP;
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
        self.pace(now, group);
        if self.edge && self.remote_edge {
            self.events.extend(self.ledger.judge(group, now).map(LinkEvent::Withheld));
        }
    }

    /// Sets how fast may be sent now.
    pub(super) fn pace(&mut self, now: Instant, group: &mut Group) {
        let stream = group.rate(now);
        let rate = if self.queue.is_catching_up() {
            flush_rate(stream, &self.queue.backlog(group, now))
        } else {
            self.config.pacing_floor.max(2 * stream)
        };
        self.pacer.set_rate(self.estimate.rate().map_or(rate, |estimate| estimate.min(rate)), now);
    }

    /// How long this end is silent at most.
    fn filler_interval(&self) -> Duration {
        match (self.edge, self.feeder) {
            (true, false) => self.config.filler,
            (true, true) => self.config.filler * UPWARD,
            (false, _) => STANDBY_FILLER,
        }
    }

    fn filler_due(&self) -> Instant {
        if self.news {
            return self.filled;
        }
        let idle = self.sent + self.filler_interval();
        if self.sent_since_filler { idle.min(self.filled + BUSY_FILLER.max(self.filler_interval())) } else { idle }
    }

    fn fill(&mut self, now: Instant, group: &Group) {
        let highest = |kid| group.tracks.get(&kid).and_then(|track| track.highest()).unwrap_or(0);
        let rows = self.slots.iter().flat_map(Slots::used).map(|(slot, last_sequence, kid)| Row {
            slot,
            behind: self.queue.is_behind(kid, now),
            last_sequence,
            kid,
            highest: highest(kid),
        });
        let interval = self.filler_interval();
        let filler = Filler { fed: group.fed, edge: self.edge, interval, rows: rows.collect() };
        let bytes = Bytes::from(filler.encode());
        if let Err(error) = self.transport.write_filler(now, &bytes) {
            tracing::debug!(link = self.id.0, %error, "a filler could not be sent");
        }
        (self.sent, self.filled, self.sent_since_filler, self.news) = (now, now, false, false);
    }

    /// Tells the other end at the next opportunity how things stand.
    pub(crate) fn tell_news(&mut self) {
        self.news = true;
    }

    /// Notes a sign of life.
    pub(super) fn hear(&mut self, now: Instant) {
        if self.hearing.hear(now) {
            self.events.push_back(LinkEvent::Heard);
        }
    }

    /// Works out anew what is to be expected of the other end.
    pub(super) fn expect(&mut self, now: Instant) {
        let filler = self.remote_interval;
        let watch = match (self.edge && self.remote_edge, self.feeder) {
            (true, true) => Watch::Closely { filler },
            (true, false) => Watch::Loosely((3 * filler).min(STANDBY_SILENCE).max(self.config.silence)),
            (false, _) => Watch::Loosely(STANDBY_SILENCE),
        };
        self.hearing.watch(watch, now);
    }

    /// Takes back time in which this process did not run.
    pub(crate) fn excuse(&mut self, slept: Duration, now: Instant) {
        self.hearing.excuse(slept, now);
        if slept >= LONG_SLEEP {
            // What came meanwhile may have found no room in the socket.
            self.ledger.clear();
        }
    }

    /// Whether it would be called silent now.
    pub(crate) fn seems_silent(&self, now: Instant) -> bool {
        self.up && self.hearing.seems_silent(now)
    }

    /// Judges a little later: something that came is still unread.
    pub(crate) fn look_again(&mut self, now: Instant) {
        self.hearing.look_again(now);
    }

    /// When [`Link::service`] is due.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        if !self.up {
            return self.transport.due().map_or(self.deadline, |due| due.min(self.deadline));
        }
        let trackers = self.trackers.values().filter_map(Tracker::due).min();
        let others = [self.transport.due(), trackers, self.held, self.hearing.due(now)];
        others.into_iter().flatten().fold(self.upkeep.min(self.filler_due()), Instant::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_is_answered_at_twice_the_rate_of_the_stream_even_after_a_pause_of_it() {
        let backlog = |ms, bytes| Backlog { time: Duration::from_millis(ms), bytes, packets: bytes / 1000 };
        assert_eq!(flush_rate(500_000, &backlog(200, 100_000)), 1_000_000);
        assert_eq!(flush_rate(0, &backlog(2_000, 1_000_000)), 1_000_000, "by what waits");
        assert_eq!(flush_rate(4_000, &backlog(200, 800)), LEAST_FLUSH, "sound alone");
        assert_eq!(flush_rate(500_000, &backlog(0, 60_000)), 1_200_000, "a moment says little");
    }
}
