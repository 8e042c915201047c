//! Runs every example as a user would and compares what it prints.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use waterfall::openpgp::{self, Certificate, SecretKey};
use waterfall::{Access, unix_now};
use waterfall_examples::local_node;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn join_openpgp() {
    let generate = |name| openpgp::generate(name, unix_now(), None, None).unwrap();
    let (alice, bob) = (generate("Alice <alice@example.org>"), generate("Bob <bob@example.org>"));
    let folder = tempfile::tempdir().unwrap();
    let bobs_file = folder.path().join("bob.asc");
    std::fs::write(&bobs_file, bob.secret.as_bytes()).unwrap();

    let owner = SecretKey::read_all(alice.secret.as_bytes()).unwrap().remove(0);
    let members = Certificate::read_all(bob.certificate.as_bytes()).unwrap();
    let node = local_node().await.unwrap();
    let room = node.create(Access::Members { owner, members }).title("example").await.unwrap();
    let ticket = room.ticket().to_string();
    let program = env!("CARGO_BIN_EXE_join_openpgp");
    let joined = tokio::task::spawn_blocking(move || run(program, &[&ticket, bobs_file.to_str().unwrap()]));
    assert_eq!(joined.await.unwrap(), "in 'example' of Alice <alice@example.org>\n");
    room.leave().await;
    node.close().await;
}

#[test]
fn in_process_bootstrap() {
    let expected = "bob found the room through the bootstrap node\nthe bootstrap node is gone\n\
                    carol found the room through the ticket\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_in_process_bootstrap"), &[]), expected);
}

#[test]
fn publish_frames() {
    let expected: String = (0..10).map(|n| format!("frame {n} at {} ms: hello {n}\n", n * 40)).collect();
    assert_eq!(run(env!("CARGO_BIN_EXE_publish_frames"), &[]), expected + "sent 10 frames, received 10\n");
}

#[test]
fn watch_graph() {
    let printed = run(env!("CARGO_BIN_EXE_watch_graph"), &[]);
    let tiers: Vec<u32> = printed.lines().map(|line| line.split_once(": ").unwrap().1.parse().unwrap()).collect();
    assert_eq!(tiers[..2], [1, 2], "{printed}");
    assert_eq!(tiers.iter().sum::<u32>(), 7, "{printed}");
    assert!(tiers.windows(2).all(|tiers| tiers[1] <= 2 * tiers[0]), "{printed}");
}

#[test]
fn two_rooms() {
    let expected = "the relay passed on 'news' from the first room to the second\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_two_rooms"), &[]), expected);
}
