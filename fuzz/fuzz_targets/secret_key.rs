//! Files with secret keys. A key may ask for a costly derivation, within the caps: run it with
//! `-timeout=60 -rss_limit_mb=4096`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::Password;
use waterfall_keys::openpgp::{SecretKey, certify_owner, verify_owner};
use waterfall_wire::{RoomId, UnixMillis};

/// 2026-06-01.
const NOW: UnixMillis = UnixMillis(1_780_272_000_000);

fuzz_target!(|file: &[u8]| {
    for mut key in SecretKey::read_all(file).unwrap_or_default() {
        let _ = key.unlock(&Password::from("tako-mivu"));
        let room = RoomId([0x52; 32]);
        if let Ok(owner) = certify_owner(&room, &key, NOW) {
            verify_owner(&owner, &room, NOW).expect("what is signed is checked before it is handed out");
        }
    }
});
