//! What goes over the network, by kind.

use std::convert::Infallible;

use serde::Serialize;
use waterfall_wire::TreeMessage;

/// Kinds of link messages, in the order of the wire format's numbers; what is beyond is a later kind.
pub(crate) const KINDS: [&str; 24] = [
    "attach", "attached", "refused", "summary", "down", "mark", "leaving", "detach", "count", "starving", "rise",
    "move", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "other", "resume",
];
const OTHER: usize = 22;
/// RESUME is the media's, not the tree's.
pub(crate) const RESUME: usize = 23;
/// What wraps a tree message in a link message: the array, its number, the array of its one field.
const WRAPPING: usize = 3;
/// What a message on a data channel takes beside its bytes: IPv4 20, UDP 8, DTLS 1.2 with AES-GCM 37 (RFC 5288), SCTP
/// common header and DATA chunk 28 (RFC 9260), and the SACK that answers it, which shares its packet with nothing: 93.
pub(crate) const MESSAGE_OVERHEAD: u64 = 93 + 93;
/// The same for an unreliable channel's message, which is acknowledged too but with every second packet.
pub(crate) const FILLER_OVERHEAD: u64 = 93 + 47;

/// Messages and their bytes, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// All that was sent over links.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    kinds: [Count; KINDS.len()],
}

impl Traffic {
    pub(crate) fn add(&mut self, kind: usize, length: usize) {
        let count = &mut self.kinds[kind.min(KINDS.len() - 1)];
        count.messages += 1;
        count.bytes += length as u64;
    }

    pub(crate) fn total(&self) -> Count {
        self.kinds.iter().fold(Count::default(), |sum, count| Count {
            messages: sum.messages + count.messages,
            bytes: sum.bytes + count.bytes,
        })
    }

    /// What was sent since an earlier count.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut difference = self.clone();
        for (count, before) in difference.kinds.iter_mut().zip(earlier.kinds) {
            count.messages -= before.messages;
            count.bytes -= before.bytes;
        }
        difference
    }

    /// Kinds that occurred.
    pub(crate) fn by_kind(&self) -> impl Iterator<Item = (&'static str, Count)> + '_ {
        KINDS.iter().copied().zip(self.kinds).filter(|(_, count)| count.messages > 0)
    }
}

/// Counts bytes and remembers the second, which says the kind.
#[derive(Default)]
struct Meter {
    length: usize,
    second: u8,
}

impl minicbor::encode::Write for Meter {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        if let Some(byte) = 1usize.checked_sub(self.length).and_then(|at| bytes.get(at)) {
            self.second = *byte;
        }
        self.length += bytes.len();
        Ok(())
    }
}

/// Length of the link message that carries this, and its kind, without encoding into memory.
pub(crate) fn measure(message: &TreeMessage) -> (usize, usize) {
    let mut meter = Meter::default();
    let Ok(()) = minicbor::encode(message, &mut meter) else { return (0, OTHER) };
    (meter.length + WRAPPING, kind(meter.second))
}

/// The kind of tree message in an encoded link message.
pub(crate) fn kind_of_link_message(bytes: &[u8]) -> usize {
    bytes.get(WRAPPING + 1).map_or(OTHER, |second| kind(*second))
}

fn kind(number: u8) -> usize {
    usize::from(number).min(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterfall_wire::{LinkMessage, Mark, Refusal, encode};

    #[test]
    fn measuring_agrees_with_encoding() {
        let mark = Mark { counter: 1_790_000_000_000, depth: 300 };
        let refused = TreeMessage::Refused { reason: Refusal::Full, spots: Vec::new() };
        for (message, name) in
            [(TreeMessage::Mark(mark), "mark"), (TreeMessage::Detach, "detach"), (refused, "refused")]
        {
            let (length, kind) = measure(&message);
            let bytes = encode(&LinkMessage::Tree(message));
            assert_eq!((length, kind), (bytes.len(), kind_of_link_message(&bytes)));
            assert_eq!(KINDS[kind], name);
        }
    }
}
