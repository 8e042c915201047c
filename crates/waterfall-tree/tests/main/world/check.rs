//! What must hold after every event.

use waterfall_tree::{MAX_OVER, WARDS_PER_CHILD};

use super::{World, index};

impl World {
    /// What must hold after every event.
    pub(super) fn check(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.status = node.tree.status();
        let status = &node.status;
        // The most it ever took: what it takes now may be less.
        let most = if node.fan_out == 0 { 0 } else { usize::from(node.fan_out) + usize::from(MAX_OVER) };
        // Silent children that are heard again come on top, until some have moved.
        assert!(status.children.len() <= 2 * most, "{at} has too many children");
        // Children that become wards come on top.
        let wards = usize::from(node.fan_out) * (usize::from(WARDS_PER_CHILD) + 1);
        assert!(status.wards.len() <= wards, "{at} has too many wards");
        assert!(node.fan_out > 0 || status.children.is_empty(), "a leaf has children");
        for child in &status.children {
            assert!(node.feeding.contains(&index(&child.node)), "{at} has a child that it does not feed");
        }
        // Whom it called is above it.
        let is_above = |peer: &usize| node.sessions.get(peer).is_some_and(|session| session.outgoing);
        let up: Vec<usize> = node.feeding.iter().copied().filter(is_above).collect();
        let down = node.feeding.len() - up.len();
        assert!(down <= 2 * most, "{at} feeds {down}");
        // The parent; while moving the one before; and when that is lost at once the standby.
        assert!(up.len() <= 3, "{at} has {} parents", up.len());
        let parent = status.parent.as_ref().map(index);
        assert!(parent.is_none_or(|parent| up.contains(&parent)), "{at} has a parent that does not feed it");
        let standby = status.standby.as_ref().map(index);
        if let Some(standby) = standby {
            assert!(Some(standby) != parent && is_above(&standby), "{at} has a strange standby");
        }
        self.depth(at);
        if self.no_gaps {
            let fed = self.fed();
            for &at in &self.was_fed {
                assert!(fed.contains(&at) || !self.nodes[at].alive, "the feed of {at} was interrupted");
            }
            self.was_fed = fed;
        } else {
            self.was_fed.clear();
        }
    }
}
