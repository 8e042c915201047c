//! A few neighbours by id.

use waterfall_wire::NodeId;

/// A map for a handful of entries: a sorted list that is no longer than it must be. Most
/// participants have no children at all, and nobody more than a few dozen.
#[derive(Debug)]
pub(crate) struct Roster<T>(Vec<(NodeId, T)>);

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Roster<T> {
    fn find(&self, node: &NodeId) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(node))
    }

    pub(crate) fn get(&self, node: &NodeId) -> Option<&T> {
        self.find(node).ok().map(|place| &self.0[place].1)
    }

    pub(crate) fn get_mut(&mut self, node: &NodeId) -> Option<&mut T> {
        self.find(node).ok().map(|place| &mut self.0[place].1)
    }

    pub(crate) fn contains(&self, node: &NodeId) -> bool {
        self.find(node).is_ok()
    }

    /// Adds an entry, or replaces the one there was.
    pub(crate) fn insert(&mut self, node: NodeId, value: T) {
        match self.find(&node) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (node, value));
            }
        }
    }

    pub(crate) fn remove(&mut self, node: &NodeId) -> Option<T> {
        let place = self.find(node).ok()?;
        let (_, value) = self.0.remove(place);
        self.0.shrink_to_fit();
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &T)> {
        self.0.iter().map(|(node, value)| (node, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&NodeId, &mut T)> {
        self.0.iter_mut().map(|(node, value)| (&*node, value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.0.iter().map(|(node, _)| *node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_each_id_once_in_order() {
        let mut roster = Roster::default();
        for n in [5u8, 1, 3, 1] {
            roster.insert(NodeId([n; 32]), n);
        }
        assert_eq!(roster.values().copied().collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(roster.remove(&NodeId([3; 32])), Some(3));
        assert_eq!(roster.get(&NodeId([3; 32])), None);
        assert!(roster.contains(&NodeId([5; 32])) && roster.len() == 2);
    }
}
