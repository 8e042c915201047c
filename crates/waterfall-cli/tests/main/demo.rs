//! The demo, small, and what its report says.

use serde_json::Value;

use crate::support::{run, stderr};

fn report(args: &[&str]) -> Value {
    let output = run(args);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_viewer_is_complete_and_the_speaker_serves_only_its_children() {
    let report = report(&["demo", "--viewers", "6", "--seconds", "4", "--fan-out", "2", "--json"]);
    let viewers = report["viewers"].as_array().unwrap();
    assert_eq!(viewers.len(), 6);
    // Two tiers hold six; one who was sent to a spot that was gone by then may have landed a tier lower.
    assert!([2, 3].contains(&report["height"].as_u64().unwrap()), "{}", report["height"]);
    for viewer in viewers {
        assert_eq!(viewer["frames_missing"], 0, "{viewer}");
        assert!(viewer["frames_received"].as_u64().unwrap() > 0, "{viewer}");
        assert!(viewer["first_frame_ms"].is_u64(), "{viewer}");
        assert!(viewer["parent"].is_string() && viewer["depth"].is_u64(), "{viewer}");
    }
    let (sent, came_in) =
        (report["speaker_bytes_sent"].as_u64().unwrap(), report["speaker_bytes_in"].as_u64().unwrap());
    assert!(sent > 0 && sent <= 2 * came_in, "{sent} of {came_in}");
}

#[test]
fn a_relay_killed_among_processes_is_survived_by_those_below_it() {
    let args = ["demo", "--processes", "--viewers", "5", "--seconds", "12", "--fan-out", "1", "--kill-relay", "--json"];
    let report = report(&args);
    let viewers = report["viewers"].as_array().unwrap();
    assert_eq!(viewers.iter().filter(|viewer| viewer["killed"] == true).count(), 1);
    for viewer in viewers.iter().filter(|viewer| viewer["killed"] == false) {
        let longest = viewer["stalls"].as_array().unwrap().iter().map(|stall| stall["ms"].as_u64().unwrap()).max();
        assert!(longest.unwrap_or(0) < 5_000, "watching again in under 5 s: {viewer}");
        assert_eq!(viewer["frames_missing"], 0, "fetched from the new parent's ring: {viewer}");
    }
}
