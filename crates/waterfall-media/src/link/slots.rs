//! Which track rides in which slot of a link, and what was sent there.
//!
//! A slot is one RTP stream and its retransmission stream (RFC 4588). Both ends number them alike, so
//! nothing about them has to be negotiated but how many the other end takes:
//!
//! | slot | kind | SSRC | RTX SSRC |
//! | --- | --- | --- | --- |
//! | 0-15 | audio | base + 2·slot | base + 2·slot + 1 |
//! | 16-31 | video | base + 2·slot | base + 2·slot + 1 |
//!
//! The first sequence number of each stream follows from its SSRC, so that the other end can tell
//! when the very first packets are missing.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::forward::Kind;

/// Most slots of one kind.
pub(crate) const MAX_SLOTS: u8 = 16;

/// Payload type of audio packets; 1 more for their retransmissions.
pub(crate) const AUDIO_PAYLOAD_TYPE: u8 = 111;
/// Payload type of video packets; 1 more for their retransmissions.
pub(crate) const VIDEO_PAYLOAD_TYPE: u8 = 96;

/// Packets of a slot that can be asked for again.
const HISTORY: usize = 4096;
/// How long they can be.
const HISTORY_TIME: Duration = Duration::from_secs(10);
/// Most repairs of one packet: the other end has given up before.
const MAX_REPAIRS: u8 = 24;
/// Soonest second repair of one packet: a request and its repetition may cross the first repair.
const REPAIR_INTERVAL: Duration = Duration::from_millis(10);

/// A slot's number, below 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u8);

impl Slot {
    pub(crate) fn new(number: u8) -> Option<Self> {
        (number < 2 * MAX_SLOTS).then_some(Self(number))
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// The slot of an SSRC of a sender with `base`, and whether it is the retransmission stream.
    pub(crate) fn of_ssrc(ssrc: u32, base: u32) -> Option<(Self, bool)> {
        let index = u8::try_from(ssrc.wrapping_sub(base)).ok()?;
        Some((Self::new(index / 2)?, index % 2 == 1))
    }

    pub(crate) fn ssrc(self, base: u32) -> u32 {
        base.wrapping_add(2 * u32::from(self.0))
    }

    pub(crate) fn rtx_ssrc(self, base: u32) -> u32 {
        self.ssrc(base).wrapping_add(1)
    }

    pub(crate) fn payload_type(self) -> u8 {
        if self.0 < MAX_SLOTS { AUDIO_PAYLOAD_TYPE } else { VIDEO_PAYLOAD_TYPE }
    }
}

/// The first sequence number of a stream: below 2¹⁵, so that no packet lost at the start can shift
/// the receiver's guess of the SRTP rollover counter.
pub(crate) fn first_sequence(ssrc: u32) -> u16 {
    (ssrc.wrapping_mul(0x9e37_79b1) >> 17) as u16
}

/// The 64-bit sequence number nearest to `reference` that ends in `sequence`.
pub(crate) fn extend(reference: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(reference as u16) as i16;
    reference.saturating_add_signed(i64::from(ahead))
}

#[derive(Debug)]
struct Sent {
    kid: u32,
    ctr: u64,
    at: Instant,
    reported: bool,
    repaired: Option<Instant>,
    /// The oldest repair of which is not known whether it arrived.
    pending: Option<Instant>,
    repairs: u8,
}

/// What a request for a packet says of how it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It did not arrive when it was sent first.
    Original,
    /// A repair of it did not arrive either.
    Repair,
}

/// One outgoing stream.
#[derive(Debug)]
pub(crate) struct Stream {
    kid: Option<u32>,
    next: u64,
    next_rtx: u64,
    history: VecDeque<Sent>,
}

impl Stream {
    fn new(slot: Slot, base: u32) -> Self {
        let next = u64::from(first_sequence(slot.ssrc(base)));
        let next_rtx = u64::from(first_sequence(slot.rtx_ssrc(base)));
        Self { kid: None, next, next_rtx, history: VecDeque::new() }
    }

    /// The sequence number for the next packet, which is then remembered.
    pub(crate) fn send(&mut self, kid: u32, ctr: u64, now: Instant) -> u16 {
        let sequence = self.next;
        self.next += 1;
        self.history.push_back(Sent { kid, ctr, at: now, reported: false, repaired: None, pending: None, repairs: 0 });
        let old = |sent: &Sent| now.saturating_duration_since(sent.at) > HISTORY_TIME;
        while self.history.len() > HISTORY || self.history.front().is_some_and(old) {
            self.history.pop_front();
        }
        sequence as u16
    }

    /// The sequence number for the next retransmission.
    pub(crate) fn send_rtx(&mut self) -> u16 {
        let sequence = self.next_rtx;
        self.next_rtx += 1;
        sequence as u16
    }

    /// The last sequence number used, with the track that rides here.
    pub(crate) fn last(&self) -> Option<(u16, u32)> {
        let kid = self.history.back()?.kid;
        Some((self.next.wrapping_sub(1) as u16, kid))
    }

    fn find(&mut self, sequence: u16) -> Option<&mut Sent> {
        let back = self.next.checked_sub(extend(self.next, sequence))?;
        let index = self.history.len().checked_sub(usize::try_from(back).ok()?)?;
        self.history.get_mut(index)
    }

    /// Notes that `sequence` is asked for; what is new in that. A repair is lost when it is asked for again a
    /// round trip later.
    pub(crate) fn missed(&mut self, sequence: u16, rtt: Duration, now: Instant) -> Option<Missed> {
        let sent = self.find(sequence)?;
        if !std::mem::replace(&mut sent.reported, true) {
            return Some(Missed::Original);
        }
        let lost = sent.pending.take_if(|repaired| now.saturating_duration_since(*repaired) >= rtt);
        lost.map(|_| Missed::Repair)
    }

    /// What was sent as `sequence`, if it may be sent again now; counts as sent again.
    pub(crate) fn repair(&mut self, sequence: u16, now: Instant) -> Option<(u32, u64)> {
        let sent = self.find(sequence)?;
        let crossed = sent.repaired.is_some_and(|last| now.saturating_duration_since(last) < REPAIR_INTERVAL);
        if crossed || sent.repairs >= MAX_REPAIRS {
            return None;
        }
        sent.repaired = Some(now);
        sent.pending.get_or_insert(now);
        sent.repairs += 1;
        Some((sent.kid, sent.ctr))
    }
}

/// The outgoing slots of a link.
#[derive(Debug)]
pub(crate) struct Slots {
    base: u32,
    audio: u8,
    video: u8,
    by_kid: BTreeMap<u32, Slot>,
    streams: BTreeMap<Slot, Stream>,
}

impl Slots {
    /// Slots of a sender with SSRCs from `base`, of which the other end takes `audio` and `video`.
    pub(crate) fn new(base: u32, audio: u8, video: u8) -> Self {
        let (audio, video) = (audio.min(MAX_SLOTS), video.min(MAX_SLOTS));
        Self { base, audio, video, by_kid: BTreeMap::new(), streams: BTreeMap::new() }
    }

    pub(crate) fn base(&self) -> u32 {
        self.base
    }

    /// The slot of a track, given to it now if it has none; `None` when all of its kind are taken.
    pub(crate) fn assign(&mut self, kid: u32, kind: Kind) -> Option<Slot> {
        if let Some(&slot) = self.by_kid.get(&kid) {
            return Some(slot);
        }
        let range = match kind {
            Kind::Audio => 0..self.audio,
            Kind::Video => MAX_SLOTS..MAX_SLOTS + self.video,
        };
        let free = |slot: &Slot| self.streams.get(slot).is_none_or(|stream| stream.kid.is_none());
        let slot = range.map(Slot).find(free)?;
        let base = self.base;
        self.streams.entry(slot).or_insert_with(|| Stream::new(slot, base)).kid = Some(kid);
        self.by_kid.insert(kid, slot);
        Some(slot)
    }

    /// Frees the slot of a track.
    pub(crate) fn release(&mut self, kid: u32) {
        if let Some(stream) = self.by_kid.remove(&kid).and_then(|slot| self.streams.get_mut(&slot)) {
            stream.kid = None;
        }
    }

    /// The track that rides in a slot.
    pub(crate) fn kid(&self, slot: Slot) -> Option<u32> {
        self.streams.get(&slot)?.kid
    }

    pub(crate) fn stream(&mut self, slot: Slot) -> Option<&mut Stream> {
        self.streams.get_mut(&slot)
    }

    /// All slots that were used, with the last sequence number and the track it belonged to.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Slot, u16, u32)> {
        self.streams.iter().filter_map(|(&slot, stream)| stream.last().map(|(last, kid)| (slot, last, kid)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ssrcs_and_slots_map_onto_each_other_across_the_wrap() {
        for base in [0, 1000, u32::MAX - 5] {
            for number in 0..32 {
                let slot = Slot::new(number).unwrap();
                assert_eq!(Slot::of_ssrc(slot.ssrc(base), base), Some((slot, false)));
                assert_eq!(Slot::of_ssrc(slot.rtx_ssrc(base), base), Some((slot, true)));
                assert!(first_sequence(slot.ssrc(base)) < 1 << 15);
            }
            assert_eq!(Slot::of_ssrc(base.wrapping_add(64), base), None);
            assert_eq!(Slot::of_ssrc(base.wrapping_sub(1), base), None);
        }
    }

    #[test]
    fn sequence_numbers_extend_both_ways() {
        assert_eq!(extend(70_000, 4_464), 70_000);
        assert_eq!(extend(65_535, 3), 65_539);
        assert_eq!(extend(65_540, 65_530), 65_530);
        assert_eq!(extend(0, 65_535), 0, "nothing comes before the first");
    }

    #[test]
    fn tracks_take_free_slots_of_their_kind_and_give_them_back() {
        let mut slots = Slots::new(9, 1, 2);
        let first = slots.assign(1, Kind::Audio).unwrap();
        assert_eq!(slots.assign(1, Kind::Audio), Some(first));
        assert_eq!(slots.assign(2, Kind::Audio), None);
        let (a, b) = (slots.assign(3, Kind::Video).unwrap(), slots.assign(4, Kind::Video).unwrap());
        assert!(a != b && a.number() >= MAX_SLOTS);
        slots.release(1);
        assert_eq!(slots.assign(2, Kind::Audio), Some(first));
        assert_eq!(slots.kid(first), Some(2));
    }

    #[test]
    fn what_was_sent_is_missed_once_each_time_it_was_sent() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let rtt = Duration::from_millis(30);
        let mut slots = Slots::new(77, 1, 1);
        let slot = slots.assign(5, Kind::Video).unwrap();
        let stream = slots.stream(slot).unwrap();
        let sequence = stream.send(5, 0, start);
        assert_eq!(stream.missed(sequence, rtt, at(35)), Some(Missed::Original));
        assert_eq!(stream.missed(sequence, rtt, at(80)), None, "it was not sent again");
        assert!(stream.repair(sequence, at(90)).is_some());
        assert_eq!(stream.missed(sequence, rtt, at(110)), None, "the request crossed the repair");
        assert!(stream.repair(sequence, at(110)).is_some());
        assert_eq!(stream.missed(sequence, rtt, at(130)), Some(Missed::Repair), "the first one");
        assert_eq!(stream.missed(sequence, rtt, at(150)), None);
        assert_eq!(stream.missed(sequence.wrapping_add(1), rtt, at(150)), None, "never sent");
    }

    #[test]
    fn a_packet_is_found_by_its_number_across_the_wrap_and_repaired_within_bounds() {
        let start = Instant::now();
        let mut slots = Slots::new(77, 1, 1);
        let slot = slots.assign(5, Kind::Video).unwrap();
        let stream = slots.stream(slot).unwrap();
        let mut last = 0;
        for ctr in 0..70_000 {
            last = stream.send(5, ctr, start);
        }
        assert_eq!(stream.last(), Some((last, 5)));
        assert_eq!(stream.repair(last, start), Some((5, 69_999)));
        assert_eq!(stream.repair(last, start), None, "too soon");
        assert_eq!(stream.repair(last.wrapping_sub(4_095), start), Some((5, 69_999 - 4_095)));
        assert_eq!(stream.repair(last.wrapping_sub(4_096), start), None, "forgotten");
        assert_eq!(stream.repair(last.wrapping_add(1), start), None, "never sent");
        for round in 1..MAX_REPAIRS {
            assert!(stream.repair(last, start + REPAIR_INTERVAL * u32::from(round)).is_some());
        }
        assert_eq!(stream.repair(last, start + Duration::from_secs(5)), None, "often enough");
    }
}
