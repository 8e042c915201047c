//! Where participants are sent: pure policy over lists of spots.
//!
//! Nearest the root first, since depth is latency. Among spots of one depth the subtrees take
//! turns, those first who have shown that they can serve.

use std::collections::VecDeque;

use waterfall_wire::{MAX_SPOTS, NodeId, Spot};

/// The first [`MAX_SPOTS`] of some spots, each node once: those with room first, nearest the root
/// first. Among equals the given order stays.
pub(crate) fn nearest(spots: impl IntoIterator<Item = Spot>) -> Vec<Spot> {
    let mut list: Vec<Spot> = Vec::new();
    for spot in spots {
        if !list.iter().any(|known| known.contact.node == spot.contact.node) {
            list.push(spot);
        }
    }
    list.sort_by_key(|spot| (spot.free == 0, spot.depth, spot.proven == 0));
    list.truncate(MAX_SPOTS);
    list
}

/// As [`nearest`], of spots that are nowhere nearer than `floor`, and as many as `most`; only these
/// are cloned.
pub(crate) fn nearest_of(spots: Vec<&Spot>, floor: u16, most: usize) -> Vec<Spot> {
    let mut list: Vec<&Spot> = Vec::with_capacity(spots.len());
    for spot in spots {
        if !list.iter().any(|known| known.contact.node == spot.contact.node) {
            list.push(spot);
        }
    }
    list.sort_by_key(|spot| (spot.free == 0, spot.depth.max(floor), spot.proven == 0));
    list.into_iter().take(most).map(|spot| Spot { depth: spot.depth.max(floor), ..spot.clone() }).collect()
}

/// Deals several lists out in turns, beginning with list `first`.
pub(crate) fn interleave<'a>(lists: &[&'a [Spot]], first: usize) -> Vec<&'a Spot> {
    let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
    let mut dealt = Vec::with_capacity(lists.iter().map(|list| list.len()).sum());
    for rank in 0..longest {
        for turn in 0..lists.len() {
            dealt.extend(lists[(first + turn) % lists.len()].get(rank));
        }
    }
    dealt
}

/// Turns each run of equal depth by `by`, so that siblings who all lose one parent do not all call
/// the same spot first.
pub(crate) fn rotate_equals(spots: &mut [Spot], by: usize) {
    for run in spots.chunk_by_mut(|a, b| a.depth == b.depth) {
        run.rotate_left(by % run.len());
    }
}

/// One child of someone who leaves.
pub(crate) struct Heir<'a> {
    /// Who.
    pub(crate) node: NodeId,
    /// How many hang from it, itself included.
    pub(crate) size: u32,
    /// Open spots in its subtree.
    pub(crate) spots: &'a [Spot],
}

/// Where each child of a leaving relay goes, in the order in which it should try.
///
/// The leaver's parent has one spot more than it says, the leaver's own; it goes to the child
/// with the most descendants, so that as few as possible get deeper. The others are dealt what is
/// open outside, one place at a time; then the subtrees of larger
/// siblings. The leaver's parent is on every
/// list, for it can always redirect.
pub(crate) fn hand_over(heirs: &[Heir<'_>], above: Option<&Spot>, outside: &[Spot]) -> Vec<(NodeId, Vec<Spot>)> {
    let above_node = above.map(|spot| spot.contact.node);
    let mut places: VecDeque<Spot> = VecDeque::new();
    if let Some(above) = above {
        places.extend((0..=above.free).map(|_| above.clone()));
    }
    for spot in nearest(outside.iter().filter(|s| Some(s.contact.node) != above_node).cloned()) {
        places.extend((0..spot.free).map(|_| spot.clone()));
    }
    let mut order: Vec<usize> = (0..heirs.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(heirs[i].size), heirs[i].node));
    order
        .iter()
        .enumerate()
        .map(|(turn, &index)| {
            let own = &heirs[index];
            let mut list: Vec<Spot> = places.pop_front().into_iter().collect();
            // Below those only that come earlier: if each were sent below the next, all would wait for
            // each other.
            let others: Vec<&[Spot]> = order[..turn].iter().map(|&earlier| heirs[earlier].spots).collect();
            let siblings = nearest(interleave(&others, turn % others.len().max(1)).into_iter().cloned());
            let outside = outside.iter().filter(|s| s.free > 0);
            for spot in outside.chain(&siblings).chain(above) {
                if spot.contact.node != own.node && !list.iter().any(|s| s.contact.node == spot.contact.node) {
                    list.push(spot.clone());
                }
            }
            if list.len() > MAX_SPOTS {
                list.truncate(MAX_SPOTS - 1);
                list.extend(above.filter(|a| !list.iter().any(|s| s.contact.node == a.contact.node)).cloned());
            }
            (own.node, list)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use waterfall_wire::Contact;

    fn id(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn spot(n: u8, depth: u16, free: u8) -> Spot {
        Spot { contact: Contact::new(id(n), []), depth, free, proven: 0 }
    }

    fn nodes(spots: &[Spot]) -> Vec<u8> {
        spots.iter().map(|s| s.contact.node.0[0]).collect()
    }

    #[test]
    fn nearest_first_each_once_and_bounded() {
        let list = nearest([spot(1, 3, 1), spot(2, 1, 1), spot(1, 0, 1), spot(3, 1, 1)]);
        assert_eq!(nodes(&list), [2, 3, 1]);
        assert_eq!(nearest((0..50).map(|n| spot(n, 1, 1))).len(), MAX_SPOTS);
    }

    #[test]
    fn the_leavers_place_goes_to_the_largest_subtree_and_no_place_twice() {
        let below_one = [spot(11, 3, 2)];
        let heirs = [
            Heir { node: id(1), size: 1, spots: &below_one },
            Heir { node: id(2), size: 9, spots: &[] },
            Heir { node: id(3), size: 5, spots: &[] },
        ];
        let plan = hand_over(&heirs, Some(&spot(50, 0, 0)), &[spot(51, 1, 1)]);
        let of = |n: u8| nodes(&plan.iter().find(|(node, _)| *node == id(n)).unwrap().1);
        assert_eq!(of(2)[0], 50);
        assert_eq!(of(3)[0], 51);
        assert!(!of(1).contains(&11), "nobody is sent below itself");
        assert!(of(1).contains(&50) && !of(2).contains(&11), "nobody waits for one that waits for it");
    }
}
