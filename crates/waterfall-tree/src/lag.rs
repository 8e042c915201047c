//! How old the stream is here, and how long a gap a standby would leave.
//!
//! The root's lag is nothing; a child's is its parent's and half the round trip between them. What
//! others tell of theirs decides only which of several standbys is kept: whoever lies about it
//! gains a ward.

use std::time::Duration;

use crate::neighbour::Attempt;
use crate::{Timestamp, Tree};

/// Milliseconds that pass before a silent parent is given up: the media engine's least threshold.
const SILENCE: u16 = 60;
/// Where packets jitter it is more: so many milliseconds and a quarter of the round trip.
const SILENCE_FLOOR: u16 = 36;
/// A setup takes at least so many round trips: one for ICE, two for DTLS.
const SETUP_ROUND_TRIPS: u32 = 3;

/// Milliseconds; the greatest also stands for more.
pub(crate) fn millis(span: Duration) -> u16 {
    u16::try_from(span.as_millis()).unwrap_or(u16::MAX)
}

impl Attempt {
    /// The round trip to whom we called, if it takes us now, in milliseconds. It may have held our
    /// request for a while, but the link did not come up sooner than it could.
    pub(crate) fn round_trip(&self, now: Timestamp) -> u16 {
        let (Some(answered_at), Some(asked_at)) = (self.answered_at, self.asked_at) else { return 0 };
        let setup = asked_at.since(answered_at) / SETUP_ROUND_TRIPS;
        millis(now.since(asked_at).min(setup.max(Duration::from_millis(1))))
    }
}

impl Tree {
    /// How old the stream is when it comes to us, in milliseconds, or was as long as it came.
    pub(crate) fn lag(&self) -> u16 {
        let parent = self.parent.as_ref().or(self.lost.as_ref()).filter(|_| !self.is_root);
        parent.map_or(0, |parent| parent.lag.saturating_add(parent.round_trip / 2))
    }

    /// How long our parent's silence goes unnoticed, as far as can be guessed.
    pub(crate) fn silence(&self) -> u16 {
        let round_trip = self.parent.as_ref().map_or(0, |parent| parent.round_trip);
        SILENCE_FLOOR.saturating_add(round_trip / 4).max(SILENCE)
    }

    /// The gap that a standby of this lag at this distance would leave after silence, in
    /// milliseconds: a round trip to it, unless it is then still waiting for what we had last.
    pub(crate) fn gap_after(&self, lag: u16, round_trip: u16) -> u16 {
        let behind = lag.saturating_add(round_trip / 2).saturating_sub(self.lag()).saturating_sub(self.silence());
        behind.max(round_trip)
    }

    /// As above, of the standby there is.
    pub(crate) fn standby_gap(&self) -> Option<u16> {
        self.standby.as_ref().map(|standby| self.gap_after(standby.lag, standby.round_trip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbour::Parent;
    use crate::{Config, Tree};
    use waterfall_wire::{Contact, Down, Mark, NodeId, Spot};

    fn contact(n: u8) -> Contact {
        Contact::new(NodeId([n; 32]), [])
    }

    fn fed_by(down: Down, round_trip: u16) -> Tree {
        let mut tree = Tree::participant(Config::default(), contact(9), 1, Timestamp::ZERO);
        tree.path = down.path.clone();
        tree.parent = Some(Box::new(Parent::new(contact(3), down, round_trip, Timestamp::ZERO)));
        tree
    }

    fn down(lag: u16, outside: Vec<Spot>) -> Down {
        let path = (1..=3).map(|n| NodeId([n; 32])).collect();
        let mark = Mark { counter: 1, depth: 2 };
        Down { mark, path, starving: false, outside, beside: Vec::new(), stand: Vec::new(), lag }
    }

    #[test]
    fn a_standby_far_away_or_far_behind_leaves_a_longer_gap() {
        let tree = fed_by(down(80, Vec::new()), 40);
        assert_eq!(tree.lag(), 100);
        assert_eq!(tree.gap_after(0, 50), 50);
        assert_eq!(tree.gap_after(135, 50), 50, "what it lags is made up for during silence");
        assert_eq!(tree.gap_after(300, 50), 165);
        assert_eq!(fed_by(down(u16::MAX, Vec::new()), u16::MAX).gap_after(u16::MAX, 1), 1, "claims saturate");
    }

    #[test]
    fn a_place_that_is_free_only_when_our_parent_vanishes_is_not_told_on() {
        let spot = |n, depth, free| Spot { contact: contact(n), depth, free, proven: 0 };
        let tree = fed_by(down(0, vec![spot(2, 1, 1), spot(7, 3, 1)]), 0);
        let told: Vec<u8> = tree.outside().iter().map(|spot| spot.contact.node.0[0]).collect();
        assert_eq!(told, [3, 7]);
    }
}
