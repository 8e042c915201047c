//! How a room of processes changes its shape and heals, and that nobody misses a frame for it.

use rustix::process::Signal;
use serde_json::Value;

use crate::process::Process;
use crate::support::{LOCAL, clip, run, stderr, waterfall};

/// A speaker in an open room, with its ticket.
async fn speaker(folder: &tempfile::TempDir, fan_out: &str) -> (Process, String) {
    let clip = clip(folder.path());
    let mut command = waterfall(&["stream", clip.to_str().unwrap(), "--loop", "--open", "--fan-out", fan_out]);
    command.args(LOCAL);
    let speaker = Process::start("the speaker", command);
    let ticket = speaker.event("ticket").await["ticket"].as_str().unwrap().to_owned();
    (speaker, ticket)
}

/// A viewer, with its id.
async fn viewer(name: &str, ticket: &str, fan_out: &str) -> (Process, Value) {
    let mut command = waterfall(&["watch", ticket, "--open", "--fan-out", fan_out]);
    command.args(LOCAL);
    let viewer = Process::start(name, command);
    let id = viewer.event("joined").await["id"].clone();
    viewer.says("frame", |line| frames(line) > 0).await;
    (viewer, id)
}

fn frames(line: &Value) -> u64 {
    line["tally"]["frames_received"].as_u64().unwrap_or(0)
}

fn is_below<'a>(parent: &'a Value) -> impl Fn(&Value) -> bool + 'a {
    move |line| line["event"] == "status" && line["status"]["parent"] == *parent
}

/// Asserts that it has lost nothing, a good while after this line.
async fn assert_complete_after(viewer: &Process, line: &Value) {
    let later = viewer.says("more frames", |after| frames(after) > frames(line) + 50).await;
    assert_eq!(later["tally"]["frames_missing"], 0, "{later}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strong_latecomer_rises_above_a_leaf_which_loses_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    let (_speaker, ticket) = speaker(&folder, "1").await;
    let (leaf, leaf_id) = viewer("the leaf", &ticket, "0").await;
    let first = leaf.says("parent", |line| line["status"]["depth"] == 1).await;
    let root = &first["status"]["parent"];
    // The leaf holds the only place; nobody else could come in below it.
    let (strong, strong_id) = viewer("the relay", &ticket, "2").await;
    strong.says("the leaf's place", is_below(root)).await;
    let moved = leaf.says("its new parent", is_below(&strong_id)).await;
    assert_eq!(moved["status"]["depth"], 2, "{moved}");
    strong.says("its child", |line| line["status"]["children"] == Value::from(vec![leaf_id.clone()])).await;
    assert_complete_after(&leaf, &moved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_keeps_its_shape_while_its_speaker_is_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let (speaker, ticket) = speaker(&folder, "1").await;
    let (relay, relay_id) = viewer("the relay", &ticket, "2").await;
    let root = relay.says("parent", |line| line["status"]["depth"] == 1).await["status"]["parent"].clone();
    let (below, _) = viewer("who is below", &ticket, "2").await;
    below.says("parent", is_below(&relay_id)).await;
    speaker.signal(Signal::STOP);
    let lost = relay.says("the loss", |line| line["event"] == "status" && line["status"]["parent"].is_null()).await;
    let before = below.count();
    below.says_after(before, "its parent still", is_below(&relay_id)).await;
    speaker.signal(Signal::CONT);
    let found = relay.says("the speaker again", |line| is_below(&root)(line) && frames(line) > frames(&lost)).await;
    assert_complete_after(&relay, &found).await;
    let again = below.says("frames again", |line| frames(line) > frames(&lost) + 50).await;
    assert_eq!((&again["status"]["parent"], &again["tally"]["frames_missing"]), (&relay_id, &Value::from(0)));
}

fn assert_nothing_lost_by(how: &str) {
    let args = ["bench", "failover", "--viewers", "8", "--kills", "1", "--fan-out", "3", "--how", how, "--json"];
    let output = run(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let survivors = figures["kills"][0]["survivors"].as_array().unwrap();
    assert!(survivors.iter().any(|survivor| survivor["below"] == 1), "{figures}");
    assert_eq!((&figures["how"], &figures["frames_lost_in_all"]), (&Value::from(how), &Value::from(0)), "{figures}");
}

#[test]
fn the_failover_bench_kills_a_relay_and_nobody_loses_a_frame() {
    assert_nothing_lost_by("kill");
}

#[test]
fn the_failover_bench_freezes_a_relay_and_nobody_loses_a_frame_not_even_the_relay() {
    assert_nothing_lost_by("freeze");
}
