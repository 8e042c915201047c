//! Opus (RFC 6716) and its identification header (RFC 7845 §5.1).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

/// How long a packet lasts, from its table-of-contents byte (RFC 6716 §3.1, §3.2).
pub(super) fn packet_duration(data: &[u8]) -> Option<Duration> {
    let toc = *data.first()?;
    let config = toc >> 3;
    let micros: u64 = match config {
        0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        12..=15 => [10_000, 20_000][usize::from(config % 2)],
        _ => [2_500, 5_000, 10_000, 20_000][usize::from(config % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(data.get(1)? & 0x3f),
    };
    Some(Duration::from_micros(micros * frames))
}

/// Samples at 48 kHz to throw away at the start, from an OpusHead.
pub(crate) fn pre_skip(head: &[u8]) -> Option<u16> {
    if !head.starts_with(b"OpusHead") {
        return None;
    }
    Some(u16::from_le_bytes([*head.get(10)?, *head.get(11)?]))
}

/// An OpusHead for a track that came without one: mono or stereo, nothing to skip.
pub(crate) fn head(channels: u8, sample_rate: u32) -> Bytes {
    let mut out = BytesMut::with_capacity(19);
    out.put_slice(b"OpusHead");
    out.put_u8(1);
    out.put_u8(channels.clamp(1, 2));
    out.put_u16_le(0);
    out.put_u32_le(sample_rate);
    out.put_i16_le(0);
    out.put_u8(0);
    out.freeze()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn duration_follows_the_toc() {
        let micros = |data: &[u8]| packet_duration(data).map(|d| d.as_micros());
        assert_eq!(micros(&[31 << 3]), Some(20_000), "CELT, one frame of 20 ms");
        assert_eq!(micros(&[16 << 3 | 1]), Some(5_000), "CELT, two of 2.5 ms");
        assert_eq!(micros(&[3 << 3]), Some(60_000), "SILK, 60 ms");
        assert_eq!(micros(&[13 << 3]), Some(20_000), "hybrid, 20 ms");
        assert_eq!(micros(&[19 << 3 | 3, 0x83]), Some(60_000), "three of 20 ms, padded");
        assert_eq!(micros(&[19 << 3 | 3]), None);
        assert_eq!(micros(&[]), None);
    }

    #[test]
    fn own_head_is_read_back() {
        let head = head(2, 48_000);
        assert_eq!(head.len(), 19);
        assert_eq!(pre_skip(&head).unwrap(), 0);
        assert_eq!(pre_skip(b"OpusHead\x01\x02\x38"), None);
        assert_eq!(pre_skip(b"OpusTags\x01\x02\x38\x01"), None);
    }
}
