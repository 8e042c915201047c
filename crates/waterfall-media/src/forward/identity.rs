//! What a relay may read of a payload: one byte of flags and the SFrame header.

/// First packet of a key frame.
pub const KEY_FRAME: u8 = 0x01;
/// First packet of a frame.
pub const FRAME_START: u8 = 0x02;
/// Last packet of a frame.
pub const FRAME_END: u8 = 0x04;
/// A signature follows the ciphertext.
pub const SIGNED: u8 = 0x08;

/// All flags that are defined; a payload with any other bit is refused.
const ALL_FLAGS: u8 = KEY_FRAME | FRAME_START | FRAME_END | SIGNED;

/// Longest payload that a link carries, bytes.
///
/// With 12 bytes of RTP, 16 of SRTP tag, 2 of RTX, 8 of UDP and 40 of IPv6 it still fits an
/// Ethernet frame of 1 500 bytes.
pub const MAX_PAYLOAD: usize = 1400;

/// The readable head of a payload: `flags ‖ SFrame header (RFC 9605 §4.3)`.
///
/// (`kid`, `ctr`) is the packet's identity from the speaker to the last viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// A union of [`KEY_FRAME`], [`FRAME_START`], [`FRAME_END`] and [`SIGNED`].
    pub flags: u8,
    /// Key id: which track, and which start of it.
    pub kid: u32,
    /// Counter within the key id.
    pub ctr: u64,
    /// Length of flags and header, bytes.
    pub len: usize,
}

impl Head {
    /// Reads the head of a payload; `None` for undefined flags, a KID above 32 bits, a header that is not
    /// in its shortest form, or a payload that is cut short or longer than [`MAX_PAYLOAD`].
    pub fn parse(payload: &[u8]) -> Option<Self> {
        if payload.len() > MAX_PAYLOAD {
            return None;
        }
        let (&flags, rest) = payload.split_first()?;
        let (&config, rest) = rest.split_first()?;
        if flags & !ALL_FLAGS != 0 {
            return None;
        }
        let (kid, rest) = field(config >> 4, rest)?;
        let (ctr, rest) = field(config & 0x0f, rest)?;
        let len = payload.len() - rest.len();
        // One identity, one encoding.
        let is_shortest = len == 2 + shortest(kid).1 + shortest(ctr).1;
        Some(Self { flags, kid: u32::try_from(kid).ok().filter(|_| is_shortest)?, ctr, len })
    }

    /// Writes `flags` and the header in its shortest form at the end of `out`.
    pub fn write(flags: u8, kid: u32, ctr: u64, out: &mut Vec<u8>) {
        let (kid_bits, kid_len) = shortest(u64::from(kid));
        let (ctr_bits, ctr_len) = shortest(ctr);
        out.push(flags);
        out.push(kid_bits << 4 | ctr_bits);
        out.extend_from_slice(&u64::from(kid).to_be_bytes()[8 - kid_len..]);
        out.extend_from_slice(&ctr.to_be_bytes()[8 - ctr_len..]);
    }

    /// Whether all of `flag` is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }
}

/// Reads one field of the header: its four bits are the value itself below 8, else 8 + (length - 1).
fn field(bits: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    if bits & 0x08 == 0 {
        return Some((u64::from(bits), rest));
    }
    let (value, rest) = rest.split_at_checked(usize::from(bits & 0x07) + 1)?;
    Some((value.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)), rest))
}

/// The four bits of a field and how many bytes follow for it.
fn shortest(value: u64) -> (u8, usize) {
    match u8::try_from(value) {
        Ok(small @ 0..8) => (small, 0),
        _ => {
            let len = (64 - value.leading_zeros()).div_ceil(8) as usize;
            (0x08 | (len as u8 - 1), len)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// From the header vectors of RFC 9605, appendix C.1.
    const VECTORS: [(u32, u64, &[u8]); 10] = [
        (0, 0, &[0x00]),
        (0, 1, &[0x01]),
        (0, 0xff, &[0x08, 0xff]),
        (0, 0x100, &[0x09, 0x01, 0x00]),
        (0, u64::MAX, &[0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (1, 0, &[0x10]),
        (0xff, 0xff, &[0x88, 0xff, 0xff]),
        (0x100, 0xffff, &[0x99, 0x01, 0x00, 0xff, 0xff]),
        (0xff_ffff, 0x100_0000, &[0xab, 0xff, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00]),
        (0xffff_ffff, 1, &[0xb1, 0xff, 0xff, 0xff, 0xff]),
    ];

    #[test]
    fn headers_match_the_vectors_of_rfc_9605() {
        for (kid, ctr, header) in VECTORS {
            let mut payload = Vec::new();
            Head::write(FRAME_START, kid, ctr, &mut payload);
            assert_eq!(&payload[1..], header, "writing {kid:#x} {ctr:#x}");
            payload.extend_from_slice(b"ciphertext");
            let head = Head { flags: FRAME_START, kid, ctr, len: 1 + header.len() };
            assert_eq!(Head::parse(&payload), Some(head));
        }
    }

    #[test]
    fn hostile_heads_are_refused() {
        assert_eq!(Head::parse(&[]), None);
        assert_eq!(Head::parse(&[0]), None);
        assert_eq!(Head::parse(&[0x10, 0x00]), None, "an undefined flag");
        assert_eq!(Head::parse(&[0, 0xc0, 1, 0, 0, 0, 0]), None, "a KID of 33 bits");
        assert_eq!(Head::parse(&[0; MAX_PAYLOAD + 1]), None, "too long");
        assert_eq!(Head::parse(&[0, 0x08, 7]), None, "a byte for what fits into the first");
        assert_eq!(Head::parse(&[0, 0x90, 0, 9]), None, "a leading zero");
        for (_, _, header) in VECTORS {
            for cut in 0..header.len() {
                let mut payload = vec![0];
                payload.extend_from_slice(&header[..cut]);
                assert_eq!(Head::parse(&payload), None, "{header:02x?} cut at {cut}");
            }
        }
    }
}
