//! Handshake messages (RFC 6347 §4.2.2) that came before.
//!
//! The DTLS endpoint stops its timer at any handshake message, also at one that it has had. When a flight of
//! ours is lost, the other end repeats its own, and the endpoint would never again repeat ours.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most messages remembered; a handshake has about a dozen.
const MAX_SEEN: usize = 64;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
/// Handshake type and message number of the first message of all.
const FIRST: (u8, [u8; 2]) = (1, [0, 0]);

/// The messages of one handshake.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    seen: BTreeSet<u64>,
    /// The other end is beyond its first message.
    beyond_first: bool,
}

impl Repeats {
    /// Notes what a datagram of whole records holds; `true` if it is nothing new.
    pub(super) fn only(&mut self, mut datagram: &[u8]) -> bool {
        let mut only = true;
        while let Some((header, rest)) = datagram.split_first_chunk::<13>() {
            let (kind, epoch) = (header[0], u16::from_be_bytes([header[3], header[4]]));
            let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let Some((body, next)) = rest.split_at_checked(len) else {
                return false;
            };
            only &= match (kind, epoch) {
                (HANDSHAKE, 0) => !self.is_new(body),
                (CHANGE_CIPHER_SPEC, 0) => true,
                // What is encrypted is the endpoint's to judge.
                _ => false,
            };
            datagram = next;
        }
        only
    }

    fn is_new(&mut self, message: &[u8]) -> bool {
        if let Some(&[kind, _, _, _, n0, n1]) = message.first_chunk() {
            self.beyond_first |= [n0, n1] != FIRST.1;
            // The request for a cookie that answers it is not repeated by the endpoint's timer (§4.2.1).
            if (kind, [n0, n1]) == FIRST && !self.beyond_first {
                return true;
            }
        }
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        self.seen.len() >= MAX_SEEN || self.seen.insert(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, number: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number, 0, body.len() as u8];
        record.extend_from_slice(body);
        record
    }

    #[test]
    fn a_repeated_flight_is_told_from_a_new_one() {
        let mut repeats = Repeats::default();
        assert!(!repeats.only(&record(HANDSHAKE, 0, 1, b"hello")));
        assert!(repeats.only(&record(HANDSHAKE, 0, 2, b"hello")), "the record's number does not matter");
        let both = [record(HANDSHAKE, 0, 3, b"hello"), record(HANDSHAKE, 0, 4, b"done")].concat();
        assert!(!repeats.only(&both), "half of it is new");
        let whole = [both, record(CHANGE_CIPHER_SPEC, 0, 5, &[1])].concat();
        assert!(repeats.only(&whole));
        assert!(!repeats.only(&[whole, record(HANDSHAKE, 1, 0, b"sealed")].concat()));
    }

    #[test]
    fn the_first_hello_always_needs_an_answer_until_the_second() {
        let mut repeats = Repeats::default();
        let hello = |number| record(HANDSHAKE, 0, number, &[1, 0, 0, 3, 0, number, 7, 7, 7]);
        assert!(!repeats.only(&hello(0)));
        assert!(!repeats.only(&hello(0)));
        assert!(!repeats.only(&hello(1)));
        assert!(repeats.only(&hello(1)));
        assert!(!repeats.only(&hello(0)), "it was never noted");
        assert!(repeats.only(&hello(0)));
    }

    #[test]
    fn memory_is_bounded_and_then_nothing_is_held_back() {
        let mut repeats = Repeats::default();
        for n in 0..=255 {
            assert!(!repeats.only(&record(HANDSHAKE, 0, n, &[n])));
        }
        assert_eq!(repeats.seen.len(), MAX_SEEN);
        assert!(!repeats.only(&record(HANDSHAKE, 0, 0, &[200])));
        assert!(!repeats.only(&record(HANDSHAKE, 0, 0, b"cut")[..14]));
    }
}
