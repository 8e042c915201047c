//! What each scenario does.

use super::{Fault, Pick, Plan, RUDE, SECOND, Size, Step};
use crate::noise::Noise;
use crate::people::{Conduct, Person, Population};

/// A room is at rest so long after its last join.
const SETTLING: u64 = 20 * SECOND;

/// How long participants stay.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stay {
    Exponential,
    Lognormal,
    Weibull,
}

/// Puts a plan together.
pub(super) struct Builder<'a> {
    population: &'a Population,
    size: &'a Size,
    noise: Noise,
    steps: Vec<(u64, Step)>,
    joins_from: u64,
    measured_from: u64,
    end: u64,
}

impl<'a> Builder<'a> {
    pub(super) fn new(seed: u64, population: &'a Population, size: &'a Size) -> Self {
        let noise = Noise::new(seed, 0x5ce);
        Self { population, size, noise, steps: Vec::new(), joins_from: 0, measured_from: 0, end: 0 }
    }

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

    pub(super) fn finish(mut self) -> Plan {
        self.steps.sort_by_key(|(at, _)| *at);
        Plan { steps: self.steps, measured_from: self.measured_from, joins_from: self.joins_from, end: self.end }
    }
}

pub(super) fn growth(b: &mut Builder<'_>) {
    b.settled();
}

pub(super) fn flash(b: &mut Builder<'_>) {
    let there = b.size.nodes / 10;
    let joined = b.ramp(there, SECOND, b.size.ramp.min(60));
    let begins = joined + SETTLING;
    b.joins_from = begins;
    let over = b.ramp(b.size.nodes - there, begins, 10);
    b.measured_from = over + SETTLING;
    b.end = over + b.size.after * SECOND;
}

pub(super) fn churn(b: &mut Builder<'_>, stay: Stay) {
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

pub(super) fn mass(b: &mut Builder<'_>, pick: Pick) {
    let at = b.settled();
    b.fault(at, Fault::Kill(pick));
}

pub(super) fn relays(b: &mut Builder<'_>) {
    let mut at = b.settled();
    while at + SETTLING < b.end {
        b.fault(at, Fault::Kill(Pick::OneRelay));
        at += 5 * SECOND;
    }
}

pub(super) fn exodus(b: &mut Builder<'_>) {
    let at = b.settled();
    for second in 0..10 {
        b.fault(at + second * SECOND, Fault::Leave(Pick::Share(0.035)));
    }
}

pub(super) fn freeze(b: &mut Builder<'_>) {
    let mut at = b.settled();
    while at + 2 * SETTLING < b.end {
        b.fault(at, Fault::Freeze { pick: Pick::OneOfFirstTier, micros: 3 * SECOND });
        at += SETTLING;
    }
}

pub(super) fn root_restart(b: &mut Builder<'_>) {
    let at = b.settled();
    b.fault(at, Fault::RootRestarts { after: 10 * SECOND });
}

pub(super) fn partition(b: &mut Builder<'_>) {
    let at = b.settled();
    b.fault(at, Fault::Partition { micros: 20 * SECOND });
}

pub(super) fn strange(b: &mut Builder<'_>, share: f64, conducts: &[Conduct]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_their_mean() {
        let population = Population::default();
        let size = Size::of(1_000);
        let mut builder = Builder::new(4, &population, &size);
        for stay in [Stay::Exponential, Stay::Lognormal, Stay::Weibull] {
            let sum: u64 = (0..40_000).map(|_| session(&mut builder, stay, 600.0).0).sum();
            let mean = sum as f64 / 40_000.0 / 1e6;
            assert!((540.0..660.0).contains(&mean), "{stay:?}: {mean}");
        }
    }
}
