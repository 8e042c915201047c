//! Whether a room is one tree, by what everyone in it says of itself.

use std::collections::BTreeMap;

use waterfall::{NodeId, Status};

/// Everyone's last word.
pub(super) struct Room<'a> {
    pub(super) root: (NodeId, &'a Status),
    pub(super) viewers: Vec<(NodeId, &'a Status)>,
}

/// What is wrong with a room of so many viewers, if anything is: whether each has a parent that knows it, each way up
/// ends at the root, nobody serves more than it said it would, and each has a standby that is another.
pub(super) fn illegal(room: &Room<'_>, viewers: usize) -> Option<String> {
    let all: BTreeMap<NodeId, &Status> = room.viewers.iter().copied().chain([room.root]).collect();
    if room.viewers.len() != viewers {
        return Some(format!("{} of {viewers} viewers are there", room.viewers.len()));
    }
    let wrong = |(id, status): &(NodeId, &Status)| {
        let parent = status.parent.filter(|parent| all.contains_key(parent));
        let Some(parent) = parent else { return Some("has no parent".to_owned()) };
        if !all[&parent].children.contains(id) {
            return Some(format!("is no child in the eyes of its parent {}", parent.short()));
        }
        if !reaches(&all, *id, room.root.0) {
            return Some("has no way to the speaker".to_owned());
        }
        if !status.standby.is_some_and(|standby| standby != parent && all.contains_key(&standby)) {
            return Some("has no standby".to_owned());
        }
        None
    };
    let crowded = |(id, status): (&NodeId, &&Status)| {
        let (children, places) = (status.children.len(), status.fan_out);
        (children > usize::from(places)).then(|| format!("{} has {children} children for {places} places", id.short()))
    };
    let lost = room.viewers.iter().find_map(|viewer| Some(format!("{} {}", viewer.0.short(), wrong(viewer)?)));
    lost.or_else(|| all.iter().find_map(crowded))
}

fn reaches(all: &BTreeMap<NodeId, &Status>, from: NodeId, root: NodeId) -> bool {
    let up = |id: &NodeId| all.get(id).and_then(|status| status.parent);
    std::iter::successors(Some(from), up).take(all.len()).any(|id| id == root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn seat(parent: Option<u8>, standby: Option<u8>, children: &[u8]) -> Status {
        Status {
            parent: parent.map(id),
            standby: standby.map(id),
            children: children.iter().copied().map(id).collect(),
            fan_out: 2,
            ..Status::default()
        }
    }

    fn wrong(seats: &[(u8, Status)]) -> Option<String> {
        let root = (id(seats[0].0), &seats[0].1);
        let viewers: Vec<_> = seats[1..].iter().map(|(n, status)| (id(*n), status)).collect();
        illegal(&Room { root, viewers }, 4)
    }

    /// 0 above 1 and 2; 1 above 3 and 4.
    fn room() -> Vec<(u8, Status)> {
        vec![
            (0, seat(None, None, &[1, 2])),
            (1, seat(Some(0), Some(2), &[3, 4])),
            (2, seat(Some(0), Some(1), &[])),
            (3, seat(Some(1), Some(2), &[])),
            (4, seat(Some(1), Some(2), &[])),
        ]
    }

    fn assert_wrong(change: impl FnOnce(&mut Vec<(u8, Status)>), word: &str) {
        let mut seats = room();
        change(&mut seats);
        let told = wrong(&seats);
        assert!(told.as_ref().is_some_and(|told| told.contains(word)), "{told:?}, not {word}");
    }

    #[test]
    fn a_room_is_one_tree_or_it_is_told_why_not() {
        assert_eq!(wrong(&room()), None);
        assert_wrong(|seats| drop(seats.pop()), "3 of 4 viewers");
        assert_wrong(|seats| seats[4].1.parent = None, "no parent");
        assert_wrong(|seats| seats[4].1.parent = Some(id(9)), "no parent");
        assert_wrong(|seats| seats[1].1.children.truncate(1), "in the eyes of its parent");
        assert_wrong(|seats| seats[4].1.standby = Some(id(1)), "no standby");
        assert_wrong(|seats| seats[4].1.standby = Some(id(9)), "no standby");
        assert_wrong(|seats| seats[1].1.fan_out = 1, "2 children for 1 places");
        let circle = |seats: &mut Vec<(u8, Status)>| {
            seats[1].1 = seat(Some(3), Some(2), &[3, 4]);
            seats[3].1 = seat(Some(1), Some(2), &[1]);
        };
        assert_wrong(circle, "no way to the speaker");
    }
}
