//! `waterfall graph`: who is in a room and who feeds whom.

use std::collections::BTreeMap;

use waterfall::{NodeId, Participant, Snapshot};

use crate::cli::GraphArgs;
use crate::common::{credentials, start_node, ticket};
use crate::exit::Failure;
use crate::interrupt::interrupted;
use crate::live::words::count;
use crate::output::{print, print_json};
use crate::screen::printable;

/// In rooms larger than this the leaves of a relay are counted, not listed.
const LISTED: usize = 40;

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
        let all = args.all || snapshot.participants.len() <= LISTED;
        print(Graph::new(&snapshot, all).draw(&snapshot))?
    }
    Ok(())
}

/// The participants, as a tree to be drawn.
struct Graph<'a> {
    children: BTreeMap<NodeId, Vec<&'a Participant>>,
    sizes: BTreeMap<NodeId, usize>,
    /// Whether every leaf gets a line.
    all: bool,
}

impl<'a> Graph<'a> {
    fn new(snapshot: &'a Snapshot, all: bool) -> Self {
        let mut children: BTreeMap<NodeId, Vec<&Participant>> = BTreeMap::new();
        let mut sizes: BTreeMap<NodeId, usize> = BTreeMap::new();
        for participant in &snapshot.participants {
            if let Some(parent) = participant.parent {
                children.entry(parent).or_default().push(participant);
            }
        }
        // The deepest come last, and everyone counts for the one above.
        for participant in snapshot.participants.iter().rev() {
            let size = *sizes.entry(participant.id).and_modify(|below| *below += 1).or_insert(1);
            if let Some(parent) = participant.parent {
                *sizes.entry(parent).or_insert(0) += size;
            }
        }
        let mut graph = Self { children, sizes, all };
        for children in graph.children.values_mut() {
            // Relays first, those with most below them before the others.
            children.sort_by_key(|child| (std::cmp::Reverse(graph.sizes[&child.id]), child.id));
        }
        graph
    }

    fn draw(&self, snapshot: &Snapshot) -> String {
        let title = printable(&snapshot.title);
        let participants = snapshot.participants.len();
        let leaves = snapshot.participants.iter().filter(|p| self.size(p) == 1 && p.parent.is_some()).count();
        let mut lines = vec![format!(
            "{}{}, height {}, {}{}",
            if title.is_empty() { String::new() } else { format!("{title}: ") },
            count(participants as u64, "participant", "participants"),
            snapshot.height(),
            count(leaves as u64, "leaf", "leaves"),
            if snapshot.ended { ", over" } else { "" },
        )];
        for root in snapshot.participants.iter().filter(|p| p.parent.is_none()) {
            lines.push(format!("{}  root", self.name(root)));
            self.branch(root, "", &mut lines);
        }
        lines.join("\n")
    }

    /// No deeper than a snapshot is, which is bounded.
    fn branch(&self, of: &Participant, indent: &str, lines: &mut Vec<String>) {
        let children = self.children.get(&of.id).map_or(&[][..], Vec::as_slice);
        let listed = if self.all { children.len() } else { children.iter().filter(|c| self.size(c) > 1).count() };
        let (listed, rest) = children.split_at(listed);
        for (index, child) in listed.iter().enumerate() {
            let last = index + 1 == listed.len() && rest.is_empty();
            let (fork, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
            lines.push(format!("{indent}{fork}{}", self.name(child)));
            self.branch(child, &format!("{indent}{below}"), lines);
        }
        if !rest.is_empty() {
            lines.push(format!("{indent}└── {}", count(rest.len() as u64, "leaf", "leaves")));
        }
    }

    fn size(&self, participant: &Participant) -> usize {
        self.sizes.get(&participant.id).copied().unwrap_or(1)
    }

    fn name(&self, participant: &Participant) -> String {
        let mut name = participant.id.short();
        if let Some(fan_out) = participant.fan_out {
            name.push_str(&format!("  {} of {fan_out} spots taken", participant.children.len()));
        }
        let below = self.size(participant) - 1;
        if below > participant.children.len() {
            name.push_str(&format!(", {} below", count(below as u64, "participant", "participants")));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    /// A root with two children, of which the first has two of its own.
    fn snapshot() -> Snapshot {
        let participant = |n: u8, parent: Option<u8>, depth, children: &[u8]| Participant {
            id: id(n),
            parent: parent.map(id),
            depth,
            children: children.iter().map(|n| id(*n)).collect(),
            fan_out: (!children.is_empty()).then_some(4),
        };
        let participants = vec![
            participant(1, None, 0, &[2, 3]),
            participant(2, Some(1), 1, &[]),
            participant(3, Some(1), 1, &[4, 5]),
            participant(4, Some(3), 2, &[]),
            participant(5, Some(3), 2, &[]),
        ];
        Snapshot { title: "a \u{1b}[31mtalk".into(), ended: false, participants }
    }

    #[test]
    fn a_tree_with_all_its_leaves() {
        let snapshot = snapshot();
        let short = |n: u8| id(n).short();
        let expected = [
            "a [31mtalk: 5 participants, height 2, 3 leaves".into(),
            format!("{}  2 of 4 spots taken, 4 participants below  root", short(1)),
            format!("├── {}  2 of 4 spots taken", short(3)),
            format!("│   ├── {}", short(4)),
            format!("│   └── {}", short(5)),
            format!("└── {}", short(2)),
        ];
        assert_eq!(Graph::new(&snapshot, true).draw(&snapshot), expected.join("\n"));
    }

    #[test]
    fn leaves_are_counted_in_large_rooms() {
        let snapshot = snapshot();
        let text = Graph::new(&snapshot, false).draw(&snapshot);
        let drawn: Vec<_> = text.lines().skip(2).collect();
        let relay = format!("├── {}  2 of 4 spots taken", id(3).short());
        assert_eq!(drawn, [relay.as_str(), "│   └── 2 leaves", "└── 1 leaf"]);
    }
}
