//! How long a packet takes from one participant to another.

use crate::ident::NOBODY;
use crate::noise::{self, Noise};
use crate::people::{Person, Population};

/// Pairs looked at to set the scale.
const SAMPLES: usize = 2_001;
/// This share of pairs is routed badly…
const DETOURS: f64 = 0.03;
/// …and takes up to so many times longer: the heavy tail that coordinates cannot explain (Lumezanu et
/// al. 2009 see triangle inequality violations of this order).
const WORST_DETOUR: f64 = 4.0;
/// No two participants are nearer, in microseconds.
const LEAST: f64 = 300.0;
/// No message is later by more than this, in microseconds: what is later than that counts as lost, and is sent again.
const MOST_JITTER: f64 = 60_000.0;

/// Delays that follow from places, the same whenever asked.
#[derive(Debug)]
pub(crate) struct Geography {
    seed: u64,
    /// Microseconds for each millisecond of the map.
    scale: f64,
}

impl Geography {
    /// One in which two of this population have the asked median round trip.
    pub(crate) fn new(seed: u64, population: &Population) -> Self {
        let mut noise = Noise::new(seed, 0x9e0);
        let mut unscaled = Self { seed, scale: 1_000.0 };
        let mut delays: Vec<u64> = (0..SAMPLES as u32)
            .map(|pair| {
                let (a, b) = (population.draw(&mut noise), population.draw(&mut noise));
                unscaled.delay((pair, &a), (NOBODY, &b))
            })
            .collect();
        delays.sort_unstable();
        let median = delays[SAMPLES / 2].max(1) as f64;
        unscaled.scale *= population.round_trip_ms * 1_000.0 / 2.0 / median;
        unscaled
    }

    /// One way between two, in microseconds; the same both ways.
    pub(crate) fn delay(&self, (a, one): (u32, &Person), (b, other): (u32, &Person)) -> u64 {
        let (dx, dy) = (f64::from(one.at.0 - other.at.0), f64::from(one.at.1 - other.at.1));
        let straight = dx.hypot(dy) + f64::from(one.access + other.access);
        let pair = noise::of(self.seed, u64::from(a.min(b)), u64::from(a.max(b)));
        let noisy = 0.9 + 0.2 * noise::unit(pair);
        let detour = noise::unit(noise::mix(pair));
        let detour = if detour < DETOURS { 1.0 + (WORST_DETOUR - 1.0) * detour / DETOURS } else { 1.0 };
        (straight * noisy * detour * self.scale).max(LEAST) as u64
    }

    /// What one message takes beyond the delay of its link, this share of it on average.
    pub(crate) fn jitter(delay: u64, share: f64, noise: &mut Noise) -> u64 {
        noise.exponential(delay as f64 * share).min(MOST_JITTER) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_round_trip_is_as_asked_for() {
        let population = Population { round_trip_ms: 80.0, ..Population::default() };
        let geography = Geography::new(5, &population);
        let mut noise = Noise::new(99, 1);
        let people: Vec<Person> = (0..400).map(|_| population.draw(&mut noise)).collect();
        let mut trips: Vec<u64> = (0..200u32)
            .map(|n| {
                let (a, b) = ((n, &people[n as usize]), (n + 200, &people[n as usize + 200]));
                assert_eq!(geography.delay(a, b), geography.delay(b, a));
                2 * geography.delay(a, b)
            })
            .collect();
        trips.sort_unstable();
        assert!((60_000..100_000).contains(&trips[100]), "{}", trips[100]);
        assert!(trips[199] > 2 * trips[100], "there is a tail");
    }
}
