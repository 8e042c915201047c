//! Processes that say in JSON lines how they are doing.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// Generous: only a hang takes so long.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running process. All that it says is kept; it is killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    heard: watch::Receiver<Heard>,
}

#[derive(Default)]
struct Heard {
    lines: Vec<Value>,
    over: bool,
}

impl Process {
    /// Starts a command, which is told to speak JSON.
    pub(crate) fn start(name: &str, command: std::process::Command) -> Self {
        let mut command = Command::from(command);
        let mut child = command.arg("--json").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (hear, heard) = watch::channel(Heard::default());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                hear.send_modify(|heard| heard.lines.push(line));
            }
            hear.send_modify(|heard| heard.over = true);
        });
        Self { name: name.to_owned(), child, heard }
    }

    /// The first line of which this is true, once it is said.
    pub(crate) async fn says(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.says_after(0, what, is).await
    }

    /// How many lines it has said.
    #[cfg(unix)]
    pub(crate) fn count(&self) -> usize {
        self.heard.borrow().lines.len()
    }

    /// As [`Process::says`], of what is said after so many lines.
    pub(crate) async fn says_after(&self, lines: usize, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut heard = self.heard.clone();
        let new = |heard: &Heard| heard.lines.iter().skip(lines).find(|line| is(line)).cloned();
        let waiting = heard.wait_for(|heard| heard.over || new(heard).is_some());
        let heard = timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{}: no {what} in time", self.name));
        let heard = heard.expect("its reader says when it is over");
        new(&heard).unwrap_or_else(|| panic!("{} ended without {what}: {:?}", self.name, heard.lines.last()))
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.unwrap(), signal).unwrap();
    }

    /// The first event of this name.
    pub(crate) async fn event(&self, name: &str) -> Value {
        self.says(name, |line| line["event"] == name).await
    }

    /// Waits for its end, which is a success; its last line.
    pub(crate) async fn end(mut self) -> Value {
        let status = timeout(DEADLINE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("{} does not end", self.name)).unwrap();
        let mut heard = self.heard.clone();
        let heard = timeout(DEADLINE, heard.wait_for(|heard| heard.over)).await.expect("its output ends").unwrap();
        assert!(status.success(), "{}: {status}, {:?}", self.name, heard.lines.last());
        heard.lines.last().unwrap_or_else(|| panic!("{} said nothing", self.name)).clone()
    }

    /// SIGKILL: no word to anybody.
    pub(crate) async fn kill(mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "{} still runs", self.name);
        self.child.kill().await.unwrap();
    }
}
