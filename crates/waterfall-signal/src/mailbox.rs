//! What handles, responders and verdicts leave for the driver without waiting for it.

use std::collections::{HashMap, VecDeque};
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, MessageId};
use libp2p::request_response::ResponseChannel;
use tokio::sync::Notify;
use waterfall_wire::RecordKey;

use crate::store::MAX_OWN;

/// Most gossip messages that wait for the driver; the oldest is dropped for a new one.
const MAX_GOSSIP: usize = 256;
/// Most answers or verdicts that wait for the driver. The driver hands out fewer than this at a
/// time, so it is reached only when it has ended.
const MAX_JUDGED: usize = 4096;

/// What is left there. A put is `Some`, forgetting is `None`.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) puts: HashMap<RecordKey, Option<Vec<u8>>>,
    pub(crate) puts_refused: u64,
    pub(crate) gossip: VecDeque<([u8; 32], Vec<u8>)>,
    pub(crate) gossip_dropped: u64,
    pub(crate) replies: Vec<(ResponseChannel<Vec<u8>>, Vec<u8>)>,
    pub(crate) verdicts: Vec<(MessageId, PeerId, MessageAcceptance)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    mail: Mutex<Mail>,
    notify: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Mail> {
        // No invariant spans its fields, so a panic elsewhere leaves it usable.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves an own record, or word to forget one. A later word on the same key replaces the earlier.
    pub(crate) fn put(&self, key: RecordKey, envelope: Option<Vec<u8>>) {
        let mut mail = self.lock();
        if mail.puts.len() >= 2 * MAX_OWN && !mail.puts.contains_key(&key) {
            mail.puts_refused += 1;
            return;
        }
        mail.puts.insert(key, envelope);
        drop(mail);
        self.notify.notify_one();
    }

    /// Leaves a message to be gossiped.
    pub(crate) fn gossip(&self, topic: [u8; 32], message: Vec<u8>) {
        let mut mail = self.lock();
        if mail.gossip.len() >= MAX_GOSSIP {
            mail.gossip.pop_front();
            mail.gossip_dropped += 1;
        }
        mail.gossip.push_back((topic, message));
        drop(mail);
        self.notify.notify_one();
    }

    /// Leaves an answer.
    pub(crate) fn reply(&self, channel: ResponseChannel<Vec<u8>>, answer: Vec<u8>) {
        let mut mail = self.lock();
        if mail.replies.len() < MAX_JUDGED {
            mail.replies.push((channel, answer));
        }
        drop(mail);
        self.notify.notify_one();
    }

    /// Leaves a verdict.
    pub(crate) fn judge(&self, id: MessageId, from: PeerId, acceptance: MessageAcceptance) {
        let mut mail = self.lock();
        if mail.verdicts.len() < MAX_JUDGED {
            mail.verdicts.push((id, from, acceptance));
        }
        drop(mail);
        self.notify.notify_one();
    }

    /// Waits until something has been left since the last wait.
    pub(crate) async fn wait(&self) {
        self.notify.notified().await;
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> Mail {
        take(&mut *self.lock())
    }
}
