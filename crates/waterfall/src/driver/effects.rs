//! What the tree wants, done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::abortable;
use tokio::sync::Notify;
use waterfall_tree::{Event as TreeEvent, Input, Output};
use waterfall_wire::{Contact, Have, Kid, LinkMessage, NodeId, encode};

use super::calls::{Outcome, refused};
use super::{Done, Driver, LINGER, Outgoing};
use crate::event::Event;

/// Participants that an entry record names.
const ENTRIES: usize = 5;

/// What the other end has is old if the request that it was said with is granted later than this.
const EARLY: Duration = Duration::from_secs(3);

impl Driver {
    /// Does all that the tree wants, until it waits for time or input.
    pub(super) fn drain_tree(&mut self) {
        loop {
            match self.tree.poll_output() {
                Output::Timeout(at) => {
                    self.tree_timeout = at;
                    break;
                }
                output => self.effect(output),
            }
        }
        let starving = self.tree.is_starving();
        if starving != self.starving {
            self.starving = starving;
            self.shared.engine.set_fed(self.registration.group, !starving);
        }
    }

    fn effect(&mut self, output: Output) {
        match output {
            Output::Send { to, message } => self.send(&to, &LinkMessage::Tree(message)),
            Output::Call { to, role, advertised } => {
                let link = self.registration.next_link();
                if let Some(old) = self.links.insert(to.node, link, true, self.proof_wanted()) {
                    self.shared.engine.close(old);
                }
                let (caller, heard) = (self.caller(), Arc::new(Notify::new()));
                let (peer, notify) = (to.node, heard.clone());
                let (call, abort) = abortable(async move { caller.call(link, &to, role, advertised, &notify).await });
                self.end_call(&peer);
                self.outgoing.insert(peer, Outgoing { link, heard, abort });
                self.tasks.push(Box::pin(async move {
                    // Of a call that was given up nobody wants to know.
                    Done::Called { peer, link, outcome: call.await.unwrap_or(Outcome::Failed) }
                }));
            }
            Output::Accept { from, .. } => {
                let Some(waiting) = self.waiting.remove(&from) else { return };
                let link = self.registration.next_link();
                if let Some(old) = self.links.insert(from, link, false, self.proof_wanted()) {
                    self.shared.engine.close(old);
                    self.end_call(&from);
                }
                let caller = self.caller();
                self.tasks.push(Box::pin(async move {
                    let answer = caller.answer(link, &waiting.offer).await;
                    Done::Answered { peer: from, link, ask: Box::new(waiting.ask), answer }
                }));
            }
            Output::Refuse { from, reason, spots } => {
                if let Some(waiting) = self.waiting.remove(&from) {
                    self.decided(&waiting.ask, &refused(reason, spots));
                }
            }
            Output::Hangup { peer } => self.hang_up(&peer),
            Output::Fetch => {
                let (caller, by, known) = (self.caller(), self.by, self.known.clone());
                self.tasks.push(Box::pin(async move { Done::Found(caller.find_spots(by, &known).await) }));
            }
            Output::Publish(record) => self.records.node(&self.secrets, record),
            Output::Feed { peer, on } => self.feed(&peer, on),
            Output::Notify(event) => self.notified(event),
            // Timeouts are the caller's; of outputs that a later tree may have none come from this one.
            _ => {}
        }
    }

    pub(super) fn send(&self, to: &NodeId, message: &LinkMessage) {
        if let Some(link) = self.links.get(to).filter(|link| link.up) {
            self.shared.engine.send(link.id, encode(message).into());
        }
    }

    fn hang_up(&mut self, peer: &NodeId) {
        self.end_call(peer);
        if let Some(link) = self.links.remove(peer) {
            self.shared.engine.set_edge(link, false);
            // What was just said on it should still arrive.
            self.tasks.push(Box::pin(async move {
                tokio::time::sleep(LINGER).await;
                Done::Lingered(link)
            }));
        }
    }

    /// Stops calling somebody, if we do: an answer would be of no use any more.
    fn end_call(&mut self, peer: &NodeId) {
        if let Some(call) = self.outgoing.remove(peer) {
            call.abort.abort();
        }
    }

    /// Forgets a link at once and tells the tree.
    pub(super) fn drop_link(&mut self, peer: &NodeId) {
        self.end_call(peer);
        if let Some(link) = self.links.remove(peer) {
            self.shared.engine.close(link);
            let now = self.now();
            self.tree.handle(now, Input::LinkDown { peer: *peer });
            self.drain_tree();
        }
    }

    /// Media may, or may no longer, flow over the link to this neighbour.
    ///
    /// Each end says at once what it has, behind the catalogues that explain what it may send, and
    /// begins to send when it has heard the other. An orphan's RESUME so goes out together with the
    /// message that makes its standby its parent.
    fn feed(&mut self, peer: &NodeId, on: bool) {
        // An orphan that asked us to step in is no child yet: only those above ever feed us.
        let feeds_us = on && self.tree.is_fed_by(peer);
        let Some(link) = self.links.get_mut(peer) else { return };
        link.feeding = on;
        link.resumed = false;
        let early = link.early.take().filter(|(said, _)| on && said.elapsed() < EARLY);
        let id = link.id;
        self.shared.engine.set_feeder(id, feeds_us);
        self.shared.engine.set_edge(id, on);
        if !on {
            return;
        }
        for signed in self.catalogues.signed() {
            self.send(peer, &LinkMessage::Catalogue(signed.clone()));
        }
        if let Some(event) = &self.last_event {
            self.send(peer, &LinkMessage::Event(event.clone()));
        }
        if let Some((_, have)) = early {
            self.resume(*peer, &have);
        }
        let (engine, group, peer) = (self.shared.engine.clone(), self.registration.group, *peer);
        self.tasks.push(Box::pin(async move { Done::Have { peer, link: id, have: engine.have(group).await } }));
    }

    pub(super) fn say_resume(&self, peer: &NodeId, have: Vec<(u32, u64)>) {
        let have = have.into_iter().map(|(kid, next)| Have { kid: Kid(kid), next }).collect();
        self.send(peer, &LinkMessage::Resume(have));
    }

    pub(super) fn resume(&mut self, peer: NodeId, have: &[Have]) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.feeding {
            // Said along with a request that has yet to be granted.
            link.early = Some((Instant::now(), have.to_vec()));
            return;
        }
        if link.resumed {
            return;
        }
        link.resumed = true;
        self.shared.engine.resume(link.id, have.iter().map(|have| (have.kid.0, have.next)).collect());
    }

    /// A delegate's entry record: itself and the first of those below it. A child's addresses are
    /// known from the time when it had spots; one that never had any is no place to enter.
    pub(super) fn update_entry(&mut self) {
        let me = self.shared.contact();
        if !self.secrets.charter.delegates.contains(&me.node) || me.addresses.is_empty() {
            return;
        }
        let children: Vec<NodeId> = self.tree.children().collect();
        let is_child = |node: &NodeId| children.contains(node);
        for spot in self.tree.open_spots() {
            if is_child(&spot.contact.node) {
                self.relays.insert(spot.contact.node, spot.contact);
            }
        }
        self.relays.retain(|node, _| is_child(node));
        let participants: Vec<Contact> =
            std::iter::once(me).chain(self.relays.values().cloned()).take(ENTRIES).collect();
        self.records.entry(&self.secrets, participants, self.ended.is_some());
    }

    fn notified(&mut self, event: TreeEvent) {
        match event {
            TreeEvent::Moved { from, to } => self.emit(Event::ParentChanged { from, to }),
            TreeEvent::ParentLost { parent, .. } => self.emit(Event::ParentLost(parent)),
            TreeEvent::StandbyFound { standby, .. } => self.emit(Event::StandbyFound(standby)),
            TreeEvent::StandbyLost(standby) => self.emit(Event::StandbyLost(standby)),
            TreeEvent::ChildJoined(peer) => self.emit(Event::Joined(peer)),
            TreeEvent::ChildLeft(peer) => {
                if !self.leaving.is_empty() {
                    self.handed_over += 1;
                }
                self.emit(Event::Left(peer));
            }
            TreeEvent::RootLost => self.emit(Event::RootLost),
            TreeEvent::RootFound => self.emit(Event::RootFound),
            TreeEvent::Left => self.left = true,
            _ => {}
        }
        self.update_status();
        self.update_entry();
        self.settle_topic();
    }
}
