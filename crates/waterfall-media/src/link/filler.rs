//! What a link says when it has nothing to send: that it lives, and what the last packets were.
//!
//! Fixed layout, big-endian, on the unreliable data channel:
//!
//! ```text
//! version (1 B: 1) ‖ flags (1 B: 0x01 fed, 0x02 edge) ‖ interval (2 B) ‖ count (1 B, ≤ 32) ‖
//! count × ( slot (1 B, 0x80 behind) ‖ last sequence number (2 B) ‖ KID (4 B) ‖ highest CTR (8 B) )
//! ```

use std::time::Duration;

use super::slots::Slot;

const VERSION: u8 = 1;
const FED: u8 = 0x01;
const EDGE: u8 = 0x02;
/// In a row's first byte, beside the slot.
const BEHIND: u8 = 0x80;
const ROW: usize = 15;
/// Every slot there is, audio and video.
const MAX_ROWS: u8 = 32;

/// The last packet of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) slot: Slot,
    /// Some of the track is not sent over this link, or much later: it was dropped, it waits, or the sender
    /// of the filler has not got it.
    pub(crate) behind: bool,
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
    /// When the next one follows if nothing else is sent; in whole milliseconds, at most 65 535.
    pub(crate) interval: Duration,
    pub(crate) rows: Vec<Row>,
}

impl Filler {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let flags = if self.fed { FED } else { 0 } | if self.edge { EDGE } else { 0 };
        let interval = u16::try_from(self.interval.as_millis()).unwrap_or(u16::MAX);
        let mut out = Vec::with_capacity(5 + ROW * self.rows.len());
        out.extend_from_slice(&[VERSION, flags]);
        out.extend_from_slice(&interval.to_be_bytes());
        out.push(self.rows.len() as u8);
        for row in &self.rows {
            out.push(row.slot.number() | if row.behind { BEHIND } else { 0 });
            out.extend_from_slice(&row.last_sequence.to_be_bytes());
            out.extend_from_slice(&row.kid.to_be_bytes());
            out.extend_from_slice(&row.highest.to_be_bytes());
        }
        out
    }

    /// Reads a filler; `None` unless every byte is as it must be.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[version, flags, i0, i1, count], rows) = bytes.split_first_chunk()?;
        let exact = count <= MAX_ROWS && rows.len() == ROW * usize::from(count);
        if version != VERSION || flags & !(FED | EDGE) != 0 || !exact {
            return None;
        }
        let (rows, _) = rows.as_chunks::<ROW>();
        let rows = rows.iter().map(row).collect::<Option<_>>()?;
        let interval = Duration::from_millis(u16::from_be_bytes([i0, i1]).into());
        Some(Self { fed: flags & FED != 0, edge: flags & EDGE != 0, interval, rows })
    }
}

fn row(bytes: &[u8; ROW]) -> Option<Row> {
    let (&[slot], rest) = bytes.split_first_chunk()?;
    let (&last_sequence, rest) = rest.split_first_chunk()?;
    let (&kid, rest) = rest.split_first_chunk()?;
    let (&highest, _) = rest.split_first_chunk()?;
    Some(Row {
        slot: Slot::new(slot & !BEHIND)?,
        behind: slot & BEHIND != 0,
        last_sequence: u16::from_be_bytes(last_sequence),
        kid: u32::from_be_bytes(kid),
        highest: u64::from_be_bytes(highest),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TWENTY: Duration = Duration::from_millis(20);

    #[test]
    fn fillers_survive_and_their_bytes_are_fixed() {
        let slot = Slot::new(16).unwrap();
        let row = Row { slot, behind: false, last_sequence: 0x0102, kid: 0x0304_0506, highest: 7 };
        let rows = vec![row, Row { behind: true, ..row }];
        let filler = Filler { fed: true, edge: true, interval: TWENTY, rows };
        let bytes = filler.encode();
        let expected = [1, 3, 0, 20, 2, 16, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0x90];
        assert_eq!(bytes[..21], expected);
        assert_eq!(Filler::decode(&bytes), Some(filler));
        let empty = Filler { fed: false, edge: false, interval: Duration::from_secs(1), rows: Vec::new() };
        assert_eq!(Filler::decode(&empty.encode()), Some(empty));
    }

    #[test]
    fn hostile_fillers_are_refused() {
        let row = Row { slot: Slot::new(0).unwrap(), behind: false, last_sequence: 1, kid: 2, highest: 3 };
        let good = Filler { fed: true, edge: false, interval: TWENTY, rows: vec![row] }.encode();
        for cut in 0..good.len() {
            assert_eq!(Filler::decode(&good[..cut]), None);
        }
        for (at, value) in [(0, 2), (1, 4), (4, 0), (4, 255), (5, 32), (5, 0x40)] {
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
