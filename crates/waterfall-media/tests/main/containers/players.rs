//! Other people's tools read what the writer writes.

use std::process::Command;
use std::time::Duration;

use waterfall_media::clip::bundled_clip;
use waterfall_media::codec::{Codec, Kind};
use waterfall_media::container::{Format, WriterOptions};

use super::writing::{write, write_seekable};
use super::{FIXTURES, Read, fixture, read};

/// Whether ffmpeg is here. Where tools are required, it must be.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn has_ffmpeg() -> bool {
    let found = ["ffmpeg", "ffprobe"]
        .iter()
        .all(|tool| Command::new(tool).arg("-version").output().is_ok_and(|output| output.status.success()));
    let required = std::env::var_os("WATERFALL_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(found || !required, "ffmpeg is required and missing");
    if !found {
        eprintln!("skipped, install ffmpeg");
    }
    found
}

fn run(tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool).args(["-v", "error"]).args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{tool} {args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Writes `source` and lets ffprobe count and ffmpeg decode it: as many frames as went in, no complaint.
fn check(name: &str, source: &Read, options: WriterOptions, extension: &str) {
    let dir = tempfile::tempdir().unwrap();
    for (how, written) in [("stream", write(source, options)), ("file", write_seekable(source, options))] {
        let path = dir.path().join(format!("{how}.{extension}"));
        std::fs::write(&path, written).unwrap();
        let path = path.to_str().unwrap();
        for (track, info) in source.tracks.iter().enumerate() {
            let stream = track.to_string();
            let count = |what| {
                let entries = format!("stream={what}");
                let args = [
                    "-count_frames",
                    "-count_packets",
                    "-select_streams",
                    &stream,
                    "-show_entries",
                    &entries,
                    "-of",
                    "csv=p=0",
                    path,
                ];
                run("ffprobe", &args).trim().to_owned()
            };
            let expected = source.of_track(track).len().to_string();
            assert_eq!(count("nb_read_packets"), expected, "{name}, {how}, track {track}");
            if info.codec.kind() == Kind::Video {
                assert_eq!(count("nb_read_frames"), expected, "{name}, {how}, track {track}");
            }
        }
        run("ffmpeg", &["-xerror", "-i", path, "-map", "0", "-f", "null", "-"]);
    }
}

#[test]
fn every_codec_decodes_without_an_error() {
    if !has_ffmpeg() {
        return;
    }
    for name in FIXTURES {
        let source = read(&fixture(name));
        check(name, &source, WriterOptions::new(Format::Matroska), "mkv");
        if source.tracks.iter().all(|info| info.codec.in_webm()) {
            check(name, &source, WriterOptions::new(Format::WebM), "webm");
        }
    }
    check("the clip", &read(bundled_clip()), WriterOptions::new(Format::WebM), "webm");
}

#[test]
fn fine_times_decode_without_an_error() {
    if !has_ffmpeg() {
        return;
    }
    let options = WriterOptions::new(Format::Matroska).timestamp_scale(Duration::from_micros(1));
    check("h264", &read(&fixture("h264_opus.mkv")), options, "mkv");
}

/// A viewer that joined late has a file from some later key frame on.
#[test]
fn a_late_start_decodes_without_an_error() {
    if !has_ffmpeg() {
        return;
    }
    for name in ["vp8.ivf", "vp9.ivf", "av1.ivf", "h264_opus.mkv", "four_tracks.mkv"] {
        let mut source = read(&fixture(name));
        let is_video = |track: usize| source.tracks[track].codec.kind() == Kind::Video;
        let second = source
            .frames
            .iter()
            .position(|(track, frame)| {
                is_video(*track)
                    && frame.keyframe
                    && !frame.timestamp.is_zero()
                    && frame.timestamp > Duration::from_millis(100)
            })
            .unwrap();
        source.frames.drain(..second);
        let mut started = vec![false; source.tracks.len()];
        source.frames.retain(|(track, frame)| {
            started[*track] |= frame.keyframe;
            started[*track]
        });
        assert!(!source.frames.is_empty());
        check(name, &source, WriterOptions::new(Format::Matroska), "mkv");
    }
}

/// A finished file can be played from any place: ffmpeg finds its duration and, by the index, a late key frame.
#[test]
fn finished_files_can_be_searched() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.webm");
    let written = write_seekable(&read(bundled_clip()), WriterOptions::new(Format::WebM));
    std::fs::write(&path, written).unwrap();
    let path = path.to_str().unwrap();
    let duration = run("ffprobe", &["-show_entries", "format=duration", "-of", "csv=p=0", path]);
    let seconds: f64 = duration.trim().parse().unwrap();
    assert!((10.0..10.1).contains(&seconds), "{seconds}");
    let interval = [
        "-read_intervals",
        "9%+#1",
        "-select_streams",
        "0",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
        path,
    ];
    assert!(run("ffprobe", &interval).starts_with("8.0"), "the key frame before the ninth second");
}

/// What ffmpeg is given private data for by us alone: it finds the same picture size and profile.
#[test]
fn private_data_made_here_is_understood() {
    if !has_ffmpeg() {
        return;
    }
    let source = read(&fixture("av1.ivf"));
    assert_eq!(source.tracks[0].codec, Codec::Av1);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("av1.mkv");
    std::fs::write(&path, write(&source, WriterOptions::new(Format::Matroska))).unwrap();
    let entries = "stream=codec_name,profile,width,height,pix_fmt";
    let found = run("ffprobe", &["-show_entries", entries, "-of", "csv=p=0", path.to_str().unwrap()]);
    assert_eq!(found.trim(), "av1,Main,96,64,yuv420p");
}
