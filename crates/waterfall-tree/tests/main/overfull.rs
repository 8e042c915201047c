//! More children than places, with much below each of them.

use std::time::Duration;

use waterfall_tree::{Input, Output, Timestamp, Tree};
use waterfall_wire::{Down, Mark, NodeId, Role, Spot, Summary, TreeMessage};

use crate::world::{config, contact, id, summary};

fn spot(at: usize, depth: u16) -> Spot {
    Spot { contact: contact(at), depth, free: 1, proven: 0 }
}

/// Does what is due for so many seconds; returns what there was to do.
fn outputs(tree: &mut Tree, now: &mut Timestamp, seconds: u64) -> Vec<Output> {
    let end = *now + Duration::from_secs(seconds);
    let mut outputs = Vec::new();
    loop {
        match tree.poll_output() {
            Output::Timeout(Some(at)) if at <= end => {
                *now = at;
                tree.handle_timeout(at);
            }
            Output::Timeout(_) => break,
            output => outputs.push(output),
        }
    }
    *now = end;
    outputs
}

fn child(tree: &mut Tree, now: Timestamp, node: usize, role: Role, summary: Summary) {
    tree.handle(now, Input::Called { from: id(node), role, advertised: None });
    tree.handle(now, Input::LinkUp { peer: id(node) });
    let message = TreeMessage::Attach { role: Role::Child, advertised: None, summary };
    tree.handle(now, Input::Received { from: id(node), message });
}

#[test]
fn who_finds_no_place_nearby_is_sent_below_its_siblings() {
    let mut now = Timestamp::ZERO;
    let mut tree = Tree::root(config().fan_out(2), contact(0), 1, now);
    child(&mut tree, now, 1, Role::Child, summary(60, 5, Vec::new()));
    child(&mut tree, now, 2, Role::Child, summary(50, 4, vec![spot(20, 2)]));
    // Over the fan-out; it has the least below it.
    child(&mut tree, now, 3, Role::Orphan, summary(10, 3, Vec::new()));
    let moves = |outputs: Vec<Output>| -> Vec<Vec<NodeId>> {
        let named = |output| match output {
            Output::Send { to, message: TreeMessage::Move { spots } } if to == id(3) => {
                Some(spots.iter().map(|spot| spot.contact.node).collect())
            }
            _ => None,
        };
        outputs.into_iter().filter_map(named).collect()
    };
    assert_eq!(moves(outputs(&mut tree, &mut now, 5)), [[id(20)]]);
    // The flattest first, then what else there is.
    assert_eq!(moves(outputs(&mut tree, &mut now, 6)), [[id(2), id(1), id(20)]]);
}

/// Below node 1, with this below it.
fn relay(below: Summary) -> (Tree, Timestamp) {
    let now = Timestamp::ZERO;
    let mut tree = Tree::participant(config(), contact(9), 1, now);
    tree.handle(now, Input::Candidates(vec![spot(1, 1)]));
    tree.handle(now, Input::LinkUp { peer: id(1) });
    let down = Down {
        mark: Mark { counter: 100, depth: 1 },
        path: vec![id(0), id(1)],
        starving: false,
        outside: Vec::new(),
        beside: vec![spot(1, 1)],
        stand: Vec::new(),
        lag: 0,
    };
    tree.handle(now, Input::Received { from: id(1), message: TreeMessage::Attached(down) });
    child(&mut tree, now, 8, Role::Child, below);
    (tree, now)
}

/// How it calls when it is asked to move there for the first and the second time; nobody answers.
fn calls_when_asked_twice(below: Summary) -> [Option<Role>; 2] {
    let (mut tree, mut now) = relay(below);
    outputs(&mut tree, &mut now, 0);
    [(), ()].map(|()| {
        let message = TreeMessage::Move { spots: vec![spot(2, 2)] };
        tree.handle(now, Input::Received { from: id(1), message });
        let role = |output| match output {
            Output::Call { to, role, .. } if to.node == id(2) => Some(role),
            _ => None,
        };
        let role = outputs(&mut tree, &mut now, 1).into_iter().find_map(role);
        tree.handle(now, Input::CallFailed { peer: id(2) });
        role
    })
}

#[test]
fn whoever_has_much_below_it_is_taken_over_the_fan_out_when_it_is_asked_again() {
    assert_eq!(calls_when_asked_twice(summary(10, 2, Vec::new())), [Some(Role::Child), Some(Role::Orphan)]);
    assert_eq!(calls_when_asked_twice(summary(1, 0, Vec::new())), [Some(Role::Child), Some(Role::Child)]);
}
