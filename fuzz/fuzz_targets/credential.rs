//! What a node shows on a link: two bytes of length, a certificate, and the rest a signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::openpgp::{claimed_by, verify_node};
use waterfall_wire::{Certified, Epoch, NodeId, RoomId, UnixMillis};

/// 2026-06-01.
const NOW: UnixMillis = UnixMillis(1_780_272_000_000);

fuzz_target!(|bytes: &[u8]| {
    let Some((&[high, low], rest)) = bytes.split_first_chunk() else { return };
    let (certificate, signature) = rest.split_at(usize::from(u16::from_be_bytes([high, low])).min(rest.len()));
    let certified = Certified { certificate: certificate.to_vec(), signature: signature.to_vec() };
    let (room, node) = (RoomId([0x52; 32]), NodeId([0x11; 32]));
    let claimed = claimed_by(&certified);
    if let Ok(found) = verify_node(&certified, &room, Epoch(3), &node, NOW, |_| true) {
        assert_eq!(Ok(found.fingerprint()), claimed);
    }
});
