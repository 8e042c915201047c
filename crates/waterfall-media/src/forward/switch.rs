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
