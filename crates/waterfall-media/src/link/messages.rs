//! What comes and goes on a link's data channels.

use std::time::Instant;

use bytes::Bytes;

use super::filler::Filler;
use super::{Link, LinkEvent, MAX_MESSAGE};
use crate::forward::Group;

/// Most bytes of messages kept until the link is up.
const MAX_UNSENT: usize = 64 * 1024;

impl Link {
    /// Fetches the control messages and fillers that came, as many as `room` allows. What is left
    /// holds the other end back.
    pub(crate) fn fetch(&mut self, now: Instant, group: &mut Group, room: usize) {
        while self.events.len() < room {
            match self.transport.poll_message() {
                Some((true, message)) => {
                    self.counters.messages_received += 1;
                    self.events.push_back(LinkEvent::Message(message));
                }
                Some((false, bytes)) => self.read_filler(&bytes, group, now),
                None => break,
            }
        }
    }

    fn read_filler(&mut self, bytes: &[u8], group: &mut Group, now: Instant) {
        let Some(filler) = Filler::decode(bytes) else {
            self.counters.malformed += 1;
            return;
        };
        (self.remote_edge, self.remote_interval) = (filler.edge, filler.interval);
        self.expect(now);
        if self.remote_fed.replace(filler.fed) != Some(filler.fed) {
            self.events.push_back(LinkEvent::Fed(filler.fed));
        }
        for row in filler.rows {
            self.tracker(row.slot).announced(row.last_sequence, now);
            if self.edge && self.remote_edge {
                self.ledger.claim(&row, group, now);
            }
            if let Some(track) = group.tracks.get_mut(&row.kid) {
                track.announced = track.announced.max(Some(row.highest));
            }
        }
    }

    /// Sends a control message, at once or when the link is up. Too many at a time close the link.
    pub(crate) fn send(&mut self, now: Instant, message: Bytes) {
        if message.is_empty() || message.len() > MAX_MESSAGE {
            self.failed = Some(format!("a control message has 1-{MAX_MESSAGE} bytes, not {}", message.len()));
            return;
        }
        if !self.up {
            self.unsent.push(message);
            if self.unsent.iter().map(Bytes::len).sum::<usize>() > MAX_UNSENT {
                self.failed = Some("too many messages wait for the link to come up".to_owned());
            }
            return;
        }
        match self.transport.write_message(now, &message) {
            Ok(()) => {
                self.counters.messages_sent += 1;
                self.sent = now;
            }
            Err(error) => self.failed = Some(format!("a control message could not be sent: {error}")),
        }
    }
}
