//! Who is not called for a while.

use waterfall_wire::NodeId;

use crate::Timestamp;
use crate::config::SHUN;

/// Participants remembered at most; the one remembered longest is forgotten for a new one.
const MAX_SHUNNED: usize = 16;

/// A short memory for those who took from others and did not pass on. It stays here: nobody is
/// told, so nobody can be slandered.
#[derive(Debug, Default)]
pub(crate) struct Shunned(Vec<(NodeId, Timestamp)>);

impl Shunned {
    pub(crate) fn add(&mut self, node: NodeId, now: Timestamp) {
        self.0.retain(|(known, until)| *known != node && *until > now);
        if self.0.len() == MAX_SHUNNED {
            self.0.remove(0);
        }
        self.0.push((node, now + SHUN));
    }

    pub(crate) fn contains(&self, node: &NodeId, now: Timestamp) -> bool {
        self.0.iter().any(|(known, until)| known == node && *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_a_few_for_a_while() {
        let mut shunned = Shunned::default();
        let now = Timestamp::ZERO;
        for n in 0..100 {
            shunned.add(NodeId([n; 32]), now);
        }
        assert_eq!(shunned.0.len(), MAX_SHUNNED);
        assert!(shunned.contains(&NodeId([99; 32]), now) && !shunned.contains(&NodeId([3; 32]), now));
        assert!(!shunned.contains(&NodeId([99; 32]), now + SHUN));
    }
}
