//! What the reader says of a file is what ffprobe said of it.

use serde_json::Value;
use waterfall_media::clip::bundled_clip;
use waterfall_media::codec::{Codec, Kind};
use waterfall_media::container::{ReadError, Reader};

use super::{FIXTURES, fixture, millis, read, read_in};

/// Packets of one stream as ffprobe recorded them: milliseconds, bytes, key frame.
fn packets(probe: &Value, stream: u64) -> Vec<(i64, usize, bool)> {
    let of_stream = |packet: &&Value| packet["stream_index"] == stream;
    let packet = |packet: &Value| {
        let seconds: f64 = packet["pts_time"].as_str().unwrap().parse().unwrap();
        let flags = packet["flags"].as_str().unwrap();
        let size = packet["size"].as_str().unwrap().parse().unwrap();
        ((seconds * 1_000.0).round() as i64, size, flags.starts_with('K'))
    };
    probe["packets"].as_array().unwrap().iter().filter(of_stream).map(packet).collect()
}

fn codec_of(name: &str) -> Option<Codec> {
    match name {
        "vp8" => Some(Codec::Vp8),
        "vp9" => Some(Codec::Vp9),
        "av1" => Some(Codec::Av1),
        "h264" => Some(Codec::H264),
        "opus" => Some(Codec::Opus),
        _ => None,
    }
}

#[test]
fn every_packet_is_as_ffprobe_says() {
    for name in FIXTURES {
        let read = read(&fixture(name));
        assert!(read.error.is_none(), "{name}: {:?}", read.error);
        let probe: Value = serde_json::from_slice(&fixture(&format!("{name}.json"))).unwrap();
        let mut track = 0;
        for stream in probe["streams"].as_array().unwrap() {
            let Some(codec) = codec_of(stream["codec_name"].as_str().unwrap()) else { continue };
            let info = &read.tracks[track];
            assert_eq!(info.codec, codec, "{name}");
            assert_eq!(u64::from(info.width), stream["width"].as_u64().unwrap_or(0), "{name}");
            assert_eq!(u64::from(info.height), stream["height"].as_u64().unwrap_or(0), "{name}");
            assert_eq!(u64::from(info.channels), stream["channels"].as_u64().unwrap_or(0), "{name}");
            // ffprobe takes the codec delay off, and counts the temporal delimiter that IVF keeps.
            let delay = millis(info.codec_delay);
            let delimiter = if name == "av1.ivf" { 2 } else { 0 };
            let ours: Vec<_> = read
                .of_track(track)
                .into_iter()
                .map(|frame| (millis(frame.timestamp) - delay, frame.data.len() + delimiter, frame.keyframe))
                .collect();
            assert_eq!(ours, packets(&probe, stream["index"].as_u64().unwrap()), "{name}, track {track}");
            track += 1;
        }
        assert_eq!(track, read.tracks.len(), "{name}");
    }
}

#[test]
fn the_size_of_the_pieces_makes_no_difference() {
    for name in FIXTURES {
        let data = fixture(name);
        let whole = read(&data);
        for chunk in [1, 2, 7, 1_000] {
            let pieces = read_in(&data, chunk);
            assert_eq!(pieces.frames, whole.frames, "{name} in pieces of {chunk}");
            assert_eq!(pieces.tracks, whole.tracks);
            assert!(pieces.error.is_none());
        }
    }
}

#[test]
fn av1_is_the_same_from_ivf_and_matroska() {
    let (ivf, matroska) = (read(&fixture("av1.ivf")), read(&fixture("av1.mkv")));
    let data = |read: &super::Read| read.of_track(0).iter().map(|frame| frame.data.clone()).collect::<Vec<_>>();
    assert_eq!(data(&ivf), data(&matroska), "without temporal delimiters");
    assert_eq!(ivf.tracks[0].private, matroska.tracks[0].private, "av1C made here is av1C made by ffmpeg");
}

#[test]
fn private_data_made_from_key_frames_is_what_the_file_has() {
    for (name, codec) in [("h264_opus.mkv", Codec::H264), ("av1.mkv", Codec::Av1)] {
        let read = read(&fixture(name));
        let info = &read.tracks[0];
        assert_eq!(info.codec, codec);
        if let Some(made) = codec.private_from_keyframe(&read.of_track(0)[0].data) {
            assert_eq!(made, info.private, "{name}");
        } else {
            assert_eq!(codec, Codec::H264, "Matroska may keep the parameter sets out of H.264 frames");
        }
    }
}

#[test]
fn h264_comes_in_decoding_order() {
    let read = read(&fixture("h264_opus.mkv"));
    let times: Vec<_> = read.of_track(0).iter().map(|frame| frame.timestamp).collect();
    assert!(!times.is_sorted(), "the fixture has B-frames");
    assert!(read.of_track(0)[0].keyframe);
}

#[test]
fn titles_and_languages_are_kept() {
    let read = read(&fixture("four_tracks.mkv"));
    assert_eq!(
        read.tracks.iter().map(|info| info.codec.kind()).collect::<Vec<_>>(),
        [Kind::Video, Kind::Video, Kind::Audio, Kind::Audio]
    );
    assert_eq!((&read.tracks[2].title[..], &read.tracks[2].language[..]), ("Commentary", "deu"));
    assert_eq!(&read.tracks[2].private[..8], b"OpusHead");
    assert_eq!(read.tracks[2].codec_delay.as_micros(), 6_500);
}

#[test]
fn what_is_not_carried_is_named() {
    let read_all = read(&fixture("vorbis.webm"));
    assert_eq!(read_all.tracks.len(), 1);
    let [vorbis] = &read_all.unsupported[..] else { panic!("{:?}", read_all.unsupported) };
    assert!(
        vorbis.to_string().starts_with("track 2 is Vorbis audio, which waterfall does not carry; convert it: ffmpeg")
    );

    let error = read(&fixture("only_vorbis.webm")).error.unwrap();
    assert!(matches!(error, ReadError::NothingToCarry(_)));
    assert!(error.to_string().starts_with("track 1 is Vorbis audio"), "{error}");
}

/// Hands out a byte at a time and is interrupted in between, as pipes are.
struct Trickle<'a> {
    data: &'a [u8],
    interrupt: bool,
}

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(3);
        self.data.read(&mut buf[..len])
    }
}

#[test]
fn a_pipe_that_trickles_is_read() {
    let data = fixture("live.webm");
    let mut reader = Reader::open(Trickle { data: &data, interrupt: false }).unwrap();
    assert_eq!(reader.tracks().len(), 2);
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push(frame);
    }
    assert_eq!(frames, read(&data).frames);
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn the_bundled_clip_is_as_described() {
    let clip = bundled_clip();
    assert!(clip.len() <= 400_000);
    let read = read(clip);
    assert!(read.error.is_none());
    assert_eq!(read.tracks.iter().map(|info| info.codec).collect::<Vec<_>>(), [Codec::Vp8, Codec::Opus]);
    let video = read.of_track(0);
    assert_eq!(video.len(), 250);
    let keys: Vec<_> = video.iter().filter(|frame| frame.keyframe).map(|frame| frame.timestamp.as_secs()).collect();
    assert_eq!(keys, [0, 2, 4, 6, 8]);
    assert_eq!(read.of_track(1).len(), 501);
}
