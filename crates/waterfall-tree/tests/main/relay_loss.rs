use crate::world::{World, for_seeds, id};
use waterfall_tree::{Event, Loss};

/// Everyone is fed again within this, in milliseconds of the world's clock.
const REPAIRED: u64 = 2_000;

fn tier(world: &World, depth: usize) -> Vec<usize> {
    world.living().into_iter().filter(|&at| world.depth(at) == depth).collect()
}

#[test]
fn a_relay_dies_at_each_tier() {
    for_seeds(20, |seed| {
        for depth in 1..=3 {
            let mut world = World::settled(seed, 3, 30);
            let relays = tier(&world, depth);
            let relay = relays[world.random(relays.len())];
            world.kill(relay);
            world.until("everyone is fed again", REPAIRED, World::is_connected);
            world.run(15_000);
            assert!(world.is_connected());
        }
    });
}

fn moves(world: &World, at: usize) -> usize {
    world.nodes[at].events.iter().filter(|(_, e)| matches!(e, Event::Moved { .. })).count()
}

#[test]
fn of_a_dead_relays_descendants_only_its_children_move() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 30);
        let relay = tier(&world, 1)[0];
        let descendants = world.descendants(relay);
        let children: Vec<usize> = descendants.iter().copied().filter(|at| world.parent(*at) == Some(relay)).collect();
        let before: Vec<usize> = (0..world.nodes.len()).map(|at| moves(&world, at)).collect();
        world.kill(relay);
        world.until("everyone is fed again", REPAIRED, World::is_connected);
        for at in descendants {
            let lost = world.nodes[at]
                .events
                .iter()
                .any(|(_, e)| *e == Event::ParentLost { parent: id(relay), why: Loss::Silent });
            assert_eq!(lost, children.contains(&at));
            let moved = moves(&world, at) - before[at];
            // Others may be offered a better place meanwhile.
            assert!(!children.contains(&at) || moved > 0, "{at} is where it was");
        }
    });
}

#[test]
fn the_whole_first_tier_dies() {
    for_seeds(20, |seed| {
        let mut world = World::settled(seed, 4, 24);
        for relay in tier(&world, 1) {
            world.kill(relay);
        }
        world.until("everyone is fed again", REPAIRED, World::is_connected);
    });
}

#[test]
fn half_of_all_die_at_once() {
    for_seeds(20, |seed| {
        let mut world = World::settled(seed, 3, 40);
        for _ in 0..20 {
            let living = world.living();
            let victim = living[1 + world.random(living.len() - 1)];
            world.kill(victim);
        }
        world.until("everyone is fed again", 15_000, World::is_connected);
    });
}

#[test]
fn a_parent_that_is_heard_again_in_time_is_kept() {
    let mut world = World::settled(5, 3, 12);
    let relay = tier(&world, 1)[0];
    world.cut(0, relay);
    world.run(120);
    world.mend(0, relay);
    world.run(5_000);
    assert_eq!(world.parent(relay), Some(0));
    let events: Vec<&Event> = world.nodes[relay].events.iter().map(|(_, e)| e).collect();
    assert!(events.contains(&&Event::ParentRegained(id(0))));
    assert!(!events.iter().any(|e| matches!(e, Event::Moved { .. })));
    assert!(world.is_connected());
}

#[test]
fn a_cut_link_is_replaced_and_what_was_held_back_does_no_harm() {
    for_seeds(20, |seed| {
        let mut world = World::settled(seed, 3, 24);
        let relays = tier(&world, 2);
        let relay = relays[world.random(relays.len())];
        let parent = world.parent(relay).unwrap();
        world.cut(parent, relay);
        world.until("everyone is fed again", REPAIRED, |world| {
            world.is_connected() && world.parent(relay) != Some(parent)
        });
        world.mend(parent, relay);
        world.run(10_000);
        assert!(world.is_connected());
    });
}

#[test]
fn nobody_stays_over_the_fan_out() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 30);
        for _ in 0..4 {
            let relays = tier(&world, 1);
            let relay = relays[world.random(relays.len())];
            world.kill(relay);
            world.run(2_500);
        }
        world.run(40_000);
        assert!(world.is_connected());
        // Whoever rises is taken over the fan-out for a moment.
        world.until("nobody is over", 20_000, |world| {
            world.living().into_iter().all(|at| world.status(at).children.len() <= 3)
        });
    });
}
