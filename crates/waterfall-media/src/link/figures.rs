//! What a link's owner may want to know of it.

use std::time::{Duration, Instant};

use super::nack::Tracker;
use super::{Backlog, Link};
use crate::forward::Group;

impl Link {
    /// The last round trip measured.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Packets that were given up after all requests.
    pub(crate) fn lost(&self) -> u64 {
        self.trackers.values().map(Tracker::given_up).sum()
    }

    /// Bytes per second that the way seems to carry.
    pub(crate) fn estimate(&self) -> Option<u64> {
        self.estimate.rate()
    }

    /// What waits to be sent.
    pub(crate) fn backlog(&self, group: &Group, now: Instant) -> Backlog {
        self.queue.backlog(group, now)
    }

    /// Payload bytes per second that arrived at the other end of late.
    pub(crate) fn delivered_rate(&self, now: Instant) -> u64 {
        self.delivery.rate(now)
    }

    /// The share of packets that did not arrive at first.
    pub(crate) fn loss(&self, now: Instant) -> f64 {
        self.delivery.loss(now)
    }

    /// The pause that would be taken for silence.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        self.hearing.threshold(now)
    }

    /// Silences that were none.
    pub(crate) fn false_alarms(&self) -> u64 {
        self.hearing.false_alarms()
    }

    /// Whether the other end says that it is itself being fed.
    pub(crate) fn remote_fed(&self) -> Option<bool> {
        self.remote_fed
    }
}
