//! Replays the fuzzers' corpora (`fuzz/corpus`), so that what was found once is never lost again.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use waterfall_media::codec::{Codec, Kind, NalFraming};
use waterfall_media::container::Demuxer;
use waterfall_media::forward::identity::Head;
use waterfall_media::frame::{Assembler, Config, Item};

fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<Vec<u8>> =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    files
}

#[test]
fn payload_heads() {
    for payload in files("payload") {
        if let Some(head) = Head::parse(&payload) {
            let mut again = Vec::new();
            Head::write(head.flags, head.kid, head.ctr, &mut again);
            assert_eq!(again, payload[..head.len], "two spellings of one head");
        }
    }
}

#[test]
fn containers() {
    for bytes in files("container") {
        let Some((&piece, file)) = bytes.split_first() else { continue };
        let mut demuxer = Demuxer::new();
        // Whole or broken, it ends.
        for piece in file.chunks(usize::from(piece) + 1) {
            demuxer.push(piece);
            while let Ok(Some(_)) = demuxer.poll() {}
        }
        demuxer.end();
        while let Ok(Some(_)) = demuxer.poll() {}
    }
}

#[test]
fn codecs() {
    for bytes in files("codec") {
        let Some((&framing, data)) = bytes.split_first() else { continue };
        let framing = match framing % 6 {
            0 => NalFraming::Unknown,
            1 => NalFraming::AnnexB,
            length => NalFraming::LengthPrefixed(length - 1),
        };
        for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264, Codec::Opus] {
            let canonical = codec.canonical(Bytes::copy_from_slice(data), framing);
            assert!(canonical.len() <= 4 * data.len(), "{codec:?} grows");
            let _ = (codec.is_keyframe(&canonical), codec.private_from_keyframe(&canonical));
        }
    }
}

#[test]
fn assemblers_end() {
    let config = Config { max_packets: 32, max_bytes: 1_024, max_frame: 512, ..Config::default() };
    for bytes in files("assembler") {
        for kind in [Kind::Audio, Kind::Video] {
            let mut assembler = Assembler::new(kind, config);
            let mut now = Duration::ZERO;
            let mut rest = &bytes[..];
            while let Some((&[ctr, flags, pause, len], after)) = rest.split_first_chunk() {
                let (data, next) = after.split_at(usize::from(len).min(after.len()));
                rest = next;
                now += Duration::from_millis(u64::from(pause) * 4);
                assembler.push(now, u64::from(ctr), flags, Bytes::copy_from_slice(data));
                while let Some(item) = assembler.poll(now) {
                    assert!(!matches!(item, Item::Frame(frame) if frame.data.len() > config.max_frame));
                }
            }
            assembler.finish(now, 256);
            while assembler.poll(now).is_some() {}
        }
    }
}
