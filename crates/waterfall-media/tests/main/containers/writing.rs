//! What the writer writes, the reader reads.

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use waterfall_media::codec::Codec;
use waterfall_media::container::{Format, ReadError, TrackInfo, WriteError, Writer, WriterOptions};
use waterfall_media::frame::{Frame, digest};

use super::{FIXTURES, Read, fixture, millis, read};

pub(super) fn write(source: &Read, options: WriterOptions) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &source.tracks, options).unwrap();
    for (track, frame) in &source.frames {
        writer.write(*track, frame).unwrap();
    }
    writer.finish().unwrap()
}

pub(super) fn write_seekable(source: &Read, options: WriterOptions) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), &source.tracks, options).unwrap();
    for (track, frame) in &source.frames {
        writer.write(*track, frame).unwrap();
    }
    writer.finish_seekable().unwrap().into_inner()
}

fn frame(ms: u64, keyframe: bool) -> Frame {
    Frame { timestamp: Duration::from_millis(ms), keyframe, data: Bytes::from(ms.to_be_bytes().to_vec()) }
}

#[test]
fn frames_survive_the_round_trip() {
    for name in FIXTURES {
        let source = read(&fixture(name));
        let start = source.frames.iter().map(|(_, frame)| frame.timestamp).min().unwrap();
        let written = write(&source, WriterOptions::new(Format::Matroska));
        let again = read(&written);
        assert!(again.error.is_none(), "{name}: {:?}", again.error);
        assert_eq!(again.frames.len(), source.frames.len(), "{name}");
        for ((track, ours), (of, theirs)) in again.frames.iter().zip(&source.frames) {
            assert_eq!(track, of);
            assert_eq!(digest(ours), digest(theirs), "{name}");
            assert_eq!(ours.keyframe, theirs.keyframe, "{name}");
            assert_eq!(millis(ours.timestamp), millis(theirs.timestamp - start), "{name}");
        }
        for (ours, theirs) in again.tracks.iter().zip(&source.tracks) {
            let made_here = TrackInfo { language: theirs.language.clone(), ..ours.clone() };
            assert_eq!(made_here, *theirs, "{name}");
        }
    }
}

#[test]
fn a_seekable_file_holds_the_same_and_shows_a_cut() {
    for name in FIXTURES {
        let source = read(&fixture(name));
        let options = WriterOptions::new(Format::Matroska);
        let (streamed, file) = (write(&source, options), write_seekable(&source, options));
        assert_eq!(read(&file).frames, read(&streamed).frames, "{name}");
        assert!(read(&streamed[..streamed.len() - 1]).error.is_some());
        let cut = read(&file[..file.len() - 1]);
        assert!(matches!(cut.error, Some(ReadError::Truncated { .. })), "{name}: a finished file says how long it is");
        assert_eq!(cut.frames.len(), source.frames.len());
    }
}

#[test]
fn a_finer_scale_keeps_times_exact() {
    let mut source = read(&fixture("vp8.ivf"));
    for (i, (_, frame)) in (0u64..).zip(&mut source.frames) {
        frame.timestamp = Duration::from_micros(i * 33_333);
    }
    let options = WriterOptions::new(Format::WebM).timestamp_scale(Duration::from_micros(1));
    let again = read(&write(&source, options));
    assert_eq!(again.frames, source.frames);
}

#[test]
fn times_start_at_the_earliest_track() {
    let tracks = [TrackInfo::new(Codec::Vp8), TrackInfo::new(Codec::Opus)];
    let mut writer = Writer::new(Vec::new(), &tracks, WriterOptions::new(Format::WebM)).unwrap();
    for (track, ms) in [(0, 3_600_020), (0, 3_600_060), (1, 3_600_000), (1, 3_600_020)] {
        writer.write(track, &frame(ms, true)).unwrap();
    }
    let again = read(&writer.finish().unwrap());
    let times: Vec<_> = again.frames.iter().map(|(track, frame)| (*track, millis(frame.timestamp))).collect();
    assert_eq!(times, [(0, 20), (0, 60), (1, 0), (1, 20)]);
}

#[test]
fn times_are_rounded_to_the_nearest_tick() {
    let mut writer = Writer::new(Vec::new(), &[TrackInfo::new(Codec::Vp8)], WriterOptions::new(Format::WebM)).unwrap();
    for micros in [0, 33_333, 66_667, 99_500] {
        writer.write(0, &Frame { timestamp: Duration::from_micros(micros), ..frame(0, true) }).unwrap();
    }
    let again = read(&writer.finish().unwrap());
    assert_eq!(
        again.frames.iter().map(|(_, frame)| frame.timestamp.as_micros()).collect::<Vec<_>>(),
        [0, 33_000, 67_000, 100_000]
    );
}

#[test]
fn a_track_that_never_comes_holds_nothing_up() {
    let tracks = [TrackInfo::new(Codec::Opus), TrackInfo::new(Codec::Vp8)];
    let mut written = Vec::new();
    let mut writer = Writer::new(&mut written, &tracks, WriterOptions::new(Format::WebM)).unwrap();
    for i in 0..60 {
        writer.write(0, &frame(i * 20, true)).unwrap();
    }
    drop(writer);
    assert_eq!(read(&written).frames.len(), 60, "more than a second: written without waiting");
}

#[test]
fn times_that_jump_far_begin_new_clusters() {
    let jumps = [0, 40, 100_000, 99_960, 10, u64::from(u32::MAX) * 4_000, 31];
    let mut writer = Writer::new(Vec::new(), &[TrackInfo::new(Codec::Vp8)], WriterOptions::new(Format::WebM)).unwrap();
    for ms in jumps {
        writer.write(0, &frame(ms, false)).unwrap();
    }
    let again = read(&writer.finish().unwrap());
    assert_eq!(again.frames.iter().map(|(_, frame)| millis(frame.timestamp) as u64).collect::<Vec<_>>(), jumps);
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is() {
    let refuse = |tracks: &[TrackInfo], format| {
        let mut sink = Vec::new();
        let error = Writer::new(&mut sink, tracks, WriterOptions::new(format)).unwrap_err();
        assert!(sink.is_empty(), "nothing half-written");
        error
    };
    let h264 = TrackInfo { private: Bytes::from_static(&[1, 66, 0, 30, 255]), ..TrackInfo::new(Codec::H264) };
    let error = refuse(&[h264], Format::WebM);
    assert!(error.to_string().contains("OUTPUT.mkv"), "{error}");
    assert!(matches!(
        refuse(&[TrackInfo::new(Codec::H264)], Format::Matroska),
        WriteError::MissingPrivate(Codec::H264)
    ));
    assert!(matches!(refuse(&[], Format::Matroska), WriteError::NoTracks));
    let many = vec![TrackInfo::new(Codec::Opus); 127];
    assert!(matches!(refuse(&many, Format::Matroska), WriteError::TooManyTracks));

    let mut writer = Writer::new(Vec::new(), &many[..1], WriterOptions::new(Format::Matroska)).unwrap();
    assert!(matches!(writer.write(1, &frame(0, true)), Err(WriteError::NoSuchTrack(1))));
}

/// A disk with room for so many bytes.
#[derive(Debug)]
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(buf.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let source = read(&fixture("vp8.ivf"));
    let mut writer = Writer::new(Full(3_000), &source.tracks, WriterOptions::new(Format::WebM)).unwrap();
    let result = source.frames.iter().try_for_each(|(track, frame)| writer.write(*track, frame));
    assert!(matches!(result, Err(WriteError::Io(error)) if error.kind() == std::io::ErrorKind::StorageFull));
    assert!(Writer::new(Full(10), &source.tracks, WriterOptions::new(Format::WebM)).is_err());
}
