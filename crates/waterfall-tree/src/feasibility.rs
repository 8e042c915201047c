//! Loop freedom: the feasibility condition of Babel (RFC 8966 §3.5.1) on the root's counter and
//! the depth.
//!
//! A participant's mark only ever improves while it has children: its counter grows, or its depth
//! shrinks under the same counter. A parent is taken only when its mark is better than every mark
//! that the participant has told its own children. So along any chain of parents the marks get
//! strictly better, and a chain that returns to itself cannot exist.

use waterfall_wire::Mark;

/// A parent deeper than this is not believed: fan-out 1 alone makes such trees.
const MAX_DEPTH: u16 = 255;

/// Whether `mark` is nearer the root, or proves it alive more recently, than `than`.
pub(crate) fn is_better(mark: Mark, than: Mark) -> bool {
    mark.counter > than.counter || (mark.counter == than.counter && mark.depth < than.depth)
}

/// Whether someone who has advertised `advertised` may hang below `parent`.
pub(crate) fn is_feasible(parent: Mark, advertised: Option<Mark>) -> bool {
    parent.depth < MAX_DEPTH && advertised.is_none_or(|own| is_better(parent, own))
}

/// The mark of a child of `parent`.
pub(crate) fn below(parent: Mark) -> Mark {
    Mark { counter: parent.counter, depth: parent.depth.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(counter: u64, depth: u16) -> Mark {
        Mark { counter, depth }
    }

    #[test]
    fn a_newer_counter_or_a_smaller_depth_is_feasible() {
        let own = Some(mark(7, 3));
        assert!(is_feasible(mark(8, 9), own));
        assert!(is_feasible(mark(7, 2), own));
        assert!(!is_feasible(mark(7, 3), own));
        assert!(!is_feasible(mark(6, 0), own));
        assert!(is_feasible(mark(1, 200), None));
    }

    #[test]
    fn a_descendant_is_never_feasible() {
        let mut descendant = mark(7, 3);
        for _ in 0..10 {
            descendant = below(descendant);
            assert!(!is_feasible(descendant, Some(mark(7, 3))));
        }
    }

    #[test]
    fn absurd_depths_are_refused_and_do_not_overflow() {
        assert!(!is_feasible(mark(u64::MAX, u16::MAX), None));
        assert_eq!(below(mark(1, u16::MAX)).depth, u16::MAX);
    }
}
