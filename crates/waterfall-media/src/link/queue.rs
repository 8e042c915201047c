//! What waits to be sent over one link.
//!
//! The queue holds no packets: for each track it remembers a place in the track's ring. A RESUME, a
//! late joiner's start and the live stream are therefore one thing, sent in the order of arrival, and
//! a child that is slow costs its siblings neither memory nor time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::forward::identity::KEY_FRAME;
use crate::forward::{Group, LinkId, SoundStart, Track};

/// Packets before a key frame's first one that may have overtaken it.
const REORDER: u64 = 256;

/// Sound that is kept when a queue overflows.
const KEPT_AUDIO: Duration = Duration::from_millis(200);

/// A track whose oldest waiting packet is older than this is behind, ...
const LATE: Duration = Duration::from_secs(1);
/// ... and so it is for as long after it was, or after some of it was dropped. The other end looks for what
/// it misses with less delay.
const BEHIND: Duration = Duration::from_secs(8);

/// What was asked for by a RESUME has been sent when no more than this waits.
const CAUGHT_UP: Duration = Duration::from_millis(50);

/// How much may wait, beyond what a RESUME or a late joiner's start makes wait at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Age of the oldest packet; by default two seconds.
    pub time: Duration,
    /// Payload bytes; by default 8 MiB.
    pub bytes: u64,
    /// Packets; by default 8 192.
    pub packets: u64,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(2), bytes: 8 << 20, packets: 8192 }
    }
}

/// Packets of a track that were dropped because a queue was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow {
    pub(crate) kid: u32,
    pub(crate) frames: u64,
    pub(crate) packets: u64,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) time: Duration,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
}

impl Backlog {
    fn exceeds(&self, limits: &QueueLimits) -> bool {
        self.time > limits.time || self.bytes > limits.bytes || self.packets > limits.packets
    }

    fn beyond(&self, limits: &QueueLimits) -> QueueLimits {
        QueueLimits {
            time: self.time + limits.time,
            bytes: self.bytes + limits.bytes,
            packets: self.packets + limits.packets,
        }
    }
}

#[derive(Debug)]
struct Cursor {
    /// Index of the next packet to look at.
    next: u64,
    /// Packets with a lower counter are not wanted.
    lowest: u64,
    /// Set while nothing may be sent before a key frame begins: where the search for it goes on.
    awaiting_key_frame: Option<u64>,
    /// When some of the track was last dropped, skipped or late.
    behind: Option<Instant>,
}

/// The packet that is to be sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) kid: u32,
    pub(crate) index: u64,
}

/// The outgoing queue of a link.
#[derive(Debug)]
pub(crate) struct Queue {
    link: LinkId,
    limits: QueueLimits,
    /// The limits in force: more than `limits` while a backlog that was asked for is worked off.
    patience: QueueLimits,
    cursors: BTreeMap<u32, Cursor>,
    flowing: bool,
    /// Set while what a RESUME asked for is being sent.
    catching_up: bool,
}

impl Queue {
    pub(crate) fn new(link: LinkId, limits: QueueLimits) -> Self {
        Self { link, limits, patience: limits, cursors: BTreeMap::new(), flowing: false, catching_up: false }
    }

    pub(crate) fn is_flowing(&self) -> bool {
        self.flowing
    }

    /// Whether packets that a RESUME asked for are still being sent.
    pub(crate) fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    /// Whether some of a track is not, or much later, sent over this link.
    pub(crate) fn is_behind(&self, kid: u32, now: Instant) -> bool {
        let behind = |cursor: &Cursor| cursor.behind.is_some_and(|at| now.saturating_duration_since(at) < BEHIND);
        self.cursors.get(&kid).is_none_or(behind)
    }

    /// Begins, or begins anew: each track from what the other end has, unnamed ones at the last key
    /// frame.
    pub(crate) fn begin(&mut self, group: &Group, have: &[(u32, u64)], now: Instant) {
        self.flowing = true;
        let named: BTreeMap<u32, u64> = have.iter().copied().collect();
        // Sound of a late joiner starts with the pictures that it goes with.
        let sound = group.sound_start(|kid| !named.contains_key(&kid));
        self.cursors = group
            .tracks
            .iter()
            .map(|(&kid, track)| match named.get(&kid) {
                Some(&next) => (kid, resumed(track, next)),
                None => (kid, joined(track, sound)),
            })
            .map(|(kid, cursor)| (kid, Cursor { behind: Some(now), ..cursor }))
            .collect();
        let backlog = self.backlog(group, now);
        self.patience = backlog.beyond(&self.limits);
        self.catching_up = !named.is_empty() && backlog.packets > 0;
    }

    /// Ends: nothing waits any more.
    pub(crate) fn end(&mut self) {
        (self.flowing, self.catching_up) = (false, false);
        self.cursors.clear();
    }

    /// Takes up tracks that are new in the group.
    pub(crate) fn follow(&mut self, group: &Group) {
        if !self.flowing {
            return;
        }
        for (&kid, track) in &group.tracks {
            // All that is there of a track that is new here is new to the other end.
            let next = track.ring.start();
            let awaiting_key_frame = track.is_video().then_some(next);
            self.cursors.entry(kid).or_insert(Cursor { next, lowest: 0, awaiting_key_frame, behind: None });
        }
    }

    /// Forgets a track that is no more.
    pub(crate) fn forget(&mut self, kid: u32) {
        self.cursors.remove(&kid);
    }

    /// The tracks that cannot go on without a new key frame.
    pub(crate) fn awaiting_key_frame(&self) -> impl Iterator<Item = u32> {
        self.cursors.iter().filter(|(_, cursor)| cursor.awaiting_key_frame.is_some()).map(|(&kid, _)| kid)
    }

    /// The waiting packet that came first.
    pub(crate) fn next(&mut self, group: &Group) -> Option<Next> {
        let link = self.link;
        self.cursors
            .iter_mut()
            .filter_map(|(&kid, cursor)| {
                let track = group.tracks.get(&kid)?;
                let (index, order) = cursor.settle(track, link)?;
                Some((order, Next { kid, index }))
            })
            .min_by_key(|&(order, _)| order)
            .map(|(_, next)| next)
    }

    /// Steps over a packet that was sent.
    pub(crate) fn sent(&mut self, next: Next) {
        if let Some(cursor) = self.cursors.get_mut(&next.kid) {
            cursor.next = next.index + 1;
        }
    }

    pub(crate) fn backlog(&self, group: &Group, now: Instant) -> Backlog {
        let mut backlog = Backlog::default();
        for (kid, cursor) in &self.cursors {
            let Some(track) = group.tracks.get(kid).filter(|_| cursor.awaiting_key_frame.is_none()) else {
                continue;
            };
            let index = cursor.next.max(track.ring.start());
            let Some(oldest) = track.ring.at(index) else {
                continue;
            };
            backlog.time = backlog.time.max(now.saturating_duration_since(oldest.arrived));
            backlog.bytes += track.ring.bytes_from(index);
            backlog.packets += track.ring.end() - index;
        }
        backlog
    }

    /// Drops frames up to the next key frame if too much waits, or if the ring dropped some already.
    pub(crate) fn check(&mut self, group: &Group, now: Instant) -> Vec<Overflow> {
        let mut dropped = Vec::new();
        self.note_who_is_behind(group, now);
        for (&kid, cursor) in &mut self.cursors {
            if let Some(track) = group.tracks.get(&kid)
                && cursor.awaiting_key_frame.is_none()
                && cursor.next < track.ring.start()
            {
                let packets = track.ring.start() - cursor.next;
                let skipped = cursor.skip(track, kid, now);
                dropped.push(Overflow { packets: packets + skipped.packets, frames: skipped.frames + 1, kid });
            }
        }
        let backlog = self.backlog(group, now);
        self.catching_up &= backlog.time > CAUGHT_UP;
        if backlog.exceeds(&self.patience) {
            for (&kid, cursor) in &mut self.cursors {
                let Some(track) = group.tracks.get(&kid).filter(|_| cursor.awaiting_key_frame.is_none()) else {
                    continue;
                };
                let skipped = cursor.skip(track, kid, now);
                if skipped.packets > 0 {
                    dropped.push(skipped);
                }
            }
            self.patience = self.limits;
        } else {
            // What was worked off of a backlog must not build up again.
            let now_fair = backlog.beyond(&self.limits);
            self.patience.time = self.patience.time.min(now_fair.time);
            self.patience.bytes = self.patience.bytes.min(now_fair.bytes);
            self.patience.packets = self.patience.packets.min(now_fair.packets);
        }
        dropped
    }

    fn note_who_is_behind(&mut self, group: &Group, now: Instant) {
        for (kid, cursor) in &mut self.cursors {
            let Some(track) = group.tracks.get(kid) else {
                continue;
            };
            let oldest = track.ring.at(cursor.next.max(track.ring.start()));
            let late = oldest.is_some_and(|oldest| now.saturating_duration_since(oldest.arrived) > LATE);
            if late || cursor.awaiting_key_frame.is_some() || cursor.next < track.ring.start() {
                cursor.behind = Some(now);
            }
            cursor.behind = cursor.behind.max(track.torn);
        }
    }
}

impl Cursor {
    /// Passes over what is not to be sent; gives index and order of what is.
    fn settle(&mut self, track: &Track, link: LinkId) -> Option<(u64, u64)> {
        if let Some(search) = self.awaiting_key_frame {
            let Some(key_frame) = track.ring.next_key_frame(search.max(self.next)) else {
                self.awaiting_key_frame = Some(track.ring.end());
                return None;
            };
            let ctr = track.ring.at(key_frame)?.head.ctr;
            let earliest = key_frame.saturating_sub(REORDER).max(self.next);
            self.next = (earliest..=key_frame)
                .find(|&index| track.ring.at(index).is_some_and(|entry| entry.head.ctr >= ctr))
                .unwrap_or(key_frame);
            self.lowest = ctr;
            self.awaiting_key_frame = None;
        }
        self.next = self.next.max(track.ring.start());
        while let Some(entry) = track.ring.at(self.next) {
            if entry.head.ctr >= self.lowest && entry.packet.from != Some(link) {
                return Some((self.next, entry.order));
            }
            self.next += 1;
        }
        None
    }

    /// Skips to the next key frame (pictures) or to the last moments (sound).
    fn skip(&mut self, track: &Track, kid: u32, now: Instant) -> Overflow {
        let from = self.next.max(track.ring.start());
        let to = if !track.is_video() {
            now.checked_sub(KEPT_AUDIO).map_or(from, |since| track.ring.since(since)).max(from)
        } else {
            match track.ring.key_frame().filter(|&key_frame| key_frame > from) {
                Some(key_frame) => key_frame,
                None => {
                    self.awaiting_key_frame = Some(track.ring.end());
                    track.ring.end()
                }
            }
        };
        self.next = to;
        if to > from {
            self.behind = Some(now);
        }
        Overflow { kid, frames: track.ring.frames(from..to), packets: to - from }
    }
}

/// A track of which the other end has everything below `next`.
fn resumed(track: &Track, next: u64) -> Cursor {
    let from = track.ring.index_from(next);
    let complete = track.ring.reaches_back_to(next) || track.highest().is_none_or(|highest| next > highest);
    if complete || !track.is_video() {
        return Cursor { next: from, lowest: next, awaiting_key_frame: None, behind: None };
    }
    // Something in between is gone, so that only a key frame helps: the first one there is.
    Cursor { next: from, lowest: next, awaiting_key_frame: Some(from), behind: None }
}

/// A track of which the other end has nothing.
fn joined(track: &Track, sound: SoundStart) -> Cursor {
    if !track.is_video() {
        return Cursor { next: sound.index(&track.ring), lowest: 0, awaiting_key_frame: None, behind: None };
    }
    match track.ring.key_frame() {
        Some(next) => {
            let lowest = (next..track.ring.end())
                .filter_map(|index| track.ring.at(index))
                .filter(|entry| entry.head.has(KEY_FRAME))
                .map(|entry| entry.head.ctr)
                .next_back()
                .unwrap_or(0);
            Cursor { next, lowest, awaiting_key_frame: None, behind: None }
        }
        None => {
            let awaiting_key_frame = Some(track.ring.start());
            Cursor { next: track.ring.end(), lowest: 0, awaiting_key_frame, behind: None }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "queue_tests.rs"]
mod tests;
