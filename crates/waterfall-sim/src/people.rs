//! Who takes part: where they are, what they can send, whom they can be called by.

use crate::noise::Noise;

/// What share of participants is how.
#[derive(Debug, Clone)]
pub struct Population {
    /// Children a participant with enough upload serves.
    pub fan_out: u8,
    /// What the stream takes, in kbit/s.
    pub stream_kbps: u32,
    /// Share that serves nobody: metered, opted out, behind a hopeless NAT.
    pub leaf_share: f64,
    /// Share behind a NAT that callers must get through first.
    pub nat_share: f64,
    /// Median round trip between two participants, in milliseconds.
    pub round_trip_ms: f64,
}

impl Default for Population {
    fn default() -> Self {
        Self { fan_out: 4, stream_kbps: 1_000, leaf_share: 0.3, nat_share: 0.5, round_trip_ms: 50.0 }
    }
}

/// How a participant behaves towards others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Conduct {
    #[default]
    Honest,
    /// Says that it serves `fan_out`, carries as many streams as `carries` says.
    Slow,
    /// Takes children and forwards nothing.
    Withholds,
    /// Tells of more spots, nearer the root, than it has.
    Boasts,
    /// Tells counters that the root has not reached.
    Counts,
}

/// A participant's unchanging side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    /// Where it is, in milliseconds of one-way delay.
    pub(crate) at: (f32, f32),
    /// One-way delay of its own access, in milliseconds.
    pub(crate) access: f32,
    /// The network part of its address; neighbours on the map share it.
    pub(crate) network: [u8; 2],
    /// Children it serves at most, as it says.
    pub(crate) fan_out: u8,
    /// Streams its upload really carries.
    pub(crate) carries: u8,
    pub(crate) behind_nat: bool,
    pub(crate) conduct: Conduct,
}

/// Upload classes: share of those who serve, kbit/s. After the shape of fixed-line and mobile uploads in
/// Ofcom's and the FCC's measuring reports: a slow tail, a broad middle, a fast half.
const UPLOADS: [(f64, u32); 4] = [(0.10, 1_500), (0.20, 3_000), (0.25, 10_000), (0.45, 50_000)];
/// A stream takes this much more than its own rate: headers, repairs, fillers.
const HEADROOM: f64 = 1.2;
/// Where people are: share, position in milliseconds of one-way delay from the map's origin.
const REGIONS: [(f64, (f64, f64)); 7] = [
    (0.30, (0.0, 0.0)),
    (0.22, (8.0, 4.0)),
    (0.18, (45.0, 5.0)),
    (0.10, (62.0, 12.0)),
    (0.10, (-70.0, 15.0)),
    (0.06, (-50.0, 40.0)),
    (0.04, (30.0, 60.0)),
];
/// How far people of one region are from its middle, in milliseconds.
const SPREAD: f64 = 5.0;
/// Access delays are lognormal with this median, in milliseconds: fibre below, radio far above.
const ACCESS: f64 = 3.0;

impl Population {
    /// Draws participant after participant.
    pub(crate) fn draw(&self, noise: &mut Noise) -> Person {
        let (region, middle) = pick_region(noise);
        let at = (middle.0 + SPREAD * noise.normal(), middle.1 + SPREAD * noise.normal());
        let access = ACCESS * (0.7 * noise.normal()).exp();
        let upload = pick_upload(noise);
        let serves = noise.unit() >= self.leaf_share;
        let fan_out = if serves { self.fan_out_for(upload).max(1) } else { 0 };
        let behind_nat = noise.unit() < self.nat_share;
        self.person(at, access, region, (fan_out, upload), behind_nat)
    }

    /// Someone a trace tells of: position in milliseconds, upload in kbit/s.
    pub(crate) fn traced(&self, at: (f64, f64), upload: u32, leaf_only: bool, noise: &mut Noise) -> Person {
        let fan_out = if leaf_only { 0 } else { self.fan_out_for(upload) };
        let region = usize::from(at.0 > 0.0) * 2 + usize::from(at.1 > 0.0);
        let behind_nat = noise.unit() < self.nat_share;
        self.person(at, ACCESS, region, (fan_out, upload), behind_nat)
    }

    /// The speaker: a reachable machine with a good upload, in the largest region.
    pub(crate) fn speaker(&self) -> Person {
        self.person((0.0, 0.0), ACCESS, 0, (self.fan_out.max(1), u32::MAX), false)
    }

    fn fan_out_for(&self, upload: u32) -> u8 {
        let streams = f64::from(upload) / (f64::from(self.stream_kbps.max(1)) * HEADROOM);
        (streams as u64).min(u64::from(self.fan_out)) as u8
    }

    fn person(
        &self,
        at: (f64, f64),
        access: f64,
        region: usize,
        (fan_out, upload): (u8, u32),
        behind_nat: bool,
    ) -> Person {
        // One second-level network for each 16 ms square of a region.
        let square = ((at.0 / 16.0).floor() as i64 & 15) << 4 | ((at.1 / 16.0).floor() as i64 & 15);
        Person {
            at: (at.0 as f32, at.1 as f32),
            access: access as f32,
            network: [20 + region as u8, square as u8],
            fan_out,
            // Nobody promises more than it can, but some take one more for a moment and cannot.
            carries: (upload / self.stream_kbps.max(1)).clamp(u32::from(fan_out), u32::from(u8::MAX)) as u8,
            behind_nat,
            conduct: Conduct::Honest,
        }
    }
}

fn pick_region(noise: &mut Noise) -> (usize, (f64, f64)) {
    let mut left = noise.unit();
    for (number, (share, middle)) in REGIONS.iter().enumerate() {
        if left < *share {
            return (number, *middle);
        }
        left -= share;
    }
    (0, REGIONS[0].1)
}

fn pick_upload(noise: &mut Noise) -> u32 {
    let mut left = noise.unit();
    for (share, kbps) in UPLOADS {
        if left < share {
            return kbps;
        }
        left -= share;
    }
    UPLOADS[UPLOADS.len() - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_as_asked_for() {
        let population = Population::default();
        let mut noise = Noise::new(3, 3);
        let people: Vec<Person> = (0..10_000).map(|_| population.draw(&mut noise)).collect();
        let share = |f: &dyn Fn(&Person) -> bool| people.iter().filter(|p| f(p)).count() as f64 / 10_000.0;
        assert!((share(&|p| p.fan_out == 0) - 0.3).abs() < 0.02);
        assert!((share(&|p| p.behind_nat) - 0.5).abs() < 0.02);
        assert!((share(&|p| p.fan_out == 1) - 0.07).abs() < 0.02);
        assert!(people.iter().all(|p| p.fan_out <= 4));
    }
}
