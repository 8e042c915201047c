use waterfall_tree::{Event, Input, State};

use crate::world::{World, for_seeds, id, index};

/// Silence is noticed after 80 ms, the request takes half a round trip of 50-60 ms, and here is
/// what events of 10 ms and the first packet's way add.
const AT_ONCE: u64 = 160;

/// A settled room in which everyone who can has a standby.
fn with_standbys(seed: u64, viewers: usize) -> World {
    let mut world = World::settled(seed, 3, viewers);
    world.until("everyone has a standby", 60_000, World::all_have_standbys);
    world.until("nobody is moving", 60_000, World::is_at_rest);
    world
}

fn relays(world: &World, depth: usize) -> Vec<usize> {
    let relay = |at: &usize| world.depth(*at) == depth && !world.status(*at).children.is_empty();
    world.living().into_iter().filter(relay).collect()
}

fn all_fed(world: &World) -> bool {
    let fed = world.fed();
    world.living().into_iter().all(|at| fed.contains(&at))
}

#[test]
fn standbys_share_nothing_with_the_parent_but_the_root() {
    for_seeds(10, |seed| {
        let mut world = with_standbys(seed, 30);
        world.run(60_000);
        let apart = world.living().into_iter().skip(1).filter(|at| world.status(*at).apart).count();
        assert!(apart >= 25, "{apart} of 30");
        for at in world.living() {
            let status = world.status(at);
            let standby = status.standby.as_ref().map(index);
            assert!(!standby.is_some_and(|standby| world.descendants(at).contains(&standby)));
        }
    });
}

#[test]
fn in_small_rooms_everyone_has_a_standby() {
    // Two have one link: where there are few to choose among, whoever has most below it comes first.
    for viewers in [5, 8, 9, 12] {
        for fan_out in [2, 3] {
            for_seeds(5, |seed| {
                let mut world = World::settled(seed, fan_out, viewers);
                let all = |world: &World| world.living().into_iter().skip(1).all(|at| world.has_standby(at));
                world.until(&format!("{viewers} by {fan_out} have standbys"), 60_000, all);
                world.run(60_000);
                assert!(all(&world), "{viewers} by {fan_out}: they do not rest");
            });
        }
    }
}

#[test]
fn who_has_a_standby_misses_a_round_trip_only() {
    for_seeds(20, |seed| {
        let mut world = with_standbys(seed, 30);
        let relays = relays(&world, 2);
        let relay = relays[world.random(relays.len())];
        let children: Vec<usize> = world.status(relay).children.iter().map(|child| index(&child.node)).collect();
        // A standby takes in two at once; who is one too many has to look elsewhere.
        let standbys: Vec<_> = children.iter().map(|at| world.status(*at).standby).collect();
        let distinct = standbys.iter().all(|one| standbys.iter().filter(|other| *other == one).count() == 1);
        if !distinct || !children.iter().all(|at| world.has_standby(*at)) {
            return;
        }
        world.kill(relay);
        world.until("its children are fed", AT_ONCE, all_fed);
        world.until("the tree is whole", 3_000, World::is_connected);
        for at in children {
            let calls = world.nodes[at].events.iter().filter(|(_, e)| matches!(e, Event::Moved { .. })).count();
            assert!(calls >= 1);
        }
        world.until("everyone has a standby again", 60_000, World::all_have_standbys);
    });
}

#[test]
fn parent_and_standby_die_together() {
    for_seeds(20, |seed| {
        let mut world = with_standbys(seed, 30);
        let orphan = world.living().into_iter().find(|at| world.depth(*at) >= 2 && world.has_standby(*at)).unwrap();
        let standby = index(&world.status(orphan).standby.unwrap());
        let parent = world.parent(orphan).unwrap();
        world.kill(parent);
        if standby != 0 {
            world.kill(standby);
        }
        world.until("everyone is fed", 3_000, World::is_connected);
    });
}

#[test]
fn a_parent_that_is_heard_again_soon_stands_by() {
    let mut kept = 0;
    for seed in 0..20 {
        let mut world = with_standbys(seed, 30);
        let child = world.living().into_iter().find(|at| world.depth(*at) >= 2 && world.has_standby(*at)).unwrap();
        let parent = world.parent(child).unwrap();
        world.cut(parent, child);
        world.until("the standby has stepped in", 2_000, |world| world.parent(child) != Some(parent));
        world.run(100);
        world.mend(parent, child);
        world.run(200);
        kept += usize::from(world.status(child).standby == Some(id(parent)));
        world.run(10_000);
        assert!(world.is_connected());
    }
    assert!(kept >= 10, "kept {kept} of 20");
}

#[test]
fn a_relay_freezes_and_thaws() {
    for_seeds(20, |seed| {
        let mut world = with_standbys(seed, 30);
        let relays = relays(&world, 1);
        let relay = relays[world.random(relays.len())];
        world.freeze(relay);
        world.run(3_000);
        let others = |world: &World| {
            let fed = world.fed();
            world.living().into_iter().all(|at| at == relay || fed.contains(&at))
        };
        assert!(others(&world), "somebody waits for the frozen one");
        world.thaw(relay);
        world.until("it is back", 5_000, World::is_connected);
        world.run(10_000);
        assert!(world.is_connected());
    });
}

#[test]
fn a_standby_that_leaves_is_replaced_and_a_leaver_parts_with_its_wards() {
    for_seeds(10, |seed| {
        let mut world = with_standbys(seed, 20);
        let with_wards = world.living().into_iter().skip(1).find(|at| !world.status(*at).wards.is_empty()).unwrap();
        let wards = world.status(with_wards).wards;
        world.input(with_wards, Input::Leave);
        world.until("it is gone", 3_000, |world| world.status(with_wards).state == State::Left);
        world.run(200);
        for ward in wards.iter().map(index) {
            assert_ne!(world.status(ward).standby, Some(id(with_wards)));
        }
        world.until("everyone has a standby", 60_000, World::all_have_standbys);
    });
}

#[test]
fn in_a_small_room_nobody_is_left_without_a_standby_because_all_stand_by_for_it() {
    // In these somebody knows only of places with those whose standby it is, all of them as large as itself.
    for seed in [151, 889, 1_030, 1_207] {
        let mut world = World::settled(seed, 3, 8);
        world.until("everyone has a standby", 60_000, |world| (1..9).all(|at| world.has_standby(at)));
    }
}
