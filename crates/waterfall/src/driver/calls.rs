//! Calls: finding spots, offering links to those who have them, and answering offers.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use waterfall_keys::{ASK_LIFE, open_reply, random, seal_ask, seal_reply};
use waterfall_media::forward::{GroupId, LinkId};
use waterfall_signal::Responder;
use waterfall_wire::{
    Answer, Ask, AskBody, Contact, Entry, MAX_SPOTS, Mark, NodeId, Offer, PROTOCOL_VERSION, Refusal, Reply, ReplyBody,
    Role, Routed, Spot, decode, encode,
};

use crate::clock::unix_now;
use crate::driver::lookup::{Lookup, node_record};
use crate::driver::secrets::Secrets;
use crate::driver::session;
use crate::node::{JoinBy, Shared};

/// How many entry participants are probed at once.
const PROBES: usize = 3;
/// How many participants a walk reads before it takes the best spot it has seen.
const WALK_LIMIT: usize = 64;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The callee answered; the link is coming up.
    Answered,
    /// The callee said no.
    Refused { reason: Refusal, spots: Vec<Spot> },
    /// Nobody answered, or nothing that makes sense.
    Failed,
}

/// An offer that the tree has been told of and has not yet decided on.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) ask: Ask,
    pub(crate) offer: Offer,
    pub(crate) reply: Responder,
}

/// Everything that calls need, cheap to hand to a task.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) group: GroupId,
}

impl Caller {
    async fn ask(&self, to: &Contact, body: AskBody) -> Option<ReplyBody> {
        let ask = Ask {
            version: PROTOCOL_VERSION,
            from: self.shared.node_id(),
            to: to.node,
            epoch: self.secrets.epoch,
            nonce: random(),
            not_after: unix_now().plus(ASK_LIFE),
            body,
        };
        let request = encode(&seal_ask(&self.secrets.epoch_key, &ask, &self.shared.identity).ok()?);
        let reply = self.shared.signal.ask(to, request).await.ok()?;
        let routed: Routed = decode(&reply).ok()?;
        let reply = open_reply(&self.secrets.epoch_key, &routed, &ask).ok()?;
        Some(reply.body)
    }

    /// Offers a link. Leaves it coming up when answered, closed otherwise.
    pub(crate) async fn call(&self, link: LinkId, to: &Contact, role: Role, advertised: Option<Mark>) -> Outcome {
        let Ok(local) = self.shared.engine.offer(link, self.group).await else { return Outcome::Failed };
        let offer = Offer { role, advertised, session: session::to_wire(&local) };
        let outcome = match self.ask(to, AskBody::Offer(offer)).await {
            Some(ReplyBody::Answer(Answer { session })) => {
                match self.shared.engine.complete(link, session::from_wire(&session)).await {
                    Ok(()) => Outcome::Answered,
                    Err(_) => Outcome::Failed,
                }
            }
            Some(ReplyBody::Refused { reason, spots }) => Outcome::Refused { reason, spots },
            Some(ReplyBody::Spots(_)) | None => Outcome::Failed,
        };
        if !matches!(outcome, Outcome::Answered) {
            self.shared.engine.close(link);
        }
        outcome
    }

    /// Answers an offer that the tree has accepted. Whether the link is coming up.
    pub(crate) async fn answer(&self, link: LinkId, waiting: Waiting) -> bool {
        let remote = session::from_wire(&waiting.offer.session);
        let Ok(local) = self.shared.engine.answer(link, self.group, remote).await else {
            self.reply(&waiting.ask, refused(Refusal::Denied, Vec::new()), waiting.reply);
            return false;
        };
        let answer = Answer { session: session::to_wire(&local) };
        self.reply(&waiting.ask, ReplyBody::Answer(answer), waiting.reply);
        true
    }

    /// Seals and sends a reply.
    pub(crate) fn reply(&self, ask: &Ask, body: ReplyBody, responder: Responder) {
        let reply = Reply {
            version: PROTOCOL_VERSION,
            from: self.shared.node_id(),
            to: ask.from,
            epoch: self.secrets.epoch,
            nonce: ask.nonce,
            body,
        };
        match seal_reply(&self.secrets.epoch_key, &reply, &self.shared.identity) {
            Ok(sealed) => responder.reply(encode(&sealed)),
            Err(error) => tracing::warn!(%error, "a reply could not be sealed"),
        }
    }

    /// Open spots, nearest the root first; `known` are participants to ask beside the entry records.
    pub(crate) async fn find_spots(&self, by: JoinBy, known: &[Contact]) -> Vec<Spot> {
        let entries = Lookup::new(&self.shared.signal, self.secrets.room, self.secrets.locator.clone())
            .entries(&self.secrets.charter)
            .await;
        let contacts = self.contacts(&entries, known);
        let mut spots = match by {
            JoinBy::Probe => self.probe(contacts).await,
            JoinBy::Walk => self.walk(contacts).await,
        };
        spots.retain(|spot| spot.contact.node != self.shared.node_id());
        spots.sort_by_key(|spot| spot.depth);
        let mut seen = Vec::new();
        spots.retain(|spot| {
            !seen.contains(&spot.contact.node) && {
                seen.push(spot.contact.node);
                true
            }
        });
        spots.truncate(MAX_SPOTS);
        spots
    }

    fn contacts(&self, entries: &[Entry], known: &[Contact]) -> Vec<Contact> {
        let mut by_node: HashMap<NodeId, Contact> = HashMap::new();
        let mut order = Vec::new();
        // Entry records come first: they are fresher than a ticket.
        for contact in entries.iter().flat_map(|entry| &entry.participants).chain(known) {
            if contact.node != self.shared.node_id() && !by_node.contains_key(&contact.node) {
                order.push(contact.node);
                by_node.insert(contact.node, contact.clone());
            }
        }
        order.iter().filter_map(|node| by_node.remove(node)).collect()
    }

    /// Asks entry participants for spots, a few at a time, until one knows any.
    async fn probe(&self, contacts: Vec<Contact>) -> Vec<Spot> {
        let mut asks = futures::stream::iter(contacts)
            .map(|contact| async move {
                match self.ask(&contact, AskBody::Probe).await {
                    Some(ReplyBody::Spots(spots)) => spots,
                    _ => Vec::new(),
                }
            })
            .buffered(PROBES);
        let mut found = Vec::new();
        while let Some(spots) = asks.next().await {
            found.extend(spots);
            if !found.is_empty() {
                break;
            }
        }
        found
    }

    /// Reads node records from the entry participants down, a tier at a time, until one tier has spots.
    async fn walk(&self, contacts: Vec<Contact>) -> Vec<Spot> {
        let mut tier: Vec<NodeId> = contacts.into_iter().map(|contact| contact.node).collect();
        let mut seen = tier.clone();
        let mut found = Vec::new();
        while !tier.is_empty() && found.is_empty() && seen.len() <= WALK_LIMIT {
            let mut reads: FuturesUnordered<_> =
                tier.iter().map(|node| node_record(&self.shared.signal, &self.secrets, node)).collect();
            let mut below = Vec::new();
            while let Some(record) = reads.next().await {
                let Some(record) = record else { continue };
                found.extend(record.spots);
                below.extend(record.children);
            }
            drop(reads);
            below.retain(|node| !seen.contains(node));
            seen.extend(&below);
            tier = below;
        }
        found
    }
}

/// A refusal as a reply.
pub(crate) fn refused(reason: Refusal, spots: Vec<Spot>) -> ReplyBody {
    ReplyBody::Refused { reason, spots }
}
