use std::time::Duration;

use waterfall_tree::{Event, Input, Loss, Output, SHUN, State, Timestamp, Tree};
use waterfall_wire::{Refusal, Spot};

use crate::world::{World, config, contact, for_seeds, id};

#[test]
fn who_withholds_is_left_and_not_called_again() {
    for_seeds(10, |seed| {
        let mut world = World::settled(seed, 3, 24);
        world.run(10_000);
        let victim = world.living().into_iter().find(|at| world.depth(*at) == 2).unwrap();
        let liar = world.parent(victim).unwrap();
        world.input(victim, Input::Withheld { peer: id(liar) });
        world.until("another parent is found", 5_000, |world| {
            world.parent(victim).is_some_and(|parent| parent != liar) && world.is_connected()
        });
        let told = Event::ParentLost { parent: id(liar), why: Loss::Withheld };
        assert!(world.nodes[victim].events.iter().any(|(_, event)| *event == told));
        for _ in 0..30 {
            world.run(5_000);
            let status = world.status(victim);
            assert!(status.parent != Some(id(liar)) && status.standby != Some(id(liar)));
        }
    });
}

#[test]
fn who_says_time_and_again_that_it_has_room_and_has_none_is_not_called_for_a_while() {
    let mut now = Timestamp::ZERO;
    let mut tree = Tree::participant(config(), contact(9), 1, now);
    let spot = Spot { contact: contact(1), depth: 1, free: 4, proven: 4 };
    let mut calls = Vec::new();
    let end = now + SHUN + Duration::from_secs(120);
    while now < end {
        match tree.poll_output() {
            Output::Fetch => tree.handle(now, Input::Candidates(vec![spot.clone()])),
            Output::Call { to, .. } => {
                calls.push(now);
                let (reason, spots) = (Refusal::Full, Vec::new());
                tree.handle(now, Input::CallRefused { peer: to.node, reason, spots });
            }
            Output::Timeout(at) => {
                now = at.unwrap_or(end);
                tree.handle_timeout(now);
            }
            _ => {}
        }
    }
    let pauses: Vec<Duration> = calls.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    let given_up = pauses.iter().position(|pause| *pause >= SHUN).unwrap();
    assert!(given_up <= 4, "{given_up} calls before");
    assert!(pauses[..given_up].iter().all(|pause| *pause < Duration::from_secs(20)), "{pauses:?}");
}

#[test]
fn a_standby_that_withholds_is_replaced() {
    let mut world = World::settled(4, 3, 24);
    world.until("everyone has a standby", 60_000, World::all_have_standbys);
    // The root alone is not shunned.
    let other = |at: &usize| world.has_standby(*at) && world.status(*at).standby != Some(id(0));
    let node = world.living().into_iter().find(|at| world.depth(*at) == 2 && other(at)).unwrap();
    let standby = world.status(node).standby.unwrap();
    world.input(node, Input::Withheld { peer: standby });
    assert_eq!(world.status(node).standby, None);
    world.until("there is another", 60_000, |world| world.has_standby(node));
    assert_ne!(world.status(node).standby, Some(standby));
}

#[test]
fn the_root_is_not_done_without() {
    let mut world = World::settled(5, 3, 12);
    let near = world.living().into_iter().find(|at| world.depth(*at) == 1).unwrap();
    world.input(near, Input::Withheld { peer: id(0) });
    world.run(30_000);
    assert!(world.is_connected());
}

#[test]
fn who_has_nobody_else_gives_it_another_chance() {
    let mut world = World::settled(6, 3, 1);
    let told = world.nodes[1].events.len();
    world.input(1, Input::Withheld { peer: id(0) });
    assert_eq!(world.status(1).state, State::Orphaned);
    world.until("it takes the stream again", 40_000, |world| world.status(1).state == State::Attached);
    assert!(world.nodes[1].events[told..].iter().any(|(_, event)| *event == Event::ParentRegained(id(0))));
}
