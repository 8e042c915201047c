//! `waterfall bench`: what joining and forwarding cost on this machine. Loopback only.

mod failover;
mod join;
mod legal;
mod relay;
mod viewers;

use std::time::Duration;

pub(crate) use relay::peak_memory_kib;

use serde::Serialize;
use waterfall::{Access, Node, Room, SignalPath, generate_key, parse_address};
use waterfall_bootstrap::Bootstrap;

use crate::cli::{BenchArgs, BenchCommand, BenchPath};
use crate::demo::LOOPBACK;
use crate::exit::Failure;
use crate::interrupt::interrupted;
use crate::output::{print, print_json};

/// Runs a benchmark and prints its figures.
pub(crate) async fn run(args: BenchArgs, json: bool) -> Result<(), Failure> {
    let bench = async {
        match args.what {
            BenchCommand::Join { count, signal_path } => {
                let paths: &[SignalPath] = match signal_path {
                    BenchPath::Direct => &[SignalPath::Direct],
                    BenchPath::Letter => &[SignalPath::Letter],
                    BenchPath::Both => &[SignalPath::Direct, SignalPath::Letter],
                };
                show(&Box::pin(join::measure(count, paths)).await?, json)
            }
            BenchCommand::Failover { viewers, kills, how, fan_out } => {
                show(&Box::pin(failover::measure(failover::Plan { viewers, kills, how, fan_out })).await?, json)
            }
            BenchCommand::Relay { children, rate, seconds } => {
                show(&Box::pin(relay::measure(relay::Load { children, rate, seconds })).await?, json)
            }
        }
    };
    tokio::select! {
        result = bench => result,
        () = interrupted() => Err(Failure::Interrupted),
    }
}

fn show(figures: &(impl Serialize + std::fmt::Display), json: bool) -> Result<(), Failure> {
    if json {
        print_json(figures)?
    } else {
        print(figures)?
    }
    Ok(())
}

/// A bootstrap node, and a speaker in an open room.
struct Stage {
    bootstrap: Bootstrap,
    node: Node,
    room: Room,
}

impl Stage {
    async fn set(fan_out: u8, path: SignalPath) -> Result<Self, Failure> {
        let listen = parse_address(&format!("{LOOPBACK}:0"))?;
        let bootstrap = Bootstrap::start(waterfall_bootstrap::Config::new(generate_key()).listen(listen)).await?;
        let node = new_node(&bootstrap, path).await?;
        let room = node.create(Access::Open).title("bench").fan_out(fan_out).await?;
        Ok(Self { bootstrap, node, room })
    }

    async fn clear(self) {
        self.room.leave().await;
        self.node.close().await;
        self.bootstrap.close().await;
    }
}

async fn new_node(bootstrap: &Bootstrap, path: SignalPath) -> Result<Node, Failure> {
    let addresses = bootstrap.addresses();
    let addresses = addresses.iter().filter_map(|text| parse_address(text).ok()).flatten();
    let builder = Node::builder().listen([LOOPBACK]).lan_discovery(false).signal_path(path);
    Ok(builder.bootstrap(addresses).start().await?)
}

/// Quantiles of a duration, in milliseconds.
#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl Quantiles {
    /// Of at least one duration.
    fn of(mut durations: Vec<Duration>) -> Option<Self> {
        durations.sort_unstable();
        let last = durations.len().checked_sub(1)?;
        // Nearest rank.
        let at = |q: f64| {
            durations[((durations.len() as f64 * q).ceil() as usize).clamp(1, last + 1) - 1].as_secs_f64() * 1e3
        };
        Some(Self { p50: at(0.50), p95: at(0.95), p99: at(0.99), max: at(1.0) })
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.3} ms, p95 {:.3} ms, p99 {:.3} ms, max {:.3} ms", self.p50, self.p95, self.p99, self.max)
    }
}
