//! What a viewer sees when a relay above it is lost: viewers as processes, SIGKILL or SIGSTOP, and how long
//! no frame came to each of its descendants.

use std::time::{Duration, Instant};

use serde::Serialize;
use waterfall::{NodeId, SignalPath};

use super::legal::{Room, illegal};
use super::viewers::{Board, Viewers, Watched};
use super::{Quantiles, Stage};
use crate::cli::BenchLoss;
use crate::demo::speak_until;
use crate::exit::Failure;
use crate::output::say;

/// How long a tree may take to be legal again, with a standby for everyone. Nothing takes so long that works.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// Viewers report once a second: this is how long after a loss their reports cover it.
const AFTERMATH: Duration = Duration::from_secs(3);
/// How long a relay is frozen: long enough for everyone to see it, and for what it missed to be there still.
const FROZEN: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) viewers: u16,
    pub(super) kills: u16,
    pub(super) how: BenchLoss,
    pub(super) fan_out: u8,
}

/// What one descendant of a lost relay saw.
#[derive(Debug, Clone, Serialize)]
struct Survivor {
    viewer: NodeId,
    /// Edges below the lost relay; 1 for its children.
    below: u16,
    /// Longest time without any frame, in milliseconds; between two frames of the clip up to 40 pass.
    gap_ms: u64,
    frames_lost: u64,
}

/// One loss.
#[derive(Debug, Serialize)]
struct Kill {
    relay: NodeId,
    depth: u16,
    survivors: Vec<Survivor>,
    /// Until the tree was legal again and everyone had a standby, in milliseconds; for one that was frozen from when
    /// it went on.
    settled_ms: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    viewers: u16,
    fan_out: u8,
    how: BenchLoss,
    kills: Vec<Kill>,
    /// Of the lost relays' own children.
    children_gap_ms: Quantiles,
    /// Of all their descendants.
    descendants_gap_ms: Quantiles,
    descendants: usize,
    /// By descendants, after each loss.
    frames_lost: u64,
    /// By anyone at any time.
    frames_lost_in_all: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "relay      depth  children  below  longest gap  frames lost  settled after")?;
        for kill in &self.kills {
            let children = kill.survivors.iter().filter(|survivor| survivor.below == 1).count();
            let gap = kill.survivors.iter().map(|survivor| survivor.gap_ms).max().unwrap_or(0);
            let lost: u64 = kill.survivors.iter().map(|survivor| survivor.frames_lost).sum();
            writeln!(
                f,
                "{:9} {:>6} {children:>9} {:>6} {gap:>9} ms {lost:>12} {:>11} ms",
                kill.relay.short(),
                kill.depth,
                kill.survivors.len(),
                kill.settled_ms
            )?;
        }
        let (kills, viewers) = (self.kills.len(), self.viewers);
        writeln!(f, "{kills} relays lost among {viewers} viewers, {} descendants", self.descendants)?;
        writeln!(f, "time without a frame, children:    {}", self.children_gap_ms)?;
        writeln!(f, "time without a frame, descendants: {}", self.descendants_gap_ms)?;
        writeln!(f, "frames lost: {} by descendants, {} by anyone", self.frames_lost, self.frames_lost_in_all)?;
        write!(f, "after each loss the tree was legal, and everyone had a standby")
    }
}

/// Loses relays one after the other; for each that is killed a new viewer comes.
pub(super) async fn measure(plan: Plan) -> Result<Figures, Failure> {
    if cfg!(not(unix)) && plan.how == BenchLoss::Freeze {
        return Err(Failure::sentence("--how freeze needs the signals of Unix"));
    }
    let stage = Stage::set(plan.fan_out, SignalPath::default()).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let speaking = tokio::spawn(speak_until(stage.room.clone(), async {
        let _stop = stopped.await;
    }));
    let mut viewers = Viewers::new(&stage.room.ticket(), plan.fan_out, &stage.bootstrap.addresses())?;
    for _ in 0..plan.viewers {
        viewers.start().await?;
    }
    say(format_args!("{} viewers have joined", plan.viewers));
    let mut kills: Vec<Kill> = Vec::new();
    let mut lost_by_the_dead = 0;
    for round in 1..=plan.kills {
        settled(&stage, &viewers, plan.viewers).await?;
        let kill = lose_one(&stage, &mut viewers, plan, round - 1, &mut lost_by_the_dead).await?;
        let gap = kill.survivors.iter().map(|survivor| survivor.gap_ms).max().unwrap_or_default();
        let (relay, below) = (kill.relay.short(), kill.survivors.len());
        say(format_args!("{round} of {}: lost {relay} with {below} below it, {gap} ms without a frame", plan.kills));
        kills.push(kill);
        if plan.how == BenchLoss::Kill {
            viewers.start().await?;
        }
    }
    let frames_lost_in_all = lost_by_the_dead + viewers.board().missing_in_all();
    viewers.end().await;
    let _ended = stop.send(());
    speaking.await??;
    stage.clear().await;
    figures(plan, kills, frames_lost_in_all)
}

async fn lose_one(
    stage: &Stage,
    viewers: &mut Viewers,
    plan: Plan,
    round: u16,
    lost_by_the_dead: &mut u64,
) -> Result<Kill, Failure> {
    let board = viewers.board().clone();
    let Some((relay, depth, below)) = victim(&board, round) else {
        return Err(Failure::sentence("no viewer has children; --viewers must be greater than --fan-out"));
    };
    let before: Vec<_> = below.iter().map(|(viewer, below)| (*viewer, *below, board.missing(viewer))).collect();
    board.forget_pauses();
    let mut expected = plan.viewers;
    match plan.how {
        BenchLoss::Kill => {
            *lost_by_the_dead += board.missing(&relay);
            viewers.kill(&relay).await?;
            expected -= 1;
        }
        #[cfg(unix)]
        BenchLoss::Freeze => {
            viewers.freeze(&relay)?;
            tokio::time::sleep(FROZEN).await;
            viewers.thaw(&relay)?;
        }
        #[cfg(not(unix))]
        BenchLoss::Freeze => {}
    }
    let lost = Instant::now();
    settled(stage, viewers, expected).await?;
    let settled_ms = u64::try_from(lost.elapsed().as_millis()).unwrap_or(u64::MAX);
    tokio::time::sleep(AFTERMATH.saturating_sub(lost.elapsed())).await;
    let survivors = before.into_iter().map(|(viewer, below, missing)| Survivor {
        viewer,
        below,
        gap_ms: board.longest_pause(&viewer),
        frames_lost: board.missing(&viewer).saturating_sub(missing),
    });
    Ok(Kill { relay, depth, survivors: survivors.collect(), settled_ms })
}

/// Viewers below one, each with its distance.
type Below = Vec<(NodeId, u16)>;

/// A relay, its depth, and its descendants with their distance. Each round takes another, those with most below
/// them first.
fn victim(board: &Board, round: u16) -> Option<(NodeId, u16, Below)> {
    let all = board.snapshot();
    let mut relays: Vec<_> = all
        .iter()
        .filter(|(_, watched)| !watched.status.children.is_empty())
        .map(|(id, watched)| (*id, watched.status.depth.unwrap_or(0), descendants(&all, *id)))
        .filter(|(_, _, below)| !below.is_empty())
        .collect();
    relays.sort_by_key(|(id, _, below)| (std::cmp::Reverse(below.len()), *id));
    let index = usize::from(round) % relays.len().max(1);
    relays.into_iter().nth(index)
}

fn descendants(all: &[(NodeId, Watched)], of: NodeId) -> Below {
    let mut found = Below::new();
    let mut tier = vec![of];
    let mut below = 0;
    while !tier.is_empty() {
        below += 1;
        let children = all.iter().filter(|(_, watched)| watched.status.parent.is_some_and(|p| tier.contains(&p)));
        let fresh = |id: &NodeId| *id != of && !found.iter().any(|(known, _)| known == id);
        tier = children.map(|(id, _)| *id).filter(fresh).collect();
        found.extend(tier.iter().map(|id| (*id, below)));
    }
    found
}

/// Waits until the tree is legal and everyone has a standby.
async fn settled(stage: &Stage, viewers: &Viewers, expected: u16) -> Result<(), Failure> {
    let board = viewers.board();
    let mut root = stage.room.status();
    let wrong = || {
        let viewers = board.snapshot();
        let seats = viewers.iter().map(|(id, watched)| (*id, &watched.status)).collect();
        illegal(&Room { root: (stage.node.id(), &stage.room.status().borrow()), viewers: seats }, usize::from(expected))
    };
    let waiting = async {
        while wrong().is_some() {
            tokio::select! {
                () = board.changed() => {}
                // An error means that the room is closed, which we hold.
                _ = root.changed() => {}
            }
        }
    };
    if tokio::time::timeout(SETTLED_WITHIN, waiting).await.is_err()
        && let Some(what) = wrong()
    {
        return Err(Failure::sentence(format_args!("after {} s {what}", SETTLED_WITHIN.as_secs())));
    }
    Ok(())
}

fn figures(plan: Plan, kills: Vec<Kill>, frames_lost_in_all: u64) -> Result<Figures, Failure> {
    let none = || Failure::sentence("no gap was measured");
    let gaps = |only_children: bool| {
        let survivors = kills.iter().flat_map(|kill| &kill.survivors);
        let wanted = survivors.filter(|survivor| !only_children || survivor.below == 1);
        Quantiles::of(wanted.map(|survivor| Duration::from_millis(survivor.gap_ms)).collect())
    };
    Ok(Figures {
        viewers: plan.viewers,
        fan_out: plan.fan_out,
        how: plan.how,
        children_gap_ms: gaps(true).ok_or_else(none)?,
        descendants_gap_ms: gaps(false).ok_or_else(none)?,
        descendants: kills.iter().map(|kill| kill.survivors.len()).sum(),
        frames_lost: kills.iter().flat_map(|kill| &kill.survivors).map(|survivor| survivor.frames_lost).sum(),
        frames_lost_in_all,
        kills,
    })
}
