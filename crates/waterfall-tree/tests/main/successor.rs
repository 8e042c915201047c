use waterfall_tree::{Input, State};

use crate::world::{World, for_seeds, id};

#[test]
fn a_successor_takes_over_and_keeps_its_children() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 24);
        world.kill(0);
        world.run(2_000);
        let successor = world.living()[0];
        let children = world.status(successor).children.len();
        world.succeed(successor);
        assert_eq!(world.status(successor).state, State::Root);
        assert_eq!(world.status(successor).children.len(), children);
        world.until("everyone hangs from it", 30_000, World::is_connected);
        for at in world.living() {
            assert!(at == successor || world.status(at).path[0] == id(successor));
        }
    });
}

#[test]
fn an_old_root_that_returns_takes_its_place_below() {
    for_seeds(5, |seed| {
        let mut world = World::settled(seed, 3, 20);
        world.kill(0);
        world.run(1_000);
        let successor = world.living()[2];
        world.succeed(successor);
        world.until("everyone hangs from it", 30_000, World::is_connected);
        world.restart_root(1_000_000);
        world.input(0, Input::Root(id(successor)));
        world.until("it is one of them", 30_000, World::is_connected);
        assert!(world.parent(0).is_some());
    });
}

#[test]
fn a_living_root_hands_over() {
    let mut world = World::settled(3, 3, 20);
    let successor = world.living()[4];
    world.succeed(successor);
    world.until("everyone hangs from the new one", 60_000, World::is_connected);
    assert!(world.parent(0).is_some());
}
