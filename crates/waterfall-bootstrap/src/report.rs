//! What is printed on standard output.

use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};
use waterfall_bootstrap::{Bootstrap, Stats};
use waterfall_wire::NodeId;

/// How long a reader may take for a line; after that it is dropped, for a node must not hang on its reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// It listens.
    Ready { id: NodeId, peer_id: String, addresses: Vec<String>, max_connections: u32, store_bytes: usize },
    /// Its addresses are others than before.
    Addresses { addresses: Vec<String> },
    /// Another bootstrap node does not answer.
    Unreachable { address: String, reason: &'a str },
    /// What it holds and has done.
    Stats(Figures),
    /// It has ended in order.
    Closed { signal: &'a str, uptime_seconds: u64 },
}

/// [`Stats`] as far as they concern a bootstrap node.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) uptime_seconds: u64,
    pub(crate) peers: usize,
    pub(crate) connections: usize,
    pub(crate) connections_trimmed: u64,
    pub(crate) connections_refused: u64,
    pub(crate) routing_table: usize,
    pub(crate) records_held: usize,
    pub(crate) bytes_held: usize,
    pub(crate) records_stored: u64,
    pub(crate) records_evicted: u64,
    pub(crate) records_refused: u64,
}

impl Figures {
    pub(crate) fn new(stats: &Stats, started: Instant) -> Self {
        Self {
            uptime_seconds: started.elapsed().as_secs(),
            peers: stats.peers,
            connections: stats.connections,
            connections_trimmed: stats.connections_trimmed,
            connections_refused: stats.connections_refused,
            routing_table: stats.routing_table,
            records_held: stats.records_held,
            bytes_held: stats.bytes_held,
            records_stored: stats.records_stored,
            records_evicted: stats.records_evicted,
            records_refused: stats.records_refused.total(),
        }
    }

    fn log(&self) {
        tracing::info!(
            uptime_seconds = self.uptime_seconds,
            peers = self.peers,
            connections = self.connections,
            connections_trimmed = self.connections_trimmed,
            connections_refused = self.connections_refused,
            routing_table = self.routing_table,
            records_held = self.records_held,
            bytes_held = self.bytes_held,
            records_stored = self.records_stored,
            records_evicted = self.records_evicted,
            records_refused = self.records_refused,
            "statistics"
        );
    }
}

/// Standard output, as text or as JSON.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    out: tokio::io::Stdout,
    /// It was told that nobody reads.
    told: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, out: tokio::io::stdout(), told: false }
    }

    pub(crate) async fn ready(&mut self, bootstrap: &Bootstrap, max_connections: u32, store_bytes: usize) {
        let addresses = bootstrap.addresses();
        if self.json {
            let (id, peer_id) = (bootstrap.node_id(), bootstrap.peer_id());
            self.line(&Line::Ready { id, peer_id, addresses, max_connections, store_bytes }).await;
        } else {
            self.print(addresses.join("\n")).await;
        }
    }

    pub(crate) async fn addresses(&mut self, addresses: Vec<String>) {
        if self.json {
            self.line(&Line::Addresses { addresses }).await;
        } else {
            self.print(addresses.join("\n")).await;
        }
    }

    pub(crate) async fn figures(&mut self, figures: Figures) {
        if self.json {
            self.line(&Line::Stats(figures)).await;
        } else {
            figures.log();
        }
    }

    /// A line that only `--json` has.
    pub(crate) async fn line(&mut self, line: &Line<'_>) {
        if self.json {
            let text = serde_json::to_string(line).expect("names and numbers always are JSON");
            self.print(text).await;
        }
    }

    /// Prints a line. A reader that is gone or stuck is no reason to stop: the node's work is on the network.
    async fn print(&mut self, mut text: String) {
        text.push('\n');
        let written = timeout(PATIENCE, async {
            self.out.write_all(text.as_bytes()).await?;
            self.out.flush().await
        });
        let trouble = match written.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its reader is stuck".to_owned(),
        };
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!("standard output is not read ({trouble}); lines are left out");
        }
    }
}
