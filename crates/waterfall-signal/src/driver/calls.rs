//! Direct questions, both ways.
//!
//! A question to a node that is not connected waits here while its addresses are dialled; if none
//! answers, the DHT is asked where the node is, once. Dialling is done here and not by the
//! request-response behaviour, which fails its requests when somebody else's dial to the same
//! node fails.

use std::collections::HashMap;

use libp2p::PeerId;
use libp2p::request_response::{self, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use tokio::sync::oneshot;
use waterfall_wire::{Contact, MAX_ADDRESSES};

use super::entrances::reason;
use super::handover::BURST_SECONDS;
use super::{Driver, Purpose};
use crate::address::address_to_multiaddr;
use crate::config::Limits;
use crate::event::{Event, Responder};
use crate::id;
use crate::rate::RateLimit;
use crate::signal::AskError;

/// Most own questions under way.
const MAX_ASKED: usize = 256;
/// Most questions of others that wait for the application.
const MAX_ASKING: usize = 256;

type Waiter = oneshot::Sender<Result<Vec<u8>, AskError>>;

#[derive(Debug)]
struct Question {
    request: Vec<u8>,
    reply: Waiter,
}

/// Questions that wait for a connection to one peer.
#[derive(Debug, Default)]
struct Waiting {
    questions: Vec<Question>,
    dialing: Option<ConnectionId>,
    /// The DHT is being asked, or has been.
    searched: bool,
    failure: String,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Calls {
    waiting: HashMap<PeerId, Waiting>,
    asked: HashMap<OutboundRequestId, (PeerId, Waiter)>,
    asking: HashMap<InboundRequestId, PeerId>,
    rate: RateLimit<PeerId>,
}

impl Calls {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = RateLimit::new(BURST_SECONDS * limits.asks_per_second, limits.asks_per_second);
        Self { waiting: HashMap::new(), asked: HashMap::new(), asking: HashMap::new(), rate }
    }

    /// Peers with a question open in either direction.
    pub(crate) fn busy_peers(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.asked.values().map(|(peer, _)| *peer).chain(self.asking.values().copied())
    }
}

impl Driver {
    pub(super) fn ask(&mut self, to: &Contact, request: Vec<u8>, reply: Waiter) {
        let refuse = |reply: Waiter, error| {
            // An error means that the caller stopped waiting.
            let _ = reply.send(Err(error));
        };
        let peer = id::peer_id(&to.node).filter(|peer| peer != self.swarm.local_peer_id());
        let Some(peer) = peer else { return refuse(reply, AskError::NoSuchNode) };
        if self.swarm.behaviour().calls.as_ref().is_none() {
            return refuse(reply, AskError::Refused);
        }
        let waiting: usize = self.calls.waiting.values().map(|w| w.questions.len()).sum();
        if self.calls.asked.len() + waiting >= MAX_ASKED {
            return refuse(reply, AskError::Busy);
        }
        self.channels.counters.lock().asks_sent += 1;
        let question = Question { request, reply };
        if self.connections.is_connected(peer) {
            return self.send(peer, question);
        }
        let waiting = self.calls.waiting.entry(peer).or_default();
        waiting.questions.push(question);
        if waiting.dialing.is_some() {
            return;
        }
        let addresses: Vec<_> = to.addresses.iter().take(MAX_ADDRESSES).filter_map(address_to_multiaddr).collect();
        // Others may be dialling the node as well, at addresses that are old.
        let opts = DialOpts::peer_id(peer).condition(PeerCondition::Always);
        let opts = opts.addresses(addresses).extend_addresses_through_behaviour().build();
        waiting.dialing = Some(opts.connection_id());
        let id = opts.connection_id();
        if let Err(error) = self.swarm.dial(opts) {
            self.call_failed(id, &error);
        }
    }

    fn send(&mut self, peer: PeerId, question: Question) {
        self.connections.used(peer);
        let Some(calls) = self.swarm.behaviour_mut().calls.as_mut() else { return };
        let id = calls.send_request(&peer, question.request);
        self.calls.asked.insert(id, (peer, question.reply));
    }

    /// A peer is connected: its questions go out.
    pub(super) fn call_waiting(&mut self, peer: PeerId) {
        let Some(waiting) = self.calls.waiting.remove(&peer) else { return };
        waiting.questions.into_iter().for_each(|question| self.send(peer, question));
    }

    /// A dial failed: if it was for questions, the DHT may know where else.
    pub(super) fn call_failed(&mut self, id: ConnectionId, error: &DialError) {
        let Some((&peer, waiting)) = self.calls.waiting.iter_mut().find(|(_, w)| w.dialing == Some(id)) else { return };
        waiting.dialing = None;
        waiting.failure = reason(error);
        if waiting.searched || self.routing_size() == 0 {
            self.give_up(peer);
            return;
        }
        if let Some(waiting) = self.calls.waiting.get_mut(&peer) {
            waiting.searched = true;
        }
        let query = self.swarm.behaviour_mut().kad.get_closest_peers(peer.to_bytes());
        self.track(query, Purpose::Find(peer));
    }

    /// The DHT has been asked. The walk dials the node itself on the way if anybody knows of it.
    pub(super) fn on_found(&mut self, peer: PeerId) {
        if self.connections.is_connected(peer) {
            self.call_waiting(peer);
        } else if self.calls.waiting.get(&peer).is_some_and(|w| w.dialing.is_none()) {
            self.give_up(peer);
        }
    }

    fn give_up(&mut self, peer: PeerId) {
        let Some(waiting) = self.calls.waiting.remove(&peer) else { return };
        for question in waiting.questions {
            // An error means that the caller stopped waiting.
            let _ = question.reply.send(Err(AskError::Unreachable(waiting.failure.clone())));
        }
    }

    /// Forgets questions whose callers have stopped waiting.
    pub(super) fn advance_calls(&mut self) {
        for waiting in self.calls.waiting.values_mut() {
            waiting.questions.retain(|question| !question.reply.is_closed());
        }
        self.calls.waiting.retain(|_, waiting| !waiting.questions.is_empty());
        self.calls.asked.retain(|_, (_, reply)| !reply.is_closed());
    }

    pub(super) fn on_call_event(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message {
                peer,
                message: Message::Request { request_id, request, channel },
                ..
            } => {
                self.on_asked(peer, request_id, request, channel);
            }
            request_response::Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.settle(request_id, Ok(response));
            }
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                let error = match error {
                    OutboundFailure::DialFailure => AskError::Unreachable("the connection was lost".into()),
                    OutboundFailure::Timeout => AskError::Timeout,
                    OutboundFailure::ConnectionClosed => AskError::Interrupted,
                    // A node that refuses closes the stream without a word.
                    OutboundFailure::UnsupportedProtocols | OutboundFailure::Io(_) => AskError::Refused,
                };
                self.settle(request_id, Err(error));
            }
            request_response::Event::InboundFailure { request_id, .. }
            | request_response::Event::ResponseSent { request_id, .. } => {
                self.calls.asking.remove(&request_id);
            }
        }
    }

    fn settle(&mut self, id: OutboundRequestId, outcome: Result<Vec<u8>, AskError>) {
        if let Some((peer, reply)) = self.calls.asked.remove(&id) {
            self.connections.used(peer);
            // An error means that the caller stopped waiting.
            let _ = reply.send(outcome);
        }
    }

    fn on_asked(&mut self, peer: PeerId, id: InboundRequestId, request: Vec<u8>, channel: ResponseChannel<Vec<u8>>) {
        self.connections.used(peer);
        let allowed = self.calls.rate.allow(peer, std::time::Instant::now()) && self.calls.asking.len() < MAX_ASKING;
        let from = id::node_id(&peer).filter(|_| allowed);
        let handed_on = from.is_some_and(|from| {
            let reply = Responder { channel, mailbox: self.channels.mailbox.clone() };
            self.channels.events.try_send(Event::Asked { from, request, reply }).is_ok()
        });
        let mut stats = self.channels.counters.lock();
        if handed_on {
            stats.asks_received += 1;
            self.calls.asking.insert(id, peer);
        } else {
            // The channel is dropped by now, which closes the stream.
            stats.asks_refused += 1;
        }
    }

    pub(super) fn reply(&mut self, channel: ResponseChannel<Vec<u8>>, answer: Vec<u8>) {
        if let Some(calls) = self.swarm.behaviour_mut().calls.as_mut() {
            // An error means that the one who asked has stopped waiting.
            let _ = calls.send_response(channel, answer);
        }
    }
}
