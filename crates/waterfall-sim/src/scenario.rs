//! The scenarios: who comes and goes when, and what goes wrong.

use crate::noise::Noise;
use crate::people::{Conduct, Person, Population};

const SECOND: u64 = 1_000_000;
/// A room is at rest so long after its last join.
const SETTLING: u64 = 20 * SECOND;
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

/// How long participants stay.
#[derive(Debug, Clone, Copy)]
enum Stay {
    Exponential,
    Lognormal,
    Weibull,
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
    /// For so many participants: they join at up to 5 000 a second, but not in less than a minute, and are watched for
    /// ten minutes (two from a million on).
    #[must_use]
    pub fn of(nodes: u32) -> Self {
        let after = if nodes >= 1_000_000 { 120 } else { 600 };
        Self { nodes, after, ramp: (u64::from(nodes) / 5_000).max(60), session: 600.0 }
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

/// Puts a plan together.
struct Builder<'a> {
    population: &'a Population,
    size: &'a Size,
    noise: Noise,
    steps: Vec<(u64, Step)>,
    joins_from: u64,
    measured_from: u64,
    end: u64,
}

impl Scenario {
    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// What will be done.
    #[must_use]
    pub fn plan(&self, seed: u64, population: &Population, size: &Size) -> Plan {
        let noise = Noise::new(seed, 0x5ce);
        let mut builder =
            Builder { population, size, noise, steps: Vec::new(), joins_from: 0, measured_from: 0, end: 0 };
        (self.build)(&mut builder);
        builder.finish()
    }
}

impl Builder<'_> {
    fn person(&mut self) -> Person {
        self.population.draw(&mut self.noise)
    }

    fn join(&mut self, at: u64, stays: Option<(u64, bool)>) {
        let person = self.person();
        self.steps.push((at, Step::Join { person, stays }));
    }

    /// So many join between two moments; returns the later.
    fn ramp(&mut self, count: u32, from: u64, seconds: u64) -> u64 {
        let span = seconds * SECOND;
        for number in 0..u64::from(count) {
            let spread = self.noise.below(span / u64::from(count.max(1)) + 1);
            self.join(from + span * number / u64::from(count.max(1)) + spread, None);
        }
        from + span
    }

    fn fault(&mut self, at: u64, fault: Fault) {
        self.steps.push((at, Step::Fault(fault)));
    }

    /// A room at rest; returns when.
    fn settled(&mut self) -> u64 {
        let joined = self.ramp(self.size.nodes, SECOND, self.size.ramp);
        self.measured_from = joined + SETTLING;
        self.end = joined + (self.size.after * SECOND).max(2 * SETTLING);
        joined + SETTLING
    }

    fn finish(mut self) -> Plan {
        self.steps.sort_by_key(|(at, _)| *at);
        Plan { steps: self.steps, measured_from: self.measured_from, joins_from: self.joins_from, end: self.end }
    }
}

fn growth(b: &mut Builder<'_>) {
    b.settled();
}

fn flash(b: &mut Builder<'_>) {
    let there = b.size.nodes / 10;
    let joined = b.ramp(there, SECOND, b.size.ramp.min(60));
    let begins = joined + SETTLING;
    b.joins_from = begins;
    let over = b.ramp(b.size.nodes - there, begins, 10);
    b.measured_from = over + SETTLING;
    b.end = over + b.size.after * SECOND;
}

fn churn(b: &mut Builder<'_>, stay: Stay) {
    let mean = b.size.session;
    let end = (b.size.ramp + b.size.after) * SECOND + SECOND;
    let ramped = SECOND + b.size.ramp * SECOND;
    // Who is there at the beginning has been there for a while: what is left of a session is drawn as a whole one,
    // which is exact for exponential sessions and a little long for the others.
    for number in 0..u64::from(b.size.nodes) {
        let at = SECOND + b.size.ramp * SECOND * number / u64::from(b.size.nodes);
        let stays = session(b, stay, mean);
        b.join(at, Some(stays));
    }
    let every = mean * 1e6 / f64::from(b.size.nodes.max(1));
    let mut at = SECOND as f64;
    loop {
        at += b.noise.exponential(every);
        if at as u64 >= end {
            break;
        }
        // While the room fills, only what has left is replaced.
        let filled = ((at as u64).min(ramped) as f64 / ramped as f64).clamp(0.0, 1.0);
        if b.noise.unit() < filled {
            let stays = session(b, stay, mean);
            b.join(at as u64, Some(stays));
        }
    }
    b.joins_from = ramped;
    b.measured_from = ramped;
    b.end = end;
}

fn session(b: &mut Builder<'_>, stay: Stay, mean: f64) -> (u64, bool) {
    let seconds = match stay {
        Stay::Exponential => b.noise.exponential(mean),
        // Deviation 1: the median is 0.61 of the mean. (Veloso et al. 2002 fit live viewers' sessions lognormal.)
        Stay::Lognormal => mean * (b.noise.normal() - 0.5).exp(),
        // Shape 0.6: Γ(1 + 1/0.6) = 1.5046 times the scale is the mean.
        Stay::Weibull => mean / 1.5046 * (-(1.0 - b.noise.unit()).ln()).powf(1.0 / 0.6),
    };
    let rude = b.noise.unit() < RUDE;
    // Nobody watches for less than a second.
    ((seconds.clamp(1.0, 1e6) * 1e6) as u64, rude)
}

fn mass(b: &mut Builder<'_>, pick: Pick) {
    let at = b.settled();
    b.fault(at, Fault::Kill(pick));
}

fn relays(b: &mut Builder<'_>) {
    let mut at = b.settled();
    while at + SETTLING < b.end {
        b.fault(at, Fault::Kill(Pick::OneRelay));
        at += 5 * SECOND;
    }
}

fn exodus(b: &mut Builder<'_>) {
    let at = b.settled();
    for second in 0..10 {
        b.fault(at + second * SECOND, Fault::Leave(Pick::Share(0.035)));
    }
}

fn freeze(b: &mut Builder<'_>) {
    let mut at = b.settled();
    while at + 2 * SETTLING < b.end {
        b.fault(at, Fault::Freeze { pick: Pick::OneOfFirstTier, micros: 3 * SECOND });
        at += SETTLING;
    }
}

fn root_restart(b: &mut Builder<'_>) {
    let at = b.settled();
    b.fault(at, Fault::RootRestarts { after: 10 * SECOND });
}

fn partition(b: &mut Builder<'_>) {
    let at = b.settled();
    b.fault(at, Fault::Partition { micros: 20 * SECOND });
}

fn strange(b: &mut Builder<'_>, share: f64, conducts: &[Conduct]) {
    b.settled();
    let mut noise = b.noise.clone();
    for (_, step) in &mut b.steps {
        let Step::Join { person, .. } = step else { continue };
        if person.fan_out > 0 && noise.unit() < share {
            let which = noise.below(conducts.len() as u64);
            person.conduct = conducts[usize::try_from(which).expect("a handful")];
            if person.conduct == Conduct::Slow {
                person.carries = (person.fan_out / 2).max(1);
            }
        }
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

    #[test]
    fn sessions_have_their_mean() {
        let population = Population::default();
        let size = Size::of(1_000);
        let mut builder = Builder {
            population: &population,
            size: &size,
            noise: Noise::new(4, 4),
            steps: Vec::new(),
            joins_from: 0,
            measured_from: 0,
            end: 0,
        };
        for stay in [Stay::Exponential, Stay::Lognormal, Stay::Weibull] {
            let sum: u64 = (0..40_000).map(|_| session(&mut builder, stay, 600.0).0).sum();
            let mean = sum as f64 / 40_000.0 / 1e6;
            assert!((540.0..660.0).contains(&mean), "{stay:?}: {mean}");
        }
    }
}
