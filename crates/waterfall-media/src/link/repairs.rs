//! Packets that the other end has asked for again.

use std::collections::{BTreeSet, VecDeque};

use super::slots::Slot;

/// Most that wait; what does not fit is asked for again.
const MAX_WAITING: usize = 512;

/// Each once, in the order of the requests: the other end asks again and again while they wait.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    order: VecDeque<(Slot, u16)>,
    waiting: BTreeSet<(Slot, u16)>,
}

impl Repairs {
    /// Notes a request.
    pub(super) fn ask(&mut self, slot: Slot, sequence: u16) {
        if self.order.len() < MAX_WAITING && self.waiting.insert((slot, sequence)) {
            self.order.push_back((slot, sequence));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The one to be sent next.
    pub(super) fn pop(&mut self) -> Option<(Slot, u16)> {
        let next = self.order.pop_front()?;
        self.waiting.remove(&next);
        Some(next)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_already_is_not_sent_twice_and_only_so_much_waits() {
        let (sound, pictures) = (Slot::new(0).unwrap(), Slot::new(16).unwrap());
        let mut repairs = Repairs::default();
        for (slot, sequence) in [(pictures, 7), (sound, 7), (pictures, 7), (pictures, 3)] {
            repairs.ask(slot, sequence);
        }
        assert_eq!(repairs.pop(), Some((pictures, 7)));
        repairs.ask(pictures, 7);
        let rest: Vec<_> = std::iter::from_fn(|| repairs.pop()).collect();
        assert_eq!(rest, [(sound, 7), (pictures, 3), (pictures, 7)], "asked for anew after it was sent");
        (0..1000).for_each(|sequence| repairs.ask(sound, sequence));
        assert_eq!(std::iter::from_fn(|| repairs.pop()).count(), MAX_WAITING);
        assert!(repairs.is_empty());
    }
}
