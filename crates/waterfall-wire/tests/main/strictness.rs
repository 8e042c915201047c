//! One meaning has one encoding; everything else is refused.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use waterfall_wire::{DecodeError, TreeMessage, decode, encode};

use crate::samples::{Case, Kind, ask, kinds};

/// Runs a check over every sample of every type.
fn each(mut check: impl FnMut(&Kind, &Case)) {
    for kind in kinds() {
        for case in &kind.cases {
            check(&kind, case);
        }
    }
}

/// What a sample consists of.
#[derive(Debug)]
enum Token<'b> {
    Integer(u64),
    Bytes(&'b [u8]),
    Text(&'b str),
    Array(u64),
    Simple,
}

/// One CBOR item of a sample; of an array just the head.
struct Item<'b> {
    token: Token<'b>,
    start: usize,
    end: usize,
}

fn items(bytes: &[u8]) -> Vec<Item<'_>> {
    let mut decoder = Decoder::new(bytes);
    let mut items = Vec::new();
    while decoder.position() < bytes.len() {
        let start = decoder.position();
        let token = match decoder.datatype().unwrap() {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Token::Integer(decoder.u64().unwrap()),
            Type::Bytes => Token::Bytes(decoder.bytes().unwrap()),
            Type::String => Token::Text(decoder.str().unwrap()),
            Type::Array => Token::Array(decoder.array().unwrap().unwrap()),
            Type::Bool | Type::Null => decoder.skip().map(|()| Token::Simple).unwrap(),
            other => panic!("{other} is outside the profile"),
        };
        items.push(Item { token, start, end: decoder.position() });
    }
    items
}

/// The head of a CBOR item with an 8-byte argument, which is never the shortest form here.
fn long_head(major: u8, argument: u64) -> Vec<u8> {
    let mut head = vec![major << 5 | 27];
    head.extend_from_slice(&argument.to_be_bytes());
    head
}

fn spliced(bytes: &[u8], start: usize, end: usize, with: &[u8]) -> Vec<u8> {
    [&bytes[..start], with, &bytes[end..]].concat()
}

#[test]
fn samples_decode() {
    each(|kind, case| assert_eq!((kind.reencode)(&case.bytes).as_ref(), Ok(&case.bytes), "{}", case.name));
}

#[test]
fn a_trailing_byte_is_refused() {
    each(|kind, case| {
        for extra in [0x00, 0xf6, 0xff] {
            let longer = [&case.bytes[..], &[extra]].concat();
            assert_eq!((kind.reencode)(&longer), Err(DecodeError::NotCanonical { name: kind.name }), "{}", case.name);
        }
    });
}

#[test]
fn integers_and_lengths_longer_than_needed_are_refused() {
    each(|kind, case| {
        for item in items(&case.bytes) {
            let (head, content) = match item.token {
                Token::Integer(n) if n <= u64::from(u32::MAX) => (long_head(0, n), vec![]),
                Token::Array(n) => (long_head(4, n), vec![]),
                Token::Bytes(b) => (long_head(2, b.len() as u64), b.to_vec()),
                Token::Text(s) => (long_head(3, s.len() as u64), s.as_bytes().to_vec()),
                Token::Integer(_) | Token::Simple => continue,
            };
            let bytes = spliced(&case.bytes, item.start, item.end, &[head, content].concat());
            assert!((kind.reencode)(&bytes).is_err(), "{} {}: {:?}", kind.file, case.name, item.token);
        }
    });
}

#[test]
fn indefinite_lengths_are_refused() {
    each(|kind, case| {
        let items = items(&case.bytes);
        for (i, item) in items.iter().enumerate() {
            let bytes = match item.token {
                Token::Array(_) => {
                    let end = end_of(&items, i);
                    let body = [&[0x9f], &case.bytes[item.end..end], &[0xff]].concat();
                    spliced(&case.bytes, item.start, end, &body)
                }
                Token::Bytes(_) => {
                    let body = [&[0x5f], &case.bytes[item.start..item.end], &[0xff]].concat();
                    spliced(&case.bytes, item.start, item.end, &body)
                }
                Token::Text(_) => {
                    let body = [&[0x7f], &case.bytes[item.start..item.end], &[0xff]].concat();
                    spliced(&case.bytes, item.start, item.end, &body)
                }
                _ => continue,
            };
            assert!((kind.reencode)(&bytes).is_err(), "{} {}: {:?}", kind.file, case.name, item.token);
        }
    });
}

/// Where the item with this index ends, the items inside included.
fn end_of(items: &[Item<'_>], index: usize) -> usize {
    let mut open = 1_u64;
    for item in &items[index..] {
        open -= 1;
        if let Token::Array(n) = item.token {
            open += n;
        }
        if open == 0 {
            return item.end;
        }
    }
    panic!("the samples are complete")
}

#[test]
fn fields_too_many_or_too_few_are_refused() {
    each(|kind, case| {
        let items = items(&case.bytes);
        for (i, item) in items.iter().enumerate() {
            let Token::Array(n) = item.token else { continue };
            let end = end_of(&items, i);
            let more = [&head(n + 1), &case.bytes[item.end..end], &[0xf6]].concat();
            let bytes = spliced(&case.bytes, item.start, end, &more);
            assert!((kind.reencode)(&bytes).is_err(), "{} {}: a null more in {i}", kind.file, case.name);
            if n > 0 {
                let first = end_of(&items, i + 1);
                let fewer = [&head(n - 1), &case.bytes[first..end]].concat();
                let bytes = spliced(&case.bytes, item.start, end, &fewer);
                // A list may lose an item and still be one; a struct may not lose its first field.
                if let Ok(again) = (kind.reencode)(&bytes) {
                    assert_eq!(again, bytes, "{} {}", kind.file, case.name);
                }
            }
        }
    });
}

fn head(n: u64) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(n).unwrap();
    encoder.into_writer()
}

#[test]
fn tags_and_foreign_items_are_refused() {
    each(|kind, case| {
        for item in items(&case.bytes) {
            let tagged = [&[0xc1], &case.bytes[item.start..item.end]].concat();
            // A tag, a float, an undefined, a negative number, a map.
            for foreign in [&tagged[..], &[0xf9, 0, 0], &[0xf7], &[0x20], &[0xa0]] {
                let bytes = spliced(&case.bytes, item.start, item.end, foreign);
                assert!((kind.reencode)(&bytes).is_err(), "{} {}: {foreign:02x?}", kind.file, case.name);
            }
        }
    });
}

#[test]
fn a_value_of_another_version_is_called_that_whatever_its_layout() {
    let versioned = ["header", "ask", "reply", "catalogue", "room_event", "ticket"];
    for kind in kinds() {
        if !versioned.contains(&kind.file) {
            continue;
        }
        let expected = |found| Err(DecodeError::Version { name: kind.name, found });
        for case in &kind.cases {
            for version in [0, 2, 23] {
                let mut bytes = case.bytes.clone();
                assert_eq!(bytes[1], 1, "the version is the first field");
                bytes[1] = version;
                assert_eq!((kind.reencode)(&bytes), expected(version));
            }
        }
        assert_eq!((kind.reencode)(&[0x82, 0x02, 0xa0]), expected(2));
        assert_eq!((kind.reencode)(&[0x81, 0x18, 0xff]), expected(255));
        assert_eq!((kind.reencode)(&[0x81, 0x61]), Err(DecodeError::Malformed { name: kind.name }));
    }
}

#[test]
fn input_beyond_the_longest_value_is_refused_before_it_is_parsed() {
    for kind in kinds() {
        let bytes = vec![0x80; kind.max_len + 1];
        let expected = DecodeError::TooLong { name: kind.name, len: bytes.len(), max: kind.max_len };
        assert_eq!((kind.reencode)(&bytes), Err(expected));
    }
}

#[test]
fn a_unit_variant_has_an_empty_array() {
    assert_eq!(encode(&TreeMessage::Detach), [0x82, 0x07, 0x80]);
    for other in [&[0x82, 0x07, 0xf6][..], &[0x82, 0x07, 0x81, 0x00], &[0x81, 0x07], &[0x07]] {
        decode::<TreeMessage>(other).unwrap_err();
    }
}

#[test]
fn an_ip_address_has_four_or_sixteen_bytes() {
    let offer = waterfall_wire::AskBody::Offer(crate::samples::offer());
    let bytes = encode(&ask(offer));
    let v4 = [0x44, 192, 0, 2, 7];
    let at = bytes.windows(5).position(|window| window == v4).unwrap();
    for wrong in [&[0x40][..], &[0x43, 1, 2, 3], &[0x45, 1, 2, 3, 4, 5]] {
        let expected = DecodeError::Malformed { name: "ask" };
        assert_eq!(decode::<waterfall_wire::Ask>(&spliced(&bytes, at, at + 5, wrong)), Err(expected));
    }
}
