//! Any sequence of what can happen to a room, against what must hold of every room.
//!
//! What gets lost, doubled and overtaken are calls: what a link carries comes in order and once, or the link goes
//! down with all that is under way on it.

use proptest::prelude::*;
use waterfall_tree::Input;

use crate::world::{Faults, World, cases, id, index};

#[derive(Debug, Clone)]
enum Operation {
    Join { fan_out: u8 },
    Kill { which: usize },
    Leave { which: usize },
    CutFromParent { which: usize },
    MendAll,
    CutFromStandby { which: usize },
    Freeze { which: usize },
    ThawAll,
    Withheld { which: usize },
    Congested { which: usize },
    FanOut { which: usize, children: u8 },
    Partition { side: usize },
    RootVanishes,
    RootReturns,
    Successor { which: usize },
    Wait { millis: u64 },
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (0u8..5).prop_map(|fan_out| Operation::Join { fan_out }),
        3 => any::<usize>().prop_map(|which| Operation::Kill { which }),
        3 => any::<usize>().prop_map(|which| Operation::Leave { which }),
        2 => any::<usize>().prop_map(|which| Operation::CutFromParent { which }),
        2 => any::<usize>().prop_map(|which| Operation::CutFromStandby { which }),
        2 => any::<usize>().prop_map(|which| Operation::Freeze { which }),
        1 => Just(Operation::ThawAll),
        1 => any::<usize>().prop_map(|which| Operation::Withheld { which }),
        1 => any::<usize>().prop_map(|which| Operation::Congested { which }),
        1 => (any::<usize>(), 0u8..5).prop_map(|(which, children)| Operation::FanOut { which, children }),
        1 => any::<usize>().prop_map(|side| Operation::Partition { side }),
        1 => Just(Operation::MendAll),
        1 => Just(Operation::RootVanishes),
        1 => Just(Operation::RootReturns),
        1 => any::<usize>().prop_map(|which| Operation::Successor { which }),
        8 => (1u64..3_000).prop_map(|millis| Operation::Wait { millis }),
    ]
}

struct Room {
    world: World,
    cuts: Vec<(usize, usize)>,
    counter: u64,
}

impl Room {
    fn perform(&mut self, operation: &Operation) {
        let viewers: Vec<usize> = self.world.living().into_iter().filter(|at| *at != 0).collect();
        let pick = |which: usize| viewers.get(which % viewers.len().max(1)).copied();
        match *operation {
            Operation::Join { fan_out } => {
                self.world.join(fan_out);
            }
            Operation::Kill { which } => {
                if let Some(at) = pick(which) {
                    self.world.kill(at);
                }
            }
            Operation::Leave { which } => {
                if let Some(at) = pick(which) {
                    self.world.input(at, Input::Leave);
                }
            }
            Operation::CutFromParent { which } => {
                if let Some((at, parent)) = pick(which).and_then(|at| Some((at, self.world.parent(at)?))) {
                    self.world.cut(parent, at);
                    self.cuts.push((parent, at));
                }
            }
            Operation::CutFromStandby { which } => {
                let standby = |at: usize| self.world.status(at).standby.as_ref().map(index);
                if let Some((at, standby)) = pick(which).and_then(|at| Some((at, standby(at)?))) {
                    self.world.cut(standby, at);
                    self.cuts.push((standby, at));
                }
            }
            Operation::Freeze { which } => {
                if let Some(at) = pick(which) {
                    self.world.freeze(at);
                }
            }
            Operation::ThawAll => {
                for at in viewers {
                    self.world.thaw(at);
                }
            }
            Operation::Withheld { which } => {
                if let Some((at, parent)) = pick(which).and_then(|at| Some((at, self.world.parent(at)?))) {
                    self.world.input(at, Input::Withheld { peer: id(parent) });
                }
            }
            Operation::Congested { which } => {
                let child = |at: usize| self.world.status(at).children.first().map(|child| child.node);
                if let Some((at, peer)) = pick(which).and_then(|at| Some((at, child(at)?))) {
                    self.world.input(at, Input::Congested { peer });
                }
            }
            Operation::FanOut { which, children } => {
                if let Some(at) = pick(which) {
                    // Checked against the most that it ever took.
                    self.world.nodes[at].fan_out = self.world.nodes[at].fan_out.max(children);
                    self.world.input(at, Input::FanOut(children));
                }
            }
            Operation::Partition { side } => {
                // Which half is the root's is as random as the numbers are.
                let others = self.world.living();
                for (a, b) in others.iter().flat_map(|a| others.iter().map(move |b| (*a, *b))) {
                    if a < b && (side >> (a % 16)) & 1 != (side >> (b % 16)) & 1 {
                        self.world.cut(a, b);
                        self.cuts.push((a, b));
                    }
                }
            }
            Operation::MendAll => {
                for (a, b) in std::mem::take(&mut self.cuts) {
                    self.world.mend(a, b);
                }
            }
            Operation::RootVanishes => {
                if self.world.nodes[0].alive {
                    self.world.kill(0);
                }
            }
            Operation::RootReturns => {
                if !self.world.nodes[0].alive {
                    self.counter += 1_000_000;
                    self.world.restart_root(self.counter);
                    let root = self.world.root;
                    self.world.input(0, Input::Root(id(root)));
                }
            }
            Operation::Successor { which } => {
                if let Some(at) = pick(which) {
                    self.world.succeed(at);
                }
            }
            Operation::Wait { millis } => self.world.run(millis),
        }
    }
}

fn run(seed: u64, faults: Faults, operations: &[Operation]) {
    let mut room = Room { world: World::new(seed, 3), cuts: Vec::new(), counter: 0 };
    room.world.faults = faults;
    // Enough that relays can fall without emptying the room.
    for _ in 0..8 {
        room.world.join(2);
        room.world.run(40);
    }
    for operation in operations {
        room.perform(operation);
    }
    room.perform(&Operation::MendAll);
    room.perform(&Operation::ThawAll);
    room.perform(&Operation::RootReturns);
    if room.world.root != 0 {
        // It may be dead, or about to leave.
        room.world.succeed(0);
    }
    room.world.faults = Faults::default();
    // A room of leaves alone has no place for all: let there be some relays.
    for _ in 0..3 {
        room.world.join(4);
    }
    room.world.until("everyone is connected after the last fault", 60_000, World::is_connected);
    room.world.run(20_000);
    // Who was one too many for too long is cut, and moves to its standby.
    room.world.until("everyone is still connected", 2_000, World::is_connected);
    room.world.until("those who can have standbys", 150_000, World::most_have_standbys);
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn whatever_happens_everyone_is_connected_in_the_end(
        seed in any::<u32>(),
        operations in prop::collection::vec(any_operation(), 1..60),
    ) {
        run(u64::from(seed), Faults::default(), &operations);
    }

    #[test]
    fn and_so_with_calls_that_get_lost(
        seed in any::<u32>(),
        operations in prop::collection::vec(any_operation(), 1..40),
    ) {
        run(u64::from(seed), Faults { lost: 15, duplicated: 15, delayed: 15 }, &operations);
    }
}
