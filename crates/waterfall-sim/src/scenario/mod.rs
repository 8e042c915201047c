//! The scenarios: who comes and goes when, and what goes wrong.

mod build;

use crate::noise::Noise;
use crate::people::{Conduct, Person, Population};
use build::{Builder, Stay, churn, exodus, flash, freeze, growth, mass, partition, relays, root_restart, strange};

const SECOND: u64 = 1_000_000;
/// Of departures, these go without a word.
const RUDE: f64 = 0.5;

/// Something that is done to the room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Processes die at one instant.
    Kill(Pick),
    /// Participants leave in order.
    Leave(Pick),
    /// Processes stand still for a while.
    Freeze { pick: Pick, micros: u64 },
    /// The root dies and is back after so many microseconds.
    RootRestarts { after: u64 },
    /// East and west cannot reach each other.
    Partition { micros: u64 },
}

/// Whom it hits; never the root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pick {
    /// This share of all.
    Share(f64),
    /// All children of the root.
    FirstTier,
    /// A child of the root that has children.
    OneOfFirstTier,
    /// Someone who has children.
    OneRelay,
}

/// The next thing that is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Someone comes, and may go after so many microseconds; `true`: without a word.
    Join { person: Person, stays: Option<(u64, bool)> },
    /// Something goes wrong.
    Fault(Fault),
}

/// What will be done, and what of it is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) steps: Vec<(u64, Step)>,
    /// Traffic and moves are measured from here, in microseconds.
    pub(crate) measured_from: u64,
    /// Joins count for the figures of joining from here.
    pub(crate) joins_from: u64,
    /// The run's end.
    pub(crate) end: u64,
}

/// What a scenario is made for.
#[derive(Debug, Clone)]
pub struct Size {
    /// Participants beside the speaker.
    pub nodes: u32,
    /// Simulated seconds after the last join, or after the ramp where joins never end.
    pub after: u64,
    /// Seconds in which everyone joins, where the scenario does not say.
    pub ramp: u64,
    /// Mean session in seconds, where participants come and go.
    pub session: f64,
}

impl Size {
    /// For so many participants: they join at up to 2 500 a second, but not in less than a minute, and are watched for
    /// ten minutes (five from a million on).
    #[must_use]
    pub fn of(nodes: u32) -> Self {
        let after = if nodes >= 1_000_000 { 300 } else { 600 };
        Self { nodes, after, ramp: (u64::from(nodes) / 2_500).max(60), session: 600.0 }
    }
}

/// A scenario by name.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// As given on the command line.
    pub name: &'static str,
    /// In one sentence.
    pub about: &'static str,
    build: fn(&mut Builder<'_>),
}

/// All of them but `trace`, which reads a file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "growth", about: "Everyone joins at a steady pace; nobody leaves.", build: growth },
    Scenario { name: "flash", about: "A tenth is there; the rest joins within ten seconds.", build: flash },
    Scenario {
        name: "churn-exponential",
        about: "People come and go, exponential sessions, half of the departures without a word.",
        build: |b| churn(b, Stay::Exponential),
    },
    Scenario {
        name: "churn-lognormal",
        about: "The same with lognormal sessions: many short ones, some very long.",
        build: |b| churn(b, Stay::Lognormal),
    },
    Scenario {
        name: "churn-weibull",
        about: "The same with Weibull sessions (shape 0.6): who has stayed will stay.",
        build: |b| churn(b, Stay::Weibull),
    },
    Scenario {
        name: "die-10",
        about: "10 % of a settled room die at one instant.",
        build: |b| mass(b, Pick::Share(0.1)),
    },
    Scenario {
        name: "die-30",
        about: "30 % of a settled room die at one instant.",
        build: |b| mass(b, Pick::Share(0.3)),
    },
    Scenario {
        name: "first-tier",
        about: "All children of the root die at one instant.",
        build: |b| mass(b, Pick::FirstTier),
    },
    Scenario { name: "relays", about: "A relay dies every five seconds.", build: relays },
    Scenario { name: "leave-30", about: "30 % leave in order, within ten seconds.", build: exodus },
    Scenario { name: "freeze", about: "Relays below the root stand still for three seconds, and thaw.", build: freeze },
    Scenario { name: "root-restart", about: "The root dies and is back after ten seconds.", build: root_restart },
    Scenario {
        name: "partition",
        about: "East and west cannot reach each other for twenty seconds.",
        build: partition,
    },
    Scenario {
        name: "slow-uplinks",
        about: "A fifth of the relays carry half of what they promise.",
        build: |b| strange(b, 0.2, &[Conduct::Slow]),
    },
    Scenario {
        name: "liars",
        about: "One in twenty forwards nothing, boasts of spots it has not, or invents counters.",
        build: |b| strange(b, 0.05, &[Conduct::Withholds, Conduct::Boasts, Conduct::Counts]),
    },
];

impl Scenario {
    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// What will be done.
    #[must_use]
    pub fn plan(&self, seed: u64, population: &Population, size: &Size) -> Plan {
        let mut builder = Builder::new(seed, population, size);
        (self.build)(&mut builder);
        builder.finish()
    }
}

/// A plan from people whom a trace tells of.
#[must_use]
pub(crate) fn traced(mut joins: Vec<(u64, Person, u64)>, seed: u64, after: u64) -> Plan {
    let mut noise = Noise::new(seed, 0x7ace);
    joins.sort_by_key(|(at, ..)| *at);
    let last = joins.last().map_or(0, |(at, ..)| *at);
    let step = |(at, person, until): (u64, Person, u64)| {
        let stays = (until > at).then(|| (until - at, noise.unit() < RUDE));
        (at, Step::Join { person, stays })
    };
    let steps = joins.into_iter().map(step).collect();
    let end = last + after * SECOND;
    Plan { steps, measured_from: 0, joins_from: 0, end }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn plans_follow_from_the_seed_and_are_in_order() {
        let population = Population::default();
        for scenario in SCENARIOS {
            let plan = |seed| scenario.plan(seed, &population, &Size::of(200));
            let (one, again, other) = (plan(1), plan(1), plan(2));
            assert_eq!(one.steps, again.steps, "{}", scenario.name);
            assert_ne!(one.steps, other.steps, "{}", scenario.name);
            assert!(one.steps.is_sorted_by_key(|(at, _)| *at), "{}", scenario.name);
            let last_join = one.steps.iter().filter(|(_, s)| matches!(s, Step::Join { .. })).map(|(at, _)| *at).max();
            let watched = one.end - last_join.unwrap().min(61 * SECOND);
            assert!(watched >= 590 * SECOND, "{}: {watched}", scenario.name);
        }
    }
}
