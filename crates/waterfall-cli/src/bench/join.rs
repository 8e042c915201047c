//! From the call for a room to the first frame in hand, by each signal path that is asked for.

use std::time::{Duration, Instant};

use serde::Serialize;
use waterfall::{Credentials, Node, Room, SignalPath};

use super::{Quantiles, Stage, new_node};
use crate::demo::speak_until;
use crate::exit::Failure;
use crate::view::{Seen, View};

/// How a path's joins went.
#[derive(Debug, Serialize)]
struct Figures {
    signal_path: SignalPath,
    joins: u16,
    /// Deepest viewer at the end.
    height: u16,
    /// From the start of the node to a parent.
    joined_ms: Quantiles,
    /// From the start of the node to the first frame, whichever track it is of.
    first_frame_ms: Quantiles,
    /// From the last offer, the one that led to the parent, to its answer.
    answer_ms: Quantiles,
    /// What the joining node itself did until its first frame: look-ups of records, opening the room
    /// included, and own records placed.
    dht_by_joiner: PerJoin,
    /// What all nodes did meanwhile, divided by the joins: callees, and everyone's upkeep.
    dht_by_all: PerJoin,
}

/// DHT operations per join, on average.
#[derive(Debug, Serialize)]
struct PerJoin {
    gets: f64,
    puts: f64,
}

/// The figures of each path.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Comparison(Vec<Figures>);

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, figures) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{figures}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = if self.signal_path == SignalPath::Letter { "by letter" } else { "directly" };
        writeln!(f, "{} joins {path}, one after the other, tree of height {}", self.joins, self.height)?;
        writeln!(f, "to a parent:      {}", self.joined_ms)?;
        writeln!(f, "to a first frame: {}", self.first_frame_ms)?;
        writeln!(f, "offer to answer:  {}", self.answer_ms)?;
        let (own, all) = (&self.dht_by_joiner, &self.dht_by_all);
        write!(
            f,
            "DHT operations per join: {:.1} gets and {:.1} puts by the joiner, {:.1} and {:.1} by all nodes",
            own.gets, own.puts, all.gets, all.puts
        )
    }
}

/// What some nodes have asked of the DHT since their start.
#[derive(Debug, Clone, Copy, Default)]
struct Operations {
    gets: u64,
    puts: u64,
}

impl Operations {
    fn of<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> Self {
        nodes
            .into_iter()
            .map(Node::signal_stats)
            .fold(Self::default(), |sum, stats| Self { gets: sum.gets + stats.gets, puts: sum.puts + stats.puts })
    }

    fn add(&mut self, other: Self) {
        (self.gets, self.puts) = (self.gets + other.gets, self.puts + other.puts);
    }

    fn per(self, joins: u16) -> PerJoin {
        PerJoin { gets: self.gets as f64 / f64::from(joins), puts: self.puts as f64 / f64::from(joins) }
    }
}

/// Measures one path after the other, each in a room of its own.
pub(super) async fn measure(count: u16, paths: &[SignalPath]) -> Result<Comparison, Failure> {
    let mut comparison = Vec::new();
    for path in paths {
        comparison.push(Box::pin(measure_path(count, *path)).await?);
    }
    Ok(Comparison(comparison))
}

/// What was measured of each join.
#[derive(Debug, Default)]
struct Measured {
    joined: Vec<Duration>,
    first_frame: Vec<Duration>,
    answer: Vec<Duration>,
    by_joiners: Operations,
}

/// Joins so many viewers, each with a fresh node, while the clip is streamed; all of them stay.
async fn measure_path(count: u16, path: SignalPath) -> Result<Figures, Failure> {
    let stage = Stage::set(4, path).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let speaking = tokio::spawn(speak_until(stage.room.clone(), async {
        let _stop = stopped.await;
    }));
    let before = Operations::of([&stage.node]);
    let mut measured = Measured::default();
    let mut seats: Vec<(Room, Node)> = Vec::new();
    for _ in 0..count {
        seats.push(join(&stage, path, &mut measured).await?);
    }
    let height = seats.iter().filter_map(|(room, _)| room.status().borrow().depth).max().unwrap_or(0);
    let after = Operations::of(seats.iter().map(|(_, node)| node).chain([&stage.node]));
    let _ended = stop.send(());
    for (room, node) in seats {
        drop(room);
        node.close().await;
    }
    speaking.await??;
    stage.clear().await;
    let by_all = Operations { gets: after.gets - before.gets, puts: after.puts - before.puts };
    let none = || Failure::sentence("no join was measured");
    Ok(Figures {
        signal_path: path,
        joins: count,
        height,
        joined_ms: Quantiles::of(measured.joined).ok_or_else(none)?,
        first_frame_ms: Quantiles::of(measured.first_frame).ok_or_else(none)?,
        answer_ms: Quantiles::of(measured.answer).ok_or_else(none)?,
        dht_by_joiner: measured.by_joiners.per(count),
        dht_by_all: by_all.per(count),
    })
}

async fn join(stage: &Stage, path: SignalPath, measured: &mut Measured) -> Result<(Room, Node), Failure> {
    let began = Instant::now();
    let node = new_node(&stage.bootstrap, path).await?;
    let room = node.join(&stage.room.ticket(), Credentials::Open).await?;
    measured.joined.push(began.elapsed());
    let mut view = View::open(&room, began).await?;
    while let Some(seen) = view.next().await {
        if matches!(seen, Seen::Frame { .. }) {
            break;
        }
    }
    measured.first_frame.push(began.elapsed());
    measured.by_joiners.add(Operations::of([&node]));
    let answered = room.status().borrow().answered;
    measured.answer.extend(answered.map(|answered| answered.after));
    Ok((room, node))
}
