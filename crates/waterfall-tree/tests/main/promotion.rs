//! When the strong and the weak change places, judged by what the children say.

use std::time::Duration;

use waterfall_tree::{Input, Output, Timestamp, Tree};
use waterfall_wire::{Climber, NodeId, Role, Spot, Summary, TreeMessage};

use crate::world::{config, contact, id, summary};

const WEAK: usize = 1;
const SIBLING: usize = 2;
/// Further below the weak one.
const STRONG: usize = 3;
/// Below the sibling, with room at depth 4.
const ROOMY: usize = 4;

/// What the weak one says: who stays if the strong one rises goes so many levels down.
fn weak(staying: u16) -> Summary {
    let climber = Some(Climber { contact: contact(STRONG), strength: 60, size: 30, staying });
    Summary { strength: 30, climber, ..summary(60, 4, Vec::new()) }
}

/// A root with two children as tall as each other, with this room below the second.
struct Room {
    tree: Tree,
    now: Timestamp,
}

impl Room {
    fn new(staying: u16, room: bool) -> Self {
        let now = Timestamp::ZERO;
        let mut tree = Tree::root(config().fan_out(2), contact(0), 1, now);
        let spots =
            if room { vec![Spot { contact: contact(ROOMY), depth: 3, free: 2, proven: 0 }] } else { Vec::new() };
        let sibling = Summary { strength: 60, ..summary(60, 4, spots) };
        for (node, summary) in [(WEAK, weak(staying)), (SIBLING, sibling)] {
            tree.handle(now, Input::Called { from: id(node), role: Role::Child, advertised: None });
            tree.handle(now, Input::LinkUp { peer: id(node) });
            let message = TreeMessage::Attach { role: Role::Child, advertised: None, summary };
            tree.handle(now, Input::Received { from: id(node), message });
        }
        Self { tree, now }
    }

    fn hears(&mut self, summary: Summary) {
        self.tree.handle(self.now, Input::Received { from: id(WEAK), message: TreeMessage::Summary(summary) });
    }

    /// Whom the weak one is asked to send nearer the root within so many seconds, each as often as it is.
    fn risers(&mut self, seconds: u64) -> Vec<Option<NodeId>> {
        let end = self.now + Duration::from_secs(seconds);
        let mut risers = Vec::new();
        loop {
            match self.tree.poll_output() {
                Output::Send { to, message: TreeMessage::Rise { node, .. } } if to == id(WEAK) => risers.push(node),
                Output::Timeout(Some(at)) if at <= end => {
                    self.now = at;
                    self.tree.handle_timeout(at);
                }
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        self.now = end;
        risers
    }
}

#[test]
fn who_does_not_make_the_tree_taller_makes_way_at_once() {
    let mut room = Room::new(3, true);
    let risers = room.risers(14);
    assert_eq!(risers.first(), Some(&Some(id(STRONG))));
}

#[test]
fn the_deepest_are_moved_elsewhere_before_whoever_is_above_them_makes_way() {
    let mut room = Room::new(4, true);
    let risers = room.risers(14);
    assert!(!risers.is_empty() && risers.iter().all(Option::is_none), "{risers:?}");
    room.hears(weak(3));
    assert_eq!(room.risers(2).first(), Some(&Some(id(STRONG))));
}

#[test]
fn who_is_in_the_way_is_not_left_there_for_good() {
    let mut room = Room::new(4, false);
    assert_eq!(room.risers(14), []);
    assert_eq!(room.risers(20).first(), Some(&Some(id(STRONG))));
}
