//! What a link says when it has nothing to send: that it lives, and what the last packets were.
//!
//! Fixed layout, big-endian, on the unreliable data channel:
//!
//! ```text
//! version (1 B: 1) ‖ flags (1 B: 0x01 fed, 0x02 edge) ‖ count (1 B, ≤ 32) ‖
//! count × ( slot (1 B) ‖ last sequence number (2 B) ‖ KID (4 B) ‖ highest CTR (8 B) )
//! ```

use super::slots::Slot;

const VERSION: u8 = 1;
const FED: u8 = 0x01;
const EDGE: u8 = 0x02;
const ROW: usize = 15;
/// Every slot there is, audio and video.
const MAX_ROWS: u8 = 32;

/// The last packet of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) slot: Slot,
    pub(crate) last_sequence: u16,
    pub(crate) kid: u32,
    /// The highest counter of the track that the sender of the filler has.
    pub(crate) highest: u64,
}

/// A filler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filler {
    /// Whether its sender is itself being fed.
    pub(crate) fed: bool,
    /// Whether its sender takes the link for a tree edge.
    pub(crate) edge: bool,
    pub(crate) rows: Vec<Row>,
}

impl Filler {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let flags = if self.fed { FED } else { 0 } | if self.edge { EDGE } else { 0 };
        let mut out = Vec::with_capacity(3 + ROW * self.rows.len());
        out.extend_from_slice(&[VERSION, flags, self.rows.len() as u8]);
        for row in &self.rows {
            out.push(row.slot.number());
            out.extend_from_slice(&row.last_sequence.to_be_bytes());
            out.extend_from_slice(&row.kid.to_be_bytes());
            out.extend_from_slice(&row.highest.to_be_bytes());
        }
        out
    }

    /// Reads a filler; `None` unless every byte is as it must be.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[version, flags, count], rows) = bytes.split_first_chunk()?;
        let exact = count <= MAX_ROWS && rows.len() == ROW * usize::from(count);
        if version != VERSION || flags & !(FED | EDGE) != 0 || !exact {
            return None;
        }
        let (rows, _) = rows.as_chunks::<ROW>();
        let rows = rows.iter().map(row).collect::<Option<_>>()?;
        Some(Self { fed: flags & FED != 0, edge: flags & EDGE != 0, rows })
    }
}

fn row(bytes: &[u8; ROW]) -> Option<Row> {
    let (&[slot], rest) = bytes.split_first_chunk()?;
    let (&last_sequence, rest) = rest.split_first_chunk()?;
    let (&kid, rest) = rest.split_first_chunk()?;
    let (&highest, _) = rest.split_first_chunk()?;
    Some(Row {
        slot: Slot::new(slot)?,
        last_sequence: u16::from_be_bytes(last_sequence),
        kid: u32::from_be_bytes(kid),
        highest: u64::from_be_bytes(highest),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fillers_survive_and_their_bytes_are_fixed() {
        let row = Row { slot: Slot::new(16).unwrap(), last_sequence: 0x0102, kid: 0x0304_0506, highest: 7 };
        let filler = Filler { fed: true, edge: true, rows: vec![row, row] };
        let bytes = filler.encode();
        let expected = [1, 3, 2, 16, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(bytes[..18], expected);
        assert_eq!(Filler::decode(&bytes), Some(filler));
        let empty = Filler { fed: false, edge: false, rows: Vec::new() };
        assert_eq!(Filler::decode(&empty.encode()), Some(empty));
    }

    #[test]
    fn hostile_fillers_are_refused() {
        let row = Row { slot: Slot::new(0).unwrap(), last_sequence: 1, kid: 2, highest: 3 };
        let good = Filler { fed: true, edge: false, rows: vec![row] }.encode();
        for cut in 0..good.len() {
            assert_eq!(Filler::decode(&good[..cut]), None);
        }
        for (at, value) in [(0, 2), (1, 4), (2, 0), (2, 255), (3, 32)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Filler::decode(&bad), None, "byte {at} = {value}");
        }
        let mut long = good;
        long.push(0);
        assert_eq!(Filler::decode(&long), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_again_as_it_was(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            if let Some(filler) = Filler::decode(&bytes) {
                proptest::prop_assert_eq!(filler.encode(), bytes);
            }
        }
    }
}
