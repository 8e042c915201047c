//! Whatever arrives: an error, or a value that stands for exactly these bytes. Never a panic.

use proptest::prelude::*;

use crate::samples::{Kind, kinds};

fn assert_harmless(kind: &Kind, bytes: &[u8]) {
    if let Ok(again) = (kind.reencode)(bytes) {
        assert_eq!(again, bytes, "{}: two encodings of one value", kind.file);
    }
}

#[test]
fn every_truncation_is_refused() {
    for kind in kinds() {
        for case in &kind.cases {
            for len in 0..case.bytes.len() {
                let cut = (kind.reencode)(&case.bytes[..len]);
                assert!(cut.is_err(), "{}: {} of {} bytes", kind.file, len, case.bytes.len());
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_harmless() {
    for kind in kinds() {
        for case in &kind.cases {
            for bit in 0..case.bytes.len() * 8 {
                let mut bytes = case.bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_harmless(&kind, &bytes);
            }
        }
    }
}

#[test]
fn every_byte_replaced_by_a_head_is_harmless() {
    // Heads that change how everything after them is read: huge and indefinite lengths, breaks.
    let heads = [0x1b, 0x5b, 0x5f, 0x7b, 0x7f, 0x9b, 0x9f, 0xbb, 0xbf, 0xdb, 0xf6, 0xfb, 0xff];
    for kind in kinds() {
        for case in &kind.cases {
            for at in 0..case.bytes.len() {
                for head in heads {
                    let mut bytes = case.bytes.clone();
                    bytes[at] = head;
                    assert_harmless(&kind, &bytes);
                }
            }
        }
    }
}

#[test]
fn values_of_one_type_are_no_values_of_another_by_accident() {
    let kinds = kinds();
    for kind in &kinds {
        for other in &kinds {
            for case in &other.cases {
                assert_harmless(kind, &case.bytes);
            }
        }
    }
}

/// Were room made for what a head claims, this would ask for 256 GiB or overflow, and abort.
#[test]
fn a_length_that_is_only_claimed_takes_no_memory() {
    for claimed in [1_u64 << 32, 1 << 60, u64::MAX] {
        for major in [2_u8, 3, 4, 5] {
            let mut head = vec![major << 5 | 27];
            head.extend_from_slice(&claimed.to_be_bytes());
            for kind in kinds() {
                // Alone, with one byte behind it, and in the place of every item of a value.
                assert!((kind.reencode)(&head).is_err());
                assert!((kind.reencode)(&[&head[..], &[0]].concat()).is_err());
                for case in &kind.cases {
                    for at in 0..case.bytes.len() {
                        let bytes = [&case.bytes[..at], &head, &case.bytes[at..]].concat();
                        assert_harmless(&kind, &bytes);
                    }
                }
            }
        }
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for kind in kinds() {
        for head in [0x81, 0x9f, 0xa1, 0xbf, 0xc1, 0x5f] {
            assert!((kind.reencode)(&vec![head; kind.max_len]).is_err());
            // Behind more fields than the type has, where they would be skipped.
            for case in &kind.cases {
                let mut bytes = case.bytes.clone();
                bytes[0] = bytes[0].wrapping_add(1);
                bytes.resize(kind.max_len, head);
                assert!((kind.reencode)(&bytes).is_err(), "{}", kind.file);
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for kind in kinds() {
            assert_harmless(&kind, &bytes);
        }
    }

    #[test]
    fn samples_with_random_damage_are_harmless(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        tail in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        for kind in kinds() {
            for case in &kind.cases {
                let mut bytes = case.bytes[..cut.index(case.bytes.len() + 1)].to_vec();
                bytes.extend_from_slice(&tail);
                for (at, with) in &damage {
                    if !bytes.is_empty() {
                        let at = at.index(bytes.len());
                        bytes[at] = *with;
                    }
                }
                assert_harmless(&kind, &bytes);
            }
        }
    }
}
