//! What the other end claims to pass on, and whether it came.
//!
//! A filler says how far its sender has each track, and whether it is behind with sending it. Who is
//! not behind, and still leaves holes that no repair and no other neighbour fills, withholds packets.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::filler::Row;
use crate::forward::Group;

/// Claims of a track are taken this far apart, and [`MEANINGFUL`] packets.
const SPACING: Duration = Duration::from_secs(1);
/// What was claimed this long ago has come or never will: a packet that is lost is asked for twenty
/// times within about as long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most claims of a track that wait.
const MAX_CLAIMS: usize = 8;
/// Fewer holes than this say nothing, ...
const MEANINGFUL: u64 = 4;
/// ... nor does less than one packet of so many.
const SHARE: u64 = 50;
/// Withheld packets are told at most once in this time.
const TOLD: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy)]
struct Claim {
    at: Instant,
    highest: u64,
}

/// The claims of a link's other end.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    claims: BTreeMap<u32, VecDeque<Claim>>,
    withheld: u64,
    told: Option<Instant>,
}

impl Ledger {
    /// Forgets all claims: packets may be missing for another reason.
    pub(super) fn clear(&mut self) {
        self.claims.clear();
    }

    /// Forgets a track that is no more.
    pub(super) fn forget(&mut self, kid: u32) {
        self.claims.remove(&kid);
    }

    /// Notes what a filler says of a track; of unknown ones nothing is kept.
    pub(super) fn claim(&mut self, row: &Row, group: &Group, now: Instant) {
        if row.behind || !group.tracks.contains_key(&row.kid) {
            self.claims.remove(&row.kid);
            return;
        }
        let claims = self.claims.entry(row.kid).or_default();
        let last = claims.back().copied();
        let apart = |last: Claim| {
            let enough = row.highest.checked_sub(last.highest).is_some_and(|packets| packets >= MEANINGFUL);
            enough && now.saturating_duration_since(last.at) >= SPACING
        };
        if last.is_none_or(apart) {
            claims.push_back(Claim { at: now, highest: row.highest });
            if claims.len() > MAX_CLAIMS {
                claims.pop_front();
            }
        }
    }

    /// How many packets were withheld since that was last told, if it is to be told now.
    pub(super) fn judge(&mut self, group: &Group, now: Instant) -> Option<u64> {
        for (kid, claims) in &mut self.claims {
            while let Some([from, to]) = claims.make_contiguous().first_chunk::<2>().copied()
                && now.saturating_duration_since(to.at) >= PATIENCE
            {
                claims.pop_front();
                let missing =
                    group.tracks.get(kid).map_or(0, |track| track.missing(from.highest.saturating_add(1), to.highest));
                if missing >= MEANINGFUL && missing.saturating_mul(SHARE) > to.highest - from.highest {
                    self.withheld = self.withheld.saturating_add(missing);
                }
            }
        }
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD);
        (self.withheld > 0 && due).then(|| {
            self.told = Some(now);
            std::mem::take(&mut self.withheld)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::slots::Slot;
    use super::*;
    use crate::forward::identity::{FRAME_START, Head};
    use crate::forward::{Kind, LinkId, Packet, RingLimits, TrackConfig};

    const KID: u32 = 7;

    struct Case {
        ledger: Ledger,
        group: Group,
        now: Instant,
        ctr: u64,
        told: Vec<u64>,
    }

    impl Case {
        fn new() -> Self {
            let mut group = Group::new(RingLimits::default());
            group.add_track(KID, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
            Self { ledger: Ledger::default(), group, now: Instant::now(), ctr: 0, told: Vec::new() }
        }

        fn arrive(&mut self, ctr: u64) {
            let mut payload = Vec::new();
            Head::write(FRAME_START, KID, ctr, &mut payload);
            let head = Head::parse(&payload).unwrap();
            let from = Some(LinkId(1));
            let packet = Packet { kid: KID, ctr, timestamp: 0, marker: false, payload: payload.into(), from };
            self.group.accept(&packet, head, self.now);
        }

        /// Seconds of 100 packets each, of which those come that `comes` lets through.
        fn run(&mut self, seconds: u64, behind: bool, comes: impl Fn(u64) -> bool) {
            for _ in 0..seconds * 10 {
                for _ in 0..10 {
                    if comes(self.ctr) {
                        self.arrive(self.ctr);
                    }
                    self.ctr += 1;
                }
                self.now += Duration::from_millis(100);
                let slot = Slot::new(16).unwrap();
                let row = Row { slot, behind, last_sequence: 0, kid: KID, highest: self.ctr - 1 };
                self.ledger.claim(&row, &self.group, self.now);
                self.told.extend(self.ledger.judge(&self.group, self.now));
            }
        }
    }

    #[test]
    fn who_forwards_everything_is_never_accused() {
        let mut case = Case::new();
        case.run(60, false, |_| true);
        assert!(case.told.is_empty());
    }

    #[test]
    fn holes_that_stay_are_told_now_and_then() {
        let mut case = Case::new();
        case.run(10, false, |_| true);
        case.run(30, false, |ctr| ctr % 10 != 0);
        assert!((4..=7).contains(&case.told.len()), "{:?}", case.told);
        let all: u64 = case.told.iter().sum();
        assert!((200..=300).contains(&all), "ten of each hundred: {all}");
    }

    #[test]
    fn a_track_that_stops_coming_is_told() {
        let mut case = Case::new();
        case.run(10, false, |_| true);
        case.run(15, false, |_| false);
        assert!(!case.told.is_empty());
    }

    #[test]
    fn who_says_that_it_is_behind_withholds_nothing() {
        let mut case = Case::new();
        case.run(10, false, |_| true);
        case.run(4, false, |ctr| ctr % 2 == 0);
        case.run(30, true, |ctr| ctr % 2 == 0);
        case.run(30, false, |_| true);
        assert!(case.told.is_empty(), "{:?}", case.told);
    }

    #[test]
    fn there_is_nothing_beyond_the_last_counter() {
        let mut case = Case::new();
        case.arrive(0);
        for _ in 0..10 {
            let row =
                Row { slot: Slot::new(16).unwrap(), behind: false, last_sequence: 0, kid: KID, highest: u64::MAX };
            case.ledger.claim(&row, &case.group, case.now);
            case.now += PATIENCE;
            assert_eq!(case.ledger.judge(&case.group, case.now), None);
        }
    }

    #[test]
    fn hostile_claims_cost_little() {
        let mut case = Case::new();
        case.arrive(0);
        let slot = Slot::new(16).unwrap();
        for second in 0..1_000u32 {
            let highest = u64::MAX - 10_000 + 10 * u64::from(second);
            for kid in [KID, second + 100] {
                let row = Row { slot, behind: false, last_sequence: 0, kid, highest };
                case.ledger.claim(&row, &case.group, case.now);
            }
            case.now += SPACING;
        }
        assert_eq!(case.ledger.claims.len(), 1, "unknown tracks are not kept");
        assert_eq!(case.ledger.claims[&KID].len(), MAX_CLAIMS);
        assert!(case.ledger.judge(&case.group, case.now + PATIENCE).is_some());
    }
}
