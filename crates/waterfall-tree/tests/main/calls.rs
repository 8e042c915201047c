//! Several calls at once while there is no stream, and only then.

use std::sync::Arc;
use std::time::Duration;

use waterfall_tree::{
    ANOTHER, ANSWER_PATIENCE, AT_ONCE, Input, MAX_ATTEMPTS, MAX_OVER, Output, Proximity, Timestamp, Tree,
};
use waterfall_wire::{Contact, Down, Mark, NodeId, Role, Spot, TreeMessage};

use crate::world::{config, contact, id, index, summary};

fn spot(at: usize) -> Spot {
    Spot { contact: contact(at), depth: 3, free: 1, proven: 0 }
}

fn down(path: &[usize], outside: Vec<Spot>) -> Down {
    let depth = u16::try_from(path.len() - 1).unwrap();
    Down {
        mark: Mark { counter: 100, depth },
        path: path.iter().map(|at| id(*at)).collect(),
        starving: false,
        outside,
        beside: vec![Spot { depth, ..spot(*path.last().unwrap()) }],
        stand: Vec::new(),
        lag: 0,
    }
}

fn outputs(tree: &mut Tree) -> Vec<Output> {
    std::iter::from_fn(|| Some(tree.poll_output()).filter(|output| !matches!(output, Output::Timeout(_)))).collect()
}

/// Whom the tree calls to be its parent.
fn called(tree: &mut Tree) -> Vec<NodeId> {
    let parent = |output| match output {
        Output::Call { to, role: Role::Child | Role::Orphan, .. } => Some(to.node),
        _ => None,
    };
    outputs(tree).into_iter().filter_map(parent).collect()
}

/// The smaller the number, the farther away.
#[derive(Debug)]
struct Backwards;

impl Proximity for Backwards {
    fn round_trip(&self, _: &Contact, other: &Contact) -> Option<u32> {
        Some(1 << (20 - index(&other.node)))
    }

    fn share_fate(&self, _: &Contact, _: &Contact) -> bool {
        false
    }
}

#[test]
fn of_places_that_are_as_near_the_root_and_as_good_the_nearest_on_the_network_is_called_first() {
    let first = |spots: Vec<Spot>| {
        let config = config().proximity(Arc::new(Backwards));
        let mut tree = Tree::participant(config, contact(9), 1, Timestamp::ZERO);
        tree.handle(Timestamp::ZERO, Input::Candidates(spots));
        called(&mut tree)
    };
    assert_eq!(first((1..=5).map(spot).collect()), [id(5)]);
    // What it has shown that it can serve counts for more, and how near the root it is for more still.
    let proven = Spot { proven: 1, ..spot(2) };
    assert_eq!(first(vec![spot(5), proven.clone()]), [id(2)]);
    assert_eq!(first(vec![spot(5), proven, Spot { depth: 2, ..spot(1) }]), [id(1)]);
}

/// Below node 1, with a plan of four others; the link to node 1 has just gone down.
fn orphan() -> (Tree, Timestamp) {
    let start = Timestamp::ZERO;
    let mut tree = Tree::participant(config(), contact(9), 1, start);
    tree.handle(start, Input::Candidates(vec![spot(1)]));
    tree.handle(start, Input::LinkUp { peer: id(1) });
    let message = TreeMessage::Attached(down(&[0, 1], (4..=7).map(spot).collect()));
    tree.handle(start, Input::Received { from: id(1), message });
    outputs(&mut tree);
    let now = start + Duration::from_millis(50);
    tree.handle(now, Input::LinkDown { peer: id(1) });
    (tree, now)
}

#[test]
fn several_are_called_at_once_another_when_nobody_answers_and_the_first_that_takes_us_wins() {
    let (mut tree, now) = orphan();
    let first = called(&mut tree);
    assert_eq!(first.len(), AT_ONCE);
    tree.handle_timeout(now + ANOTHER / 2);
    assert_eq!(called(&mut tree), [], "they have their time to answer");
    tree.handle_timeout(now + ANOTHER);
    let second = called(&mut tree);
    assert_eq!(second.len(), 1);
    assert!(!first.contains(&second[0]));
    let later = now + ANOTHER + Duration::from_millis(1);
    tree.handle(later, Input::CallAnswered { peer: second[0] });
    tree.handle_timeout(now + 2 * ANOTHER);
    tree.handle(later, Input::LinkUp { peer: second[0] });
    let asked = outputs(&mut tree);
    assert!(asked.contains(&Output::Feed { peer: second[0], on: true }), "not a round trip later");
    let message = TreeMessage::Attached(Down {
        path: vec![id(0), second[0]],
        mark: Mark { counter: 101, depth: 1 },
        ..down(&[0, 1], Vec::new())
    });
    tree.handle(later, Input::Received { from: second[0], message });
    let outputs = outputs(&mut tree);
    for peer in first {
        assert!(outputs.contains(&Output::Hangup { peer }), "the others are not needed any more");
    }
    assert_eq!(tree.parent(), Some(second[0]));
}

#[test]
fn no_more_than_a_few_are_called_at_once() {
    let (mut tree, mut now) = orphan();
    let (mut under_way, mut most): (Vec<NodeId>, usize) = (Vec::new(), 0);
    for _ in 0..1_000 {
        for output in outputs(&mut tree) {
            match output {
                Output::Call { to, role: Role::Child | Role::Orphan, .. } => under_way.push(to.node),
                Output::Hangup { peer } => under_way.retain(|node| *node != peer),
                _ => {}
            }
        }
        most = most.max(under_way.len());
        now = now + Duration::from_millis(10);
        tree.handle_timeout(now);
    }
    assert_eq!(most, MAX_ATTEMPTS);
}

#[test]
fn a_newcomer_calls_another_later_than_an_orphan_and_only_if_nobody_answers() {
    let start = Timestamp::ZERO;
    for answered in [false, true] {
        let mut tree = Tree::participant(config(), contact(9), 1, start);
        tree.handle(start, Input::Candidates((1..=4).map(spot).collect()));
        let first = called(&mut tree);
        assert_eq!(first.len(), 1);
        tree.handle_timeout(start + ANOTHER);
        assert_eq!(called(&mut tree), [], "it may be far away");
        if answered {
            tree.handle(start + ANOTHER, Input::CallAnswered { peer: first[0] });
        }
        tree.handle_timeout(start + 3 * ANSWER_PATIENCE / 5);
        assert_eq!(called(&mut tree).len(), usize::from(!answered));
    }
}

#[test]
fn a_silent_root_is_called_anew_for_it_may_have_started_again() {
    let start = Timestamp::ZERO;
    let mut tree = Tree::participant(config(), contact(9), 1, start);
    tree.handle(start, Input::Candidates(vec![Spot { depth: 0, ..spot(0) }]));
    tree.handle(start, Input::LinkUp { peer: id(0) });
    tree.handle(start, Input::Received { from: id(0), message: TreeMessage::Attached(down(&[0], Vec::new())) });
    outputs(&mut tree);
    let mut now = start + Duration::from_millis(50);
    tree.handle(now, Input::Silent { peer: id(0) });
    let mut calls = 0;
    for _ in 0..100 {
        calls += called(&mut tree).iter().filter(|node| **node == id(0)).count();
        now = now + Duration::from_millis(100);
        // Short of 3 s it may be heard again over the link that is there.
        assert!(calls == 0 || now.since(start) > Duration::from_secs(3));
        tree.handle_timeout(now);
    }
    assert!((3..=10).contains(&calls), "{calls} in seven seconds");
}

#[test]
fn a_silent_standby_is_soon_replaced_and_not_called_again_first() {
    let start = Timestamp::ZERO;
    let mut tree = Tree::participant(config(), contact(9), 1, start);
    tree.handle(start, Input::Candidates(vec![spot(1)]));
    tree.handle(start, Input::LinkUp { peer: id(1) });
    let told = Down { stand: vec![spot(4), spot(5)], ..down(&[0, 1], Vec::new()) };
    tree.handle(start, Input::Received { from: id(1), message: TreeMessage::Attached(told) });
    let mut now = start + Duration::from_secs(1);
    tree.handle_timeout(now);
    let standby = |outputs: Vec<Output>| {
        let mut calls = outputs.into_iter().filter_map(|output| match output {
            Output::Call { to, role: Role::Standby, .. } => Some(to.node),
            _ => None,
        });
        calls.next()
    };
    let first = standby(outputs(&mut tree)).unwrap();
    tree.handle(now, Input::LinkUp { peer: first });
    let message = TreeMessage::Attached(Down { path: vec![id(0), first], beside: Vec::new(), ..down(&[0, 1], vec![]) });
    tree.handle(now, Input::Received { from: first, message });
    assert_eq!(tree.standby(), Some(first));
    outputs(&mut tree);
    tree.handle(now, Input::Silent { peer: first });
    now = now + Duration::from_millis(500);
    tree.handle_timeout(now);
    let second = standby(outputs(&mut tree)).unwrap();
    assert_eq!([first, second].iter().filter(|node| [id(4), id(5)].contains(node)).count(), 2);
    assert_ne!(first, second);
}

#[test]
fn nobody_moves_nearer_the_root_to_see_the_stream_much_later() {
    for (lag, moves) in [(50, true), (5_000, false)] {
        let start = Timestamp::ZERO;
        let mut tree = Tree::participant(config(), contact(9), 1, start);
        tree.handle(start, Input::Candidates(vec![spot(3)]));
        tree.handle(start, Input::LinkUp { peer: id(3) });
        let message = TreeMessage::Attached(down(&[0, 1, 2, 3], Vec::new()));
        tree.handle(start, Input::Received { from: id(3), message });
        outputs(&mut tree);
        let now = start + Duration::from_secs(60);
        let to = Spot { depth: 0, ..spot(0) };
        tree.handle(now, Input::Received { from: id(3), message: TreeMessage::Rise { node: Some(id(9)), to } });
        assert_eq!(called(&mut tree), [id(0)]);
        tree.handle(now, Input::LinkUp { peer: id(0) });
        let message = TreeMessage::Attached(Down { lag, ..down(&[0], Vec::new()) });
        tree.handle(now, Input::Received { from: id(0), message });
        assert_eq!(tree.parent(), Some(id(if moves { 0 } else { 3 })));
    }
}

/// Below node 1, with node 2 as its standby, which answers within no time.
fn with_standby() -> Tree {
    let (mut tree, now) = (Tree::participant(config(), contact(9), 1, Timestamp::ZERO), Timestamp::ZERO);
    tree.handle(now, Input::Candidates(vec![spot(1)]));
    tree.handle(now, Input::LinkUp { peer: id(1) });
    let told = Down { stand: vec![spot(2)], ..down(&[0, 1], (4..=7).map(spot).collect()) };
    tree.handle(now, Input::Received { from: id(1), message: TreeMessage::Attached(told) });
    let now = now + Duration::from_secs(2);
    tree.handle_timeout(now);
    tree.handle(now, Input::LinkUp { peer: id(2) });
    let told = Down { path: vec![id(0), id(2)], beside: Vec::new(), ..down(&[0, 1], vec![]) };
    tree.handle(now, Input::Received { from: id(2), message: TreeMessage::Attached(told) });
    assert_eq!(tree.standby(), Some(id(2)));
    outputs(&mut tree);
    tree
}

#[test]
fn children_hear_of_standby_places_further_up_where_the_standby_knows_none() {
    let mut tree = with_standby();
    let (child, now) = (id(20), Timestamp::ZERO + Duration::from_secs(2));
    tree.handle(now, Input::Called { from: child, role: Role::Child, advertised: None });
    tree.handle(now, Input::LinkUp { peer: child });
    let message = TreeMessage::Attach { role: Role::Child, advertised: None, summary: summary(1, 0, Vec::new()) };
    tree.handle(now, Input::Received { from: child, message });
    let told = outputs(&mut tree).into_iter().find_map(|output| match output {
        Output::Send { to, message: TreeMessage::Attached(down) } if to == child => Some(down.stand),
        _ => None,
    });
    assert_eq!(told.unwrap(), [spot(2)], "what the parent told");
}

#[test]
fn others_are_called_when_the_standby_is_overdue_and_not_needed_when_it_answers() {
    let (mut tree, lost) = (with_standby(), Timestamp::ZERO + Duration::from_secs(20));
    tree.handle(lost, Input::Silent { peer: id(1) });
    tree.handle_timeout(lost + Duration::from_millis(10));
    assert_eq!(called(&mut tree), [], "the standby has its time");
    tree.handle_timeout(lost + Duration::from_millis(50));
    let calls = called(&mut tree);
    assert_eq!(calls.len(), AT_ONCE);
    let told = Down { path: vec![id(0), id(2)], ..down(&[0, 2], vec![]) };
    let message = TreeMessage::Attached(Down { mark: Mark { counter: 101, depth: 1 }, ..told });
    tree.handle(lost + Duration::from_millis(60), Input::Received { from: id(2), message });
    assert_eq!(tree.parent(), Some(id(2)));
    let after = outputs(&mut tree);
    assert!(calls.into_iter().all(|peer| after.contains(&Output::Hangup { peer })));
}

#[test]
fn an_orphan_is_taken_over_the_fan_out_and_its_counter_asked_for_at_once() {
    let now = Timestamp::ZERO;
    let mut tree = Tree::participant(config().fan_out(1), contact(9), 1, now);
    tree.handle(now, Input::Candidates(vec![spot(1)]));
    tree.handle(now, Input::LinkUp { peer: id(1) });
    tree.handle(now, Input::Received { from: id(1), message: TreeMessage::Attached(down(&[0, 1], Vec::new())) });
    outputs(&mut tree);
    let mut call = |node, role, counter| {
        let advertised = Some(Mark { counter, depth: 1 });
        tree.handle(now, Input::Called { from: id(node), role, advertised });
        let said = outputs(&mut tree);
        let taken = said.iter().any(|output| matches!(output, Output::Accept { .. }));
        let count = Output::Send { to: id(1), message: TreeMessage::Count(counter) };
        (taken, said.contains(&count))
    };
    assert_eq!(call(20, Role::Child, 99), (true, false), "any parent's counter will do");
    assert_eq!(call(21, Role::Child, 100), (false, false), "there is one place");
    assert_eq!(call(22, Role::Orphan, 100), (true, true));
    for node in 1..usize::from(MAX_OVER) {
        assert!(call(22 + node, Role::Orphan, 99).0);
    }
    assert!(!call(40, Role::Orphan, 99).0, "nobody takes more than it can carry");
}

#[test]
fn who_did_not_answer_when_a_standby_was_looked_for_is_not_called_first() {
    let (mut tree, mut now) = (Tree::participant(config(), contact(9), 1, Timestamp::ZERO), Timestamp::ZERO);
    tree.handle(now, Input::Candidates(vec![spot(1)]));
    tree.handle(now, Input::LinkUp { peer: id(1) });
    let told = Down { stand: vec![spot(4)], ..down(&[0, 1], (4..=7).map(spot).collect()) };
    tree.handle(now, Input::Received { from: id(1), message: TreeMessage::Attached(told) });
    for _ in 0..30 {
        now = now + Duration::from_millis(100);
        tree.handle_timeout(now);
        let wanted =
            |output: &Output| matches!(output, Output::Call { to, role: Role::Standby, .. } if to.node == id(4));
        if outputs(&mut tree).iter().any(wanted) {
            tree.handle(now, Input::CallFailed { peer: id(4) });
            break;
        }
    }
    tree.handle(now, Input::LinkDown { peer: id(1) });
    let first = called(&mut tree);
    assert_eq!(first.len(), AT_ONCE);
    assert!(!first.contains(&id(4)), "{first:?}");
}
