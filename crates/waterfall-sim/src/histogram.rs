//! Counts by value in bounded memory.

use serde::{Deserialize, Serialize};

/// Each doubling is divided into so many steps: a percentile is right to 0.8 %.
const STEPS: u32 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// How often which values were seen. Values are exact below 128 and right to 0.8 % above; count, mean
/// and maximum are exact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

/// A distribution in a few figures, in the histogram's unit times what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many values there are.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half are no larger.
    pub p50: f64,
    /// 95 % are no larger.
    pub p95: f64,
    /// 99 % are no larger.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

fn slot(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(STEP_BITS + 1);
    // At most 58 doublings of 128 steps.
    ((value >> shift) + u64::from(shift * STEPS)) as usize
}

fn lowest(slot: usize) -> u64 {
    let steps = STEPS as usize;
    if slot < 2 * steps {
        return slot as u64;
    }
    let shift = slot / steps - 1;
    ((slot - shift * steps) as u64) << shift
}

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        let slot = slot(value);
        if self.counts.len() <= slot {
            self.counts.resize(slot + 1, 0);
        }
        self.counts[slot] += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value that this share (0.0 to 1.0) of all values does not exceed; 0 when there is none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((share * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return lowest(slot).min(self.max);
            }
        }
        0
    }

    /// The usual figures, each multiplied by `unit`.
    #[must_use]
    pub fn percentiles(&self, unit: f64) -> Percentiles {
        let mean = if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 };
        let of = |share| self.quantile(share) as f64 * unit;
        Percentiles {
            count: self.count,
            mean: mean * unit,
            p50: of(0.5),
            p95: of(0.95),
            p99: of(0.99),
            max: self.max as f64 * unit,
        }
    }

    /// Values and the share of all values that does not exceed them, for a curve.
    #[must_use]
    pub fn cumulative(&self) -> Vec<(u64, f64)> {
        let mut seen = 0;
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled
            .map(|(slot, count)| {
                seen += count;
                (lowest(slot), seen as f64 / self.count as f64)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_known_values() {
        let mut histogram = Histogram::default();
        for value in 1..=100 {
            histogram.add(value);
        }
        let found = histogram.percentiles(1.0);
        assert_eq!((found.p50, found.p95, found.p99, found.max), (50.0, 95.0, 99.0, 100.0));
        assert!((found.mean - 50.5).abs() < 1e-9);
        assert_eq!(Histogram::default().percentiles(1.0).max, 0.0);
    }

    #[test]
    fn large_values_are_right_to_a_hundredth() {
        for value in [128, 255, 256, 257, 1_000, 123_456, 7_777_777, u64::MAX / 3, u64::MAX] {
            let low = lowest(slot(value));
            assert!(low <= value && (value - low) as f64 <= value as f64 * 0.008, "{value}: {low}");
        }
        for at in 0..5_000 {
            assert_eq!(slot(lowest(at)), at);
        }
    }
}
