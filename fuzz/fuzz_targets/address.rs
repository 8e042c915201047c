//! Addresses in records, and as people type them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_signal::{address_to_multiaddr, multiaddr_to_address, parse_address};
use waterfall_wire::Address;

fuzz_target!(|bytes: &[u8]| {
    if let Some(parsed) = address_to_multiaddr(&Address(bytes.to_vec())) {
        let again = multiaddr_to_address(&parsed).expect("what is dialable can be told");
        assert_eq!(address_to_multiaddr(&again), Some(parsed), "an address that reads differently once written");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parse_address(text);
    }
});
