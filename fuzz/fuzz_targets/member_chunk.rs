//! The OpenPGP message of a key chunk for members, as each sort of key reads it.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use waterfall_keys::EpochKey;
use waterfall_keys::RoomKey;
use waterfall_keys::openpgp::SecretKey;
use waterfall_keys::openpgp::members::{open, recipients};
use waterfall_wire::{Epoch, KeyChunk, RoomId, UnixMillis};

/// 2026-06-01.
const NOW: UnixMillis = UnixMillis(1_780_272_000_000);

fn keys() -> &'static [SecretKey] {
    static KEYS: OnceLock<Vec<SecretKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let files: [&[u8]; 3] = [
            include_bytes!("../../crates/waterfall-keys/tests/fixtures/alice.key.asc"),
            include_bytes!("../../crates/waterfall-keys/tests/fixtures/bob.key.asc"),
            include_bytes!("../../crates/waterfall-keys/tests/fixtures/frank.key.asc"),
        ];
        files.iter().flat_map(|file| SecretKey::read_all(file).expect("a fixture")).collect()
    })
}

fuzz_target!(|message: &[u8]| {
    for key in keys() {
        let _ = open(message, key, NOW);
    }
    let key = EpochKey::derive(&RoomKey::from_bytes([0x5a; 32]), &RoomId([0x52; 32]), Epoch(3));
    let chunk = KeyChunk { epoch: Epoch(3), index: 0, message: Vec::new(), recipients: message.to_vec() };
    let _ = recipients(&chunk, &key);
});
