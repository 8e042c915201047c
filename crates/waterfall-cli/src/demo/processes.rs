//! Viewers as processes of their own: `waterfall watch`, read through its JSON lines and frame log.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;
use indicatif::ProgressBar;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;
use waterfall::{NodeId, Status, Ticket};

use super::report::ViewerResult;
use super::{LOOPBACK, viewer_failed};
use crate::bench::peak_memory_kib;
use crate::exit::Failure;
use crate::frame_log::Entry;
use crate::output::say;
use crate::watch::Line;

/// What is to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How many viewers.
    pub viewers: usize,
    /// Their fan-out.
    pub fan_out: u8,
    /// When to kill a relay of the first tier, if at all.
    pub kill_relay_after: Option<Duration>,
}

/// What is known of a running viewer, and the way to end it.
#[derive(Debug, Default)]
struct Running {
    id: Option<NodeId>,
    status: Status,
    kill: Option<tokio::sync::oneshot::Sender<()>>,
}

type Board = Arc<Mutex<Vec<Running>>>;

/// Starts the viewers, lets them watch to the end, and collects what they saw.
pub(crate) async fn watch(
    plan: Plan,
    ticket: &Ticket,
    bootstrap: &[String],
    bar: &ProgressBar,
) -> Result<Vec<ViewerResult>, Failure> {
    let folder = tempfile::tempdir().context("no temporary folder could be made")?;
    let program = std::env::current_exe().context("this program's own file was not found")?;
    let board: Board = Arc::new(Mutex::new((0..plan.viewers).map(|_| Running::default()).collect()));
    let killer = plan.kill_relay_after.map(|after| tokio::spawn(kill_relay(after, board.clone())));
    let viewers = (0..plan.viewers).map(|index| {
        let mut command = Command::new(&program);
        command.args(["watch", "-", "--open", "--json", "--no-lan", "--no-state", "--listen", &LOOPBACK.to_string()]);
        command.args(["--fan-out", &plan.fan_out.to_string()]);
        for address in bootstrap {
            command.args(["--bootstrap", address]);
        }
        let log = folder.path().join(format!("viewer-{index}.jsonl"));
        command.arg("--frame-log").arg(&log);
        let (ticket, board) = (ticket.to_string(), board.clone());
        async move {
            match view(command, &ticket, index, &board, &log, bar).await {
                Ok(result) => result,
                Err(error) => {
                    viewer_failed(index, &format_args!("{error:#}"));
                    ViewerResult::default()
                }
            }
        }
    });
    let results = join_all(viewers).await;
    if let Some(killer) = killer {
        killer.abort();
    }
    Ok(results)
}

async fn view(
    mut command: Command,
    ticket: &str,
    index: usize,
    board: &Board,
    log: &Path,
    bar: &ProgressBar,
) -> anyhow::Result<ViewerResult> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().context("a viewer process could not be started")?;
    let mut stdin = child.stdin.take().context("a viewer has no standard input")?;
    stdin.write_all(ticket.as_bytes()).await.context("a viewer did not take the ticket")?;
    drop(stdin);
    let (kill, killed) = tokio::sync::oneshot::channel();
    with(board, |board| board[index].kill = Some(kill));
    let mut result = tokio::select! {
        result = follow(&mut child, index, board, bar) => result?,
        Ok(()) = killed => {
            // SIGKILL: the process gets no chance to say goodbye to anyone.
            child.kill().await.context("a viewer process could not be killed")?;
            let (id, status) = with(board, |board| (board[index].id, board[index].status.clone()));
            ViewerResult { id, status, killed: true, ..ViewerResult::default() }
        }
    };
    let exit = child.wait().await?;
    if !exit.success() && !result.killed {
        viewer_failed(index, &format_args!("ended with {exit}"));
    }
    if !result.killed {
        result.entries = read_log(log)?;
    }
    Ok(result)
}

/// Reads what a viewer says until it ends.
async fn follow(child: &mut Child, index: usize, board: &Board, bar: &ProgressBar) -> anyhow::Result<ViewerResult> {
    let stdout = child.stdout.take().context("a viewer has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut result = ViewerResult::default();
    let mut watching = false;
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line).with_context(|| format!("a viewer said something strange: {line}"))? {
            Line::Joined { id, .. } => {
                result.id = Some(id);
                with(board, |board| board[index].id = Some(id));
            }
            Line::Status { status, tally, .. } => {
                result.peak_memory_kib = child.id().and_then(peak_memory_kib);
                if tally.first_frame_ms.is_some() && !watching {
                    watching = true;
                    bar.inc(1);
                }
                with(board, |board| board[index].status = status);
            }
            Line::Ended { status, tally } => (result.status, result.tally) = (status, tally),
            Line::Gap { .. } => {}
        }
    }
    Ok(result)
}

fn read_log(log: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = std::fs::read_to_string(log).context("a viewer left no frame log")?;
    text.lines().map(|line| serde_json::from_str(line).context("a viewer's frame log is damaged")).collect()
}

fn with<T>(board: &Board, what: impl FnOnce(&mut Vec<Running>) -> T) -> T {
    what(&mut board.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Kills the relay of the first tier that has most below it.
async fn kill_relay(after: Duration, board: Board) {
    sleep(after).await;
    loop {
        let victim = with(&board, |board| {
            let relays = board.iter_mut().filter(|viewer| {
                viewer.status.depth == Some(1) && !viewer.status.children.is_empty() && viewer.kill.is_some()
            });
            let relay = relays.max_by_key(|viewer| viewer.status.size)?;
            Some((relay.id?, relay.status.size, relay.kill.take()?))
        });
        if let Some((id, size, kill)) = victim {
            say(format_args!("killing {}, which {} viewers hang from", id.short(), size - 1));
            let _ended = kill.send(());
            return;
        }
        // The viewers' reports come once a second.
        sleep(Duration::from_millis(200)).await;
    }
}
