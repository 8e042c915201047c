//! What a node tells the application.

use std::sync::Arc;

use libp2p::gossipsub::{MessageAcceptance, MessageId};
use libp2p::request_response::ResponseChannel;
use libp2p::{Multiaddr, PeerId};
use waterfall_wire::NodeId;

use crate::call;
use crate::mailbox::Mailbox;

/// Something that happened. Events wait in a queue of 256; when it is full, questions are refused
/// and gossip is ignored, and both are counted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A node asks something. Not sent for those who ask too fast.
    Asked {
        /// Who asks: the libp2p identity at the other end of the connection.
        from: NodeId,
        /// The sealed question, at most [`waterfall_wire::Routed`]'s length.
        request: Vec<u8>,
        /// Where the answer goes.
        reply: Responder,
    },
    /// A gossip message of a topic this node is in. Sent once per message, not for own messages.
    Gossip {
        /// The topic.
        topic: [u8; 32],
        /// The neighbour that passed it on. Gossip is anonymous: who wrote it is said, and signed, inside.
        from: NodeId,
        /// The sealed message.
        message: Vec<u8>,
        /// What is to become of it; until then it is not passed on.
        verdict: Verdict,
    },
    /// A configured bootstrap address does not answer. Tried again with growing pauses, at most a
    /// minute; told once per address until it has answered.
    BootstrapUnreachable {
        /// The address as configured.
        address: Multiaddr,
        /// Why, for people.
        reason: String,
    },
}

/// Answers one question. Dropped without an answer, the question is refused.
pub struct Responder {
    pub(crate) channel: ResponseChannel<Vec<u8>>,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Responder {
    /// Sends the answer, at most [`waterfall_wire::Routed`]'s length; a longer one is a refusal.
    pub fn reply(self, answer: Vec<u8>) {
        if answer.len() > call::MAX_LEN {
            tracing::warn!(len = answer.len(), "an answer is too long and was not sent");
            return;
        }
        self.mailbox.reply(self.channel, answer);
    }

    /// Whether the one who asked still waits.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.channel.is_open()
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("is_wanted", &self.is_wanted()).finish_non_exhaustive()
    }
}

/// Decides what becomes of one gossip message. Dropped, it is ignored.
pub struct Verdict {
    pub(crate) message: Option<(MessageId, PeerId)>,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Verdict {
    /// It is sound: pass it on.
    pub fn accept(self) {
        self.settle(MessageAcceptance::Accept);
    }

    /// It may be sound but is of no use (old, or of a room that is not known): do not pass it on.
    pub fn ignore(self) {
        self.settle(MessageAcceptance::Ignore);
    }

    /// It is forged or malformed: do not pass it on, and hold it against the neighbour. One who
    /// passes on more than a few is not listened to for ten minutes.
    pub fn reject(self) {
        self.settle(MessageAcceptance::Reject);
    }

    fn settle(mut self, acceptance: MessageAcceptance) {
        if let Some((id, from)) = self.message.take() {
            self.mailbox.judge(id, from, acceptance);
        }
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        if let Some((id, from)) = self.message.take() {
            self.mailbox.judge(id, from, MessageAcceptance::Ignore);
        }
    }
}

impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdict").finish_non_exhaustive()
    }
}
