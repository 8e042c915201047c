use waterfall_tree::{Event, Input};

use crate::world::{World, for_seeds};

fn moves(world: &World) -> usize {
    let moved = |at: usize| world.nodes[at].events.iter().filter(|(_, e)| matches!(e, Event::Moved { .. })).count();
    (0..world.nodes.len()).map(moved).sum()
}

/// Leaves that came first, then relays.
fn upside_down(seed: u64) -> World {
    let mut world = World::new(seed, 3);
    for n in 0..60 {
        world.join(if n < 6 || n % 3 == 0 { 0 } else { 4 });
        world.run(100);
    }
    world.until("everyone is there", 20_000, World::is_connected);
    world
}

#[test]
fn leaves_sink_and_relays_rise() {
    for_seeds(5, |seed| {
        let mut world = upside_down(seed);
        world.until("no leaf is next to the root", 180_000, |world| {
            world.living().into_iter().all(|at| world.depth(at) != 1 || world.nodes[at].fan_out > 0)
        });
        // 1 + 3 + 12 + 48 hold 61.
        world.until("the tree is flat", 120_000, |world| world.shape().len() <= 5);
        assert!(world.is_connected());
    });
}

/// The root's only child can serve one, and its child four, who can serve four each.
fn weak_above_strong(seed: u64) -> World {
    let mut world = World::new(seed, 1);
    for fan_out in [1, 4, 4, 4, 4, 4] {
        world.join(fan_out);
        world.until("it has a place", 20_000, World::is_connected);
    }
    world
}

#[test]
fn whoever_makes_way_has_the_place_that_is_left_also_in_a_crowd() {
    for_seeds(20, |seed| {
        let mut world = weak_above_strong(seed);
        let (weak, strong) = (1, 2);
        assert_eq!((world.depth(weak), world.depth(strong)), (1, 2));
        let mut before: Vec<(usize, usize)> = Vec::new();
        for ticks in 0.. {
            assert!(ticks < 12_000, "no promotion");
            if world.status(0).children.len() == 2 {
                break;
            }
            let below = (3..=6).filter(|at| world.parent(*at) == Some(strong));
            before = below.map(|at| (at, world.depth(at))).collect();
            world.run(10);
        }
        for _ in 0..15 {
            world.join(0);
            world.run(400);
        }
        world.until("the weak one is below it", 20_000, |world| world.parent(weak) == Some(strong));
        world.until("all is well", 20_000, |world| world.is_connected() && world.status(strong).children.len() <= 4);
        // One of them goes to where the strong one was, which is as deep as it was before.
        let sunk = before.iter().filter(|(at, before)| world.depth(*at) > *before).count();
        assert_eq!(sunk, 0, "{}", world.picture());
    });
}

#[test]
fn the_place_that_is_left_is_open_to_those_who_serve_nobody() {
    for_seeds(20, |seed| {
        let mut world = weak_above_strong(seed);
        let (weak, strong) = (1, 2);
        world.until("the weak one is below it", 120_000, |world| world.parent(weak) == Some(strong));
        world.until("it serves one instead", 20_000, |world| world.status(weak).children.len() == 1);
    });
}

#[test]
fn who_cannot_make_way_stays_and_another_does() {
    for_seeds(20, |seed| {
        // Two leaves are next to the root, and beside them one that serves the strong one.
        let mut world = World::new(seed, 3);
        for fan_out in [0, 0, 1, 4, 4, 4, 4, 4] {
            world.join(fan_out);
            world.until("it has a place", 20_000, World::is_connected);
        }
        let (first, second, third, strong) = (1, 2, 3, 4);
        assert_eq!((world.depth(first), world.depth(second), world.depth(strong)), (1, 1, 2));
        world.cut(first, strong);
        world.until("the strong one is next to the root", 120_000, |world| world.depth(strong) == 1);
        let below = |world: &World, at: usize| world.parent(at) == Some(strong);
        world.until("another one is below it", 20_000, |world| below(world, second) || below(world, third));
        assert_eq!(world.parent(first), Some(0), "{}", world.picture());
    });
}

#[test]
fn a_weak_relay_next_to_the_root_makes_way_though_the_tree_is_as_tall_everywhere() {
    for_seeds(20, |seed| {
        let mut world = World::new(seed, 2);
        let weak = 1;
        // Full down to depth 3, and a few below each who are there.
        for n in 0..64 {
            world.join(if n == 0 { 2 } else { 4 });
            world.run(100);
        }
        world.until("everyone is there", 20_000, World::is_connected);
        let tall = world.shape().len();
        assert_eq!(world.depth(weak), 1, "{}", world.picture());
        world.until("it has made way", 120_000, |world| world.depth(weak) > 1);
        world
            .until("the tree is no taller for it", 60_000, |world| world.is_connected() && world.shape().len() <= tall);
    });
}

#[test]
fn nobody_is_interrupted_by_being_moved() {
    let mut world = upside_down(3);
    world.no_gaps = true;
    world.run(120_000);
    assert!(moves(&world) > 5, "nobody moved");
}

#[test]
fn a_settled_room_rests() {
    for_seeds(3, |seed| {
        let mut world = upside_down(seed);
        world.run(600_000);
        let before = moves(&world);
        world.run(300_000);
        assert_eq!(moves(&world), before);
    });
}

#[test]
fn holes_near_the_root_are_filled() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 39);
        let tall = world.shape().len();
        for _ in 0..6 {
            let victim = world.living().into_iter().find(|at| world.depth(*at) == 1).unwrap();
            world.kill(victim);
            world.run(1_000);
        }
        world.until("the tree is flat again", 120_000, |world| world.is_connected() && world.shape().len() <= tall);
        world.until("the root has its three", 20_000, |world| world.status(0).children.len() == 3);
    });
}

#[test]
fn a_congested_relay_serves_fewer_and_tries_again_later() {
    let mut world = World::settled(1, 3, 24);
    let relay = world.living().into_iter().find(|at| world.depth(*at) == 1).unwrap();
    let child = world.status(relay).children[0].node;
    world.input(relay, Input::Congested { peer: child });
    world.until("one has gone", 20_000, |world| world.status(relay).children.len() == 2);
    assert_eq!(world.status(relay).fan_out, 2);
    assert!(world.is_connected());
    world.until("it serves three again", 180_000, |world| world.status(relay).fan_out == 3);
}

#[test]
fn who_serves_nobody_any_more_is_left_in_peace() {
    let mut world = World::settled(2, 3, 24);
    let relay = world.living().into_iter().find(|at| world.depth(*at) == 1).unwrap();
    world.nodes[relay].fan_out = 3;
    world.input(relay, Input::FanOut(0));
    world.until("its children have gone", 60_000, |world| world.status(relay).children.is_empty());
    assert!(world.status(relay).wards.is_empty());
    world.until("all is well", 20_000, World::is_connected);
}
