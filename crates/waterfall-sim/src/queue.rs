//! The event queue: a radix heap, first in first out among events of one moment.
//!
//! Simulated time never runs backwards, so a heap that only accepts moments at or after the last
//! one taken out is enough; it moves each event a few times in its life instead of comparing
//! it with `log N` others (Ahuja, Mehlhorn, Orlin, Tarjan 1990).

/// Events by moment. Events of one moment keep the order in which they were put in, so the order
/// is the same in each run.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// The moment of the event taken out last.
    last: u64,
    /// Bucket `b > 0` holds moments whose highest bit that differs from `last` is bit `b - 1`.
    buckets: Vec<Vec<(u64, T)>>,
    /// Taken out of bucket 0 already.
    taken: usize,
    len: usize,
}

/// One for moments equal to the last, one for each bit that can differ.
const BUCKETS: usize = 65;

impl<T: Copy> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { last: 0, buckets: (0..BUCKETS).map(|_| Vec::new()).collect(), taken: 0, len: 0 }
    }

    fn bucket(&self, at: u64) -> usize {
        (u64::BITS - (at ^ self.last).leading_zeros()) as usize
    }

    /// Puts an event in; one before the last taken out happens at the moment of that.
    pub(crate) fn push(&mut self, at: u64, event: T) {
        let at = at.max(self.last);
        let bucket = self.bucket(at);
        self.buckets[bucket].push((at, event));
        self.len += 1;
    }

    /// Takes the earliest out, with its moment.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        if self.len == 0 {
            return None;
        }
        if self.taken == self.buckets[0].len() {
            self.refill();
        }
        let event = self.buckets[0][self.taken];
        self.taken += 1;
        self.len -= 1;
        Some(event)
    }

    /// The moment of the earliest.
    pub(crate) fn next(&mut self) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        if self.taken == self.buckets[0].len() {
            self.refill();
        }
        Some(self.buckets[0][self.taken].0)
    }

    /// Moves the earliest events to bucket 0, which is used up.
    fn refill(&mut self) {
        self.buckets[0].clear();
        self.taken = 0;
        let Some(lowest) = self.buckets.iter().position(|bucket| !bucket.is_empty()) else { return };
        let mut events = std::mem::take(&mut self.buckets[lowest]);
        self.last = events.iter().map(|(at, _)| *at).min().unwrap_or(self.last);
        for &(at, event) in &events {
            let bucket = self.bucket(at);
            self.buckets[bucket].push((at, event));
        }
        events.clear();
        self.buckets[lowest] = events;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_comes_first_and_equals_in_order(
            steps in prop::collection::vec((prop::bool::ANY, 0u64..2_000), 1..400),
        ) {
            let mut queue = Queue::new();
            let mut model: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            for (number, (put, ahead)) in steps.into_iter().enumerate() {
                if put {
                    queue.push(now + ahead, number);
                    model.push((now + ahead, number));
                } else {
                    model.sort();
                    let expected = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(queue.next(), expected.map(|(at, _)| at));
                    prop_assert_eq!(queue.pop(), expected);
                    now = expected.map_or(now, |(at, _)| at);
                }
            }
        }
    }
}
