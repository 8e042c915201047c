//! Everything this crate ever waits for.

use waterfall_wire::NodeId;

use crate::Timestamp;

/// What happens when a moment comes. In the order in which simultaneous timers fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The root counts on.
    Counter,
    /// The call to this one has taken too long.
    Call(NodeId),
    /// Nobody who was called has answered for a moment; one more may be called.
    Another,
    /// Nobody answered `Fetch`.
    Fetch,
    /// The next round of a search that found nobody.
    Retry,
    /// The standby has had its time to answer; others are called as well.
    Resume,
    /// Children are to hear that we look for another parent.
    Grace,
    /// The parent has been starving for long enough.
    Patience,
    /// Whether the parent still tells newer counters is to be checked.
    Stale,
    /// Nobody else was found instead of a parent that withholds.
    Forgive,
    /// The former parent has fed beside the new one, or kept silent, for long enough.
    Overlap,
    /// There has been no way to the root for so long that the user should hear of it.
    RootLost,
    /// A counter may be asked for, or as root given, again.
    Count,
    /// Children have had their time to move.
    HandOver,
    /// The youngest child has had time to tell what room there is below it.
    Settled,
    /// The youngest child has been served for long enough to count as proof.
    Proof,
    /// More children than `fan_out` have been served for long enough.
    Overfull,
    /// What congestion took from `fan_out` may come back.
    Recover,
    /// The summary may be sent again.
    Summary,
    /// Rescue plans may be sent again.
    Plans,
    /// The node record may be, or must again be, published.
    Publish,
    /// A standby, or a better one, is to be looked for.
    Recruit,
    /// The call to a standby has taken too long.
    RecruitCall,
    /// After a loss brought us further from the root: a place as near as before is to be tried.
    Regain,
    /// The shape of the tree below is to be looked at.
    Balance,
    /// A place has been kept for long enough for one who was to come.
    Kept,
    /// A spot has been held for this caller for long enough.
    Lease(NodeId),
    /// This child has been silent for too long.
    Silence(NodeId),
    /// This child was asked to move and has had its time.
    MoveOn(NodeId),
}

/// The pending timers; at most one of each name, so bounded by the number of children. A settled
/// participant has three or four, which is why this is a list.
#[derive(Debug, Default)]
pub(crate) struct Timers(Vec<(Timer, Timestamp)>);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Timestamp) {
        match self.0.iter_mut().find(|(known, _)| *known == timer) {
            Some(entry) => entry.1 = at,
            None => self.0.push((timer, at)),
        }
    }

    /// Sets it unless it is set for an earlier moment.
    pub(crate) fn set_by(&mut self, timer: Timer, at: Timestamp) {
        if self.get(timer).is_none_or(|known| known > at) {
            self.set(timer, at);
        }
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Timestamp> {
        self.0.iter().find(|(known, _)| *known == timer).map(|(_, at)| *at)
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0.retain(|(known, _)| *known != timer);
    }

    pub(crate) fn clear_all(&mut self) {
        self.0 = Vec::new();
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    /// Takes out one timer that is due, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let due = self.0.iter().filter(|(_, at)| *at <= now).min_by_key(|(timer, at)| (*at, *timer))?.0;
        self.clear(due);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_the_earliest_first_and_each_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Summary, Timestamp::from_micros(20));
        timers.set(Timer::Retry, Timestamp::from_micros(10));
        timers.set(Timer::Publish, Timestamp::from_micros(30));
        assert_eq!(timers.next(), Some(Timestamp::from_micros(10)));
        let now = Timestamp::from_micros(25);
        assert_eq!(timers.pop_due(now), Some(Timer::Retry));
        assert_eq!(timers.pop_due(now), Some(Timer::Summary));
        assert_eq!(timers.pop_due(now), None);
        assert_eq!(timers.next(), Some(Timestamp::from_micros(30)));
    }
}
