//! Gossip topics: publishing that waits for subscribers, and judging what comes in.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::gossipsub::{self, IdentTopic, MessageAcceptance, MessageId, PublishError, TopicHash};

use super::Driver;
use super::handover::BURST_SECONDS;
use crate::behaviour::{MAX_GOSSIP_LEN, MAX_TOPICS};
use crate::config::Limits;
use crate::event::{Event, Verdict};
use crate::id;
use crate::rate::RateLimit;

/// Most messages that wait for subscribers; the oldest is dropped for a new one.
const MAX_WAITING: usize = 64;
/// How long a message waits for a subscriber.
const WAIT: Duration = Duration::from_secs(15);
/// A neighbour may pass on so many rejected messages at once, and one more every ten seconds:
/// messages may be of an epoch that is just over.
const REJECTS: f64 = 8.0;
const REJECTS_PER_SECOND: f64 = 0.1;
/// How long a neighbour that passed on more is not listened to, and how many such are kept.
const BAN: Duration = Duration::from_secs(10 * 60);
const MAX_BANNED: usize = 1024;

#[derive(Debug)]
struct Waiting {
    topic: [u8; 32],
    message: Vec<u8>,
    until: Instant,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gossip {
    topics: HashMap<TopicHash, [u8; 32]>,
    waiting: VecDeque<Waiting>,
    rate: RateLimit<PeerId>,
    rejects: RateLimit<PeerId>,
    banned: VecDeque<(Instant, PeerId)>,
}

impl Gossip {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            topics: HashMap::new(),
            waiting: VecDeque::new(),
            rate: RateLimit::new(BURST_SECONDS * limits.gossip_per_second, limits.gossip_per_second),
            rejects: RateLimit::new(REJECTS, REJECTS_PER_SECOND),
            banned: VecDeque::new(),
        }
    }
}

/// A topic's name on the wire: its 32 bytes in hexadecimal.
fn name(topic: &[u8; 32]) -> IdentTopic {
    IdentTopic::new(topic.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

impl Driver {
    pub(super) fn join(&mut self, topic: [u8; 32]) {
        let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() else { return };
        if self.gossip.topics.len() >= MAX_TOPICS {
            tracing::warn!("too many gossip topics; one was not entered");
            return;
        }
        match gossip.subscribe(&name(&topic)) {
            Ok(_) => drop(self.gossip.topics.insert(name(&topic).hash(), topic)),
            Err(error) => tracing::warn!(%error, "a gossip topic was not entered"),
        }
    }

    pub(super) fn leave(&mut self, topic: [u8; 32]) {
        if let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() {
            gossip.unsubscribe(&name(&topic));
            self.gossip.topics.remove(&name(&topic).hash());
        }
    }

    pub(super) fn publish(&mut self, topic: [u8; 32], message: Vec<u8>) {
        if message.len() > MAX_GOSSIP_LEN {
            tracing::warn!(len = message.len(), "a gossip message is too long and was not sent");
            self.channels.counters.lock().gossip_unsent += 1;
            return;
        }
        self.try_publish(Waiting { topic, message, until: Instant::now() + WAIT });
    }

    fn try_publish(&mut self, waiting: Waiting) {
        let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() else { return };
        let outcome = gossip.publish(name(&waiting.topic), waiting.message.clone());
        let mut stats = self.channels.counters.lock();
        match outcome {
            Ok(_) => stats.gossip_sent += 1,
            // The very same message is on its way already.
            Err(PublishError::Duplicate) => {}
            Err(PublishError::NoPeersSubscribedToTopic) => {
                if self.gossip.waiting.len() >= MAX_WAITING {
                    self.gossip.waiting.pop_front();
                    stats.gossip_unsent += 1;
                }
                self.gossip.waiting.push_back(waiting);
            }
            // With full queues among it: gossipsub then takes a second try for a duplicate.
            Err(error) => {
                tracing::warn!(%error, "a gossip message was not sent");
                stats.gossip_unsent += 1;
            }
        }
    }

    /// Tries again what waits for this topic.
    fn retry(&mut self, topic: &TopicHash) {
        let waiting = std::mem::take(&mut self.gossip.waiting);
        for message in waiting {
            if name(&message.topic).hash() == *topic {
                self.try_publish(message);
            } else {
                self.gossip.waiting.push_back(message);
            }
        }
    }

    pub(super) fn advance_gossip(&mut self, now: Instant) {
        let before = self.gossip.waiting.len();
        self.gossip.waiting.retain(|waiting| waiting.until > now);
        let dropped = before - self.gossip.waiting.len();
        if dropped > 0 {
            self.channels.counters.lock().gossip_unsent += dropped as u64;
        }
        while self.gossip.banned.front().is_some_and(|(until, _)| *until <= now) {
            self.pardon();
        }
    }

    fn pardon(&mut self) {
        if let Some((_, peer)) = self.gossip.banned.pop_front()
            && let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut()
        {
            gossip.remove_blacklisted_peer(&peer);
        }
    }

    pub(super) fn on_gossip_event(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.on_message(propagation_source, message_id, message);
            }
            gossipsub::Event::Subscribed { topic, .. } => self.retry(&topic),
            _ => {}
        }
    }

    fn on_message(&mut self, source: PeerId, id: MessageId, message: gossipsub::Message) {
        self.connections.used(source);
        let now = Instant::now();
        let topic = self.gossip.topics.get(&message.topic).copied();
        let from = id::node_id(&source);
        let verdict = Verdict { message: Some((id, source)), mailbox: self.channels.mailbox.clone() };
        if message.data.len() > MAX_GOSSIP_LEN {
            verdict.reject();
            return;
        }
        let handed_on = match (topic, from) {
            (Some(topic), Some(from)) if self.gossip.rate.allow(source, now) => {
                let event = Event::Gossip { topic, from, message: message.data, verdict };
                self.channels.events.try_send(event).is_ok()
            }
            // The verdict is dropped, which ignores the message.
            _ => false,
        };
        let mut stats = self.channels.counters.lock();
        if handed_on {
            stats.gossip_received += 1;
        } else {
            stats.gossip_ignored += 1;
        }
    }

    pub(super) fn judge(&mut self, id: &MessageId, from: PeerId, acceptance: MessageAcceptance) {
        let rejected = matches!(acceptance, MessageAcceptance::Reject);
        let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() else { return };
        gossip.report_message_validation_result(id, &from, acceptance);
        if !rejected {
            return;
        }
        self.channels.counters.lock().gossip_rejected += 1;
        let now = Instant::now();
        let is_banned = self.gossip.banned.iter().any(|(_, peer)| *peer == from);
        if is_banned || self.gossip.rejects.allow(from, now) {
            return;
        }
        gossip.blacklist_peer(&from);
        self.gossip.banned.push_back((now + BAN, from));
        if self.gossip.banned.len() > MAX_BANNED {
            self.pardon();
        }
    }
}
