//! Frames of every codec: what is read of them, and their canonical form.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use waterfall_media::codec::{Codec, NalFraming};

fuzz_target!(|bytes: &[u8]| {
    let Some((&framing, data)) = bytes.split_first() else { return };
    let framing = match framing % 6 {
        0 => NalFraming::Unknown,
        1 => NalFraming::AnnexB,
        length => NalFraming::LengthPrefixed(length - 1),
    };
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264, Codec::Opus] {
        let canonical = codec.canonical(Bytes::copy_from_slice(data), framing);
        // The shortest unit is an empty one behind one byte of length, which becomes four.
        assert!(canonical.len() <= 4 * data.len(), "{codec:?} grows");
        let _ = codec.is_keyframe(&canonical);
        let _ = codec.private_from_keyframe(&canonical);
        let _ = codec.frame_duration(&canonical);
    }
});
