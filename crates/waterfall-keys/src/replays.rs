//! Which questions were asked before.

use std::collections::{BTreeMap, BTreeSet};

use waterfall_wire::{Ask, NodeId, UnixMillis};

use crate::CallError;

/// Most questions remembered of one asker. Honest ones live a minute at most ([`crate::letter::ASK_LIFE`]),
/// so this is one a second; none lives longer than two minutes.
const MAX_PER_ASKER: usize = 64;
/// Most questions remembered in all: about a megabyte.
const MAX_TOTAL: usize = 8_192;

type Nonce = [u8; 16];

/// Why a question is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Repeated,
    TooMany,
}

/// Remembers the nonces of questions until they expire, so that none is answered twice.
///
/// Bounded: an asker with 64 live questions is refused any more of them, so nobody can push out
/// others' questions by asking a lot. At 8 192 in all, the one that expires soonest is forgotten;
/// what that costs is that it could be repeated in the seconds it had left.
#[derive(Debug, Clone, Default)]
pub struct Replays {
    seen: BTreeMap<(NodeId, Nonce), UnixMillis>,
    by_expiry: BTreeSet<(UnixMillis, NodeId, Nonce)>,
    forgotten: u64,
}

impl Replays {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many questions were forgotten before they expired, for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many questions are remembered; at most 8 192.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Lets a question in once, as its askers see it.
    pub(crate) fn take_in(&mut self, ask: &Ask, now: UnixMillis) -> Result<(), CallError> {
        self.admit(ask.from, ask.nonce, ask.not_after, now).map_err(|refused| match refused {
            Refused::Repeated => CallError::Repeated,
            Refused::TooMany => CallError::TooMany,
        })
    }

    /// Lets a question in once.
    fn admit(&mut self, from: NodeId, nonce: Nonce, not_after: UnixMillis, now: UnixMillis) -> Result<(), Refused> {
        while self.by_expiry.first().is_some_and(|(expiry, ..)| *expiry <= now) {
            self.forget_first();
        }
        if self.seen.contains_key(&(from, nonce)) {
            return Err(Refused::Repeated);
        }
        if self.seen.range((from, [0; 16])..=(from, [0xff; 16])).count() >= MAX_PER_ASKER {
            return Err(Refused::TooMany);
        }
        if self.seen.len() >= MAX_TOTAL {
            self.forget_first();
            self.forgotten += 1;
        }
        self.seen.insert((from, nonce), not_after);
        self.by_expiry.insert((not_after, from, nonce));
        Ok(())
    }

    fn forget_first(&mut self) {
        if let Some((_, from, nonce)) = self.by_expiry.pop_first() {
            self.seen.remove(&(from, nonce));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(n: usize) -> Nonce {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&(n as u64).to_be_bytes());
        nonce
    }

    #[test]
    fn a_question_is_let_in_once_until_it_expires() {
        let (mut replays, from) = (Replays::new(), NodeId([1; 32]));
        let ask = |replays: &mut Replays, now| replays.admit(from, nonce(1), UnixMillis(100), UnixMillis(now));
        assert_eq!(ask(&mut replays, 0), Ok(()));
        assert_eq!(ask(&mut replays, 99), Err(Refused::Repeated));
        assert_eq!(replays.admit(NodeId([2; 32]), nonce(1), UnixMillis(100), UnixMillis(99)), Ok(()));
        assert_eq!(replays.admit(from, nonce(2), UnixMillis(200), UnixMillis(100)), Ok(()));
        assert_eq!(replays.len(), 1, "what has expired is forgotten");
    }

    #[test]
    fn one_asker_cannot_push_out_the_others() {
        let mut replays = Replays::new();
        replays.admit(NodeId([1; 32]), nonce(0), UnixMillis(100), UnixMillis(0)).expect("the first");
        let flooder = NodeId([2; 32]);
        let admitted =
            (0..10_000).filter(|&n| replays.admit(flooder, nonce(n), UnixMillis(200), UnixMillis(0)).is_ok()).count();
        assert_eq!(admitted, MAX_PER_ASKER);
        let again = replays.admit(NodeId([1; 32]), nonce(0), UnixMillis(100), UnixMillis(0));
        assert_eq!(again, Err(Refused::Repeated));
    }

    #[test]
    fn it_never_grows_beyond_its_bound() {
        let mut replays = Replays::new();
        for n in 0..MAX_TOTAL + 100 {
            let from = NodeId(std::array::from_fn(|i| nonce(n / 8)[i % 16]));
            replays.admit(from, nonce(n), UnixMillis(1_000 + n as u64), UnixMillis(0)).expect("within the quota");
        }
        assert_eq!((replays.len(), replays.by_expiry.len()), (MAX_TOTAL, MAX_TOTAL));
        assert_eq!(replays.forgotten(), 100);
    }
}
