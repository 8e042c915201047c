//! Packets that came before the track they are of was added.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Packet;
use super::identity::Head;

/// Most packets that wait, of all unknown tracks together: a second of 5 Mbit/s.
const MAX_PACKETS: usize = 512;
/// How long they wait. What explains them comes another way, reliably and so perhaps later, but
/// not by more than a few round trips.
const LIFETIME: Duration = Duration::from_secs(3);

/// A bounded number of packets of unknown tracks; when it is full the oldest is dropped.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    packets: VecDeque<(Instant, Packet, Head)>,
}

impl Parked {
    pub(crate) fn push(&mut self, packet: Packet, head: Head, now: Instant) {
        self.expire(now);
        if self.packets.len() >= MAX_PACKETS {
            self.packets.pop_front();
        }
        self.packets.push_back((now, packet, head));
    }

    /// Takes out what waited for this track, in the order in which it came.
    pub(crate) fn take(&mut self, kid: u32, now: Instant) -> Vec<(Packet, Head)> {
        self.expire(now);
        let (wanted, others) = self.packets.drain(..).partition(|(_, _, head)| head.kid == kid);
        self.packets = others;
        let wanted: VecDeque<_> = wanted;
        wanted.into_iter().map(|(_, packet, head)| (packet, head)).collect()
    }

    pub(crate) fn expire(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|(since, _, _)| now.saturating_duration_since(*since) > LIFETIME) {
            self.packets.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::identity;
    use super::*;

    fn packet(kid: u32, ctr: u64) -> (Packet, Head) {
        let mut payload = Vec::new();
        Head::write(identity::FRAME_START, kid, ctr, &mut payload);
        let head = Head::parse(&payload).unwrap();
        (Packet { kid, ctr, timestamp: 0, marker: false, payload: payload.into(), from: None }, head)
    }

    #[test]
    fn they_wait_in_order_for_a_while_and_are_bounded() {
        let start = Instant::now();
        let mut parked = Parked::default();
        for ctr in 0..MAX_PACKETS as u64 + 10 {
            let (packet, head) = packet(1 + (ctr % 2) as u32, ctr);
            parked.push(packet, head, start);
        }
        let odd: Vec<u64> = parked.take(2, start).iter().map(|(packet, _)| packet.ctr).collect();
        assert_eq!(odd.len(), MAX_PACKETS / 2);
        assert!(odd.is_sorted() && odd[0] == 11);
        assert!(parked.take(2, start).is_empty());
        assert_eq!(parked.take(1, start + LIFETIME).len(), MAX_PACKETS / 2);
        let (late, head) = packet(3, 0);
        parked.push(late, head, start);
        assert!(parked.take(3, start + LIFETIME + Duration::from_millis(1)).is_empty());
    }
}
