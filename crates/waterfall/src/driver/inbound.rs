//! What comes from outside: questions, gossip, and what happens on links.

use waterfall_keys::{CallError, EventError, check_event, open_ask, open_event, reopen_ask, seal_reply};
use waterfall_media::engine;
use waterfall_media::forward::LinkId;
use waterfall_signal::{Responder, Verdict};
use waterfall_tree::Input;
use waterfall_wire::{
    Ask, AskBody, Kid, LinkMessage, NodeId, PROTOCOL_VERSION, Refusal, Reply, ReplyBody, RoomEvent, RoomEventBody,
    Routed, decode, encode,
};

use super::Driver;
use super::answers::Way;
use super::calls::{self, Waiting};
use crate::clock::unix_now;
use crate::event::Event;
use crate::router::Inbound;

impl Driver {
    /// Does what follows from something that came from outside.
    pub(super) fn inbound(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Asked { request, reply } => self.asked(&request, reply),
            Inbound::Gossip { message, verdict } => self.gossiped(&message, verdict),
            Inbound::Engine(event) => self.engine_event(event),
        }
    }

    fn asked(&mut self, request: &Routed, responder: Responder) {
        let me = self.shared.node_id();
        // Dropping the responder tells the asker at once that this is no way to ask.
        if !self.shared.signal_path.is_direct() {
            return;
        }
        let (key, now) = (self.secrets.epoch_key.clone(), unix_now());
        match open_ask(&key, request, &me, now, &mut self.replays) {
            Ok(ask) => self.take_ask(ask, Way::Stream(responder)),
            Err(CallError::Repeated) => {
                if let Ok(ask) = reopen_ask(&key, request, &me, now) {
                    self.asked_again(&ask, Way::Stream(responder));
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a question was dropped");
                self.refused += 1;
            }
        }
    }

    /// A question that was not heard before, whichever way it came.
    pub(super) fn take_ask(&mut self, ask: Ask, way: Way) {
        if self.secrets.charter.expelled.contains(&ask.from) {
            self.reply(&ask, calls::refused(Refusal::Denied, Vec::new()), way);
            return;
        }
        match ask.body.clone() {
            AskBody::Probe => {
                let spots = self.tree.probed(self.now());
                self.reply(&ask, ReplyBody::Spots(spots), way);
            }
            AskBody::Offer(offer) => {
                let peer = ask.from;
                self.answers.begin(&ask, way, unix_now());
                // A neighbour that calls again has lost its end of the link we know. A call of ours that
                // crosses its own stands until the tree decides.
                if self.links.get(&peer).is_some_and(|link| !link.is_calling()) {
                    self.drop_link(&peer);
                }
                let (role, advertised) = (offer.role, offer.advertised);
                self.waiting.insert(peer, Waiting { ask, offer });
                let now = self.now();
                self.tree.handle(now, Input::Called { from: peer, role, advertised });
            }
        }
    }

    /// The tree, or the engine, has decided on a question: every way that it came by is answered.
    pub(super) fn decided(&mut self, ask: &Ask, body: &ReplyBody) {
        for way in self.answers.settle(ask, body) {
            self.reply(ask, body.clone(), way);
        }
    }

    /// Seals an answer and sends it back one way.
    pub(super) fn reply(&mut self, ask: &Ask, body: ReplyBody, way: Way) {
        let reply = Reply {
            version: PROTOCOL_VERSION,
            from: self.shared.node_id(),
            to: ask.from,
            epoch: self.secrets.epoch,
            nonce: ask.nonce,
            body,
        };
        match way {
            Way::Letter => self.write_reply(&reply),
            Way::Stream(responder) => match seal_reply(&self.secrets.epoch_key, &reply, &self.shared.identity) {
                Ok(sealed) => responder.reply(encode(&sealed)),
                Err(error) => tracing::warn!(%error, "a reply could not be sealed"),
            },
        }
    }

    fn gossiped(&mut self, message: &[u8], verdict: Verdict) {
        match open_event(&self.secrets.epoch_key, message, unix_now()) {
            Ok((_, RoomEvent { body: RoomEventBody::Letter { to, kind }, from, at, .. })) => {
                self.noticed(from, at, to, kind, verdict);
            }
            Ok((signed, event)) => {
                if self.take_event(&signed, event) {
                    verdict.accept()
                } else {
                    verdict.ignore()
                }
            }
            // Late gossip is no sign of ill will; bytes that do not open are.
            Err(EventError::Stale) => verdict.ignore(),
            Err(error) => {
                tracing::debug!(%error, "gossip was dropped");
                self.refused += 1;
                verdict.reject();
            }
        }
    }

    fn engine_event(&mut self, event: engine::Event) {
        let now = self.now();
        match event {
            engine::Event::LinkUp { link } => {
                if let Some(peer) = self.links.peer(link) {
                    self.link_up(&peer);
                }
            }
            engine::Event::LinkDown { link, reason } => {
                if let Some(peer) = self.links.peer(link) {
                    tracing::debug!(%peer, %reason, "link down");
                    // A call of ours that was answered but never connected has failed.
                    let calling = self.links.get(&peer).is_some_and(|link| link.is_calling());
                    self.links.remove(&peer);
                    let input = if calling { Input::CallFailed { peer } } else { Input::LinkDown { peer } };
                    self.tree.handle(now, input);
                }
            }
            engine::Event::Message { link, message } => self.link_message(link, &message),
            engine::Event::Silent { link } => {
                if let Some(peer) = self.links.peer(link) {
                    self.tree.handle(now, Input::Silent { peer });
                }
            }
            engine::Event::Heard { link } => {
                if let Some(peer) = self.links.peer(link) {
                    self.tree.handle(now, Input::Heard { peer });
                }
            }
            engine::Event::KeyFrameWanted { kid, .. } => self.emit(Event::KeyFrameWanted(Kid(kid))),
            engine::Event::Withheld { link, packets } => {
                if let Some(peer) = self.links.peer(link) {
                    tracing::debug!(%peer, packets, "packets that a neighbour has do not come");
                    self.tree.handle(now, Input::Withheld { peer });
                }
            }
            engine::Event::QueueOverflow { link, .. } => {
                if let Some(peer) = self.links.peer(link).filter(|peer| self.links.note_congestion(peer)) {
                    self.tree.handle(now, Input::Congested { peer });
                }
            }
            engine::Event::Switched { from, to, gap, lost, .. } => {
                if let Some((from, to)) = self.links.peer_ever(from).zip(self.links.peer_ever(to)) {
                    self.emit(Event::Switched { from, to, gap, lost });
                }
            }
            // Whether a neighbour is fed is the tree's to say.
            _ => {}
        }
    }

    fn link_message(&mut self, link: LinkId, message: &[u8]) {
        let Some(peer) = self.links.peer(link) else { return };
        match decode::<LinkMessage>(message) {
            Ok(message) => {
                if let Some(message) = self.unless_unproven(peer, link, message) {
                    self.take_link_message(peer, message);
                }
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "a link message was dropped");
                self.refused += 1;
            }
        }
    }

    /// Does what follows from what a neighbour said.
    pub(super) fn take_link_message(&mut self, peer: NodeId, message: LinkMessage) {
        match message {
            LinkMessage::Tree(message) => {
                let now = self.now();
                self.tree.handle(now, Input::Received { from: peer, message });
                // What follows on the link may depend on what the tree decides.
                self.drain_tree();
            }
            LinkMessage::Catalogue(signed) => self.take_catalogue(signed, Some(peer)),
            LinkMessage::Event(signed) => match check_event(&self.secrets.epoch_key, &signed, unix_now()) {
                Ok(event) => drop(self.take_event(&signed, event)),
                Err(_) => self.refused += 1,
            },
            LinkMessage::Resume(have) => self.resume(peer, &have),
            // Once is enough, and in rooms that know no members nobody has to prove to be one.
            LinkMessage::Credential(_) => self.refused += 1,
        }
    }
}
