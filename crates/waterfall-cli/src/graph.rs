//! `waterfall graph`: who is in a room and who feeds whom.

use std::collections::BTreeMap;

use waterfall::{NodeId, Participant, Snapshot};

use crate::cli::GraphArgs;
use crate::common::{credentials, interrupted, start_node, ticket};
use crate::exit::Failure;
use crate::output::{print, print_json};

/// Reads the graph out of the DHT and prints it.
pub(crate) async fn run(args: GraphArgs, json: bool) -> Result<(), Failure> {
    let ticket = ticket(&args.ticket)?;
    let credentials = credentials(&args.access, &ticket)?;
    let node = start_node(&args.network).await?;
    let snapshot = tokio::select! {
        snapshot = node.snapshot(&ticket, credentials) => snapshot.map_err(Failure::from),
        () = interrupted() => Err(Failure::Interrupted),
    };
    node.close().await;
    let snapshot = snapshot?;
    if json {
        print_json(&snapshot)?
    } else {
        print(draw(&snapshot))?
    }
    Ok(())
}

/// The graph as indented text.
fn draw(snapshot: &Snapshot) -> String {
    let by_id: BTreeMap<NodeId, &Participant> = snapshot.participants.iter().map(|p| (p.id, p)).collect();
    let mut lines = vec![format!(
        "{}{} participants, height {}{}",
        if snapshot.title.is_empty() { String::new() } else { format!("{}: ", snapshot.title) },
        snapshot.participants.len(),
        snapshot.height(),
        if snapshot.ended { ", over" } else { "" },
    )];
    for root in snapshot.participants.iter().filter(|p| p.parent.is_none()) {
        lines.push(name(root));
        branch(root, &by_id, "", &mut lines);
    }
    lines.join("\n")
}

fn branch(of: &Participant, by_id: &BTreeMap<NodeId, &Participant>, indent: &str, lines: &mut Vec<String>) {
    let children: Vec<_> =
        of.children.iter().filter_map(|id| by_id.get(id)).filter(|c| c.parent == Some(of.id)).collect();
    for (index, child) in children.iter().enumerate() {
        let last = index + 1 == children.len();
        let (fork, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
        lines.push(format!("{indent}{fork}{}", name(child)));
        branch(child, by_id, &format!("{indent}{below}"), lines);
    }
}

fn name(participant: &Participant) -> String {
    match participant.fan_out {
        Some(fan_out) => {
            format!("{} ({} of {fan_out} spots taken)", participant.id.short(), participant.children.len())
        }
        None => participant.id.short(),
    }
}
