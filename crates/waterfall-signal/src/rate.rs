//! Token buckets, one per key, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// Most keys that are kept apart. When full, the bucket that has rested longest makes room: it
/// is the fullest, so forgetting it gives nobody more than a fresh burst.
const MAX_BUCKETS: usize = 4096;

/// Lets each `K` do something `burst` times at once and `per_second` times a second in the long run.
///
/// Keeps at most 4 096 of them apart; the one that has rested longest is forgotten for a new one.
#[derive(Debug)]
pub struct RateLimit<K> {
    burst: f64,
    per_second: f64,
    buckets: HashMap<K, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Hash + Eq + Copy> RateLimit<K> {
    /// Nobody has done anything yet.
    #[must_use]
    pub fn new(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second, buckets: HashMap::new() }
    }

    /// Takes a token; `false` if there is none.
    pub fn allow(&mut self, who: K, now: Instant) -> bool {
        if !self.buckets.contains_key(&who) && self.buckets.len() >= MAX_BUCKETS {
            let oldest = self.buckets.iter().min_by_key(|(_, b)| b.at).map(|(k, _)| *k);
            if let Some(oldest) = oldest {
                self.buckets.remove(&oldest);
            }
        }
        let bucket = self.buckets.entry(who).or_insert(Bucket { tokens: self.burst, at: now });
        let rested = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + rested * self.per_second).min(self.burst);
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bursts_then_refills() {
        let mut limit = RateLimit::new(3.0, 2.0);
        let start = Instant::now();
        assert_eq!((0..5).filter(|_| limit.allow('a', start)).count(), 3);
        assert!(limit.allow('b', start), "each has its own");
        let later = start + Duration::from_secs(1);
        assert_eq!((0..5).filter(|_| limit.allow('a', later)).count(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut limit = RateLimit::new(1.0, 1.0);
        let start = Instant::now();
        for i in 0..2 * MAX_BUCKETS {
            limit.allow(i, start + Duration::from_micros(i as u64));
        }
        assert_eq!(limit.buckets.len(), MAX_BUCKETS);
        assert!(limit.buckets.contains_key(&(2 * MAX_BUCKETS - 1)));
    }
}
