//! Viewers as processes of their own, and what they last reported.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use waterfall::{NodeId, Status, Ticket};

use crate::demo::LOOPBACK;
use crate::exit::Failure;
use crate::view::Tally;
use crate::watch::Line;

/// What is known of a viewer.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    pub(super) status: Status,
    tally: Tally,
    longest_pause_ms: u64,
}

/// The viewers' last reports.
#[derive(Debug, Clone)]
pub(super) struct Board {
    watched: Arc<Mutex<BTreeMap<NodeId, Watched>>>,
    version: watch::Sender<u64>,
}

impl Board {
    fn with<T>(&self, what: impl FnOnce(&mut BTreeMap<NodeId, Watched>) -> T) -> T {
        let result = what(&mut self.watched.lock().unwrap_or_else(PoisonError::into_inner));
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Resolves when something was reported after the call.
    pub(super) async fn changed(&self) {
        // An error means that the board is gone, which we hold.
        let _ = self.version.subscribe().changed().await;
    }

    pub(super) fn snapshot(&self) -> Vec<(NodeId, Watched)> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().map(|(id, watched)| (*id, watched.clone())).collect()
    }

    /// Begins a new measurement of pauses.
    pub(super) fn forget_pauses(&self) {
        self.with(|all| all.values_mut().for_each(|watched| watched.longest_pause_ms = 0));
    }

    /// The longest time without a frame that a viewer has reported since [`Board::forget_pauses`].
    pub(super) fn longest_pause(&self, viewer: &NodeId) -> u64 {
        self.with(|all| all.get(viewer).map_or(0, |watched| watched.longest_pause_ms))
    }

    /// Frames that all who run have missed so far.
    pub(super) fn missing_in_all(&self) -> u64 {
        self.with(|all| all.values().map(|watched| watched.tally.frames_missing).sum())
    }

    /// Frames that a viewer has missed so far.
    pub(super) fn missing(&self, viewer: &NodeId) -> u64 {
        self.with(|all| all.get(viewer).map_or(0, |watched| watched.tally.frames_missing))
    }
}

/// Running viewers.
pub(super) struct Viewers {
    program: std::path::PathBuf,
    args: Vec<String>,
    ticket: String,
    running: BTreeMap<NodeId, Child>,
    board: Board,
}

impl Viewers {
    pub(super) fn new(ticket: &Ticket, fan_out: u8, bootstrap: &[String]) -> Result<Self, Failure> {
        let program = std::env::current_exe().context("this program's own file was not found")?;
        let (listen, fan_out) = (LOOPBACK.to_string(), fan_out.to_string());
        let fixed = ["watch", "-", "--open", "--json", "--no-lan", "--no-state", "--listen", &listen];
        let mut args: Vec<String> = fixed.map(str::to_owned).into();
        args.extend(["--fan-out".to_owned(), fan_out]);
        args.extend(bootstrap.iter().flat_map(|address| ["--bootstrap".to_owned(), address.clone()]));
        let board = Board { watched: Arc::default(), version: watch::Sender::new(0) };
        Ok(Self { program, args, ticket: ticket.to_string(), running: BTreeMap::new(), board })
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Starts one more; returns when it has joined.
    pub(super) async fn start(&mut self) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.kill_on_drop(true).spawn().context("a viewer process could not be started")?;
        let mut stdin = child.stdin.take().context("a viewer has no standard input")?;
        stdin.write_all(self.ticket.as_bytes()).await.context("a viewer did not take the ticket")?;
        drop(stdin);
        let mut lines = BufReader::new(child.stdout.take().context("a viewer has no standard output")?).lines();
        let first = lines.next_line().await.context("a viewer's report could not be read")?;
        let Some(Line::Joined { id, .. }) = first.as_deref().and_then(|line| serde_json::from_str(line).ok()) else {
            return Err(Failure::sentence("a viewer did not join"));
        };
        self.board.with(|all| all.insert(id, Watched::default()));
        tokio::spawn(follow(lines, id, self.board.clone()));
        self.running.insert(id, child);
        Ok(())
    }

    /// Stops one, which then says and hears nothing; it is not on the board until [`Viewers::thaw`].
    #[cfg(unix)]
    pub(super) fn freeze(&mut self, viewer: &NodeId) -> Result<(), Failure> {
        self.board.with(|all| all.remove(viewer));
        self.signal(viewer, rustix::process::Signal::STOP)
    }

    /// Lets it go on. What it says from then on counts.
    #[cfg(unix)]
    pub(super) fn thaw(&mut self, viewer: &NodeId) -> Result<(), Failure> {
        self.board.with(|all| all.insert(*viewer, Watched::default()));
        self.signal(viewer, rustix::process::Signal::CONT)
    }

    #[cfg(unix)]
    fn signal(&self, viewer: &NodeId, signal: rustix::process::Signal) -> Result<(), Failure> {
        let id = self.running.get(viewer).and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        let process = id.and_then(rustix::process::Pid::from_raw).context("a viewer has ended by itself")?;
        rustix::process::kill_process(process, signal).context("a viewer process could not be stopped or continued")?;
        Ok(())
    }

    /// Kills one without warning; it gets no chance to say goodbye to anyone.
    pub(super) async fn kill(&mut self, viewer: &NodeId) -> Result<(), Failure> {
        self.board.with(|all| all.remove(viewer));
        if let Some(mut child) = self.running.remove(viewer) {
            child.kill().await.context("a viewer process could not be killed")?;
        }
        Ok(())
    }

    /// Ends them all.
    pub(super) async fn end(self) {
        for mut child in self.running.into_values() {
            // An error means that it has ended by itself.
            let _ = child.kill().await;
        }
    }
}

/// Reads what a viewer says until it ends.
async fn follow(mut lines: tokio::io::Lines<BufReader<ChildStdout>>, id: NodeId, board: Board) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Line::Status { status, tally, longest_pause_ms }) = serde_json::from_str(&line) else { continue };
        board.with(|all| {
            // One that was killed is gone, whatever it still had to say.
            if let Some(watched) = all.get_mut(&id) {
                watched.longest_pause_ms = watched.longest_pause_ms.max(longest_pause_ms);
                (watched.status, watched.tally) = (status, tally);
            }
        });
    }
}
