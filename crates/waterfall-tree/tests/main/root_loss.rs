use crate::world::{World, for_seeds};
use waterfall_tree::{Event, State};

fn has(world: &World, at: usize, wanted: &Event) -> bool {
    world.nodes[at].events.iter().any(|(_, event)| event == wanted)
}

#[test]
fn the_root_vanishes_and_returns_to_its_place() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 24);
        let shape = world.shape();
        world.kill(0);
        world.run(20_000);
        let tier_one: Vec<usize> =
            world.living().into_iter().filter(|at| world.status(*at).state == State::Orphaned).collect();
        assert!(!tier_one.is_empty());
        for at in world.living() {
            assert!(has(&world, at, &Event::RootLost), "{at} does not know");
        }
        world.restart_root(1_000_000);
        world.until("everyone is back", 15_000, World::is_connected);
        world.run(1_000);
        for at in world.living().into_iter().skip(1) {
            assert!(has(&world, at, &Event::RootFound));
        }
        world.until("the tree is flat again", 60_000, |world| world.shape().len() <= shape.len() + 1);
    });
}

#[test]
fn without_a_root_the_tree_keeps_its_shape() {
    let mut world = World::settled(1, 3, 24);
    let parents: Vec<Option<usize>> = (0..25).map(|at| world.parent(at)).collect();
    world.kill(0);
    world.run(60_000);
    for at in world.living() {
        let expected = parents[at].filter(|parent| *parent != 0);
        assert_eq!(world.parent(at), expected);
    }
}

#[test]
fn a_search_without_a_root_is_quiet() {
    let mut world = World::settled(1, 3, 24);
    world.kill(0);
    world.run(30_000);
    let before: u64 = world.nodes.iter().map(|node| node.calls_made).sum();
    world.run(60_000);
    let calls = world.nodes.iter().map(|node| node.calls_made).sum::<u64>() - before;
    // A round takes 2.5-5 s for an orphan and four times that for those below, a few calls each.
    assert!(calls < 24 * 60, "{calls} calls in a minute");
}

#[test]
fn a_root_that_forgot_its_counter_is_taken_back_in_the_end() {
    for_seeds(5, |seed| {
        let mut world = World::settled(seed, 3, 12);
        world.kill(0);
        world.run(8_000);
        world.restart_root(1);
        world.until("everyone is back", 60_000, World::is_connected);
    });
}
