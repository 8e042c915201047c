//! Calls: finding spots, offering links to those who have them, and answering offers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use waterfall_keys::{ASK_LIFE, letter, open_reply, random, seal_ask};
use waterfall_media::forward::{GroupId, LinkId};
use waterfall_wire::{
    Answer, Ask, AskBody, Contact, Entry, MAX_SPOTS, Mark, NodeId, Offer, PROTOCOL_VERSION, Refusal, ReplyBody, Role,
    Routed, Spot, decode, encode,
};

use crate::SignalPath;
use crate::clock::unix_now;
use crate::driver::letters::Pace;
use crate::driver::lookup::{Lookup, node_record};
use crate::driver::secrets::Secrets;
use crate::driver::session;
use crate::node::{JoinBy, Shared};

/// How many entry participants are probed at once.
const PROBES: usize = 3;
/// How much later the answer of an entry participant may come than that of one named after it, and
/// still count for more.
const PRECEDENCE: Duration = Duration::from_millis(150);
/// How many participants a walk reads before it takes the best spot it has seen.
const WALK_LIMIT: usize = 64;

/// How long a direct offer may go unanswered before a letter goes out as well: a healthy call is
/// answered in a few round trips.
const HEAD_START: Duration = Duration::from_secs(1);

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The callee answered by this path, after so long; the link is coming up.
    Answered { path: SignalPath, after: Duration },
    /// The callee said no.
    Refused { reason: Refusal, spots: Vec<Spot> },
    /// Nobody answered, or nothing that makes sense.
    Failed,
}

/// What a search for spots has found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) spots: Vec<Spot>,
    /// A delegate's entry record says that the room is over. Who has just lost its parent and was in
    /// no topic may have missed the word.
    pub(crate) ended: bool,
}

/// An offer that the tree has been told of and has not yet decided on.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) ask: Ask,
    pub(crate) offer: Offer,
}

/// Everything that calls need, cheap to hand to a task.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) group: GroupId,
    /// How fast own letters may follow each other.
    pub(crate) pace: Arc<Pace>,
}

impl Caller {
    fn ask(&self, to: NodeId, body: AskBody) -> Ask {
        let by_letter = matches!(body, AskBody::Offer(_)) && self.shared.signal_path.has_letters();
        Ask {
            version: PROTOCOL_VERSION,
            from: self.shared.node_id(),
            to,
            epoch: self.secrets.epoch,
            nonce: random(),
            not_after: unix_now().plus(if by_letter { letter::ASK_LIFE } else { ASK_LIFE }),
            body,
        }
    }

    /// Asks over a direct stream. `None` where that leads to no answer that makes sense.
    async fn directly(&self, to: &Contact, ask: &Ask) -> Option<ReplyBody> {
        let request = encode(&seal_ask(&self.secrets.epoch_key, ask, &self.shared.identity).ok()?);
        let asked = Instant::now();
        let reply = self.shared.signal.ask(to, request).await.ok()?;
        let after = asked.elapsed();
        let routed: Routed = decode(&reply).ok()?;
        let reply = open_reply(&self.secrets.epoch_key, &routed, ask).ok()?;
        self.shared.distances.answered(to.node, after);
        Some(reply.body)
    }

    /// Asks by the paths that the node allows; tells by which the first answer came.
    async fn by_any(&self, to: &Contact, ask: &Ask, heard: &Notify) -> Option<(ReplyBody, SignalPath)> {
        let (direct, letter) = (|body| (body, SignalPath::Direct), |body| (body, SignalPath::Letter));
        match self.shared.signal_path {
            SignalPath::Direct => self.directly(to, ask).await.map(direct),
            SignalPath::Letter => self.by_letter(ask, heard).await.map(letter),
            SignalPath::Auto => {
                let mut first = Box::pin(self.directly(to, ask));
                match timeout(HEAD_START, &mut first).await {
                    Ok(Some(body)) => return Some(direct(body)),
                    Ok(None) => return self.by_letter(ask, heard).await.map(letter),
                    Err(_) => {}
                }
                let mut second = Box::pin(self.by_letter(ask, heard));
                tokio::select! {
                    body = &mut first => match body {
                        Some(body) => Some(direct(body)),
                        None => second.await.map(letter),
                    },
                    body = &mut second => match body {
                        Some(body) => Some(letter(body)),
                        None => first.await.map(direct),
                    },
                }
            }
        }
    }

    /// Offers a link. Leaves it coming up when answered, closed otherwise. `heard` is notified when
    /// an answer is said to lie in the DHT.
    pub(crate) async fn call(
        &self,
        link: LinkId,
        to: &Contact,
        role: Role,
        advertised: Option<Mark>,
        heard: &Notify,
    ) -> Outcome {
        let Ok(local) = self.shared.engine.offer(link, self.group).await else { return Outcome::Failed };
        let offer = Offer { role, advertised, session: session::to_wire(&local) };
        let offered = Instant::now();
        let ask = self.ask(to.node, AskBody::Offer(offer));
        let outcome = match self.by_any(to, &ask, heard).await {
            Some((ReplyBody::Answer(Answer { session }), path)) => {
                let after = offered.elapsed();
                match self.shared.engine.complete(link, session::from_wire(&session)).await {
                    Ok(()) => Outcome::Answered { path, after },
                    Err(_) => Outcome::Failed,
                }
            }
            Some((ReplyBody::Refused { reason, spots }, _)) => Outcome::Refused { reason, spots },
            Some((ReplyBody::Spots(_), _)) | None => Outcome::Failed,
        };
        if !matches!(outcome, Outcome::Answered { .. }) {
            self.shared.engine.close(link);
        }
        outcome
    }

    /// Prepares the answer to an offer that the tree has accepted; the link is coming up then.
    pub(crate) async fn answer(&self, link: LinkId, offer: &Offer) -> Option<Answer> {
        let remote = session::from_wire(&offer.session);
        let local = self.shared.engine.answer(link, self.group, remote).await.ok()?;
        Some(Answer { session: session::to_wire(&local) })
    }

    /// Open spots, nearest the root first; `known` are participants to ask beside the entry records.
    pub(crate) async fn find_spots(&self, by: JoinBy, known: &[Contact]) -> Found {
        let entries = Lookup::new(&self.shared.signal, self.secrets.room, self.secrets.locator.clone())
            .entries(&self.secrets.charter)
            .await;
        let contacts = self.contacts(&entries, known);
        let path = self.shared.signal_path;
        let mut spots = match by {
            JoinBy::Probe if path.is_direct() => self.probe(contacts.clone()).await,
            _ => Vec::new(),
        };
        // Nobody can be asked by letter where there is room, nor those that cannot be dialled.
        if spots.is_empty() && (by == JoinBy::Walk || path.has_letters()) {
            spots = self.walk(contacts).await;
        }
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
        Found { spots, ended: entries.iter().any(|entry| entry.ended) }
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

    /// Asks entry participants for spots, a few at a time. Those named first know most, but whoever is gone
    /// keeps nobody waiting for long.
    async fn probe(&self, contacts: Vec<Contact>) -> Vec<Spot> {
        let ask = |(rank, contact): (usize, Contact)| async move {
            let ask = self.ask(contact.node, AskBody::Probe);
            match self.directly(&contact, &ask).await {
                Some(ReplyBody::Spots(spots)) => (rank, spots),
                _ => (rank, Vec::new()),
            }
        };
        first_of(futures::stream::iter(contacts).enumerate().map(ask).buffer_unordered(PROBES)).await
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

/// Of answers as they come, each with the rank of who gave it, the one of the least rank that names
/// any spots: of all that are there within [`PRECEDENCE`] of the first such one.
async fn first_of(answers: impl Stream<Item = (usize, Vec<Spot>)>) -> Vec<Spot> {
    let mut answers = std::pin::pin!(answers);
    let mut best: Option<(usize, Vec<Spot>)> = None;
    let mut heard = BTreeSet::new();
    let mut over = std::pin::pin!(sleep(Duration::MAX));
    loop {
        let (rank, spots) = tokio::select! {
            biased;
            answer = answers.next() => match answer {
                Some(answer) => answer,
                None => break,
            },
            () = &mut over => break,
        };
        heard.insert(rank);
        if !spots.is_empty() && best.as_ref().is_none_or(|(least, _)| rank < *least) {
            if best.is_none() {
                over.as_mut().reset(Instant::now() + PRECEDENCE);
            }
            best = Some((rank, spots));
        }
        if best.as_ref().is_some_and(|(least, _)| (0..*least).all(|rank| heard.contains(&rank))) {
            break;
        }
    }
    best.map(|(_, spots)| spots).unwrap_or_default()
}

/// A refusal as a reply.
pub(crate) fn refused(reason: Refusal, spots: Vec<Spot>) -> ReplyBody {
    ReplyBody::Refused { reason, spots }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of these answers, each a rank and the depth of the spot that it names, none if 0. If not
    /// `all` have answered, one more never will.
    async fn chosen(all: bool, answers: &[(usize, u16)]) -> Vec<u16> {
        let answers = answers.iter().map(|(rank, depth)| {
            let spot = Spot { contact: Contact::new(NodeId([1; 32]), []), depth: *depth, free: 1, proven: 0 };
            (*rank, Vec::from_iter((*depth > 0).then_some(spot)))
        });
        let answers = futures::stream::iter(answers.collect::<Vec<_>>());
        let silent = futures::stream::pending();
        let spots = if all { first_of(answers).await } else { first_of(answers.chain(silent)).await };
        spots.iter().map(|spot| spot.depth).collect()
    }

    #[tokio::test]
    async fn who_is_named_first_is_heard_first_but_not_waited_for() {
        assert_eq!(chosen(false, &[(1, 2), (0, 1)]).await, [1], "nobody is named before the root");
        assert_eq!(chosen(false, &[(2, 3), (1, 2)]).await, [2], "the root is gone");
        assert_eq!(chosen(false, &[(0, 0), (2, 3), (1, 2)]).await, [2], "the root knows of none");
        assert_eq!(chosen(true, &[(2, 3), (0, 0), (1, 0)]).await, [3]);
        assert!(chosen(true, &[(0, 0), (1, 0)]).await.is_empty());
        assert!(chosen(true, &[]).await.is_empty());
    }
}
