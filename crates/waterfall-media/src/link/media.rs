//! Media packets of a link: taking them in, sending them out, repairing both ways.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtp::Header;

use super::pacer::Tally;
use super::rtp::{self, Feedback};
use super::slots::{Missed, Slot};
use super::{Link, LinkEvent};
use crate::forward::identity::Head;
use crate::forward::{Accepted, Group, Packet};

/// Taken for the round trip while none was measured.
const UNKNOWN_RTT: Duration = Duration::from_millis(250);

impl Link {
    /// Takes a media packet. `true` if it was new to the group.
    pub(super) fn read_media(
        &mut self,
        now: Instant,
        header: &Header,
        slot: Slot,
        rtx: bool,
        mut payload: Bytes,
        group: &mut Group,
    ) -> bool {
        let mut sequence = header.sequence_number;
        if rtx {
            // RFC 4588 §4: the original sequence number comes before the original payload.
            let Some((&original, _)) = payload.split_first_chunk() else {
                self.counters.malformed += 1;
                return false;
            };
            sequence = u16::from_be_bytes(original);
            payload = payload.slice(2..);
            self.counters.repair_packets_received += 1;
            self.counters.repair_bytes_received += payload.len() as u64;
        } else {
            self.counters.media_packets_received += 1;
            self.counters.media_bytes_received += payload.len() as u64;
        }
        self.tracker(slot).received(sequence, now);
        let Some(head) = Head::parse(&payload) else {
            self.counters.malformed += 1;
            return false;
        };
        if !self.edge {
            self.counters.not_edge += 1;
            return false;
        }
        let len = payload.len() as u64;
        let packet = Packet {
            kid: head.kid,
            ctr: head.ctr,
            timestamp: header.timestamp,
            marker: header.marker,
            payload,
            from: Some(self.id),
        };
        match group.accept(&packet, head, now) {
            Accepted::First => {
                self.counters.first_copy_packets += 1;
                self.counters.first_copy_bytes += len;
                self.incoming.insert(head.kid, slot);
                return true;
            }
            Accepted::Duplicate => self.counters.duplicates += 1,
            Accepted::UnknownKid => self.counters.unknown_kid += 1,
            Accepted::OutOfRange => self.counters.out_of_range += 1,
        }
        false
    }

    /// A packet that this link brought was a first copy after all, of a track that is known now.
    pub(crate) fn unparked(&mut self, bytes: u64) {
        // A link of the same id may have brought it, and be gone.
        self.counters.unknown_kid = self.counters.unknown_kid.saturating_sub(1);
        self.counters.first_copy_packets += 1;
        self.counters.first_copy_bytes += bytes;
    }

    /// Takes the other end's requests about what was sent to it.
    pub(super) fn read_feedback(&mut self, packet: &[u8], group: &Group, now: Instant) {
        for feedback in rtp::read_feedback(packet) {
            let (Feedback::Nack { ssrc, .. } | Feedback::PictureLoss { ssrc }) = feedback;
            let Some((slot, false)) = Slot::of_ssrc(ssrc, self.own_base) else {
                continue;
            };
            match feedback {
                Feedback::Nack { sequences, .. } if self.edge => {
                    self.counters.nacked += sequences.len() as u64;
                    self.count_missed(slot, &sequences, now);
                    sequences.into_iter().for_each(|sequence| self.repairs.ask(slot, sequence));
                }
                Feedback::PictureLoss { .. } => {
                    let kid = self.slots.as_ref().and_then(|slots| slots.kid(slot));
                    let kid = kid.filter(|kid| group.tracks.contains_key(kid));
                    self.events.extend(kid.map(LinkEvent::KeyFrameWanted));
                }
                Feedback::Nack { .. } => {}
            }
        }
    }

    /// Counts what did not arrive.
    fn count_missed(&mut self, slot: Slot, sequences: &[u16], now: Instant) {
        let Some(stream) = self.slots.as_mut().and_then(|slots| slots.stream(slot)) else {
            return;
        };
        let rtt = self.rtt.unwrap_or(UNKNOWN_RTT);
        let mut missed = Tally::default();
        for &sequence in sequences {
            match stream.missed(sequence, rtt, now) {
                Some(Missed::Original) => missed.originals += 1,
                Some(Missed::Repair) => missed.repairs += 1,
                None => {}
            }
        }
        self.estimate.lost(missed, now);
        self.delivery.lost(missed.originals, now);
    }

    /// Asks for a key frame of a track that comes over this link.
    pub(crate) fn ask_key_frame(&mut self, kid: u32) {
        if let Some(&slot) = self.incoming.get(&kid) {
            self.transport.write_rtcp(&rtp::write_picture_loss(self.own_base, slot.ssrc(self.remote_base)));
        }
    }

    /// Asks for what is missing.
    pub(super) fn ask_again(&mut self, now: Instant) {
        let rtt = self.rtt;
        for (slot, tracker) in &mut self.trackers {
            let missing = tracker.poll(now, rtt);
            for packet in rtp::write_nacks(self.own_base, slot.ssrc(self.remote_base), &missing) {
                self.transport.write_rtcp(&packet);
            }
        }
    }

    /// Sends what the pacer lets through: repairs first, then what waits, in order of arrival.
    pub(super) fn pump(&mut self, now: Instant, group: &Group) {
        self.held = None;
        while !self.repairs.is_empty() {
            if !self.pacer.allows(now) {
                self.held = Some(self.pacer.ready(now));
                return;
            }
            if let Some((slot, sequence)) = self.repairs.pop() {
                self.repair(slot, sequence, now, group);
            }
        }
        while let Some(next) = self.queue.next(group) {
            if !self.pacer.allows(now) {
                self.held = Some(self.pacer.ready(now));
                return;
            }
            self.queue.sent(next);
            self.send_media(next, now, group);
        }
    }

    fn send_media(&mut self, next: super::queue::Next, now: Instant, group: &Group) {
        let (Some(slots), Some(track)) = (&mut self.slots, group.tracks.get(&next.kid)) else {
            return;
        };
        let Some(entry) = track.ring.at(next.index) else {
            return;
        };
        let Some(slot) = slots.assign(next.kid, track.config.kind) else {
            self.counters.no_slot += 1;
            return;
        };
        let base = slots.base();
        let Some(stream) = slots.stream(slot) else {
            return;
        };
        let packet = &entry.packet;
        let sequence = stream.send(next.kid, packet.ctr, now);
        let header = rtp::header(slot.payload_type(), packet.marker, sequence, packet.timestamp, slot.ssrc(base));
        let mut plain = Vec::with_capacity(rtp::HEADER_LEN + packet.payload.len());
        rtp::write_header(&header, &mut plain);
        plain.extend_from_slice(&packet.payload);
        if self.transport.write_rtp(&header, &plain) {
            let len = packet.payload.len();
            self.counters.media_packets_sent += 1;
            self.counters.media_bytes_sent += len as u64;
            self.spent(len, false, now);
        }
    }

    fn repair(&mut self, slot: Slot, sequence: u16, now: Instant, group: &Group) {
        let Some(slots) = &mut self.slots else {
            return;
        };
        let base = slots.base();
        let Some(stream) = slots.stream(slot) else {
            return;
        };
        let Some((kid, ctr)) = stream.repair(sequence, now) else {
            return;
        };
        let Some(entry) = group.tracks.get(&kid).and_then(|track| track.ring.get(ctr)) else {
            return;
        };
        let packet = &entry.packet;
        let header = rtp::header(
            slot.payload_type() + 1,
            packet.marker,
            stream.send_rtx(),
            packet.timestamp,
            slot.rtx_ssrc(base),
        );
        let mut plain = Vec::with_capacity(rtp::HEADER_LEN + 2 + packet.payload.len());
        rtp::write_header(&header, &mut plain);
        plain.extend_from_slice(&sequence.to_be_bytes());
        plain.extend_from_slice(&packet.payload);
        if self.transport.write_rtp(&header, &plain) {
            let len = packet.payload.len();
            self.counters.repair_packets_sent += 1;
            self.counters.repair_bytes_sent += len as u64;
            self.spent(len, true, now);
        }
    }

    fn spent(&mut self, len: usize, repair: bool, now: Instant) {
        self.pacer.spend(len);
        // Nobody is known to take what is sent into silence.
        if !self.hearing.is_silent() {
            self.delivery.sent(len, repair, now);
        }
        self.estimate.sent(len, repair, now);
        self.sent = now;
        self.sent_since_filler = true;
    }
}
