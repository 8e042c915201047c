//! The part of EBML (RFC 8794) that streaming Matroska needs: element headers and the plain values.
//!
//! Written here because the crates at hand do not suit hostile or endless input: one applies a single size
//! limit to frames and to whole segments, must buffer what it skips and panics on an empty laced block;
//! the other refuses clusters of unknown size and reads any element whole.

use bytes::{BufMut, BytesMut};

/// An element's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// With its length marker, as the Matroska specification writes ids.
    pub id: u32,
    /// Bytes of content; `None` if unknown, as in a live stream.
    pub size: Option<u64>,
    /// Bytes of this header.
    pub len: usize,
}

/// What the bytes at hand say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed<T> {
    Done(T),
    /// Every byte so far is fine.
    NeedMore,
    Invalid(&'static str),
}

/// Parses an element header at the start of `data`.
pub(super) fn header(data: &[u8]) -> Parsed<Header> {
    let Some(first) = data.first() else { return Parsed::NeedMore };
    let id_len = first.leading_zeros() as usize + 1;
    if id_len > 4 {
        return Parsed::Invalid("no element id");
    }
    let Some(id) = data.get(..id_len) else { return Parsed::NeedMore };
    let id = id.iter().fold(0, |id: u32, byte| id << 8 | u32::from(*byte));
    match vint(&data[id_len..]) {
        Parsed::Done((size, size_len)) => Parsed::Done(Header { id, size, len: id_len + size_len }),
        Parsed::NeedMore => Parsed::NeedMore,
        Parsed::Invalid(what) => Parsed::Invalid(what),
    }
}

/// A variable-length integer without its marker, `None` if all its bits are set (unknown), and its length.
pub(super) fn vint(data: &[u8]) -> Parsed<(Option<u64>, usize)> {
    let Some(first) = data.first() else { return Parsed::NeedMore };
    let len = first.leading_zeros() as usize + 1;
    if len > 8 {
        return Parsed::Invalid("no element size");
    }
    let Some(bytes) = data.get(..len) else { return Parsed::NeedMore };
    let marked = bytes.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
    let mask = (1u64 << (7 * len)) - 1;
    let value = marked & mask;
    Parsed::Done(((value != mask).then_some(value), len))
}

/// Children of an element that is in memory whole. Stops with an error at the first that is
/// malformed or overruns it.
#[derive(Debug, Clone)]
pub(super) struct Children<'a> {
    rest: &'a [u8],
}

pub(super) fn children(content: &[u8]) -> Children<'_> {
    Children { rest: content }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<(u32, &'a [u8]), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let child = match header(self.rest) {
            Parsed::Done(Header { id, size: Some(size), len }) => usize::try_from(size)
                .ok()
                .and_then(|size| self.rest.get(len..len.checked_add(size)?))
                .map(|content| (id, content, len + content.len()))
                .ok_or("an element overruns the one it is in"),
            Parsed::Done(Header { size: None, .. }) => Err("an element of unknown size where none may be"),
            Parsed::NeedMore => Err("an element overruns the one it is in"),
            Parsed::Invalid(what) => Err(what),
        };
        match child {
            Ok((id, content, len)) => {
                self.rest = &self.rest[len..];
                Some(Ok((id, content)))
            }
            Err(what) => {
                self.rest = &[];
                Some(Err(what))
            }
        }
    }
}

/// An unsigned integer of 0 to 8 bytes.
pub(super) fn uint(content: &[u8]) -> Result<u64, &'static str> {
    if content.len() > 8 {
        return Err("an integer of more than 8 bytes");
    }
    Ok(content.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// A float of 0, 4 or 8 bytes.
pub(super) fn float(content: &[u8]) -> Result<f64, &'static str> {
    match *content {
        [] => Ok(0.0),
        [a, b, c, d] => Ok(f64::from(f32::from_be_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Ok(f64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => Err("a float of neither 4 nor 8 bytes"),
    }
}

/// Text for people: at most `max` bytes, what is no UTF-8 replaced, without control characters, so
/// that a file cannot write to a terminal. A zero byte ends it (RFC 8794 §13).
pub(super) fn text(content: &[u8], max: usize) -> String {
    let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len()).min(max);
    let mut out = String::with_capacity(end);
    for char in String::from_utf8_lossy(&content[..end]).chars().filter(|char| !char.is_control()) {
        if out.len() + char.len_utf8() > max {
            break;
        }
        out.push(char);
    }
    out
}

/// Appends elements.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) out: BytesMut,
}

impl Builder {
    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.out.len() as u64
    }

    /// Id and size of an element; its content comes next.
    pub(super) fn header(&mut self, id: u32, size: u64) -> &mut Self {
        self.id(id);
        // One length more where all bits set would mean 'unknown'.
        let len = (1..8).find(|len| size < (1 << (7 * len)) - 1).unwrap_or(8);
        let marked = size | 1 << (7 * len);
        self.out.put_uint(marked, len);
        self
    }

    /// Id of an element whose size is not known.
    pub(super) fn header_of_unknown_size(&mut self, id: u32) -> &mut Self {
        self.id(id);
        self.out.put_u64(0x01ff_ffff_ffff_ffff);
        self
    }

    fn id(&mut self, id: u32) {
        let len = 4 - id.leading_zeros() as usize / 8;
        self.out.put_uint(u64::from(id), len);
    }

    pub(super) fn uint(&mut self, id: u32, value: u64) -> &mut Self {
        let len = (8 - value.leading_zeros() as usize / 8).max(1);
        self.header(id, len as u64);
        self.out.put_uint(value, len);
        self
    }

    pub(super) fn float(&mut self, id: u32, value: f64) -> &mut Self {
        self.header(id, 8);
        self.out.put_f64(value);
        self
    }

    pub(super) fn bytes(&mut self, id: u32, content: &[u8]) -> &mut Self {
        self.header(id, content.len() as u64);
        self.out.put_slice(content);
        self
    }

    /// An element that means nothing and takes `len` bytes in all, at least 2 and at most 128.
    pub(super) fn void(&mut self, len: usize) -> &mut Self {
        self.bytes(super::ids::VOID, &[0; 126][..len - 2])
    }

    /// An element whose content `build` appends.
    pub(super) fn master(&mut self, id: u32, build: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        build(&mut inner);
        self.bytes(id, &inner.out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn headers_come_back() {
        for size in [0u64, 1, 126, 127, 128, 16_382, 16_383, 1 << 28, (1 << 56) - 2] {
            let mut builder = Builder::default();
            builder.header(0x1a45_dfa3, size);
            let len = builder.out.len();
            assert_eq!(header(&builder.out), Parsed::Done(Header { id: 0x1a45_dfa3, size: Some(size), len }));
            for cut in 0..len {
                assert_eq!(header(&builder.out[..cut]), Parsed::NeedMore);
            }
        }
        let mut builder = Builder::default();
        builder.header_of_unknown_size(0xa3);
        assert_eq!(header(&builder.out), Parsed::Done(Header { id: 0xa3, size: None, len: 9 }));
        assert_eq!(header(&[0xa3, 0xff]), Parsed::Done(Header { id: 0xa3, size: None, len: 2 }));
    }

    #[test]
    fn malformed_headers_are_refused() {
        assert!(matches!(header(&[0x08, 0, 0, 0, 0]), Parsed::Invalid(_)));
        assert!(matches!(header(&[0xa3, 0x00]), Parsed::Invalid(_)));
        let overrun: Vec<_> = children(&[0xa3, 0x81, 0, 0xa3, 0x85, 0]).collect();
        assert_eq!(overrun.len(), 2);
        assert!(overrun[1].is_err());
        assert!(children(&[0xa3, 0xff, 0]).next().unwrap().is_err());
        assert!(children(&[0xa3, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]).next().unwrap().is_err());
    }

    #[test]
    fn values_come_back() {
        let mut builder = Builder::default();
        builder.uint(0x81, 0).uint(0x82, 255).uint(0x83, u64::MAX).float(0x84, 48_000.0).bytes(0x85, b"a\x1b[2Jb\0c");
        let values: Vec<_> = children(&builder.out).map(Result::unwrap).collect();
        assert_eq!(values.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [0x81, 0x82, 0x83, 0x84, 0x85]);
        assert_eq!(values[..3].iter().map(|(_, v)| uint(v).unwrap()).collect::<Vec<_>>(), [0, 255, u64::MAX]);
        assert_eq!(float(values[3].1), Ok(48_000.0));
        assert_eq!(text(values[4].1, 100), "a[2Jb");
        assert!(uint(&[0; 9]).is_err());
        assert!(float(&[0; 3]).is_err());
    }
}
