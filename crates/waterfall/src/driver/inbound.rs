//! What comes from outside: questions, gossip, and what happens on links.

use waterfall_keys::{EventError, check_event, open_ask, open_event};
use waterfall_media::engine;
use waterfall_media::forward::LinkId;
use waterfall_signal::{Responder, Verdict};
use waterfall_tree::Input;
use waterfall_wire::{AskBody, Kid, LinkMessage, NodeId, Refusal, ReplyBody, Routed, decode};

use super::Driver;
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
        let ask = match open_ask(&self.secrets.epoch_key, request, &me, unix_now(), &mut self.replays) {
            Ok(ask) => ask,
            Err(error) => {
                tracing::debug!(%error, "a question was dropped");
                self.refused += 1;
                return;
            }
        };
        let caller = self.caller();
        if self.secrets.charter.expelled.contains(&ask.from) {
            caller.reply(&ask, calls::refused(Refusal::Denied, Vec::new()), responder);
            return;
        }
        match ask.body.clone() {
            AskBody::Probe => {
                let spots = self.tree.open_spots(self.now());
                caller.reply(&ask, ReplyBody::Spots(spots), responder);
            }
            AskBody::Offer(offer) => {
                let peer = ask.from;
                // A neighbour that calls again has lost its end of the link we know. A call of ours that
                // crosses its own stands until the tree decides.
                if self.links.get(&peer).is_some_and(|link| !link.is_calling()) {
                    self.drop_link(&peer);
                }
                let (role, advertised) = (offer.role, offer.advertised);
                self.waiting.insert(peer, Waiting { ask, offer, reply: responder });
                let now = self.now();
                self.tree.handle(now, Input::Called { from: peer, role, advertised });
            }
        }
    }

    fn gossiped(&mut self, message: &[u8], verdict: Verdict) {
        match open_event(&self.secrets.epoch_key, message, unix_now()) {
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
            // Overflows are counted with the link; whether a neighbour is fed is the tree's to say.
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
