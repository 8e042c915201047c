//! Running the program.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Generous: only a hang takes so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// `waterfall-bootstrap` with these arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waterfall-bootstrap"));
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    command.env_remove("WATERFALL_LOG").env_remove("WATERFALL_STATE_DIR");
    command
}

/// Runs to the end.
pub(crate) async fn run(args: &[&str]) -> Output {
    timeout(DEADLINE, command(args).output()).await.expect("it ends").unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal to a running process.
pub(crate) fn kill(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// A running node that speaks JSON.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) ready: Value,
}

impl Process {
    /// Starts a node with this identity, and waits until it listens.
    pub(crate) async fn start(identity: &Path, args: &[&str]) -> Self {
        let mut command = command(args);
        let child = command.arg("--identity").arg(identity).arg("--json").stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut process = Self { child, lines, ready: Value::Null };
        process.ready = process.event("ready").await;
        process
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.ready["addresses"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect()
    }

    /// The next event of this name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        let next = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it still runs");
                let value: Value = serde_json::from_str(&line).unwrap();
                if value["event"] == name {
                    return value;
                }
            }
        };
        timeout(DEADLINE, next).await.expect("it says so in time")
    }

    /// Sends a signal that ends it in order; what it says last.
    pub(crate) async fn end(mut self, signal: Signal) -> Value {
        kill(&self.child, signal);
        let closed = self.event("closed").await;
        let status = timeout(DEADLINE, self.child.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(0));
        assert_eq!(self.lines.next_line().await.unwrap(), None, "nothing follows");
        closed
    }
}
