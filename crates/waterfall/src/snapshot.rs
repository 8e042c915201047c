//! The room's graph as the DHT holds it.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use waterfall_signal::Signal;
use waterfall_wire::{NodeId, Ticket};

use crate::driver::{Lookup, Secrets, node_record};
use crate::node::Shared;
use crate::{Credentials, SnapshotError};

/// Most participants that are listed, and the deepest: guards against members that publish graphs
/// without end.
const MAX_PARTICIPANTS: usize = 100_000;
const MAX_DEPTH: u16 = 64;

/// One participant in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Participant {
    /// Who.
    pub id: NodeId,
    /// Whose child; none for the root.
    pub parent: Option<NodeId>,
    /// Edges to the root.
    pub depth: u16,
    /// Children, in no particular order.
    pub children: Vec<NodeId>,
    /// How many children it takes; none for a leaf, which keeps no record of its own.
    pub fan_out: Option<u8>,
}

/// The room's graph: every participant that a record tells of, by depth.
///
/// Records are a few seconds old, so a participant that moves may be missing for a moment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Snapshot {
    /// What the owner calls the room; may be empty.
    pub title: String,
    /// The room is over.
    pub ended: bool,
    /// Nearest the root first.
    pub participants: Vec<Participant>,
}

impl Snapshot {
    /// Edges between the root and the deepest participant.
    #[must_use]
    pub fn height(&self) -> u16 {
        self.participants.iter().map(|p| p.depth).max().unwrap_or(0)
    }
}

/// Opens a room by its ticket and reads its graph.
pub(crate) async fn of_ticket(
    shared: &Shared,
    ticket: &Ticket,
    credentials: &Credentials,
) -> Result<Snapshot, SnapshotError> {
    let secrets = Lookup::open(&shared.signal, &shared.node_id(), ticket, credentials).await?;
    Ok(read(&shared.signal, &secrets).await)
}

/// Reads the graph from the root down, a tier at a time.
pub(crate) async fn read(signal: &Signal, secrets: &Secrets) -> Snapshot {
    let entries = Lookup::new(signal, secrets.room, secrets.locator.clone()).entries(&secrets.charter).await;
    let ended = entries.iter().any(|entry| entry.ended);
    let mut participants = BTreeMap::new();
    let mut tier: Vec<(NodeId, Option<NodeId>)> = secrets.root().map(|root| (root, None)).into_iter().collect();
    let mut seen: BTreeSet<NodeId> = tier.iter().map(|(id, _)| *id).collect();
    let mut depth = 0;
    while !tier.is_empty() && depth <= MAX_DEPTH && participants.len() < MAX_PARTICIPANTS {
        let mut reads: FuturesUnordered<_> = tier
            .drain(..)
            .map(|(id, parent)| async move { (id, parent, node_record(signal, secrets, &id).await) })
            .collect();
        let mut below = Vec::new();
        while let Some((id, parent, record)) = reads.next().await {
            let (children, fan_out) = record.map_or((Vec::new(), None), |r| (r.children, Some(r.fan_out)));
            below.extend(children.iter().filter(|child| seen.insert(**child)).map(|child| (*child, Some(id))));
            participants.insert((depth, id), Participant { id, parent, depth, children, fan_out });
        }
        drop(reads);
        tier = below;
        depth += 1;
    }
    Snapshot { title: secrets.charter.title.clone(), ended, participants: participants.into_values().collect() }
}
