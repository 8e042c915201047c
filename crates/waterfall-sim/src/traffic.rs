//! What goes over the network, by kind.

use std::convert::Infallible;

use serde::Serialize;
use waterfall_wire::TreeMessage;

/// Kinds of link messages.
pub(crate) const KINDS: [&str; 13] = [
    "attach", "attached", "refused", "summary", "down", "mark", "leaving", "detach", "count", "starving", "rise",
    "move", "resume",
];
/// RESUME is the media's, not the tree's.
pub(crate) const RESUME: usize = 12;
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
        let count = &mut self.kinds[kind];
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

/// Counts bytes.
#[derive(Default)]
struct Meter(usize);

impl minicbor::encode::Write for Meter {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 += bytes.len();
        Ok(())
    }
}

/// Length of the link message that carries this, without encoding into memory.
pub(crate) fn measure(message: &TreeMessage) -> usize {
    let mut meter = Meter::default();
    let Ok(()) = minicbor::encode(message, &mut meter) else { unreachable!("counting does not fail") };
    meter.0 + WRAPPING
}

/// Where in [`KINDS`] a message is.
pub(crate) const fn kind(message: &TreeMessage) -> usize {
    match message {
        TreeMessage::Attach { .. } => 0,
        TreeMessage::Attached(_) => 1,
        TreeMessage::Refused { .. } => 2,
        TreeMessage::Summary(_) => 3,
        TreeMessage::Down(_) => 4,
        TreeMessage::Mark(_) => 5,
        TreeMessage::Leaving { .. } => 6,
        TreeMessage::Detach => 7,
        TreeMessage::Count(_) => 8,
        TreeMessage::Starving => 9,
        TreeMessage::Rise { .. } => 10,
        TreeMessage::Move { .. } => 11,
    }
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
            assert_eq!(KINDS[kind(&message)], name);
            assert_eq!(measure(&message), encode(&LinkMessage::Tree(message)).len());
        }
    }
}
