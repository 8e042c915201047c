//! A speaker and viewers as separate processes; outputs held against the frame log and decoded.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{LOCAL, Speaker, clip, run, stderr, tool, waterfall};

pub(crate) fn log(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn of_kind<'a>(log: &'a [Value], kind: &str) -> Vec<&'a Value> {
    log.iter().filter(|entry| entry["kind"] == kind).collect()
}

fn print_of(entry: &Value) -> (u64, &str) {
    (entry["timestamp_ns"].as_u64().unwrap(), entry["sha256"].as_str().unwrap())
}

/// Checks a viewer's log against the speaker's; how many frames of the kind it has.
pub(crate) fn assert_run(published: &[Value], received: &[Value], kind: &str) -> usize {
    let (published, received) = (of_kind(published, kind), of_kind(received, kind));
    let first = received.first().unwrap_or_else(|| panic!("no {kind} frames"));
    let from = published.iter().position(|entry| print_of(entry) == print_of(first)).unwrap();
    let expected: Vec<_> = published[from..].iter().map(|entry| print_of(entry)).collect();
    let received: Vec<_> = received.iter().map(|entry| print_of(entry)).collect();
    assert_eq!(received, expected, "{kind}");
    received.len()
}

fn ffprobe_frames(file: &Path, stream: &str) -> usize {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", stream])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().trim_end_matches(',').to_owned();
    text.parse().unwrap_or_else(|_| panic!("ffprobe said '{text}'"))
}

fn assert_decodes(file: &Path) {
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}: {}", file.display(), stderr(&output));
}

/// Streams a file to viewers that save it with this ending, and checks all that they saved.
fn stream_to_files(source: &Path, viewers: usize, ending: &str, audio: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let published = path("published.jsonl".into());
    let wait = viewers.to_string();
    let args = ["--open", "--fan-out", "2", "--wait", &wait, "--frame-log", published.to_str().unwrap()];
    let speaker = Speaker::start(source, &args);
    let watching: Vec<_> = (0..viewers)
        .map(|n| {
            let mut command = waterfall(&["watch", &speaker.ticket, "--open", "--fan-out", "2"]);
            command.args(LOCAL).arg("--out").arg(path(format!("{n}.{ending}")));
            command.arg("--frame-log").arg(path(format!("{n}.jsonl"))).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in watching {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    speaker.finish();
    let published = log(&published);
    let tools = tool("ffprobe") && tool("ffmpeg");
    for n in 0..viewers {
        let (received, file) = (log(&path(format!("{n}.jsonl"))), path(format!("{n}.{ending}")));
        let video = assert_run(&published, &received, "video");
        assert_eq!(video, of_kind(&published, "video").len(), "all were there from the beginning");
        if audio {
            let audio = assert_run(&published, &received, "audio");
            assert_eq!(audio, of_kind(&published, "audio").len());
        }
        if tools {
            assert_eq!(ffprobe_frames(&file, "v:0"), video);
            assert_decodes(&file);
        }
    }
}

#[test]
fn six_viewers_save_the_clip_whole() {
    let folder = tempfile::tempdir().unwrap();
    stream_to_files(&clip(folder.path()), 6, "webm", true);
}

fn ffmpeg(args: &str, out: &Path) {
    let status = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args.split(' ')).arg(out).status().unwrap();
    assert!(status.success(), "ffmpeg {args}");
}

const TESTSRC: &str = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=3";
const SINE: &str = "-f lavfi -i sine=frequency=440:duration=3";

#[test]
fn h264_with_b_frames_and_opus_in_matroska() {
    if !tool("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.mkv");
    ffmpeg(&format!("{TESTSRC} {SINE} -c:v libx264 -preset ultrafast -bf 2 -g 25 -c:a libopus"), &file);
    stream_to_files(&file, 2, "mkv", true);
}

#[test]
fn av1_in_ivf() {
    if !tool("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.ivf");
    ffmpeg(&format!("{TESTSRC} -c:v libaom-av1 -cpu-used 8 -usage realtime -g 25"), &file);
    stream_to_files(&file, 2, "webm", false);
}

#[test]
fn a_pipe_in_and_a_pipe_out() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let mut command = waterfall(&["stream", "-", "--open", "--wait", "1"]);
    command.args(LOCAL).stdin(std::fs::File::open(&clip).unwrap()).stdout(Stdio::piped());
    let speaker = Speaker::from_child(command.spawn().unwrap());
    let ticket = folder.path().join("ticket");
    // As a mail program might have mangled it.
    std::fs::write(&ticket, speaker.ticket.to_uppercase().replace("WATERFALL:", "WATERFALL:\n  ")).unwrap();
    let output = waterfall(&["watch", &format!("@{}", ticket.display()), "--out", "-"]).args(LOCAL).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let mut reader = waterfall::media::container::Reader::open(std::io::Cursor::new(output.stdout)).unwrap();
    let mut frames = 0;
    while reader.next().unwrap().is_some() {
        frames += 1;
    }
    let mut whole =
        waterfall::media::container::Reader::open(std::io::Cursor::new(waterfall::media::bundled_clip())).unwrap();
    while whole.next().unwrap().is_some() {
        frames -= 1;
    }
    assert_eq!(frames, 0, "as many frames came out as went in");
    speaker.finish();
}

#[test]
fn the_graph_of_a_room() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = Speaker::start(&clip(folder.path()), &["--open", "--loop", "--title", "tree"]);
    let mut watching =
        waterfall(&["watch", &speaker.ticket, "--json"]).args(LOCAL).stdout(Stdio::piped()).spawn().unwrap();
    let mut args = vec!["graph", &speaker.ticket, "--json"];
    args.extend(LOCAL);
    // The viewer joins and its parent's record follows: look until both are there.
    let graph = loop {
        let output = run(&args);
        assert!(output.status.success(), "{}", stderr(&output));
        let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
        if graph["participants"].as_array().unwrap().len() == 2 {
            break graph;
        }
    };
    assert_eq!(graph["title"], "tree");
    assert_eq!(graph["participants"][1]["parent"], graph["participants"][0]["id"]);
    args.remove(2);
    let text = String::from_utf8(run(&args).stdout).unwrap();
    assert!(text.starts_with("tree: 2 participants, height 1, 1 leaf\n"), "{text}");
    assert!(text.contains("└── "), "{text}");
    watching.kill().unwrap();
    watching.wait().unwrap();
    speaker.kill();
}

#[cfg(unix)]
#[test]
fn an_interrupt_finishes_the_file_and_leaves() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    let speaker = Speaker::start(&clip(folder.path()), &["--open", "--loop"]);
    let mut command = waterfall(&["watch", &speaker.ticket, "--json", "--out", out.to_str().unwrap()]);
    let mut child = command.args(LOCAL).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut interrupted = false;
    let mut last = Value::Null;
    for line in lines {
        last = serde_json::from_str(&line.unwrap()).unwrap();
        if !interrupted && last["tally"]["frames_received"].as_u64().unwrap_or(0) > 0 {
            let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(status.success());
            interrupted = true;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(last["event"], "ended");
    let file = std::fs::File::open(&out).unwrap();
    let mut reader = waterfall::media::container::Reader::open(file).unwrap();
    let mut frames = 0;
    while reader.next().unwrap().is_some() {
        frames += 1;
    }
    assert!(frames > 0);
    speaker.kill();
}
