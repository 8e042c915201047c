//! What was asked lately and what was answered, so that a question which comes by two ways is decided
//! on once and answered by both.

use std::collections::VecDeque;

use waterfall_signal::Responder;
use waterfall_wire::{Ask, NodeId, ReplyBody, UnixMillis};

/// Most questions remembered; the oldest goes first. A reply has up to 2 KiB.
const MAX_KNOWN: usize = 256;

/// How an answer goes back.
#[derive(Debug)]
pub(crate) enum Way {
    /// Over the stream that the question came by.
    Stream(Responder),
    /// As a letter.
    Letter,
}

#[derive(Debug)]
struct Known {
    from: NodeId,
    nonce: [u8; 16],
    not_after: UnixMillis,
    /// It has come by stream, by letter: each way once.
    by: (bool, bool),
    /// Ways that wait for the answer.
    waiting: Vec<Way>,
    body: Option<ReplyBody>,
}

impl Known {
    /// Takes note of a way; `false` if the question has come by it before.
    fn comes_by(&mut self, way: &Way) -> bool {
        let seen = match way {
            Way::Stream(_) => &mut self.by.0,
            Way::Letter => &mut self.by.1,
        };
        !std::mem::replace(seen, true)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Answers(VecDeque<Known>);

impl Answers {
    /// A question that was not heard before, and how it came.
    pub(crate) fn begin(&mut self, ask: &Ask, way: Way, now: UnixMillis) {
        self.0.retain(|known| known.not_after > now);
        if self.0.len() >= MAX_KNOWN {
            self.0.pop_front();
        }
        let mut known = Known {
            from: ask.from,
            nonce: ask.nonce,
            not_after: ask.not_after,
            by: (false, false),
            waiting: Vec::new(),
            body: None,
        };
        known.comes_by(&way);
        known.waiting.push(way);
        self.0.push_back(known);
    }

    /// A question that was heard before. Its answer, if it is there already and goes back by this
    /// way too; an error if it is a mere repetition.
    pub(crate) fn again(&mut self, ask: &Ask, way: Way) -> Result<Option<(ReplyBody, Way)>, Repetition> {
        let repetition = Repetition { by_letter: matches!(way, Way::Letter) };
        let known = self.known(ask).ok_or(repetition)?;
        if !known.comes_by(&way) {
            return Err(repetition);
        }
        match &known.body {
            Some(body) => Ok(Some((body.clone(), way))),
            None => {
                known.waiting.push(way);
                Ok(None)
            }
        }
    }

    /// What a question was answered with, and the ways that have waited for it.
    pub(crate) fn settle(&mut self, ask: &Ask, body: &ReplyBody) -> Vec<Way> {
        let Some(known) = self.known(ask) else { return Vec::new() };
        known.body = Some(body.clone());
        std::mem::take(&mut known.waiting)
    }

    /// Whether the same node has asked something later: then an earlier letter of its, found only
    /// now, is of a call that it has given up.
    pub(crate) fn is_outdated(&self, ask: &Ask) -> bool {
        self.0.iter().any(|known| known.from == ask.from && known.not_after > ask.not_after)
    }

    fn known(&mut self, ask: &Ask) -> Option<&mut Known> {
        self.0.iter_mut().find(|known| known.from == ask.from && known.nonce == ask.nonce)
    }
}

/// The question has come by the same way before, or was forgotten since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repetition {
    /// That way is by letter.
    pub(crate) by_letter: bool,
}

#[cfg(test)]
mod tests {
    use waterfall_wire::{AskBody, Epoch, PROTOCOL_VERSION, Refusal};

    use super::*;

    fn ask(nonce: u8, not_after: u64) -> Ask {
        Ask {
            version: PROTOCOL_VERSION,
            from: NodeId([1; 32]),
            to: NodeId([2; 32]),
            epoch: Epoch(0),
            nonce: [nonce; 16],
            not_after: UnixMillis(not_after),
            body: AskBody::Probe,
        }
    }

    const AGAIN: Repetition = Repetition { by_letter: true };

    fn full() -> ReplyBody {
        ReplyBody::Refused { reason: Refusal::Full, spots: Vec::new() }
    }

    #[test]
    fn a_second_way_gets_the_same_answer_and_a_repetition_none() {
        let mut answers = Answers::default();
        let question = ask(1, 100);
        assert_eq!(answers.again(&question, Way::Letter).err(), Some(AGAIN), "never heard");
        answers.begin(&question, Way::Letter, UnixMillis(0));
        assert_eq!(answers.again(&question, Way::Letter).err(), Some(AGAIN));
        assert_eq!(answers.settle(&question, &full()).len(), 1);
        assert!(answers.settle(&question, &full()).is_empty());
        assert_eq!(answers.again(&question, Way::Letter).err(), Some(AGAIN));
    }

    #[test]
    fn an_earlier_question_of_the_same_asker_is_outdated() {
        let mut answers = Answers::default();
        answers.begin(&ask(2, 200), Way::Letter, UnixMillis(0));
        assert!(answers.is_outdated(&ask(1, 100)));
        assert!(!answers.is_outdated(&ask(3, 300)));
        assert!(!answers.is_outdated(&Ask { from: NodeId([3; 32]), ..ask(1, 100) }));
    }

    #[test]
    fn it_forgets_what_has_expired_and_stays_bounded() {
        let mut answers = Answers::default();
        for n in 0..=255 {
            answers.begin(&ask(n, 100), Way::Letter, UnixMillis(0));
        }
        answers.begin(&Ask { from: NodeId([3; 32]), ..ask(0, 100) }, Way::Letter, UnixMillis(0));
        assert_eq!(answers.0.len(), MAX_KNOWN);
        answers.begin(&ask(0, 300), Way::Letter, UnixMillis(100));
        assert_eq!(answers.0.len(), 1);
    }
}
