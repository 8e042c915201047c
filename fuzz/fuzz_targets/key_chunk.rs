//! The OpenPGP message of a key chunk, which anyone who holds the ticket can have written.
//!
//! A message may ask for a costly derivation, within the caps: run it with `-timeout=60
//! -rss_limit_mb=4096`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::Password;
use waterfall_keys::chunk::open_password;

fuzz_target!(|message: &[u8]| {
    let _ = open_password(message, &Password::from("password"));
});
