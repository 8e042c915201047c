//! Randomness without state: the same question has the same answer in each run.

/// Mixes 64 bits well (the finaliser of `SplitMix64`, Steele, Lea, Flood 2014).
pub(crate) const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 64 bits that follow from a seed and two more numbers.
pub(crate) const fn of(seed: u64, a: u64, b: u64) -> u64 {
    mix(mix(seed ^ mix(a)).wrapping_add(b))
}

/// A number in `0.0..1.0` from 64 bits.
pub(crate) fn unit(bits: u64) -> f64 {
    // 53 bits are what an f64 holds.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A stream of random numbers: small, seeded, the same on each machine.
#[derive(Debug, Clone)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) const fn new(seed: u64, purpose: u64) -> Self {
        Self(of(seed, purpose, 0))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// Uniform in `0..below`; 0 when `below` is 0.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.bits() % below }
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Shuffles (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).expect("at most a list's length");
            list.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_have_their_means() {
        let mut noise = Noise::new(7, 1);
        let count = 20_000;
        let mean = |f: &mut dyn FnMut() -> f64| (0..count).map(|_| f()).sum::<f64>() / f64::from(count);
        assert!((mean(&mut || noise.unit()) - 0.5).abs() < 0.02);
        assert!((mean(&mut || noise.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!(mean(&mut || noise.normal()).abs() < 0.03);
    }
}
