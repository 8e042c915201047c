//! What a child gets over its links, and what it then has.

use smallvec::SmallVec;

use super::timeline::{Piece, Timeline};
use super::{BURST, HOP, NO_JUMP, PACE};

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

/// What a feed has brought of what a participant lacks.
#[derive(Clone, Copy)]
struct Offer {
    /// Where that begins: right where what it has ends, or above a hole.
    start: u64,
    /// Where it ends, or will begin if that is less.
    reach: u64,
    slope: u8,
    next: u64,
}

impl Offer {
    /// When it has come as far as `value`, if nothing changes.
    fn reaches(&self, value: u64, at: u64) -> Option<u64> {
        (self.slope > 0 && self.reach < value).then(|| at + (value - self.reach).div_ceil(self.slope.into()))
    }
}

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

    /// Whether anything may arrive after `from` and up to `to`.
    pub(crate) fn is_on(&self, from: u64, to: u64) -> bool {
        let (lag, Feed { from: begin, until, .. }) = (self.delay + HOP, self.feed);
        begin < until && begin + lag < to && from < until.saturating_add(lag)
    }

    /// How much arrives after `from` and up to `to`, new or not, in microseconds of media.
    pub(crate) fn brought(&self, from: u64, to: u64) -> u64 {
        let [had, has] = [from, to].map(|at| self.at(at).0.max(self.feed.from_value));
        self.sender.between(had, has)
    }

    /// For someone who has everything below `have`.
    fn offer(&self, at: u64, have: u64) -> Offer {
        let (value, slope, next) = self.at(at);
        let start = if self.feed.from_value > have + NO_JUMP { self.feed.from_value } else { have };
        let mut offer = Offer { start, reach: value, slope, next };
        // The sender cannot pass on what it never got. (Who is still catching up crosses that at the pace, as if it were
        // there: what is sent is not counted, only how far it is.)
        for (from, to) in self.sender.holes().take_while(|(_, to)| *to <= value) {
            if from <= offer.start && offer.start < to {
                offer.start = to;
            } else if from > offer.start {
                (offer.reach, offer.slope) = (from, 0);
                break;
            }
        }
        offer
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
///
/// A feed may begin above what is had, if its sender has nothing older. As long as another goes on below, that fills
/// the hole, and what is above counts from then on; if none does, what is between is lost.
pub(crate) fn forecast(since: u64, value: u64, feeds: &[Arriving<'_>]) -> SmallVec<[Piece; 4]> {
    let mut pieces: SmallVec<[Piece; 4]> = SmallVec::new();
    let (mut at, mut have) = (since, value);
    while pieces.len() < MOST_PIECES {
        let offers: SmallVec<[Offer; 4]> = feeds.iter().map(|feed| feed.offer(at, have)).collect();
        // Nothing is unlearned: a feed that is behind adds nothing.
        let adds = offers.iter().filter(|offer| offer.start == have && offer.reach >= have);
        let (reach, rises) = adds.map(|offer| (offer.reach, offer.slope)).max().unwrap_or((have, 0));
        if let Some(further) = rounded(have, reach).or_else(|| given_up(have, &offers)) {
            have = further;
            continue;
        }
        // What came above a hole is there as soon as that is filled.
        let slope = if reach > have { BURST } else { rises };
        let goes_on = pieces.last().is_some_and(|last| last.slope == slope && last.value_at(at) == have);
        if !goes_on {
            pieces.push(Piece { at, value: have, slope });
        }
        let next = turn(at, have, slope, &offers);
        if next == u64::MAX {
            break;
        }
        have += u64::from(slope) * (next - at);
        at = next;
    }
    pieces
}

/// Where two feeds meet some microseconds may be missing that are not.
fn rounded(have: u64, reach: u64) -> Option<u64> {
    (reach > have && reach <= have + NO_JUMP).then_some(reach)
}

/// Where it goes on above a hole that nobody is filling.
fn given_up(have: u64, offers: &[Offer]) -> Option<u64> {
    let fills =
        |offer: &Offer| offer.start == have && (offer.reach > have || offer.reach + NO_JUMP > have && offer.slope > 0);
    let above = offers.iter().filter(|offer| offer.start > have && offer.reach >= offer.start);
    above.map(|offer| offer.start).min().filter(|_| !offers.iter().any(fills))
}

/// The next moment at which something may change for someone who has `have` and gets on at `slope`.
fn turn(at: u64, have: u64, slope: u8, offers: &[Offer]) -> u64 {
    let turns = |offer: &Offer| {
        let next = Some(offer.next).filter(|next| *next > at);
        let other = if offer.start > have {
            // What is had comes to where it begins; or it begins.
            let comes = (slope > 0).then(|| at + (offer.start - have).div_ceil(slope.into()));
            comes.into_iter().chain(offer.reaches(offer.start, at)).min()
        } else if offer.reach > have {
            // Caught up with.
            let gains = slope.checked_sub(offer.slope).filter(|gains| *gains > 0);
            gains.map(|gains| at + (offer.reach - have).div_ceil(gains.into()))
        } else {
            // Overtakes.
            let gains = offer.slope.checked_sub(slope).filter(|gains| *gains > 0 && offer.reach < have);
            gains.map(|gains| at + (have - offer.reach).div_ceil(gains.into()))
        };
        next.into_iter().chain(other).min()
    };
    offers.iter().filter_map(turns).min().unwrap_or(u64::MAX)
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
    fn what_two_feeds_bring_is_counted_of_both() {
        let source = Timeline::source(0, 0);
        let old = Arriving { feed: live(0, 500 * MS), delay: LAG, sender: &source };
        let new = Arriving { feed: live(300 * MS, u64::MAX), delay: LAG, sender: &source };
        assert_eq!([old.brought(0, 1_000 * MS), new.brought(0, 1_000 * MS)], [500 * MS, 690 * MS]);
        let mut line = Timeline::default();
        line.replace(0, &forecast(0, 0, &[old, new]));
        // From 310 to 510 ms it came twice.
        assert_eq!(line.grown(0, 1_000 * MS), 990 * MS);
    }

    #[test]
    fn a_sender_that_stops_stops_all_below() {
        let mut source = Timeline::source(0, 0);
        source.replace(300 * MS, &[Piece { at: 300 * MS, value: 300 * MS, slope: 0 }]);
        let feed = Arriving { feed: live(0, u64::MAX), delay: LAG, sender: &source };
        let got = forecast(100 * MS, 90 * MS, &[feed]);
        assert_eq!(got.last().copied(), Some(Piece { at: 310 * MS, value: 300 * MS, slope: 0 }));
    }

    fn keeps_from(at: u64, value: u64) -> Timeline {
        let mut line = Timeline::default();
        line.replace(at, &[Piece { at, value, slope: 1 }]);
        line
    }

    /// A newcomer catches up from second 4 on, and moves to someone who begins with second 6 when it has everything below
    /// second 5. Its former parent feeds it until `until`.
    fn moves_to_one_with_less(until: u64) -> SmallVec<[Piece; 4]> {
        let (source, young) = (Timeline::source(0, 0), keeps_from(7_490 * MS, 6_000 * MS));
        let old = Feed { from: 7_000 * MS, from_value: 4_000 * MS, until };
        let new = Feed { from: 7_500 * MS, from_value: 6_000 * MS, until: u64::MAX };
        let old = Arriving { feed: old, delay: LAG, sender: &source };
        let new = Arriving { feed: new, delay: LAG, sender: &young };
        forecast(7_510 * MS, 5_000 * MS, &[old, new])
    }

    #[test]
    fn a_hole_is_filled_by_the_former_parent() {
        let got = moves_to_one_with_less(9_000 * MS);
        assert_eq!(got[0], Piece { at: 7_510 * MS, value: 5_000 * MS, slope: PACE });
        // At 8 010 ms the hole is filled, and everything is there that came above it.
        assert_eq!(got[1], Piece { at: 8_010 * MS, value: 6_000 * MS, slope: BURST });
        for pair in got.windows(2) {
            assert_eq!(pair[0].value_at(pair[1].at).abs_diff(pair[1].value) / MS, 0, "nothing is lost: {got:?}");
        }
    }

    #[test]
    fn a_hole_that_is_not_filled_before_the_former_parent_ends_is_lost() {
        let got = moves_to_one_with_less(7_600 * MS);
        let at = got.iter().position(|piece| piece.value == 6_000 * MS).expect("it goes on with what is there");
        assert_eq!(got[at - 1].value_at(got[at].at), 5_200 * MS);
        assert_eq!((got[at].at, got[at].slope), (7_610 * MS, BURST));
        let last = got.last().expect("it goes on");
        assert_eq!(last.slope, 1);
    }

    #[test]
    fn without_anyone_who_fills_it_a_hole_is_lost_at_once() {
        let young = keeps_from(7_490 * MS, 6_000 * MS);
        let new = Feed { from: 7_500 * MS, from_value: 6_000 * MS, until: u64::MAX };
        let got = forecast(7_505 * MS, 5_000 * MS, &[Arriving { feed: new, delay: LAG, sender: &young }]);
        assert_eq!(got[0], Piece { at: 7_505 * MS, value: 5_000 * MS, slope: 0 });
        assert_eq!((got[1].at, got[1].value), (7_510 * MS, 6_000 * MS));
    }

    #[test]
    fn what_the_sender_lost_is_lost_below_unless_another_brings_it() {
        let mut torn = Timeline::source(0, 0);
        torn.replace(1_000 * MS, &[Piece { at: 1_000 * MS, value: 1_200 * MS, slope: 1 }]);
        let sound = Timeline::source(0, 0);
        let of_torn = Arriving { feed: live(0, u64::MAX), delay: LAG, sender: &torn };
        let got = forecast(500 * MS, 490 * MS, &[of_torn]);
        let jump = Piece { at: 1_010 * MS, value: 1_200 * MS, slope: 1 };
        assert_eq!(got.as_slice(), [Piece { at: 500 * MS, value: 490 * MS, slope: 1 }, jump]);
        let of_sound = Arriving { feed: live(0, u64::MAX), delay: LAG, sender: &sound };
        let got = forecast(500 * MS, 490 * MS, &[of_torn, of_sound]);
        assert!(got.windows(2).all(|pair| pair[0].value_at(pair[1].at) == pair[1].value), "{got:?}");
    }
}
