//! Packets of a track in any order: frames come out in order and within the bounds.
//!
//! The input is a row of `counter (1) ‖ flags (1) ‖ pause (1) ‖ length (1) ‖ data`.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use waterfall_media::codec::Kind;
use waterfall_media::frame::{Assembler, Config, Item};

fuzz_target!(|bytes: &[u8]| {
    let config = Config { max_packets: 32, max_bytes: 1_024, max_frame: 512, ..Config::default() };
    for kind in [Kind::Audio, Kind::Video] {
        let mut assembler = Assembler::new(kind, config);
        let mut now = Duration::ZERO;
        let mut rest = bytes;
        while let Some((&[ctr, flags, pause, len], after)) = rest.split_first_chunk() {
            let (data, next) = after.split_at(usize::from(len).min(after.len()));
            rest = next;
            now += Duration::from_millis(u64::from(pause) * 4);
            assembler.push(now, u64::from(ctr), flags, Bytes::copy_from_slice(data));
            while let Some(item) = assembler.poll(now) {
                if let Item::Frame(frame) = item {
                    assert!(frame.data.len() <= config.max_frame, "a frame above the limit");
                }
            }
            let (packets, bytes) = assembler.held();
            assert!(packets <= config.max_packets && bytes <= config.max_bytes + config.max_frame, "more is held");
        }
        assembler.finish(now, 256);
        while assembler.poll(now).is_some() {}
    }
});
