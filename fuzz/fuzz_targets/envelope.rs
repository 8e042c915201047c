//! Opening a stored record: wherever it claims to lie, whatever the time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_wire::{Envelope, Header, RecordKey, UnixMillis, decode, encode};

/// The moment of the corpus (`crates/waterfall-wire/tests/samples.rs`).
const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

fuzz_target!(|bytes: &[u8]| {
    let _ = Envelope::open(bytes, &RecordKey([0; 32]), NOW);
    if let Ok(header) = decode::<Header>(bytes) {
        assert_eq!(encode(&header), bytes);
    }
    // Past the check of the place: the header is the envelope's first string.
    if let [0x82, 0x58, len, rest @ ..] = bytes
        && let Some(header) = rest.get(..usize::from(*len))
        && let Ok(header) = decode::<Header>(header)
    {
        let _ = Envelope::open(bytes, &header.record_key(), NOW);
    }
});
