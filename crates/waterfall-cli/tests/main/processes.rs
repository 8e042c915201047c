//! A bootstrap node, a speaker and viewers, each a process of its own; and what is left when the bootstrap node dies.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::camera::Camera;
use crate::process::Process;
use crate::stream_and_watch::{assert_run, log, of_kind};
use crate::support::{LOCAL, run, stderr, waterfall};

/// Viewers from the beginning.
const VIEWERS: usize = 6;

/// The program beside ours. Cargo builds it with the workspace, not with this package alone.
fn bootstrap_program() -> Option<PathBuf> {
    let name = format!("waterfall-bootstrap{}", std::env::consts::EXE_SUFFIX);
    let program = Path::new(env!("CARGO_BIN_EXE_waterfall")).with_file_name(name);
    let required = std::env::var_os("WATERFALL_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(program.exists() || !required, "{} is missing: cargo test --workspace builds it", program.display());
    if !program.exists() {
        eprintln!("skipped, run cargo test --workspace");
        return None;
    }
    Some(program)
}

/// Everybody's files.
struct Desk(tempfile::TempDir);

impl Desk {
    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn key(&self, name: &str) -> String {
        let (user_id, file) = (format!("{name} <{name}@example.org>"), self.path(&format!("{name}.key.asc")));
        let output = run(&["key", "generate", "--name", &user_id, "--out", &file, "--no-passphrase"]);
        assert!(output.status.success(), "{}", stderr(&output));
        file
    }

    fn bootstrap(&self, program: &Path) -> Process {
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--stats", "1", "--identity", &self.path("identity")]);
        command.env_remove("WATERFALL_LOG").env_remove("WATERFALL_STATE_DIR").stdin(Stdio::null());
        Process::start("the bootstrap node", command)
    }

    /// Alice's room for all viewers, fed from a pipe.
    fn stream(&self, film: std::io::PipeReader, bootstrap: &[String]) -> Process {
        let wait = VIEWERS.to_string();
        let (log, key) = (self.path("published.jsonl"), self.key("alice"));
        let mut command = waterfall(&["stream", "-", "--key", &key, "--wait", &wait, "--frame-log", &log]);
        command.args(LOCAL).args(["--fan-out", "2"]).stdin(film);
        for name in (0..=VIEWERS).map(viewer) {
            self.key(&name);
            command.args(["--to", &self.path(&format!("{name}.asc"))]);
        }
        command.args(bootstrap.iter().flat_map(|address| ["--bootstrap", address]));
        Process::start("the speaker", command)
    }

    /// A viewer who has nothing but the ticket and a key.
    fn watch(&self, ticket: &str, name: &str) -> Process {
        let (key, log) = (self.path(&format!("{name}.key.asc")), self.path(&format!("{name}.jsonl")));
        let mut command = waterfall(&["watch", ticket, "--key", &key, "--frame-log", &log, "--fan-out", "2"]);
        command.args(LOCAL);
        Process::start(name, command)
    }
}

fn viewer(number: usize) -> String {
    format!("viewer-{number}")
}

fn is_watching(line: &Value) -> bool {
    line["tally"]["frames_received"].as_u64().is_some_and(|frames| frames > 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_outlives_its_bootstrap_node_and_the_ticket_still_admits() {
    let Some(program) = bootstrap_program() else { return };
    let desk = Desk(tempfile::tempdir().unwrap());
    let bootstrap = desk.bootstrap(&program);
    let ready = bootstrap.event("ready").await;
    let addresses: Vec<_> =
        ready["addresses"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect();
    let (camera, film) = Camera::switch_on();
    let speaker = desk.stream(film, &addresses);
    let ticket = speaker.event("ticket").await["ticket"].as_str().unwrap().to_owned();
    let mut viewers: Vec<_> = (0..VIEWERS).map(|number| desk.watch(&ticket, &viewer(number))).collect();
    for viewer in &viewers {
        viewer.says("frame", is_watching).await;
    }
    // It had a part in this: all of them have talked to it.
    let everybody = |line: &Value| line["connections"].as_u64().is_some_and(|count| count > VIEWERS as u64);
    bootstrap.says("connection of each", everybody).await;
    bootstrap.kill().await;
    // What the speaker is given from here on goes out without it.
    let before = camera.frames();
    let late = desk.watch(&ticket, &viewer(VIEWERS));
    late.says("frame", is_watching).await;
    let filmed = camera.switch_off().await;
    viewers.push(late);
    for viewer in viewers {
        let last = viewer.end().await;
        assert_eq!((&last["event"], &last["tally"]["frames_missing"]), (&Value::from("ended"), &Value::from(0)));
    }
    speaker.end().await;

    let published = log(desk.path("published.jsonl").as_ref());
    assert_eq!(published.len(), filmed);
    assert!(published.len() > before, "the camera ran on after the kill");
    for number in 0..=VIEWERS {
        let received = log(desk.path(&format!("{}.jsonl", viewer(number))).as_ref());
        for kind in ["video", "audio"] {
            let frames = assert_run(&published, &received, kind);
            // The late one saw the end; the others saw everything.
            assert!(number == VIEWERS || frames == of_kind(&published, kind).len(), "{kind} of {number}: {frames}");
        }
    }
}
