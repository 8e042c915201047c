//! Runs every example as a user would and compares what it prints.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} failed: {err}\n{out}");
    out.into_owned()
}

#[test]
fn create_room_and_join_password() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_create_room")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let ticket = first.trim().strip_prefix("ticket: ").unwrap();

    let joined = run(env!("CARGO_BIN_EXE_join_password"), &[ticket]);
    assert!(joined.starts_with("in 'example' at depth 1 below "), "{joined}");

    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(owner.wait().unwrap().success());
    let rest: Vec<&str> = rest.lines().collect();
    let [joined, left] = rest[..] else { panic!("{rest:?}") };
    let visitor = joined.strip_prefix("joined: ").unwrap();
    assert_eq!(left, format!("left: {visitor}"));
}

#[test]
fn publish_frames() {
    let expected: String = (0..10).map(|n| format!("frame {n} at {} ms: hello {n}\n", n * 40)).collect();
    assert_eq!(run(env!("CARGO_BIN_EXE_publish_frames"), &[]), expected + "sent 10 frames, received 10\n");
}

#[test]
fn watch_graph() {
    assert_eq!(run(env!("CARGO_BIN_EXE_watch_graph"), &[]), "depth 0: 1\ndepth 1: 2\ndepth 2: 4\n");
}

#[test]
fn two_rooms() {
    let expected = "the relay passed on 'news' from the first room to the second\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_two_rooms"), &[]), expected);
}
