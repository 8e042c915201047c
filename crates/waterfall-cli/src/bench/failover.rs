//! What a viewer sees when a relay above it is killed: viewers as processes, SIGKILL, and how long no
//! frame came to each of its descendants.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Serialize;
use waterfall::{NodeId, SignalPath};

use super::viewers::{Board, Viewers, Watched};
use super::{Quantiles, Stage};
use crate::demo::speak_until;
use crate::exit::Failure;
use crate::output::say;

/// How long a tree may take to be legal again, with a standby for everyone. Nothing takes so long that works.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// Viewers report once a second: this is how long after a kill their reports cover it.
const AFTERMATH: Duration = Duration::from_secs(3);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) viewers: u16,
    pub(super) kills: u16,
    pub(super) fan_out: u8,
}

/// What one descendant of a killed relay saw.
#[derive(Debug, Clone, Serialize)]
struct Survivor {
    viewer: NodeId,
    /// Edges below the killed relay; 1 for its children.
    below: u16,
    /// Longest time without any frame, in milliseconds; between two frames of the clip up to 40 pass.
    gap_ms: u64,
    frames_lost: u64,
}

/// One kill.
#[derive(Debug, Serialize)]
struct Kill {
    relay: NodeId,
    depth: u16,
    survivors: Vec<Survivor>,
    /// Until the tree was legal again and everyone had a standby, in milliseconds, as far as reports once a second
    /// tell.
    settled_ms: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    viewers: u16,
    fan_out: u8,
    kills: Vec<Kill>,
    /// Of the killed relays' own children.
    children_gap_ms: Quantiles,
    /// Of all their descendants.
    descendants_gap_ms: Quantiles,
    descendants: usize,
    frames_lost: u64,
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
        writeln!(f, "{} kills among {} viewers, {} descendants", self.kills.len(), self.viewers, self.descendants)?;
        writeln!(f, "time without a frame, children:    {}", self.children_gap_ms)?;
        writeln!(f, "time without a frame, descendants: {}", self.descendants_gap_ms)?;
        write!(f, "frames lost: {}; after each kill the tree was legal, and everyone had a standby", self.frames_lost)
    }
}

/// Kills relays one after the other; for each a new viewer comes.
pub(super) async fn measure(plan: Plan) -> Result<Figures, Failure> {
    let stage = Stage::set(plan.fan_out, SignalPath::default()).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let speaking = tokio::spawn(speak_until(stage.room.clone(), async {
        let _stop = stopped.await;
    }));
    let mut viewers = Viewers::new(&stage.room.ticket(), plan.fan_out, &stage.bootstrap.addresses())?;
    for _ in 0..plan.viewers {
        viewers.start().await?;
    }
    let mut kills = Vec::new();
    let root = stage.node.id();
    for round in 0..plan.kills {
        settled(&viewers, root, plan).await?;
        kills.push(kill_one(&mut viewers, root, plan, round).await?);
        let kill = kills.last().map(|kill: &Kill| (kill.relay.short(), kill.survivors.len()));
        if let Some((relay, below)) = kill {
            say(format_args!("killed {relay} with {below} below it ({} of {})", round + 1, plan.kills));
        }
        viewers.start().await?;
    }
    viewers.end().await;
    let _ended = stop.send(());
    speaking.await??;
    stage.clear().await;
    figures(plan, kills)
}

async fn kill_one(viewers: &mut Viewers, root: NodeId, plan: Plan, round: u16) -> Result<Kill, Failure> {
    let board = viewers.board().clone();
    let Some((relay, depth, below)) = victim(&board, round) else {
        return Err(Failure::sentence("no viewer has children; --viewers must be greater than --fan-out"));
    };
    let before: Vec<_> = below.iter().map(|(viewer, below)| (*viewer, *below, board.missing(viewer))).collect();
    let killed = Instant::now();
    board.forget_pauses();
    viewers.kill(&relay).await?;
    tokio::time::sleep(AFTERMATH).await;
    settled(viewers, root, plan).await?;
    let settled_ms = u64::try_from(killed.elapsed().as_millis()).unwrap_or(u64::MAX);
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
async fn settled(viewers: &Viewers, root: NodeId, plan: Plan) -> Result<(), Failure> {
    let board = viewers.board();
    let waiting = async {
        loop {
            match illegal(&board.snapshot(), root, plan) {
                None => return,
                Some(_) => board.changed().await,
            }
        }
    };
    if tokio::time::timeout(SETTLED_WITHIN, waiting).await.is_err() {
        let what = illegal(&board.snapshot(), root, plan).unwrap_or_default();
        return Err(Failure::sentence(format_args!("after {} s {what}", SETTLED_WITHIN.as_secs())));
    }
    Ok(())
}

/// What is wrong with the tree, as the viewers' last reports have it.
fn illegal(all: &[(NodeId, Watched)], root: NodeId, plan: Plan) -> Option<String> {
    let alive: BTreeSet<NodeId> = all.iter().map(|(id, _)| *id).chain([root]).collect();
    if all.len() < usize::from(plan.viewers) - 1 {
        return Some("some viewers have not joined".into());
    }
    for (id, Watched { status, .. }) in all {
        let who = id.short();
        if !status.parent.is_some_and(|parent| alive.contains(&parent)) {
            return Some(format!("{who} has no parent"));
        }
        if !status.standby.is_some_and(|standby| alive.contains(&standby)) {
            return Some(format!("{who} has no standby"));
        }
        if status.children.len() > usize::from(plan.fan_out) {
            return Some(format!("{who} has {} children", status.children.len()));
        }
        let mut at = *id;
        let mut steps = 0;
        while at != root {
            let parent = all.iter().find(|(other, _)| *other == at).and_then(|(_, watched)| watched.status.parent);
            steps += 1;
            match parent {
                Some(parent) if steps <= all.len() => at = parent,
                _ => return Some(format!("{who} has no way to the speaker")),
            }
        }
    }
    None
}

fn figures(plan: Plan, kills: Vec<Kill>) -> Result<Figures, Failure> {
    let none = || Failure::sentence("no gap was measured");
    let gaps = |only_children: bool| {
        let survivors = kills.iter().flat_map(|kill| &kill.survivors);
        let wanted = survivors.filter(|survivor| !only_children || survivor.below == 1);
        Quantiles::of(wanted.map(|survivor| Duration::from_millis(survivor.gap_ms)).collect())
    };
    Ok(Figures {
        viewers: plan.viewers,
        fan_out: plan.fan_out,
        children_gap_ms: gaps(true).ok_or_else(none)?,
        descendants_gap_ms: gaps(false).ok_or_else(none)?,
        descendants: kills.iter().map(|kill| kill.survivors.len()).sum(),
        frames_lost: kills.iter().flat_map(|kill| &kill.survivors).map(|survivor| survivor.frames_lost).sum(),
        kills,
    })
}
