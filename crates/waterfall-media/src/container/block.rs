//! A Matroska block (RFC 9559 §10): whose it is, when, and the frames laced into it.

use bytes::{Buf, Bytes};

use super::ebml::{Parsed, vint};

/// A block's frames and what its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Against the cluster's timestamp, in the segment's scale.
    pub time: i16,
    /// In a SimpleBlock: decoding can start here. Means nothing in a BlockGroup.
    pub keyframe: bool,
    /// One, or more if they were laced; in order.
    pub frames: Vec<Bytes>,
}

/// The track a block belongs to, from its first bytes.
pub(super) fn track_number(data: &[u8]) -> Parsed<u64> {
    match vint(data) {
        Parsed::Done((Some(number), _)) => Parsed::Done(number),
        Parsed::Done((None, _)) | Parsed::Invalid(_) => Parsed::Invalid("a block without a track number"),
        Parsed::NeedMore => Parsed::NeedMore,
    }
}

/// Parses a whole block.
pub(super) fn parse(mut data: Bytes) -> Result<Block, &'static str> {
    let Parsed::Done((_, number_len)) = vint(&data) else { return Err("a block without a track number") };
    data.advance(number_len);
    if data.len() < 3 {
        return Err("a block shorter than its header");
    }
    let time = data.get_i16();
    let flags = data.get_u8();
    let frames = match flags >> 1 & 3 {
        0 => vec![data],
        lacing => {
            if data.is_empty() {
                return Err("a laced block without a frame count");
            }
            let count = usize::from(data.get_u8()) + 1;
            let sizes = match lacing {
                1 => xiph_sizes(&mut data, count)?,
                2 => fixed_sizes(&data, count)?,
                _ => ebml_sizes(&mut data, count)?,
            };
            split(data, &sizes)?
        }
    };
    Ok(Block { time, keyframe: flags & 0x80 != 0, frames })
}

const TOO_SHORT: &str = "a laced block shorter than its frames";

/// Sizes of all frames but the last, as sums of bytes up to one below 255.
fn xiph_sizes(data: &mut Bytes, count: usize) -> Result<Vec<usize>, &'static str> {
    let mut sizes = Vec::with_capacity(count - 1);
    while sizes.len() < count - 1 {
        let mut size = 0usize;
        loop {
            if data.is_empty() {
                return Err(TOO_SHORT);
            }
            let byte = data.get_u8();
            // At most as many additions as the block has bytes: cannot overflow.
            size += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
        sizes.push(size);
    }
    Ok(sizes)
}

fn fixed_sizes(data: &Bytes, count: usize) -> Result<Vec<usize>, &'static str> {
    if !data.len().is_multiple_of(count) {
        return Err("a laced block that does not divide into its frames");
    }
    Ok(vec![data.len() / count; count - 1])
}

/// The first size as it is, each next one as a signed difference to the one before.
fn ebml_sizes(data: &mut Bytes, count: usize) -> Result<Vec<usize>, &'static str> {
    let mut sizes = Vec::with_capacity(count - 1);
    let mut last = 0i64;
    while sizes.len() < count - 1 {
        let Parsed::Done((value, len)) = vint(data) else { return Err(TOO_SHORT) };
        // All bits set is a plain value here, not 'unknown'; 56 bits fit an i64.
        let value = value.unwrap_or((1 << (7 * len)) - 1) as i64;
        data.advance(len);
        let size = if sizes.is_empty() { value } else { last + value - ((1 << (7 * len - 1)) - 1) };
        if !(0..=data.len() as i64).contains(&size) {
            return Err(TOO_SHORT);
        }
        last = size;
        sizes.push(size as usize);
    }
    Ok(sizes)
}

/// The last frame takes what the others leave.
fn split(mut data: Bytes, sizes: &[usize]) -> Result<Vec<Bytes>, &'static str> {
    let mut frames = Vec::with_capacity(sizes.len() + 1);
    for size in sizes {
        if *size > data.len() {
            return Err(TOO_SHORT);
        }
        frames.push(data.split_to(*size));
    }
    frames.push(data);
    Ok(frames)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn block(flags: u8, rest: &[u8]) -> Result<Block, &'static str> {
        parse([&[0x81, 0xff, 0xfe, flags], rest].concat().into())
    }

    fn lens(block: &Block) -> Vec<usize> {
        block.frames.iter().map(Bytes::len).collect()
    }

    #[test]
    fn plain() {
        let block = block(0x80, b"abc").unwrap();
        assert_eq!((block.time, block.keyframe, &block.frames[0][..]), (-2, true, &b"abc"[..]));
    }

    #[test]
    fn xiph() {
        let block = block(0x02, &[&[2, 255, 5, 1][..], &[9; 270]].concat()).unwrap();
        assert_eq!(lens(&block), [260, 1, 9]);
    }

    #[test]
    fn fixed() {
        assert_eq!(lens(&block(0x04, &[2, 1, 2, 3, 4, 5, 6]).unwrap()), [2, 2, 2]);
        assert!(block(0x04, &[2, 1, 2]).is_err());
    }

    /// The example of RFC 9559 §10.3.3: frames of 800, 500 and 1000 bytes.
    #[test]
    fn ebml() {
        let block = block(0x06, &[&[2, 0x43, 0x20, 0x5e, 0xd3][..], &[9; 2_300]].concat()).unwrap();
        assert_eq!(lens(&block), [800, 500, 1_000]);
    }

    #[test]
    fn hostile_lacing_is_refused() {
        for (flags, rest) in [
            (0x02u8, &[][..]),
            (0x04, &[]),
            (0x06, &[]),
            (0x02, &[255]),
            (0x02, &[1, 255, 255]),
            (0x02, &[1, 9, 0]),
            (0x06, &[1, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]),
            (0x06, &[2, 0x81, 0x80, 0, 0]),
            (0x06, &[255, 0x80]),
        ] {
            assert!(block(flags, rest).is_err(), "{flags:x} {rest:?}");
        }
        for short in [&[][..], &[0x81], &[0x81, 0, 0], &[0, 0, 0, 0, 0]] {
            assert!(parse(Bytes::copy_from_slice(short)).is_err());
        }
    }
}
