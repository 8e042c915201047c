//! Running the command.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// Flags that keep a process on this machine, and apart from what its user did before.
pub(crate) const LOCAL: [&str; 4] = ["--listen", "127.0.0.1", "--no-lan", "--no-state"];

/// `waterfall` with these arguments.
pub(crate) fn waterfall(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waterfall"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("WATERFALL_LOG")
        .env_remove("WATERFALL_STATE_DIR")
        .env_remove("NO_COLOR");
    command
}

/// Runs to the end.
pub(crate) fn run(args: &[&str]) -> Output {
    waterfall(args).output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A speaker that has printed its ticket.
pub(crate) struct Speaker {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) ticket: String,
}

impl Speaker {
    pub(crate) fn start(file: &Path, args: &[&str]) -> Self {
        let mut command = waterfall(&["stream"]);
        command.arg(file).args(args).args(LOCAL).stdout(Stdio::piped());
        Self::from_child(command.spawn().unwrap())
    }

    pub(crate) fn from_child(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ticket = String::new();
        stdout.read_line(&mut ticket).unwrap();
        Self { child, stdout, ticket: ticket.trim().to_owned() }
    }

    /// Waits for the end; everything printed after the ticket.
    pub(crate) fn finish(mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Whether an external tool of ffmpeg's family is there; see [`have`].
pub(crate) fn tool(name: &str) -> bool {
    have(name, "-version")
}

/// Whether an external tool is there. Where all tools are required its absence is a failure.
pub(crate) fn have(name: &str, version: &str) -> bool {
    let found = Command::new(name).arg(version).output().is_ok();
    let required = std::env::var_os("WATERFALL_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(found || !required, "{name} is missing and WATERFALL_REQUIRE_TOOLS is set");
    if !found {
        eprintln!("skipped, install {name}");
    }
    found
}

/// The bundled clip as a file.
pub(crate) fn clip(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("clip.webm");
    std::fs::write(&path, waterfall::media::bundled_clip()).unwrap();
    path
}
