//! Who is in the room's gossip topic: the root and other delegates, those right below the root, and
//! whoever has no parent. Everyone else hears through the tree what concerns everyone; were all in
//! the topic, each letter's notice would go to all.

use std::time::{Duration, Instant};

use super::{Done, Driver};

/// How long one who has found a place deeper down stays: a search that goes on should not make it
/// come and go, and the mesh needs some seconds to form anew.
const LINGER: Duration = Duration::from_secs(10);

/// See the module. A participant begins as a member.
#[derive(Debug)]
pub(crate) struct Topic {
    member: bool,
    /// Being entered or left.
    changing: bool,
    needless_since: Option<Instant>,
}

impl Default for Topic {
    fn default() -> Self {
        Self { member: true, changing: false, needless_since: None }
    }
}

impl Topic {
    /// Whether to enter or to leave now; [`Self::changed`] must follow.
    fn change(&mut self, wanted: bool, now: Instant) -> Option<bool> {
        let since = if wanted { None } else { Some(*self.needless_since.get_or_insert(now)) };
        self.needless_since = since;
        let stays = wanted || since.is_some_and(|since| now - since < LINGER);
        let change = match (self.member, wanted) {
            (false, true) => Some(true),
            (true, false) if !stays => Some(false),
            _ => None,
        };
        let change = change.filter(|_| !self.changing);
        self.changing |= change.is_some();
        change
    }

    /// The change is done.
    pub(crate) fn changed(&mut self, member: bool) {
        (self.member, self.changing) = (member, false);
    }
}

impl Driver {
    /// Enters or leaves the topic as the place in the tree demands.
    pub(super) fn settle_topic(&mut self) {
        let tree = self.tree.status();
        let near = tree.parent.is_none() || tree.starving || tree.depth.is_none_or(|depth| depth <= 1);
        let wanted = near || self.secrets.charter.delegates.contains(&self.shared.node_id());
        let Some(enter) = self.topic.change(wanted, Instant::now()) else { return };
        let (signal, topic) = (self.shared.signal.clone(), self.secrets.epoch_key.topic());
        self.tasks.push(Box::pin(async move {
            if enter {
                signal.join_topic(topic).await;
            } else {
                signal.leave_topic(topic).await;
            }
            Done::Topic { member: enter }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leaves_late_and_comes_back_at_once() {
        let (mut topic, start) = (Topic::default(), Instant::now());
        assert_eq!(topic.change(true, start), None);
        assert_eq!(topic.change(false, start), None);
        assert_eq!(topic.change(false, start + LINGER / 2), None);
        assert_eq!(topic.change(true, start + LINGER / 2), None, "a search that begins again");
        assert_eq!(topic.change(false, start + LINGER), None);
        assert_eq!(topic.change(false, start + 2 * LINGER), Some(false));
        assert_eq!(topic.change(true, start + 2 * LINGER), None, "one change at a time");
        topic.changed(false);
        assert_eq!(topic.change(true, start + 2 * LINGER), Some(true));
        topic.changed(true);
        assert_eq!(topic.change(true, start + 3 * LINGER), None);
    }
}
