//! Everything this crate ever waits for.

use std::collections::BTreeMap;

use waterfall_wire::NodeId;

use crate::Timestamp;

/// What happens when a moment comes. In the order in which simultaneous timers fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The root counts on.
    Counter,
    /// The call under way has taken too long.
    Call,
    /// Nobody answered `Fetch`.
    Fetch,
    /// The next round of a search that found nobody.
    Retry,
    /// The parent has been starving for long enough.
    Patience,
    /// The parent has told no newer counter for too long.
    Stale,
    /// The former parent has fed beside the new one for long enough.
    Overlap,
    /// There has been no way to the root for so long that the user should hear of it.
    RootLost,
    /// Children have had their time to move.
    HandOver,
    /// The youngest child has had time to tell what room there is below it.
    Settled,
    /// More children than `fan_out` have been served for long enough.
    Overfull,
    /// The summary may be sent again.
    Summary,
    /// Rescue plans may be sent again.
    Plans,
    /// The node record may be, or must again be, published.
    Publish,
    /// A spot has been held for this caller for long enough.
    Lease(NodeId),
    /// This child has been silent for too long.
    Silence(NodeId),
    /// This child was asked to move and has had its time.
    MoveOn(NodeId),
}

/// The pending timers; at most one of each name, so bounded by the number of children.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeMap<Timer, Timestamp>);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.0.insert(timer, at);
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub(crate) fn clear_all(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0.contains_key(&timer)
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.values().min().copied()
    }

    /// Takes out one timer that is due, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (&timer, _) = self.0.iter().filter(|(_, at)| **at <= now).min_by_key(|(timer, at)| (**at, **timer))?;
        self.0.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_the_earliest_first_and_each_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Summary, Timestamp::from_micros(20));
        timers.set(Timer::Call, Timestamp::from_micros(10));
        timers.set(Timer::Publish, Timestamp::from_micros(30));
        assert_eq!(timers.next(), Some(Timestamp::from_micros(10)));
        let now = Timestamp::from_micros(25);
        assert_eq!(timers.pop_due(now), Some(Timer::Call));
        assert_eq!(timers.pop_due(now), Some(Timer::Summary));
        assert_eq!(timers.pop_due(now), None);
        assert_eq!(timers.next(), Some(Timestamp::from_micros(30)));
    }
}
