//! How far a participant has the stream, as a function of time.

use smallvec::SmallVec;

use super::{NO_JUMP, RING};

/// From `at` on, until the next begins: at `at` everything below `value` has come, and it grows by `slope`
/// microseconds of media each microsecond (1: live; 2: catching up; 0: nothing comes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) at: u64,
    pub(crate) value: u64,
    pub(crate) slope: u8,
}

impl Piece {
    pub(crate) fn value_at(&self, at: u64) -> u64 {
        self.value + u64::from(self.slope) * at.saturating_sub(self.at)
    }
}

/// Everything that came by some moment, in microseconds of media; the past for as long as a relay keeps it, the
/// future as it will be if nothing happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Timeline(SmallVec<[Piece; 2]>);

impl Timeline {
    /// The speaker's own: all there is, at once.
    pub(crate) fn source(at: u64, value: u64) -> Self {
        let mut pieces = SmallVec::new();
        pieces.push(Piece { at, value, slope: 1 });
        Self(pieces)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The piece that holds at a moment, and when the next begins (`u64::MAX`: never).
    pub(crate) fn piece(&self, at: u64) -> (Option<Piece>, u64) {
        let after = self.0.iter().rposition(|piece| piece.at <= at).map_or(0, |index| index + 1);
        let next = self.0.get(after).map_or(u64::MAX, |piece| piece.at);
        (after.checked_sub(1).map(|index| self.0[index]), next)
    }

    pub(crate) fn value(&self, at: u64) -> u64 {
        self.piece(at).0.map_or(0, |piece| piece.value_at(at))
    }

    /// What never came, from and to.
    pub(crate) fn holes(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.windows(2).filter_map(|pair| {
            let had = pair[0].value_at(pair[1].at);
            (pair[1].value > had + NO_JUMP).then_some((had, pair[1].value))
        })
    }

    /// How much came after `from` and up to `to`, in microseconds of media.
    pub(crate) fn grown(&self, from: u64, to: u64) -> u64 {
        let had = match self.piece(from).0 {
            Some(piece) => piece.value_at(from),
            // What it begins with is where it begins, and nothing that came.
            None => self.0.first().map_or(0, |piece| piece.value),
        };
        self.between(had, self.value(to))
    }

    /// How much of what is between these was ever there.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        let missing = |(from, to): (u64, u64)| to.min(high).saturating_sub(from.max(low));
        high.saturating_sub(low).saturating_sub(self.holes().map(missing).sum())
    }

    /// The oldest that a relay can still send at a moment.
    pub(crate) fn kept_from(&self, at: u64) -> u64 {
        let first = self.0.first().map_or(0, |piece| piece.value);
        self.value(at.saturating_sub(RING)).max(first)
    }

    /// Replaces everything from `since` on. False if it was the same.
    pub(crate) fn replace(&mut self, since: u64, future: &[Piece]) -> bool {
        let keep = self.0.iter().position(|piece| piece.at >= since).unwrap_or(self.0.len());
        let continues = |before: &Piece, next: &Piece| {
            before.slope == next.slope && before.value_at(next.at) == next.value && before.at <= next.at
        };
        let mut future = future;
        if let (Some(last), Some(first)) = (keep.checked_sub(1).map(|at| self.0[at]), future.first())
            && continues(&last, first)
        {
            future = &future[1..];
        }
        if self.0[keep..] == *future {
            return false;
        }
        self.0.truncate(keep);
        self.0.extend_from_slice(future);
        true
    }

    /// Forgets what nobody can ask for any more.
    pub(crate) fn forget_before(&mut self, at: u64) {
        let needless = self.0.iter().skip(1).take_while(|piece| piece.at <= at).count();
        if needless > 0 {
            self.0.drain(..needless);
        }
        if self.0.capacity() > 16 && self.0.len() <= 2 {
            self.0.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_pieces() {
        let mut line = Timeline::source(100, 0);
        assert_eq!((line.value(50), line.value(150)), (0, 50));
        assert!(line.replace(200, &[Piece { at: 200, value: 100, slope: 0 }]));
        assert!(!line.replace(200, &[Piece { at: 200, value: 100, slope: 0 }]), "nothing new");
        assert_eq!((line.value(300), line.value(399)), (100, 100));
        assert!(line.replace(400, &[Piece { at: 400, value: 100, slope: 2 }]));
        assert_eq!(line.value(410), 120);
        line.forget_before(350);
        assert_eq!(line.pieces().len(), 2);
        assert_eq!(line.value(410), 120);
    }

    #[test]
    fn what_never_came_did_not_grow() {
        let mut line = Timeline::default();
        line.replace(100, &[Piece { at: 100, value: 4_000, slope: 1 }, Piece { at: 200, value: 20_000, slope: 2 }]);
        assert_eq!((line.grown(0, 100), line.grown(0, 150), line.grown(150, 250)), (0, 50, 50 + 100));
        assert_eq!((line.between(0, 4_100), line.between(4_050, 20_010)), (4_100, 60));
    }

    #[test]
    fn what_only_goes_on_is_no_change() {
        let mut line = Timeline::source(0, 0);
        assert!(!line.replace(500, &[Piece { at: 500, value: 500, slope: 1 }]));
        assert_eq!(line.pieces().len(), 1);
    }
}
