//! A payload as relays read it and as viewers do: they must see the same track and counter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::media::parse;
use waterfall_media::forward::identity::Head;

fuzz_target!(|payload: &[u8]| {
    let (relay, viewer) = (Head::parse(payload), parse(payload));
    if let Some(head) = relay {
        let mut again = Vec::new();
        Head::write(head.flags, head.kid, head.ctr, &mut again);
        assert_eq!(again, payload[..head.len], "two spellings of one head");
        if let Ok(packet) = viewer {
            assert_eq!((head.flags, head.kid, head.ctr), (packet.flags, packet.kid.0, packet.ctr));
        }
    }
});
