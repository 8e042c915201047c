//! What a child gets over its links, and what it then has.

use smallvec::SmallVec;

use super::timeline::{Piece, Timeline};
use super::{HOP, PACE};

/// More breaks than that in one forecast are the work of a bug.
const MOST_PIECES: usize = 256;

/// What goes down one link: from `from_value` on, as fast as [`PACE`] allows, then live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    /// When sending began.
    pub(crate) from: u64,
    /// What was sent first.
    pub(crate) from_value: u64,
    /// When sending ended; `u64::MAX` while it has not.
    pub(crate) until: u64,
}

/// A feed as it arrives.
#[derive(Clone, Copy)]
pub(crate) struct Arriving<'a> {
    pub(crate) feed: Feed,
    /// One way, in microseconds.
    pub(crate) delay: u64,
    pub(crate) sender: &'a Timeline,
}

/// Value, slope, and when that changes.
type Course = (u64, u8, u64);

impl Arriving<'_> {
    pub(crate) fn at(&self, at: u64) -> Course {
        let lag = self.delay + HOP;
        let sent = at.saturating_sub(lag);
        if at < lag || sent < self.feed.from {
            return (0, 0, self.feed.from + lag);
        }
        if self.feed.until <= self.feed.from {
            return (0, 0, u64::MAX);
        }
        if sent >= self.feed.until {
            return (self.sent_by(self.feed.until).0, 0, u64::MAX);
        }
        let (value, slope, next) = self.sent_by(sent);
        (value, slope, next.min(self.feed.until).saturating_add(lag))
    }

    /// As [`Self::at`], seen from the sender, the end left aside.
    fn sent_by(&self, at: u64) -> Course {
        let (piece, next) = self.sender.piece(at);
        let (has, grows) = piece.map_or((0, 0), |piece| (piece.value_at(at), piece.slope));
        let paced = self.feed.from_value + u64::from(PACE) * (at - self.feed.from);
        if paced < has || (paced == has && PACE < grows) {
            let meets = if grows < PACE { at + (has - paced).div_ceil(u64::from(PACE - grows)) } else { u64::MAX };
            (paced, PACE, next.min(meets))
        } else {
            let meets = if grows > PACE { at + (paced - has).div_ceil(u64::from(grows - PACE)) } else { u64::MAX };
            (has, grows, next.min(meets.max(at + 1)))
        }
    }
}

/// What a participant has from `since` on, when it had `value` then: the first copy of each packet counts.
pub(crate) fn forecast(since: u64, value: u64, feeds: &[Arriving<'_>]) -> SmallVec<[Piece; 4]> {
    let mut pieces: SmallVec<[Piece; 4]> = SmallVec::new();
    let (mut at, mut have) = (since, value);
    while pieces.len() < MOST_PIECES {
        let courses: SmallVec<[Course; 4]> = feeds.iter().map(|feed| feed.at(at)).collect();
        // Nothing is unlearned: a feed that is behind adds nothing.
        let best = courses.iter().map(|(value, slope, _)| (*value, *slope)).max().filter(|(value, _)| *value >= have);
        let (value, slope) = best.unwrap_or((have, 0));
        let goes_on = pieces.last().is_some_and(|last| last.slope == slope && last.value_at(at) == value);
        if !goes_on {
            pieces.push(Piece { at, value, slope });
        }
        let overtakes = |(other, rises, _): &Course| {
            let gains = u64::from(rises.checked_sub(slope).filter(|gain| *gain > 0)?);
            (*other < value).then(|| at + (value - other).div_ceil(gains))
        };
        let changes = courses.iter().map(|(_, _, next)| *next).filter(|next| *next > at);
        let next = changes.chain(courses.iter().filter_map(overtakes)).min().unwrap_or(u64::MAX);
        if next == u64::MAX {
            break;
        }
        have = value + u64::from(slope) * (next - at);
        at = next;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;
    const LAG: u64 = 10 * MS - HOP;

    fn live(from: u64, until: u64) -> Feed {
        Feed { from, from_value: from, until }
    }

    #[test]
    fn a_feed_that_keeps_up_is_the_senders_line_later() {
        let source = Timeline::source(0, 0);
        let feed = Arriving { feed: live(100 * MS, u64::MAX), delay: LAG, sender: &source };
        let got = forecast(100 * MS, 0, &[feed]);
        assert_eq!(
            got.as_slice(),
            [Piece { at: 100 * MS, value: 0, slope: 0 }, Piece { at: 110 * MS, value: 100 * MS, slope: 1 }]
        );
    }

    #[test]
    fn what_is_missing_comes_at_twice_the_rate() {
        let source = Timeline::source(0, 0);
        // It has 900 ms of the second, and asks at 1 s: 100 ms behind, which takes 100 ms to make up.
        let feed = Feed { from: 1_000 * MS, from_value: 900 * MS, until: u64::MAX };
        let got = forecast(1_000 * MS, 900 * MS, &[Arriving { feed, delay: LAG, sender: &source }]);
        assert_eq!(
            got.as_slice(),
            [
                Piece { at: 1_000 * MS, value: 900 * MS, slope: 0 },
                Piece { at: 1_010 * MS, value: 900 * MS, slope: 2 },
                Piece { at: 1_110 * MS, value: 1_100 * MS, slope: 1 },
            ]
        );
    }

    #[test]
    fn the_first_of_two_feeds_counts_and_one_that_ends_leaves_no_gap() {
        let source = Timeline::source(0, 0);
        let ends = Arriving { feed: live(0, 500 * MS), delay: LAG, sender: &source };
        let slow = Arriving { feed: live(0, u64::MAX), delay: 5 * LAG, sender: &source };
        let got = forecast(200 * MS, 190 * MS, &[ends, slow]);
        // The slower one has what the faster sent until 500 ms at 500 + 5 × 9.6 + 0.4 ms.
        let regained = 500 * MS + 5 * LAG + HOP;
        assert_eq!(
            got.as_slice(),
            [
                Piece { at: 200 * MS, value: 190 * MS, slope: 1 },
                Piece { at: 510 * MS, value: 500 * MS, slope: 0 },
                Piece { at: regained, value: 500 * MS, slope: 1 },
            ]
        );
    }

    #[test]
    fn a_sender_that_stops_stops_all_below() {
        let mut source = Timeline::source(0, 0);
        source.replace(300 * MS, &[Piece { at: 300 * MS, value: 300 * MS, slope: 0 }]);
        let feed = Arriving { feed: live(0, u64::MAX), delay: LAG, sender: &source };
        let got = forecast(100 * MS, 90 * MS, &[feed]);
        assert_eq!(got.last().copied(), Some(Piece { at: 310 * MS, value: 300 * MS, slope: 0 }));
    }
}
