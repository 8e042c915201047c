//! Damaged and malicious files: a clear error, no panic, bounded memory.

use proptest::prelude::*;
use waterfall_media::container::ReadError;

use super::handmade::{UNKNOWN, element, entry, file, head, simple_block, sized, tracks, vp8};
use super::{FIXTURES, fixture, read, read_in};

/// More than the fixtures' largest element together with what is pushed at a time.
const CHUNK: usize = 512;

#[test]
fn a_cut_file_yields_all_up_to_the_cut() {
    for name in FIXTURES {
        let data = fixture(name);
        let whole = read(&data);
        let mut most = 0;
        for cut in (0..data.len()).step_by(if data.len() > 14_000 { 13 } else { 5 }) {
            let part = read_in(&data[..cut], CHUNK);
            assert!(part.frames.len() <= whole.frames.len());
            assert_eq!(part.frames[..], whole.frames[..part.frames.len()], "{name} cut at {cut}");
            assert!(part.frames.len() >= most, "{name}: less from more");
            most = part.frames.len();
            match part.error {
                Some(ReadError::Empty) => assert_eq!(cut, 0),
                Some(ReadError::Truncated { at }) => assert_eq!(at, cut as u64, "{name}"),
                Some(error) => panic!("{name} cut at {cut}: {error}"),
                // Between two frames of a file that does not say how long it is.
                None => assert!(name.ends_with(".ivf") || name == "live.webm", "{name} cut at {cut}"),
            }
        }
        assert!(most + 8 >= whole.frames.len(), "{name}: {most} of {}", whole.frames.len());
    }
}

#[test]
fn other_files_are_called_by_name() {
    let say = |data: &[u8]| read(data).error.unwrap().to_string();
    assert_eq!(say(b""), "the input is empty");
    assert!(say(b"\0\0\0\x20ftypisom....").contains("MP4"));
    assert!(say(b"OggS\0\x02 and so on").contains("Ogg"));
    assert!(say(b"hello").starts_with("the input is neither IVF nor Matroska/WebM; convert it: ffmpeg"));
    assert!(say(&[0; 5_000]).contains("neither"));
    assert!(matches!(read(b"DKI").error, Some(ReadError::Truncated { at: 3 })));
    let flac = element(0x1a45_dfa3, &element(0x4282, b"flac"));
    assert!(say(&flac).contains("neither Matroska nor WebM"));
}

#[test]
fn absurd_sizes_are_refused_or_passed_over_without_being_held() {
    const HUGE: u64 = (1 << 56) - 2;
    let block = |size| file(&[vp8(), sized(0x1f43_b675, UNKNOWN, &sized(0xa3, size, &[0x81, 0, 0, 0]))]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("EBML header", sized(0x1a45_dfa3, HUGE, &[])),
        ("Info", file(&[sized(0x1549_a966, HUGE, &[])])),
        ("Tracks", file(&[sized(0x1654_ae6b, HUGE, &[])])),
        ("Tracks of unknown size", file(&[sized(0x1654_ae6b, UNKNOWN, &[])])),
        ("timestamp", file(&[vp8(), sized(0x1f43_b675, UNKNOWN, &sized(0xe7, HUGE, &[]))])),
        ("block", block(HUGE)),
        ("block of 9 MiB", block(9 << 20)),
        ("block of unknown size", block(UNKNOWN)),
        ("block larger than its cluster", file(&[vp8(), element(0x1f43_b675, &sized(0xa3, 99, &[0x81, 0, 0, 0]))])),
        ("cluster larger than its segment", [head(), element(0x1853_8067, &sized(0x1f43_b675, HUGE, &[]))].concat()),
        ("group of unknown size", file(&[vp8(), sized(0x1f43_b675, UNKNOWN, &sized(0xa0, UNKNOWN, &[]))])),
        ("unknown element of unknown size", file(&[sized(0x7abc, UNKNOWN, &[])])),
        ("frames before tracks", file(&[element(0x1f43_b675, &simple_block(1, 0, 0, b"a"))])),
        ("no segment", [head(), head()].concat()),
        ("segment in a segment", file(&[vp8(), sized(0x1853_8067, UNKNOWN, &[])])),
        ("cluster in a cluster", file(&[vp8(), element(0x1f43_b675, &element(0x1f43_b675, &[]))])),
        ("block without a track", file(&[vp8(), element(0x1f43_b675, &element(0xa3, &[]))])),
        ("block without a header", file(&[vp8(), element(0x1f43_b675, &element(0xa3, &[0x81, 0]))])),
        ("empty laced block", file(&[vp8(), element(0x1f43_b675, &simple_block(1, 0, 0x06, &[]))])),
        ("track 0", file(&[tracks(&[entry(0, 1, "V_VP8", &[])])])),
        ("one number twice", file(&[tracks(&[entry(1, 1, "V_VP8", &[]), entry(1, 1, "V_VP9", &[])])])),
        ("many tracks", file(&[tracks(&vec![entry(1, 17, "S_TEXT/UTF8", &[]); 128])])),
        ("large private data", file(&[tracks(&[entry(1, 1, "V_AV1", &element(0x63a2, &[0; 70_000]))])])),
        ("scale of zero", file(&[element(0x1549_a966, &element(0x002a_d7b1, &[0]))])),
        ("version 9", element(0x1a45_dfa3, &element(0x4285, &[9]))),
    ];
    for (what, mut data) in cases {
        // Whatever follows must not be gathered.
        data.extend(std::iter::repeat_n(0x42, 1 << 20));
        let read = read_in(&data, CHUNK);
        let error = read.error.unwrap_or_else(|| panic!("{what}: no error"));
        assert!(matches!(error, ReadError::Malformed { .. } | ReadError::TooLarge { .. }), "{what}: {error}");
        assert!(read.held <= 80_000, "{what}: {} bytes held", read.held);
    }
    let endless = read_in(&[file(&[vp8(), sized(0xec, HUGE, &[])]), vec![0; 1 << 20]].concat(), CHUNK);
    assert!(matches!(endless.error, Some(ReadError::Truncated { .. })));
    assert!(endless.held <= CHUNK, "{}", endless.held);
}

#[test]
fn names_from_the_file_cannot_write_to_the_terminal() {
    let error = read(&file(&[tracks(&[entry(1, 1, "V_\x1b]0;evil\x07\x1b[2J", &[])])])).error.unwrap();
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn flipped_bytes_never_panic(
        name in proptest::sample::select(&FIXTURES[..]),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        chunk in 1usize..5_000,
    ) {
        let mut data = fixture(name);
        for (at, value) in flips {
            let at = at.index(data.len());
            data[at] = value;
        }
        let read = read_in(&data, chunk);
        prop_assert!(read.held <= data.len());
        prop_assert!(read.frames.iter().map(|(_, frame)| frame.data.len()).sum::<usize>() <= 2 * data.len());
    }

    #[test]
    fn damaged_heads_never_panic(
        name in proptest::sample::select(&FIXTURES[..]),
        at in 0usize..1_200,
        bytes in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut data = fixture(name);
        let at = at % (data.len() - 8);
        data[at..at + bytes.len()].copy_from_slice(&bytes);
        read_in(&data, 4_096);
    }

    #[test]
    fn garbage_after_the_magic_never_panics(ivf in any::<bool>(), garbage in proptest::collection::vec(any::<u8>(), 0..600)) {
        let magic: &[u8] = if ivf { b"DKIF\0\0\x20\0VP80" } else { &[0x1a, 0x45, 0xdf, 0xa3, 0x80] };
        read_in(&[magic, &garbage].concat(), 64);
    }
}
