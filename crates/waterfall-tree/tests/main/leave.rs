use crate::world::{World, for_seeds};
use waterfall_tree::{Event, Input, State};

#[test]
fn a_leaving_relay_interrupts_nobody() {
    for_seeds(40, |seed| {
        let mut world = World::settled(seed, 4, 24);
        let relays: Vec<usize> =
            world.living().into_iter().skip(1).filter(|at| !world.status(*at).children.is_empty()).collect();
        let relay = relays[world.random(relays.len())];
        world.no_gaps = true;
        world.input(relay, Input::Leave);
        world.until("it has left", 2_100, |world| !world.nodes[relay].alive);
        assert_eq!(world.status(relay).state, State::Left);
        world.run(5_000);
        assert!(world.is_connected());
        for at in world.living() {
            let lost = world.nodes[at].events.iter().any(|(_, e)| matches!(e, Event::ParentLost { .. }));
            assert!(!lost, "{at} lost its parent");
        }
    });
}

#[test]
fn a_leaf_leaves_at_once() {
    let mut world = World::settled(1, 2, 6);
    let leaf = world.living().into_iter().skip(1).find(|at| world.status(*at).children.is_empty()).unwrap();
    world.input(leaf, Input::Leave);
    assert!(!world.nodes[leaf].alive);
    world.until("its parent knows", 200, World::is_connected);
}

#[test]
fn a_joiner_that_leaves_takes_back_its_call() {
    let mut world = World::new(1, 2);
    let joiner = world.join(2);
    world.run(140);
    world.input(joiner, Input::Leave);
    assert!(!world.nodes[joiner].alive);
    world.run(7_000);
    assert!(world.status(0).children.is_empty());
    assert_eq!(world.nodes[0].tree.open_spots()[0].free, 2);
}

#[test]
fn all_relays_leave_one_after_the_other_without_a_gap() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 24);
        world.no_gaps = true;
        for _ in 0..10 {
            let relay = world.living().into_iter().skip(1).max_by_key(|at| (world.status(*at).size, *at)).unwrap();
            world.input(relay, Input::Leave);
            world.until("it has left", 2_100, |world| !world.nodes[relay].alive);
            world.run(2_000);
            assert!(world.is_connected());
        }
    });
}

#[test]
fn a_chain_of_two_relays_leaves_together() {
    for_seeds(20, |seed| {
        let mut world = World::settled(seed, 2, 20);
        let upper = world.living().into_iter().find(|at| world.parent(*at) == Some(0)).unwrap();
        let lower = world.living().into_iter().find(|at| world.parent(*at) == Some(upper)).unwrap();
        world.input(upper, Input::Leave);
        world.input(lower, Input::Leave);
        world.until("everyone is fed", 4_500, |world| {
            !world.nodes[upper].alive && !world.nodes[lower].alive && world.is_connected()
        });
    });
}

#[test]
fn a_leaving_root_lets_its_children_go() {
    let mut world = World::settled(2, 3, 9);
    world.input(0, Input::Leave);
    world.run(2_100);
    assert!(!world.nodes[0].alive);
    // Who is below an orphan hears of it one patience later per tier.
    world.run(8_000);
    for at in world.living() {
        assert_eq!(world.status(at).state, State::Orphaned);
        assert!(world.nodes[at].tree.open_spots().is_empty());
    }
}
