//! IVF, Matroska and WebM as they come out of a pipe. The first byte says in which pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_media::container::{Demuxer, Event};

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, file)) = bytes.split_first() else { return };
    let mut demuxer = Demuxer::new();
    let mut tracks = None;
    let mut drain = |demuxer: &mut Demuxer| loop {
        match demuxer.poll() {
            Ok(Some(Event::Tracks { carried, .. })) => {
                assert!(!carried.is_empty() && tracks.is_none(), "tracks are announced once, and are some");
                tracks = Some(carried);
            }
            Ok(Some(Event::Frame { track, frame })) => {
                let tracks = tracks.as_ref().expect("tracks come before frames");
                let codec = tracks[track].codec;
                let _ = (codec.is_keyframe(&frame.data), codec.private_from_keyframe(&frame.data));
                let _ = codec.frame_duration(&frame.data);
            }
            Ok(Some(_)) => {}
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    for piece in file.chunks(usize::from(piece) + 1) {
        demuxer.push(piece);
        if !drain(&mut demuxer) {
            return;
        }
    }
    demuxer.end();
    drain(&mut demuxer);
});
