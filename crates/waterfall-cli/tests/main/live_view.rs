//! What `stream` and `watch` show while they run: on a terminal, and where there is none.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use crate::support::{LOCAL, Speaker, clip, run, stderr, tool, waterfall};
use crate::terminal::Terminal;

/// A speaker on a terminal, and its ticket's file.
fn stream(folder: &Path, args: &[&str]) -> (Terminal, PathBuf) {
    let ticket = folder.join("ticket");
    let mut command = waterfall(&["stream"]);
    command.arg(clip(folder)).args(["--open", "--loop", "--title", "A talk", "--ticket-file"]).arg(&ticket);
    command.args(LOCAL).args(args).stdout(Stdio::null());
    let mut speaker = Terminal::start(&mut command, 80, 24);
    speaker.until("that it is on air", |text| text.contains("ON AIR"));
    (speaker, ticket)
}

fn watch(ticket: &Path, args: &[&str]) -> Command {
    let mut command = waterfall(&["watch", &format!("@{}", ticket.display())]);
    command.args(LOCAL).args(args).stdout(Stdio::null());
    command
}

fn once(text: &str, what: &str) -> bool {
    text.matches(what).count() == 1
}

#[test]
fn a_terminal_shows_how_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut speaker, ticket) = stream(folder.path(), &["--fan-out", "2"]);
    let out = folder.path().join("seen.webm");
    let mut viewer = Terminal::start(&mut watch(&ticket, &["--out", out.to_str().unwrap()]), 70, 20);
    let shown = viewer.until("a viewer's figures", |text| text.contains("WATCHING") && text.contains("bit/s in"));
    for part in ["A talk", "depth 1", "0 of 4 spots taken", "0 missing", "seen.webm"] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    viewer.until("a rate", |text| text.contains("kbit/s in") && !text.contains('–'));
    let shown = speaker.until("a viewer", |text| text.contains("1, height 1"));
    assert!(shown.contains("1 of 2 spots taken") && shown.contains("upload") && once(&shown, "ON AIR"), "{shown}");

    viewer.resize(30, 12);
    let narrow = viewer.until("lines cut to the width", |text| text.contains('…'));
    assert!(once(&narrow, "WATCHING"), "{narrow}");
    viewer.resize(100, 30);
    let wide = viewer.until("whole lines again", |text| text.contains("seen.webm") && !text.contains("kbit/…"));
    assert!(once(&wide, "WATCHING") && once(&wide, "parent"), "{wide}");

    // What is said while the panel stands, stands above it.
    speaker.signal(Signal::KILL);
    let searching = viewer.until("a search for a parent", |text| text.contains("SEARCHING"));
    let gone = searching.find("is gone; looking for another.").unwrap();
    assert!(gone < searching.find("SEARCHING").unwrap() && once(&searching, "children"), "{searching}");

    viewer.interrupt();
    let (status, screen, raw) = viewer.finish();
    let text = screen.screen().contents();
    assert_eq!(status.code(), Some(130), "{text}");
    assert!(text.contains("frames received, ") && !text.contains("SEARCHING"), "{text}");
    assert!(
        !screen.screen().hide_cursor() && screen.screen().cursor_position().1 == 0,
        "the prompt has a line of its own"
    );
    assert!(raw.windows(3).any(|bytes| bytes == b"\x1b[1"), "bold, on a terminal that wants colours");
    assert_plays(&out);
}

fn assert_plays(file: &Path) {
    if tool("ffprobe") {
        let output = Command::new("ffprobe").args(["-v", "error", "-show_format"]).arg(file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("duration="));
    }
}

#[test]
fn no_color_means_no_colour() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = waterfall(&["stream"]);
    command.arg(clip(folder.path())).args(["--open", "--wait", "3", "--qr"]).args(LOCAL);
    let mut speaker = Terminal::start(command.env("NO_COLOR", "1").stdout(Stdio::null()), 80, 60);
    let text = speaker.until("that it waits", |text| text.contains("WAITING"));
    assert!(text.contains("0 of 3 to wait for") && text.contains("▄▄▄▄▄"), "{text}");
    speaker.interrupt();
    let (_, _, raw) = speaker.finish();
    let raw = String::from_utf8_lossy(&raw).into_owned();
    // Select Graphic Rendition, ECMA-48 8.3.117: 'CSI … m'.
    let coloured = raw
        .split("\u{1b}[")
        .skip(1)
        .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
    assert!(!coloured, "{raw:?}");
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut speaker, ticket) = stream(folder.path(), &[]);
    let mut viewer = Terminal::start(&mut watch(&ticket, &[]), 80, 24);
    viewer.until("frames", |text| text.contains("WATCHING"));
    // Nobody will say that it has all it missed, so the speaker would wait for it.
    viewer.signal(Signal::STOP);
    speaker.interrupt();
    speaker.until("that it leaves", |text| text.contains("Leaving"));
    speaker.interrupt();
    let (status, screen, _) = speaker.finish();
    let text = screen.screen().contents();
    assert_eq!(status.code(), Some(130));
    assert!(!text.contains("The stream is over") && !text.contains("ON AIR"), "{text}");
    viewer.signal(Signal::CONT);
}

#[test]
fn without_a_terminal_it_is_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = waterfall(&["stream"]);
    command.arg(clip(folder.path())).args(["--open", "--loop"]).args(LOCAL);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let speaker = Speaker::from_child(child);
    let mut told = Vec::new();
    let mut next = |told: &mut Vec<String>, what: &str| loop {
        let line = lines.next().unwrap_or_else(|| panic!("no line with '{what}': {told:?}"));
        assert!(!line.contains('\u{1b}'), "{line:?}");
        told.push(line);
        if told.last().is_some_and(|line| line.contains(what)) {
            return;
        }
    };
    next(&mut told, "0 viewers, height 0");
    let mut args = vec!["watch", &speaker.ticket, "--duration", "6"];
    args.extend(LOCAL);
    let began = Instant::now();
    let output = run(&args);
    let words = stderr(&output);
    assert!(output.status.success(), "{words}");
    assert!(words.contains("depth 1") && words.contains("0 missing") && !words.contains('\u{1b}'), "{words}");
    // One when it begins and then at most one in five seconds, besides the words at both ends.
    let most = 2 + began.elapsed().as_secs() / 5;
    assert!(words.matches("parent ").count() as u64 <= most, "{words}");
    next(&mut told, "1 viewer, height 1");
    speaker.kill();
}

#[test]
fn bytes_are_not_poured_onto_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = Speaker::start(&clip(folder.path()), &["--open", "--loop"]);
    let mut command = waterfall(&["watch", &speaker.ticket, "--out", "-"]);
    let terminal = Terminal::start_with_stdout(command.args(LOCAL), 80, 24);
    let (status, screen, _) = terminal.finish();
    assert_eq!(status.code(), Some(2));
    assert!(screen.screen().contents().contains("mpv"), "{}", screen.screen().contents());
    speaker.kill();
}

#[test]
fn a_relay_shows_no_frames_for_it_opens_none() {
    let folder = tempfile::tempdir().unwrap();
    let (mut speaker, ticket) = stream(folder.path(), &[]);
    let mut viewer = Terminal::start(&mut watch(&ticket, &["--duration", "3", "--relay"]), 80, 24);
    let shown = viewer.until("a relay", |text| text.contains("RELAYING"));
    assert!(!shown.contains("missing"), "{shown}");
    let (status, screen, _) = viewer.finish();
    assert!(status.success(), "{}", screen.screen().contents());
    speaker.until("nobody", |text| text.contains("0, height 0"));
}
