use crate::world::{Faults, World, for_seeds, index};
use waterfall_tree::State;

#[test]
fn twenty_four_at_once_make_three_full_tiers() {
    for_seeds(40, |seed| {
        let mut world = World::new(seed, 4);
        for _ in 0..24 {
            world.join(4);
            let pause = world.random(3) as u64;
            world.run(pause);
        }
        world.until("all are attached", 5_000, World::is_connected);
        world.until("the tree is flat", 60_000, |world| world.shape().len() == 4);
    });
}

#[test]
fn one_after_the_other_make_three_full_tiers() {
    for_seeds(10, |seed| {
        let mut world = World::new(seed, 4);
        for _ in 0..24 {
            world.join(4);
            let pause = 100 + world.random(600) as u64;
            world.run(pause);
        }
        world.until("all are attached", 3_000, World::is_connected);
        // Those who came too close after each other to know may be one too deep, for a while.
        world.until("the tree is flat", 60_000, |world| world.shape().len() == 4);
    });
}

#[test]
fn a_large_crowd_makes_a_shallow_tree() {
    for_seeds(3, |seed| {
        let mut world = World::new(seed, 4);
        for _ in 0..200 {
            world.join(4);
        }
        world.until("all are attached", 15_000, World::is_connected);
        // 1 + 4 + 16 + 64 + 256 hold 200 with one tier to spare for haste.
        assert!(world.shape().len() <= 6, "{:?}", world.shape());
    });
}

#[test]
fn leaves_take_nobody_and_are_served() {
    for_seeds(10, |seed| {
        let mut world = World::new(seed, 2);
        for n in 0..20 {
            world.join(if n % 2 == 0 { 0 } else { 3 });
            world.run(50);
        }
        world.until("all are attached", 10_000, World::is_connected);
        for at in (1..=20).step_by(2) {
            assert!(world.status(at).children.is_empty());
        }
    });
}

#[test]
fn leaves_that_came_first_do_not_close_the_room() {
    for_seeds(20, |seed| {
        let mut world = World::new(seed, 3);
        for _ in 0..3 {
            world.join(0);
            world.run(200);
        }
        world.until("the leaves are attached", 2_000, World::is_connected);
        world.run(5_000);
        for _ in 0..12 {
            world.join(3);
        }
        world.until("the others are attached", 30_000, World::is_connected);
        world.run(10_000);
        assert!(world.is_connected());
        world.until("nobody is over", 10_000, |world| world.status(0).children.len() <= 3);
    });
}

#[test]
fn lost_doubled_and_late_calls_only_cost_time() {
    for_seeds(20, |seed| {
        let mut world = World::new(seed, 3);
        world.faults = Faults { lost: 20, duplicated: 30, delayed: 30 };
        for _ in 0..24 {
            world.join(3);
            world.run(20);
        }
        world.until("all are attached", 60_000, World::is_connected);
    });
}

#[test]
fn an_empty_room_is_waited_for() {
    let mut world = World::new(1, 2);
    world.kill(0);
    let early = world.join(2);
    world.run(20_000);
    assert_eq!(world.status(early).state, State::Joining);
    world.restart_root(1);
    world.until("it has joined", 8_000, World::is_connected);
}

#[test]
fn an_idle_room_is_quiet() {
    let mut world = World::settled(3, 4, 24);
    // Until everyone has the standby that it keeps.
    world.run(60_000);
    let before: Vec<u64> = world.nodes.iter().map(|node| node.sent).collect();
    world.run(10_000);
    for (at, node) in world.nodes.iter().enumerate() {
        // Marks to at most four children, five times a second; next to nothing else.
        let marks = 50 * world.status(at).children.len() as u64;
        assert!(node.sent - before[at] <= marks + 12, "{at} sent {}", node.sent - before[at]);
    }
}

#[test]
fn the_root_knows_its_room_and_publishes_it() {
    let mut world = World::settled(4, 4, 24);
    world.run(70_000);
    let status = world.status(0);
    assert_eq!((status.size, status.height), (25, 3));
    let record = world.nodes[0].records.last().unwrap();
    assert_eq!((record.size, record.height, record.children.len(), record.depth), (25, 3, 4, 0));
    for (at, node) in world.nodes.iter().enumerate().skip(1) {
        if !world.status(at).children.is_empty() {
            let record = node.records.last().unwrap();
            assert_eq!(record.parent.as_ref().map(index), world.parent(at));
        }
    }
}
