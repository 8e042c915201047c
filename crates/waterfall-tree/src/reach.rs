//! Who could be reached of late and how soon, and who could not: what was learnt by calling for a
//! standby decides whom an orphan calls first.

use std::time::Duration;

use waterfall_wire::{Contact, NodeId};

/// Remembered of those who answered and are no neighbours now.
const MAX_MET: usize = 4;
/// Remembered of those who did not answer: they are dead, or out of reach for good.
const MAX_MISSED: usize = 8;

/// What calls have shown.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// How long the link took to come up.
    met: Vec<(Duration, Contact)>,
    missed: Vec<NodeId>,
    /// How long an answer takes, smoothed.
    usual: Duration,
}

impl Reach {
    /// A link to this one came up after so long.
    pub(crate) fn met(&mut self, contact: Contact, took: Duration) {
        self.missed.retain(|node| *node != contact.node);
        self.met.retain(|(_, known)| known.node != contact.node);
        if self.met.len() == MAX_MET {
            self.met.remove(0);
        }
        self.met.reserve_exact(1);
        self.met.push((took, contact));
    }

    /// A call was answered after so long, whatever the answer.
    pub(crate) fn answered(&mut self, after: Duration) {
        self.usual = if self.usual.is_zero() { after } else { (3 * self.usual + after) / 4 };
    }

    /// How long an answer is worth waiting for: longer than at first where others are far away.
    pub(crate) fn patience(&self, first: Duration, longest: Duration) -> Duration {
        first.max(5 * self.usual / 2).min(longest)
    }

    /// This one did not answer.
    pub(crate) fn missed(&mut self, node: NodeId) {
        self.met.retain(|(_, known)| known.node != node);
        if self.missed.contains(&node) {
            return;
        }
        if self.missed.len() == MAX_MISSED {
            self.missed.remove(0);
        }
        self.missed.reserve_exact(1);
        self.missed.push(node);
    }

    /// So many who answered, the soonest first.
    pub(crate) fn soonest(&self, most: usize) -> impl Iterator<Item = Contact> {
        let mut met: Vec<_> = self.met.iter().collect();
        met.sort_by_key(|(took, contact)| (*took, contact.node));
        met.into_iter().take(most).map(|(_, contact)| contact.clone()).collect::<Vec<_>>().into_iter()
    }

    /// Who did not answer.
    pub(crate) fn silent(&self) -> impl Iterator<Item = NodeId> {
        self.missed.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(n: u8) -> Contact {
        Contact::new(NodeId([n; 32]), [])
    }

    #[test]
    fn the_last_few_the_soonest_first() {
        let mut reach = Reach::default();
        for n in [5, 9, 3, 7, 1, 3] {
            reach.met(contact(n), Duration::from_millis(n.into()));
        }
        let soonest: Vec<u8> = reach.soonest(3).map(|contact| contact.node.0[0]).collect();
        assert_eq!(soonest, [1, 3, 7], "5 was met first of all");
        for n in 0..=9 {
            reach.missed(NodeId([n; 32]));
        }
        assert_eq!(reach.soonest(3).count(), 0);
        assert_eq!(reach.silent().count(), MAX_MISSED);
        reach.met(contact(9), Duration::ZERO);
        assert!(!reach.silent().any(|node| node == NodeId([9; 32])));
    }

    #[test]
    fn patience_grows_with_how_long_answers_take() {
        let millis = Duration::from_millis;
        let mut reach = Reach::default();
        let patience = |reach: &Reach| reach.patience(millis(500), millis(5_000));
        assert_eq!(patience(&reach), millis(500));
        for after in [100, 150, 120] {
            reach.answered(millis(after));
        }
        assert_eq!(patience(&reach), millis(500));
        for _ in 0..20 {
            reach.answered(millis(600));
        }
        assert!(patience(&reach) > millis(1_400) && patience(&reach) <= millis(1_500));
        reach.answered(Duration::from_secs(100));
        assert_eq!(patience(&reach), millis(5_000));
    }
}
