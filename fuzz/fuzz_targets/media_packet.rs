//! A track as a hostile relay would deliver it: packets in any order, altered, repeated, made up.
//!
//! The input is a row of `timestamp (4) ‖ marker (1) ‖ length (2) ‖ payload`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::media::{TrackOpener, parse};
use waterfall_keys::{EpochKey, RoomKey};
use waterfall_wire::{Epoch, Kid, RoomId, SigningKey};

fuzz_target!(|bytes: &[u8]| {
    let key = EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &RoomId([0x52; 32]), Epoch(7));
    let speaker = SigningKey::from_bytes(&[1; 32]).node_id();
    let mut opener = TrackOpener::new(&key, speaker, Kid::new(&speaker, 0), [0xa5; 16]);
    let mut rest = bytes;
    while let Some((&[t0, t1, t2, t3, marker, high, low], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (payload, next) = after.split_at(len);
        rest = next;
        if let Ok(packet) = parse(payload) {
            assert!(packet.ctr < u64::MAX);
        }
        let _ = opener.open(u32::from_be_bytes([t0, t1, t2, t3]), marker != 0, payload);
        let stats = opener.stats();
        assert!(stats.held <= 4_096 && stats.held_bytes <= 8 * 1024 * 1024, "more is held than is allowed");
    }
});
