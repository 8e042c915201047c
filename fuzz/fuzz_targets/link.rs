//! What comes over an established link below its messages: fillers, RTP headers and RTCP.
//!
//! These modules are private to `waterfall-media`, so they are compiled in from there.
#![no_main]
// Only their decoders are used here.
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/waterfall-media/src/link/filler.rs"]
mod filler;
#[path = "../../crates/waterfall-media/src/link/rtp.rs"]
mod rtp;
#[path = "../../crates/waterfall-media/src/link/slots.rs"]
mod slots;

/// What `slots` wants of its crate.
mod forward {
    pub(crate) use waterfall_media::forward::Kind;
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(filler) = filler::Filler::decode(bytes) {
        assert_eq!(filler.encode(), bytes, "two encodings of one filler");
    }
    if let Some(header) = rtp::read_header(bytes) {
        let mut again = Vec::new();
        rtp::write_header(&header, &mut again);
        assert_eq!(again, bytes[..rtp::HEADER_LEN], "two encodings of one RTP header");
    }
    let asked: usize = rtp::read_feedback(bytes)
        .iter()
        .map(|feedback| match feedback {
            rtp::Feedback::Nack { sequences, .. } => sequences.len(),
            rtp::Feedback::PictureLoss { .. } => 1,
        })
        .sum();
    // Four bytes ask for at most 17 packets.
    assert!(asked <= 17 * (bytes.len() / 4), "more is asked for than the bytes can say");
});
