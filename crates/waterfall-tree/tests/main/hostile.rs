//! Neighbours that lie, strangers that pretend to be neighbours, floods.

use std::time::Duration;

use proptest::prelude::*;
use waterfall_tree::{Config, Input, Output, State, Timestamp, Tree, WARDS_PER_CHILD};
use waterfall_wire::{Climber, Down, Mark, NodeId, Refusal, Role, Spot, Summary, TreeMessage};

use crate::world::{World, cases, config, contact, for_seeds, id, summary};

fn outputs(tree: &mut Tree) -> Vec<Output> {
    std::iter::from_fn(|| Some(tree.poll_output()).filter(|output| !matches!(output, Output::Timeout(_)))).collect()
}

fn spot(at: usize, depth: u16, free: u8) -> Spot {
    Spot { contact: contact(at), depth, free, proven: 0 }
}

fn down(counter: u64, path: &[usize]) -> Down {
    let depth = u16::try_from(path.len() - 1).unwrap();
    Down {
        mark: Mark { counter, depth },
        path: path.iter().map(|at| id(*at)).collect(),
        starving: false,
        outside: Vec::new(),
        // Whom a child is told of first is the parent itself.
        beside: vec![spot(*path.last().unwrap(), depth, 0)],
        stand: Vec::new(),
        lag: 0,
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(millis)
}

/// Node 2 below node 1 below the root 0, with child 3.
fn relay() -> Tree {
    let mut tree = Tree::participant(config().fan_out(2), contact(2), 1, at(0));
    tree.handle(at(0), Input::Candidates(vec![spot(1, 1, 1)]));
    tree.handle(at(0), Input::LinkUp { peer: id(1) });
    tree.handle(at(0), Input::Received { from: id(1), message: TreeMessage::Attached(down(100, &[0, 1])) });
    child(&mut tree, 3);
    assert_eq!(tree.status().parent, Some(id(1)));
    assert_eq!(tree.status().children.len(), 1);
    outputs(&mut tree);
    tree
}

fn child(tree: &mut Tree, node: usize) {
    tree.handle(at(0), Input::Called { from: id(node), role: Role::Child, advertised: None });
    tree.handle(at(0), Input::LinkUp { peer: id(node) });
    let message = TreeMessage::Attach { role: Role::Child, advertised: None, summary: summary(1, 0, Vec::new()) };
    tree.handle(at(0), Input::Received { from: id(node), message });
}

fn every_message() -> Vec<TreeMessage> {
    vec![
        TreeMessage::Attach { role: Role::Child, advertised: None, summary: summary(9, 9, vec![spot(9, 0, 64)]) },
        TreeMessage::Attached(down(900, &[0, 9])),
        TreeMessage::Refused { reason: Refusal::Full, spots: vec![spot(9, 0, 64)] },
        TreeMessage::Summary(summary(9, 9, vec![spot(9, 0, 64)])),
        TreeMessage::Down(down(900, &[0, 9])),
        TreeMessage::Mark(Mark { counter: 900, depth: 0 }),
        TreeMessage::Leaving { spots: vec![spot(9, 0, 64)] },
        TreeMessage::Detach,
        TreeMessage::Count(900),
        TreeMessage::Starving,
        TreeMessage::Move { spots: vec![spot(9, 0, 64)] },
        TreeMessage::Rise { node: None, to: spot(9, 0, 1) },
    ]
}

#[test]
fn whoever_is_no_neighbour_changes_nothing() {
    let mut tree = relay();
    let before = tree.status();
    for (n, message) in every_message().into_iter().enumerate() {
        tree.handle(at(1), Input::Received { from: id(9), message });
        assert_eq!(outputs(&mut tree), []);
        assert_eq!(tree.status().rejected, before.rejected + n as u64 + 1);
    }
    assert_eq!(tree.status().path, before.path);
    assert_eq!(tree.status().size, before.size);
}

#[test]
fn a_child_cannot_speak_as_a_parent_nor_a_parent_as_a_child() {
    let mut tree = relay();
    for message in [1, 4, 5, 9, 10, 11].map(|n| every_message()[n].clone()) {
        tree.handle(at(1), Input::Received { from: id(3), message });
    }
    for message in [0, 3, 7, 8].map(|n| every_message()[n].clone()) {
        tree.handle(at(1), Input::Received { from: id(1), message });
    }
    assert_eq!(outputs(&mut tree), []);
    assert_eq!(tree.status().rejected, 10);
}

#[test]
fn absurd_summaries_saturate_and_point_at_nobody_above() {
    let mut tree = relay();
    child(&mut tree, 4);
    let spots = vec![spot(0, 0, 64), spot(1, 0, 64), spot(2, 0, 64), spot(77, 0, 64)];
    for node in [3, 4] {
        let message = TreeMessage::Summary(summary(u32::MAX, u16::MAX, spots.clone()));
        tree.handle(at(1), Input::Received { from: id(node), message });
    }
    let status = tree.status();
    assert_eq!((status.size, status.height), (u32::MAX, u16::MAX));
    let spots = tree.open_spots();
    assert_eq!(spots.len(), 1);
    assert_eq!((spots[0].contact.node, spots[0].depth), (id(77), 3));
}

#[test]
fn nobody_further_down_is_believed_to_be_stronger_than_what_it_is_below_allows() {
    let told = |size, climber_size| {
        let mut tree = relay();
        let climber = Climber { contact: contact(77), strength: u16::MAX, size: climber_size, staying: 0 };
        let below = Summary { climber: Some(climber), ..summary(size, 1, Vec::new()) };
        tree.handle(at(1), Input::Received { from: id(3), message: TreeMessage::Summary(below) });
        tree.handle_timeout(at(10_000));
        let climber = |output| match output {
            Output::Send { message: TreeMessage::Summary(summary), .. } => summary.climber,
            _ => None,
        };
        outputs(&mut tree).into_iter().filter_map(climber).next_back()
    };
    // Who has nobody below it has nobody strong below it.
    assert_eq!(told(1, 5), None);
    let [small, large] = [told(3, u32::MAX), told(6, 5)].map(Option::unwrap);
    assert_eq!((small.contact.node, small.size), (id(77), 2));
    assert!(small.strength < large.strength && large.strength < u16::MAX / 2, "{small:?} {large:?}");
}

#[test]
fn a_parent_cannot_go_back_in_time_or_put_us_above_itself() {
    let mut tree = relay();
    let mark = tree.status().mark;
    tree.handle(at(1), Input::Received { from: id(1), message: TreeMessage::Mark(Mark { counter: 99, depth: 0 }) });
    tree.handle(at(1), Input::Received { from: id(1), message: TreeMessage::Mark(Mark { counter: 100, depth: 9 }) });
    let mut wrong = down(101, &[0, 1]);
    wrong.mark.depth = 7;
    tree.handle(at(1), Input::Received { from: id(1), message: TreeMessage::Down(wrong) });
    assert_eq!((tree.status().mark, tree.status().rejected), (mark, 3));
    assert_eq!(tree.status().parent, Some(id(1)));

    tree.handle(at(2), Input::Received { from: id(1), message: TreeMessage::Down(down(101, &[0, 2, 1])) });
    assert_eq!(tree.status().parent, None);
    assert!(outputs(&mut tree).contains(&Output::Hangup { peer: id(1) }));
}

#[test]
fn a_parent_must_hang_from_the_right_root() {
    let mut tree = Tree::participant(config(), contact(2), 1, at(0));
    tree.handle(at(0), Input::Candidates(vec![spot(5, 1, 1)]));
    tree.handle(at(0), Input::LinkUp { peer: id(5) });
    tree.handle(at(0), Input::Received { from: id(5), message: TreeMessage::Attached(down(100, &[6, 5])) });
    assert_eq!(tree.status().state, State::Joining);
    assert!(outputs(&mut tree).contains(&Output::Send { to: id(5), message: TreeMessage::Detach }));
}

#[test]
fn who_is_above_is_not_taken_as_a_child() {
    let mut tree = relay();
    tree.handle(at(1), Input::Called { from: id(0), role: Role::Child, advertised: None });
    tree.handle(at(1), Input::Called { from: id(2), role: Role::Child, advertised: None });
    let reasons: Vec<Refusal> = outputs(&mut tree)
        .into_iter()
        .filter_map(|output| if let Output::Refuse { reason, .. } = output { Some(reason) } else { None })
        .collect();
    assert_eq!(reasons, [Refusal::NotFeasible, Refusal::Denied]);
}

#[test]
fn a_request_that_could_close_a_loop_is_held_until_the_counter_is_newer() {
    let mut tree = relay();
    tree.handle(
        at(1),
        Input::Called { from: id(8), role: Role::Child, advertised: Some(Mark { counter: 100, depth: 1 }) },
    );
    tree.handle(at(1), Input::LinkUp { peer: id(8) });
    let advertised = Some(Mark { counter: 100, depth: 1 });
    let message = TreeMessage::Attach { role: Role::Child, advertised, summary: summary(1, 0, Vec::new()) };
    tree.handle(at(1), Input::Received { from: id(8), message });
    assert_eq!(tree.status().children.len(), 1);
    tree.handle(at(2), Input::Received { from: id(1), message: TreeMessage::Mark(Mark { counter: 101, depth: 1 }) });
    assert_eq!(tree.status().children.len(), 2);
}

#[test]
fn wards_are_bounded_and_learn_no_plan() {
    let mut tree = relay();
    for node in 20..40 {
        tree.handle(at(1), Input::Called { from: id(node), role: Role::Standby, advertised: None });
        tree.handle(at(1), Input::LinkUp { peer: id(node) });
        let message = TreeMessage::Attach { role: Role::Standby, advertised: None, summary: summary(1, 0, Vec::new()) };
        tree.handle(at(1), Input::Received { from: id(node), message });
    }
    assert_eq!(tree.status().wards.len(), 2 * usize::from(WARDS_PER_CHILD));
    let said = outputs(&mut tree);
    let refused = said.iter().filter(|o| matches!(o, Output::Refuse { reason: Refusal::Full, .. })).count();
    assert_eq!(refused, 16);
    assert!(said.iter().all(|output| match output {
        Output::Send { message: TreeMessage::Attached(down), .. } =>
            down.outside.is_empty() && down.beside.is_empty() && down.path.len() == 3,
        Output::Feed { .. } => false,
        _ => true,
    }));
}

#[test]
fn the_place_of_one_who_rises_is_told_to_nobody_for_a_while_and_kept_for_who_comes_from_near() {
    let mut tree = relay();
    child(&mut tree, 4);
    let rise = TreeMessage::Rise { node: Some(id(3)), to: spot(1, 1, 0) };
    tree.handle(at(0), Input::Received { from: id(1), message: rise });
    tree.handle(at(2_000), Input::Received { from: id(3), message: TreeMessage::Detach });
    assert!(tree.open_spots().iter().all(|spot| spot.contact.node != id(2) || spot.free == 0));
    outputs(&mut tree);
    tree.handle(at(2_000), Input::Called { from: id(7), role: Role::Child, advertised: None });
    assert!(matches!(outputs(&mut tree)[..], [Output::Refuse { reason: Refusal::Full, .. }]));
    let mut later = relay();
    child(&mut later, 4);
    later.handle(at(2_000), Input::Received { from: id(3), message: TreeMessage::Detach });
    assert_eq!(later.open_spots()[0].free, 1, "who just goes leaves a place for anyone");
    let near = Some(Mark { counter: 1, depth: 4 });
    tree.handle(at(2_000), Input::Called { from: id(8), role: Role::Child, advertised: near });
    assert!(outputs(&mut tree).iter().any(|output| matches!(output, Output::Accept { from, .. } if *from == id(8))));
}

#[test]
fn callers_who_never_come_hold_a_spot_for_a_lease_only() {
    let mut tree = relay();
    tree.handle(at(1), Input::Called { from: id(8), role: Role::Child, advertised: None });
    tree.handle(at(1), Input::Called { from: id(9), role: Role::Child, advertised: None });
    assert!(tree.open_spots().is_empty());
    let mut said = outputs(&mut tree);
    said.retain(|output| !matches!(output, Output::Send { .. }));
    assert!(matches!(said[..], [Output::Accept { .. }, Output::Refuse { .. }]));
    tree.handle_timeout(at(5_002));
    assert!(outputs(&mut tree).contains(&Output::Hangup { peer: id(8) }));
}

#[test]
fn a_flood_of_calls_is_refused_in_bounded_memory() {
    let mut tree = Tree::root(Config::default(), contact(0), 1, at(0));
    for n in 1..=20_000 {
        tree.handle(
            at(n / 10),
            Input::Called { from: id(usize::try_from(n).unwrap()), role: Role::Child, advertised: None },
        );
        let answers = outputs(&mut tree);
        let answered = answers.iter().filter(|o| matches!(o, Output::Accept { .. } | Output::Refuse { .. })).count();
        assert_eq!(answered, 1);
        assert!(answers.len() < 20);
    }
    assert!(tree.open_spots().is_empty());
}

#[test]
fn a_lie_about_the_counter_is_outlived() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 24);
        let victim = world.living().into_iter().find(|at| world.depth(*at) == 2).unwrap();
        let parent = world.parent(victim).unwrap();
        for counter in [u64::MAX, 10_000_000_000] {
            let message = TreeMessage::Mark(Mark { counter, depth: 1 });
            world.input(victim, Input::Received { from: id(parent), message });
        }
        world.run(3_000);
        world.until("the lie is forgotten", 60_000, World::is_connected);
        // Who told it is left, and not called again for a while.
        world.until("it has another parent", 60_000, |world| world.parent(victim).is_some_and(|now| now != parent));
        for _ in 0..30 {
            world.run(5_000);
            let status = world.status(victim);
            assert!(status.parent != Some(id(parent)) && status.standby != Some(id(parent)));
        }
    });
}

fn any_node() -> impl Strategy<Value = NodeId> {
    (0usize..12).prop_map(id)
}

fn any_spots() -> impl Strategy<Value = Vec<Spot>> {
    prop::collection::vec((0usize..40, any::<u16>(), 0u8..=64).prop_map(|(at, d, f)| spot(at, d % 9, f)), 0..8)
}

fn any_mark() -> impl Strategy<Value = Mark> {
    let counter = prop_oneof![90u64..120, any::<u64>()];
    (counter, 0u16..6).prop_map(|(counter, depth)| Mark { counter, depth })
}

fn any_down() -> impl Strategy<Value = Down> {
    (
        any_mark(),
        prop::collection::vec(any_node(), 0..6),
        any::<bool>(),
        any_spots(),
        any_spots(),
        any_spots(),
        any::<u16>(),
    )
        .prop_map(|(mark, path, starving, outside, beside, stand, lag)| Down {
            mark,
            path,
            starving,
            outside,
            beside,
            stand,
            lag,
        })
}

fn any_summary() -> impl Strategy<Value = Summary> {
    let climber = (0usize..12, any::<u16>(), any::<u32>(), any::<u16>());
    let climber =
        climber.prop_map(|(at, strength, size, staying)| Climber { contact: contact(at), strength, size, staying });
    (any::<u32>(), any::<u16>(), any_spots(), any::<u32>(), any_spots(), any::<u16>(), prop::option::of(climber))
        .prop_map(|(size, height, spots, open, wards, strength, climber)| Summary {
            size,
            height,
            spots,
            open,
            wards,
            strength,
            climber,
        })
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![9 => Just(Role::Child), 1 => Just(Role::Standby)]
}

fn any_message() -> impl Strategy<Value = TreeMessage> {
    prop_oneof![
        (any_role(), prop::option::of(any_mark()), any_summary())
            .prop_map(|(role, advertised, summary)| TreeMessage::Attach { role, advertised, summary }),
        any_down().prop_map(TreeMessage::Attached),
        any_spots().prop_map(|spots| TreeMessage::Refused { reason: Refusal::NotFeasible, spots }),
        any_summary().prop_map(TreeMessage::Summary),
        any_down().prop_map(TreeMessage::Down),
        any_mark().prop_map(TreeMessage::Mark),
        any_spots().prop_map(|spots| TreeMessage::Leaving { spots }),
        Just(TreeMessage::Detach),
        any_mark().prop_map(|mark| TreeMessage::Count(mark.counter)),
        Just(TreeMessage::Starving),
        any_spots().prop_map(|spots| TreeMessage::Move { spots }),
        (prop::option::of(any_node()), any_spots())
            .prop_filter_map("no spot", |(node, to)| Some(TreeMessage::Rise { node, to: to.into_iter().next()? })),
    ]
}

/// Inputs in which the peer is often one that matters.
fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        1 => any_spots().prop_map(Input::Candidates),
        3 => (any_node(), any_role(), prop::option::of(any_mark()))
            .prop_map(|(from, role, advertised)| Input::Called { from, role, advertised }),
        3 => any_node().prop_map(|peer| Input::LinkUp { peer }),
        1 => any_node().prop_map(|peer| Input::LinkDown { peer }),
        1 => (any_node(), any_spots())
            .prop_map(|(peer, spots)| Input::CallRefused { peer, reason: Refusal::Full, spots }),
        1 => any_node().prop_map(|peer| Input::CallFailed { peer }),
        8 => (any_node(), any_message()).prop_map(|(from, message)| Input::Received { from, message }),
        1 => any_node().prop_map(|peer| Input::Silent { peer }),
        1 => any_node().prop_map(|peer| Input::Heard { peer }),
        1 => any_node().prop_map(|peer| Input::Withheld { peer }),
        1 => any_node().prop_map(|peer| Input::Congested { peer }),
        1 => (0u8..5).prop_map(Input::FanOut),
        1 => any_node().prop_map(Input::Root),
    ]
}

proptest! {
    #![proptest_config(cases(400))]

    /// Anything may be said in any order by anyone: nothing panics, and what is put out is bounded,
    /// goes only to those with a link, and asks for a wake-up in finite time.
    #[test]
    fn any_inputs_in_any_order_are_survived(
        inputs in prop::collection::vec((any_input(), 0u64..400), 1..150),
        fan_out in 0u8..5,
        is_root in any::<bool>(),
    ) {
        let config = Config::default().fan_out(fan_out);
        let mut now = Timestamp::ZERO;
        let mut tree = if is_root {
            Tree::root(config, contact(0), 3, now)
        } else {
            Tree::participant(config, contact(2), 3, now)
        };
        for (input, pause) in inputs {
            now = now + Duration::from_millis(pause);
            tree.handle_timeout(now);
            tree.handle(now, input);
            let said = outputs(&mut tree);
            prop_assert!(said.len() < 100);
            prop_assert!(matches!(tree.poll_output(), Output::Timeout(Some(_))));
            let status = tree.status();
            prop_assert!(status.children.len() <= usize::from(fan_out) + 1);
            let me = id(if is_root { 0 } else { 2 });
            prop_assert!(!status.path.contains(&me));
            prop_assert!(status.parent.is_none() || !status.children.iter().any(|c| Some(c.node) == status.parent));
            prop_assert!(tree.open_spots().len() <= waterfall_wire::MAX_SPOTS);
        }
    }
}
