//! Changes of the link that a group is fed over, and the gaps that came with them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::{LinkId, Track};

/// If the old link brings something new within this time, nothing has changed.
const HEDGE: Duration = Duration::from_millis(300);
/// After this no packet is still expected to fill a hole.
const SETTLED: Duration = Duration::from_secs(2);
/// Most changes at a time; of more the oldest is not told.
const MAX_OPEN: usize = 8;
/// Links are remembered this long after their last new packet, and ...
const REMEMBERED: Duration = Duration::from_secs(60);
/// ... no more than so many.
const MAX_LINKS: usize = 512;

/// A group came to be fed over another link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switched {
    pub(crate) from: LinkId,
    pub(crate) to: LinkId,
    pub(crate) gap: Duration,
    pub(crate) lost: u64,
}

/// From the first packet that was missing to the last one that came in [`HEDGE`], of one track.
#[derive(Debug, Clone, Copy)]
struct Reach {
    first: u64,
    last: u64,
}

#[derive(Debug)]
struct Change {
    from: LinkId,
    to: LinkId,
    gap: Duration,
    at: Instant,
    tracks: BTreeMap<u32, Reach>,
}

/// The changes of one group.
#[derive(Debug, Default)]
pub(super) struct Switches {
    /// When each link last brought something new.
    heard: BTreeMap<LinkId, Instant>,
    open: VecDeque<Change>,
}

impl Switches {
    /// Notes that `link` brought packet `ctr` of a track before any other. If the track came over another
    /// link until now, `before` is that and the first counter that was missing.
    pub(super) fn brought(&mut self, link: LinkId, kid: u32, ctr: u64, before: Option<(LinkId, u64)>, now: Instant) {
        self.open.retain(|change| change.from != link || now.saturating_duration_since(change.at) >= HEDGE);
        if let Some((from, first)) = before {
            self.change(from, link, kid, Reach { first, last: ctr }, now);
        } else {
            for change in self.open.iter_mut().filter(|change| change.to == link) {
                let reach = change.tracks.get_mut(&kid);
                if let Some(reach) = reach.filter(|_| now.saturating_duration_since(change.at) < HEDGE) {
                    reach.last = reach.last.max(ctr);
                }
            }
        }
        if self.heard.len() < MAX_LINKS || self.heard.contains_key(&link) {
            self.heard.insert(link, now);
        }
    }

    fn change(&mut self, from: LinkId, to: LinkId, kid: u32, reach: Reach, now: Instant) {
        let Some(&last) = self.heard.get(&from) else {
            return;
        };
        let open = self
            .open
            .iter_mut()
            .find(|change| (change.from, change.to) == (from, to) && now.saturating_duration_since(change.at) < HEDGE);
        if let Some(change) = open {
            change.tracks.insert(kid, reach);
            return;
        }
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        let gap = now.saturating_duration_since(last);
        self.open.push_back(Change { from, to, gap, at: now, tracks: BTreeMap::from([(kid, reach)]) });
    }

    /// The changes that nothing is still expected of.
    pub(super) fn settle(&mut self, tracks: &BTreeMap<u32, Track>, now: Instant) -> Vec<Switched> {
        self.heard.retain(|_, last| now.saturating_duration_since(*last) < REMEMBERED);
        // They are in the order in which they began.
        let over = self.open.iter().take_while(|change| now.saturating_duration_since(change.at) >= SETTLED).count();
        let mut settled = Vec::new();
        for change in self.open.drain(..over) {
            let missing =
                |(kid, reach): (&u32, &Reach)| tracks.get(kid).map(|track| track.missing(reach.first, reach.last));
            let lost = change.tracks.iter().filter_map(missing).sum();
            settled.push(Switched { from: change.from, to: change.to, gap: change.gap, lost });
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LinkId = LinkId(1);
    const B: LinkId = LinkId(2);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Packets every 20 ms over `link`, the first of which replaces the other link if `from` is one.
    fn feed(switches: &mut Switches, link: LinkId, from: Option<LinkId>, start: Instant, ctrs: std::ops::Range<u64>) {
        for (n, ctr) in ctrs.enumerate() {
            let before = from.filter(|_| n == 0).map(|from| (from, ctr));
            switches.brought(link, 7, ctr, before, start + ms(20 * n as u64));
        }
    }

    #[test]
    fn a_change_is_told_once_when_it_is_settled() {
        let start = Instant::now();
        let mut switches = Switches::default();
        feed(&mut switches, A, None, start, 0..10);
        let moved = start + ms(180 + 130);
        feed(&mut switches, B, Some(A), moved, 10..50);
        assert!(switches.settle(&BTreeMap::new(), moved + ms(1_999)).is_empty());
        let expected = Switched { from: A, to: B, gap: ms(130), lost: 0 };
        assert_eq!(switches.settle(&BTreeMap::new(), moved + SETTLED), [expected]);
        assert!(switches.settle(&BTreeMap::new(), moved + SETTLED).is_empty());
    }

    #[test]
    fn an_old_link_that_comes_back_in_time_was_never_left() {
        let start = Instant::now();
        let mut switches = Switches::default();
        feed(&mut switches, A, None, start, 0..10);
        let moved = start + ms(300);
        feed(&mut switches, B, Some(A), moved, 10..15);
        feed(&mut switches, A, Some(B), moved + ms(100), 15..40);
        let settled = switches.settle(&BTreeMap::new(), moved + ms(5_000));
        assert_eq!(settled.len(), 1, "{settled:?}");
        assert_eq!((settled[0].from, settled[0].to, settled[0].gap), (B, A, ms(20)));
    }

    #[test]
    fn links_and_changes_are_bounded() {
        let start = Instant::now();
        let mut switches = Switches::default();
        for n in 0..2 * MAX_LINKS as u64 {
            switches.brought(LinkId(n), 7, n, n.checked_sub(1).map(|from| (LinkId(from), n)), start + ms(n));
            assert!(switches.heard.len() <= MAX_LINKS && switches.open.len() <= MAX_OPEN);
        }
        switches.settle(&BTreeMap::new(), start + 2 * REMEMBERED);
        assert!(switches.heard.is_empty() && switches.open.is_empty());
    }
}
