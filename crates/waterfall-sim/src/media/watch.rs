//! What a viewer notices: gaps, and what never came.

use super::timeline::{Piece, Timeline};
use super::{FRAME, NO_JUMP, PACKET, RING};

/// What begins within so long after losing an ancestor is put down to that.
const AFTERMATH: u64 = 5_000_000;
/// Who has seen nothing for no longer than this when the run ends is just changing places.
const MOMENT: u64 = 1_000_000;

/// Whether there was a way out for those who lost an ancestor: how it stood, at that instant, with the standby of the one
/// whose parent was lost. In the order of how much worse it makes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Backup {
    /// It lives.
    Warm,
    /// There was none just then.
    Missing,
    /// It went with the parent.
    Lost,
}

/// An ancestor was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exposure {
    at: u64,
    /// It was the parent itself.
    pub(crate) orphan: bool,
    pub(crate) backup: Backup,
    /// Beginning and end of the longest gap since.
    worst: (u64, u64),
}

impl Exposure {
    pub(crate) fn new(at: u64, orphan: bool, backup: Backup) -> Self {
        Self { at, orphan, backup, worst: (at, at + PACKET) }
    }
}

/// What a viewer's stream was like, as far as it has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watch {
    /// Looked at up to here.
    seen: u64,
    /// Since when nothing new has come; `u64::MAX` while it flows or before it ever did.
    dry_since: u64,
    /// When the last packet came, if nothing has come since.
    last_packet: u64,
    /// When it first came; `u64::MAX` before.
    pub(crate) first: u64,
    /// The loss of an ancestor whose aftermath is not over.
    pub(crate) exposure: Option<Exposure>,
}

/// Something that a viewer noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The first packet came.
    Began {
        /// When.
        at: u64,
    },
    /// From one packet to the next it took longer than it should.
    Gap {
        /// When the last packet before it came.
        from: u64,
        /// When the next came.
        to: u64,
    },
    /// Media that will not come any more.
    Lost {
        /// How many packets.
        packets: u64,
        /// Of how many frames.
        frames: u64,
        /// The lost ancestor that it comes from.
        after: Option<Exposure>,
    },
    /// An ancestor was lost, and this is what came of it.
    Survived {
        /// When the last packet before the longest interruption came.
        from: u64,
        /// When the next came; the normal distance where there was no interruption.
        to: u64,
        /// What was lost.
        loss: Exposure,
    },
}

impl Default for Watch {
    fn default() -> Self {
        Self { seen: 0, dry_since: u64::MAX, last_packet: 0, first: u64::MAX, exposure: None }
    }
}

impl Watch {
    /// Takes in the timeline up to `now`.
    pub(crate) fn look(&mut self, line: &Timeline, now: u64, mut notice: impl FnMut(Notice)) {
        let pieces = line.pieces();
        for (number, piece) in pieces.iter().enumerate() {
            let next = pieces.get(number + 1).map_or(u64::MAX, |piece| piece.at);
            if next <= self.seen && number + 1 < pieces.len() {
                continue;
            }
            if piece.at > now {
                break;
            }
            if piece.at >= self.seen {
                self.turn(number.checked_sub(1).map(|before| pieces[before]), *piece, &mut notice);
            }
        }
        self.seen = now + 1;
        self.conclude(now, &mut notice);
    }

    /// Ends an aftermath that is over by now.
    fn conclude(&mut self, now: u64, notice: &mut impl FnMut(Notice)) {
        let over = |loss: &mut Exposure| now >= loss.at.saturating_add(AFTERMATH);
        if self.dry_since == u64::MAX
            && let Some(loss) = self.exposure.take_if(over)
        {
            notice(Notice::Survived { from: loss.worst.0, to: loss.worst.1, loss });
        }
    }

    /// A piece begins.
    fn turn(&mut self, before: Option<Piece>, piece: Piece, notice: &mut impl FnMut(Notice)) {
        self.conclude(piece.at, notice);
        let had = before.map_or(0, |before| before.value_at(piece.at));
        if self.first != u64::MAX && piece.value > had + NO_JUMP {
            let (first, last) = (had / PACKET + 1, (piece.value - 1) / PACKET);
            if first <= last {
                let frames = last * PACKET / FRAME - first * PACKET / FRAME + 1;
                notice(Notice::Lost { packets: last - first + 1, frames, after: self.exposure });
            }
        }
        if piece.slope == 0 {
            if self.first != u64::MAX && self.dry_since == u64::MAX {
                let slope = before.map_or(1, |before| u64::from(before.slope)).max(1);
                self.dry_since = piece.at;
                self.last_packet = piece.at - (had % PACKET / slope).min(piece.at);
            }
            return;
        }
        if self.first == u64::MAX {
            self.first = piece.at;
            notice(Notice::Began { at: piece.at });
        } else if self.dry_since != u64::MAX {
            let wait = (PACKET - piece.value % PACKET) % PACKET / u64::from(piece.slope);
            self.over(piece.at + wait, notice);
        }
    }

    fn over(&mut self, to: u64, notice: &mut impl FnMut(Notice)) {
        let from = self.last_packet;
        notice(Notice::Gap { from, to });
        if let Some(loss) = &mut self.exposure
            && to >= loss.at
            && to - from > loss.worst.1 - loss.worst.0
        {
            loss.worst = (from, to);
        }
        self.dry_since = u64::MAX;
    }

    /// The end of the run: what stands still counts as a gap up to now. Whether it has for more than a moment.
    pub(crate) fn finish(&mut self, now: u64, mut notice: impl FnMut(Notice)) -> bool {
        let dry_for = now.saturating_sub(self.dry_since);
        if self.dry_since != u64::MAX {
            self.over(now, &mut notice);
        }
        self.conclude(u64::MAX, &mut notice);
        dry_for > MOMENT
    }

    /// Up to where it was looked at.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.saturating_sub(1)
    }

    /// What of the timeline must be kept.
    pub(crate) fn needs_from(&self, now: u64) -> u64 {
        now.saturating_sub(RING).min(self.seen.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn lost(at: u64) -> Exposure {
        Exposure::new(at, true, Backup::Warm)
    }

    fn seen(pieces: &[Piece], exposure: Option<Exposure>) -> Vec<Notice> {
        let mut line = Timeline::default();
        line.replace(0, pieces);
        let mut watch = Watch { exposure, ..Watch::default() };
        let mut notices = Vec::new();
        // However often it is looked at, it is the same.
        for at in [0, 105 * MS, 1_204 * MS, 1_205 * MS, 9_000 * MS] {
            watch.look(&line, at, |notice| notices.push(notice));
        }
        let mut other = Vec::new();
        let mut watch = Watch { exposure, ..Watch::default() };
        watch.look(&line, 9_000 * MS, |notice| other.push(notice));
        assert_eq!(notices, other);
        notices
    }

    #[test]
    fn a_gap_is_from_the_last_packet_to_the_next() {
        let pieces = [
            Piece { at: 100 * MS, value: 90 * MS, slope: 1 },
            // The packet of 1 090 ms came at 1 100 ms, that of 1 100 ms comes at 1 207.5 ms.
            Piece { at: 1_105 * MS, value: 1_095 * MS, slope: 0 },
            Piece { at: 1_205 * MS, value: 1_095 * MS, slope: 2 },
        ];
        let gap = Notice::Gap { from: 1_100 * MS, to: 1_207_500 };
        assert_eq!(seen(&pieces, None), [Notice::Began { at: 100 * MS }, gap]);
        let (from, to) = (1_100 * MS, 1_207_500);
        let survived = Notice::Survived { from, to, loss: Exposure { worst: (from, to), ..lost(1_050 * MS) } };
        assert_eq!(seen(&pieces, Some(lost(1_050 * MS))), [Notice::Began { at: 100 * MS }, gap, survived]);
    }

    #[test]
    fn the_longest_gap_of_an_aftermath_counts_and_what_comes_later_does_not() {
        let stop = |at: u64| Piece { at: at * MS, value: at * MS, slope: 0 };
        let go_on = |at: u64, value: u64| Piece { at: at * MS, value: value * MS, slope: 1 };
        let pieces = [
            go_on(0, 0),
            stop(1_000),
            go_on(1_100, 1_000),
            stop(2_000),
            go_on(2_400, 2_000),
            stop(7_000),
            go_on(7_900, 7_000),
        ];
        let survived: Vec<Notice> = seen(&pieces, Some(lost(900 * MS)))
            .into_iter()
            .filter(|notice| matches!(notice, Notice::Survived { .. }))
            .collect();
        let (from, to) = (2_000 * MS, 2_400 * MS);
        assert_eq!(survived, [Notice::Survived { from, to, loss: Exposure { worst: (from, to), ..lost(900 * MS) } }]);
    }

    #[test]
    fn a_jump_is_a_loss_of_exactly_what_is_between() {
        let pieces = [
            Piece { at: 0, value: 0, slope: 1 },
            Piece { at: 1_000 * MS, value: 1_000 * MS, slope: 0 },
            // Packets of 1 010, 1 020 and 1 030 ms never come; that of 1 040 ms does.
            Piece { at: 1_200 * MS, value: 1_040 * MS, slope: 1 },
        ];
        let notices = seen(&pieces, None);
        assert!(notices.contains(&Notice::Lost { packets: 3, frames: 1, after: None }), "{notices:?}");
        assert!(notices.contains(&Notice::Gap { from: 1_000 * MS, to: 1_200 * MS }), "{notices:?}");
    }

    #[test]
    fn who_loses_an_ancestor_and_notices_nothing_counts_too() {
        let pieces = [Piece { at: 0, value: 0, slope: 1 }];
        let survived = Notice::Survived { from: 500 * MS, to: 510 * MS, loss: lost(500 * MS) };
        assert_eq!(seen(&pieces, Some(lost(500 * MS))), [Notice::Began { at: 0 }, survived]);
    }

    #[test]
    fn the_end_does_not_hide_a_gap() {
        let mut line = Timeline::default();
        line.replace(0, &[Piece { at: 0, value: 0, slope: 1 }, Piece { at: 50 * MS, value: 50 * MS, slope: 0 }]);
        for (end, dry) in [(80 * MS, false), (1_080 * MS, true)] {
            let (mut watch, mut notices) = (Watch::default(), Vec::new());
            watch.look(&line, end, |_| ());
            assert_eq!(watch.finish(end, |notice| notices.push(notice)), dry);
            assert_eq!(notices, [Notice::Gap { from: 50 * MS, to: end }]);
        }
    }
}
