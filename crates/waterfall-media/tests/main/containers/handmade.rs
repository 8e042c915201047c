//! Files put together element by element: what muxers may write and ours does not, and what none should.

use waterfall_media::codec::Codec;
use waterfall_media::container::ReadError;

use super::{Read, fixture, millis, read, read_in};

/// An element with its id as the specification writes it and its size in eight bytes.
pub(super) fn element(id: u32, content: &[u8]) -> Vec<u8> {
    sized(id, content.len() as u64, content)
}

/// An element that claims a size of its own.
pub(super) fn sized(id: u32, size: u64, content: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = &id[id.iter().position(|byte| *byte != 0).unwrap()..];
    [id, &(size | 1 << 56).to_be_bytes(), content].concat()
}

pub(super) const UNKNOWN: u64 = (1 << 56) - 1;

pub(super) fn head() -> Vec<u8> {
    element(0x1a45_dfa3, &element(0x4282, b"webm"))
}

pub(super) fn entry(number: u8, kind: u8, codec: &str, more: &[u8]) -> Vec<u8> {
    let fields = [element(0xd7, &[number]), element(0x83, &[kind]), element(0x86, codec.as_bytes()), more.to_vec()];
    element(0xae, &fields.concat())
}

pub(super) fn tracks(entries: &[Vec<u8>]) -> Vec<u8> {
    element(0x1654_ae6b, &entries.concat())
}

/// A head, a segment of unknown size, and this in it.
pub(super) fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    [head(), sized(0x1853_8067, UNKNOWN, &parts.concat())].concat()
}

pub(super) fn simple_block(track: u8, time: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    element(0xa3, &block(track, time, flags, data))
}

fn block(track: u8, time: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    [&[0x80 | track][..], &time.to_be_bytes(), &[flags], data].concat()
}

const CLUSTER: u32 = 0x1f43_b675;
const VP8_KEY: [u8; 10] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0];

pub(super) fn vp8() -> Vec<u8> {
    tracks(&[entry(1, 1, "V_VP8", &[])])
}

fn opus() -> Vec<u8> {
    tracks(&[entry(1, 2, "A_OPUS", &[])])
}

fn times(read: &Read) -> Vec<i64> {
    assert!(read.error.is_none(), "{:?}", read.error);
    read.frames.iter().map(|(_, frame)| millis(frame.timestamp)).collect()
}

#[test]
fn laced_sound_takes_its_times_from_the_packets() {
    // Three packets of 20, 60 (three of 20) and 20 ms.
    let packets = [&[2u8, 1, 2][..], &[0xf8], &[0xfb, 0x03], &[0xf8]].concat();
    let cluster = element(CLUSTER, &[element(0xe7, &[100]), simple_block(1, 10, 0x02, &packets)].concat());
    let read = read(&file(&[opus(), cluster]));
    assert_eq!(times(&read), [110, 130, 190]);
    assert_eq!(read.frames.iter().map(|(_, frame)| frame.data.len()).collect::<Vec<_>>(), [1, 2, 1]);
    assert!(read.frames.iter().all(|(_, frame)| frame.keyframe));
}

#[test]
fn a_laced_group_shares_its_duration() {
    let video = [&[1u8][..], &[0x11; 4], &[0x11; 4]].concat();
    let group = [element(0xa1, &block(1, 0, 0x04, &video)), element(0x9b, &[80])].concat();
    let read = read(&file(&[vp8(), element(CLUSTER, &element(0xa0, &group))]));
    assert_eq!(times(&read), [0, 40]);
}

#[test]
fn times_follow_the_scale_and_never_go_below_zero() {
    let info = element(0x1549_a966, &element(0x002a_d7b1, &100_000u32.to_be_bytes()));
    let blocks = [element(0xe7, &[30]), simple_block(1, -40, 0, b"a"), simple_block(1, 20, 0, b"b")];
    let read = read(&file(&[info, vp8(), element(CLUSTER, &blocks.concat())]));
    assert_eq!(read.frames.iter().map(|(_, frame)| frame.timestamp.as_micros()).collect::<Vec<_>>(), [0, 5_000]);
}

#[test]
fn absurd_times_stop_at_the_longest() {
    let blocks = [element(0xe7, &[0xff; 8]), simple_block(1, i16::MAX, 0, b"a")];
    let read = read(&file(&[vp8(), element(CLUSTER, &blocks.concat())]));
    assert_eq!(read.frames[0].1.timestamp.as_nanos(), u128::from(u64::MAX));
}

#[test]
fn stripped_headers_are_put_back() {
    let encoding = |algorithm: u8, settings: &[u8]| {
        let compression = [element(0x4254, &[algorithm]), element(0x4255, settings)].concat();
        let content = element(0x6240, &element(0x5034, &compression));
        tracks(&[entry(1, 1, "V_VP8", &element(0x6d80, &content))])
    };
    let cluster = element(CLUSTER, &simple_block(1, 0, 0, &VP8_KEY[3..]));
    let all = read(&file(&[encoding(3, &VP8_KEY[..3]), cluster.clone()]));
    assert_eq!(&all.frames[0].1.data[..], VP8_KEY);
    assert!(all.frames[0].1.keyframe);

    for (algorithm, settings) in [(3, &[0u8; 65][..]), (0, &[])] {
        let error = read(&file(&[encoding(algorithm, settings), cluster.clone()])).error.unwrap();
        assert!(error.to_string().contains("compressed or encrypted by the container"), "{error}");
    }
    let error = read(&fixture("zlib.mkv")).error.unwrap();
    assert!(error.to_string().contains("ffmpeg -i INPUT -c copy OUTPUT.mkv"), "{error}");
}

#[test]
fn what_is_unknown_is_passed_over_at_every_level() {
    let void = element(0xec, &[0x1a; 3_000]);
    let unknown = element(0x7abc, &[0xa3; 5_000]);
    let tags = element(0x1254_c367, &[0; 70_000]);
    let group = [void.clone(), element(0xa1, &block(1, 7, 0, &VP8_KEY)), unknown.clone()].concat();
    let cluster = sized(
        CLUSTER,
        UNKNOWN,
        &[unknown.clone(), element(0xa0, &group), void.clone(), simple_block(1, 8, 0, b"abc")].concat(),
    );
    let cues = element(0x1c53_bb6b, &[0; 9_000]);
    let parts =
        [void.clone(), tags.clone(), vp8(), vp8(), unknown, cluster.clone(), tags, cluster, cues, void].concat();
    for segment in [UNKNOWN, parts.len() as u64] {
        let data = [head(), sized(0x1853_8067, segment, &parts)].concat();
        for chunk in [1, 100, 1 << 20] {
            let read = read_in(&data, chunk);
            assert_eq!(times(&read), [7, 8, 7, 8]);
            assert!(chunk > 100 || read.held < 200, "what is passed over is not held: {}", read.held);
        }
    }
}

#[test]
fn blocks_of_other_tracks_are_passed_over_whatever_their_size() {
    let entries = [entry(1, 1, "V_UNCOMPRESSED", &[]), entry(2, 1, "V_VP8", &[])];
    let large = simple_block(1, 0, 0x80, &vec![0; 9 << 20]);
    let cluster = element(CLUSTER, &[large, simple_block(9, 0, 0, b"x"), simple_block(2, 3, 0, b"y")].concat());
    let read = read(&file(&[tracks(&entries), cluster]));
    assert_eq!(times(&read), [3]);
    assert!(read.held < 200_000, "{}", read.held);
    assert!(read.unsupported[0].to_string().contains("track 1 is uncompressed video"));
}

#[test]
fn bytes_behind_the_segment_are_ignored_unless_they_are_another_file() {
    let whole =
        [head(), element(0x1853_8067, &[vp8(), element(CLUSTER, &simple_block(1, 0, 0, b"a"))].concat())].concat();
    for tail in [&b"abc"[..], &[0; 100_000], b"trailing text"] {
        assert_eq!(times(&read(&[&whole[..], tail].concat())), [0]);
    }
    let twice = read(&[&whole[..], &whole].concat());
    assert_eq!(twice.frames.len(), 1);
    let error = twice.error.unwrap();
    assert!(matches!(error, ReadError::Malformed { at, .. } if at == whole.len() as u64), "{error}");
}

#[test]
fn frames_the_encoder_dropped_are_left_out() {
    let cluster = element(CLUSTER, &[simple_block(1, 0, 0, b""), simple_block(1, 1, 0, b"a")].concat());
    assert_eq!(times(&read(&file(&[vp8(), cluster]))), [1]);
}

#[test]
fn h264_in_other_forms_becomes_canonical() {
    // Lengths of two bytes; an access unit delimiter, then a slice.
    let private = element(0x63a2, &[1, 66, 0, 30, 0xfd, 0xe0, 0]);
    let cluster = element(CLUSTER, &simple_block(1, 0, 0x80, &[0, 2, 9, 0xf0, 0, 2, 0x65, 0x88]));
    let read = read(&file(&[tracks(&[entry(1, 1, "V_MPEG4/ISO/AVC", &private)]), cluster]));
    assert_eq!(read.tracks[0].codec, Codec::H264);
    assert_eq!(read.tracks[0].private[4] & 3, 3, "the private data says four bytes now");
    assert_eq!(&read.frames[0].1.data[..], [0, 0, 0, 2, 0x65, 0x88]);
}

fn ivf(fourcc: &[u8; 4], rate: u32, scale: u32, frames: &[(u64, &[u8])]) -> Vec<u8> {
    let mut out = [&b"DKIF\0\0\x20\0"[..], fourcc, &[64, 0, 48, 0]].concat();
    out.extend(rate.to_le_bytes());
    out.extend(scale.to_le_bytes());
    out.extend([0; 8]);
    for (time, data) in frames {
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(time.to_le_bytes());
        out.extend(*data);
    }
    out
}

#[test]
fn ivf_times_follow_its_time_base() {
    let read = read(&ivf(b"VP80", 30_000, 1_001, &[(0, &VP8_KEY), (30, b"b"), (31, b""), (u64::MAX, b"c")]));
    assert!(read.error.is_none());
    let times: Vec<_> = read.frames.iter().map(|(_, frame)| frame.timestamp.as_nanos()).collect();
    assert_eq!(times, [0, 1_001_000_000, u128::from(u64::MAX)]);
}

#[test]
fn ivf_with_h264_makes_its_private_data() {
    let annex_b = [0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0xaa, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65, 0x88];
    let read = read(&ivf(b"H264", 25, 1, &[(0, &annex_b)]));
    assert_eq!(&read.tracks[0].private[..6], [1, 66, 0xc0, 30, 0xff, 0xe1]);
    assert!(read.frames[0].1.keyframe);
}

#[test]
fn ivf_that_makes_no_sense_is_refused() {
    let say = |data: &[u8]| read(data).error.unwrap().to_string();
    assert!(say(&ivf(b"HEVC", 25, 1, &[])).contains("'HEVC'"));
    assert!(say(&ivf(b"VP80", 0, 1, &[])).contains("time base of zero"));
    let mut version = ivf(b"VP80", 25, 1, &[]);
    version[4] = 1;
    assert!(say(&version).contains("version"));
    let mut short = ivf(b"VP80", 25, 1, &[]);
    short[6] = 31;
    assert!(say(&short).contains("shorter than 32"));
    let mut huge = ivf(b"VP80", 25, 1, &[(0, b"a")]);
    huge[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&huge).error, Some(ReadError::TooLarge { at: 32, .. })));
}
