//! Calls: offers, answers, and links that come up or do not.

use waterfall_tree::Input;
use waterfall_wire::{Mark, NodeId, Refusal, Role, Spot, TreeMessage, decode, encode};

use super::link::{CALLEE, CALLER, LinkRef};
use super::{Event, World};
use crate::strategy::Strategy;
use crate::{ident, noise};

/// Round trips before an offer can travel: libp2p's QUIC handshake with the callee.
const DIAL_ROUND_TRIPS: f64 = 1.0;
/// Round trips from the answer to both data channels open: ICE 1, DTLS 1.2 2, SCTP up to 1 of which overlaps.
const SETUP_ROUND_TRIPS: f64 = 3.5;
/// What the machines add to a set-up; the media bench sees 1.7 ms for both ends on one machine, the join bench some
/// 20 ms for offers, seals and timers.
const SETUP_WORK: u64 = 20_000;
/// Packets that dialling and the offer, and the answer with what follows, cannot do without; if one is lost, it is sent
/// again when the timer of QUIC, ICE or DTLS runs out.
const DIAL_PACKETS: u32 = 3;
const SETUP_PACKETS: u32 = 11;
const HANDSHAKE_TIMER: u64 = 1_000_000;
/// Round trips that a NAT adds: reservation at a relay is there, the hole is punched through it (DCUtR).
const PUNCH_ROUND_TRIPS: f64 = 2.0;
/// A hole punch that both sides have NAT for works this often (Trautwein et al. 2022 measure 70 %).
const PUNCHED: f64 = 0.7;
/// How long a caller waits for an answer that does not come.
const ASK_TIMEOUT: u64 = 6_000_000;
/// The prototype's signalling server knows at once who is not there.
const UNAVAILABLE_AFTER: u64 = 50_000;
/// Bytes of an offer or an answer as it travels: sealed, signed, over QUIC.
const SIGNAL_BYTES: u64 = 900;

/// An offer on its way, or its answer.
#[derive(Debug)]
pub(crate) struct Call {
    link: LinkRef,
    role: Role,
    advertised: Option<Mark>,
    answer: Option<(Refusal, Vec<Spot>)>,
}

impl World {
    pub(crate) fn delay(&self, a: u32, b: u32) -> u64 {
        let (one, other) = (&self.nodes[a as usize].person, &self.nodes[b as usize].person);
        self.geography.delay((a, one), (b, other))
    }

    /// Whether an offer of the one gets to the other: both are there, on one side of a partition, and the NATs let it.
    pub(crate) fn reaches(&self, from: u32, to: u32) -> bool {
        let (Some(caller), Some(callee)) = (self.nodes.get(from as usize), self.nodes.get(to as usize)) else {
            return false;
        };
        let pair = noise::of(self.options.seed ^ 0x0a7, u64::from(from.min(to)), u64::from(from.max(to)));
        let blocked = caller.person.behind_nat && callee.person.behind_nat && noise::unit(pair) >= PUNCHED;
        callee.is_present() && !blocked && !self.is_cut(from, to)
    }

    pub(crate) fn call(&mut self, node: u32, to: &NodeId, role: Role, advertised: Option<Mark>) {
        let callee = ident::index(to);
        self.tally.called(role, callee == self.root, self.now);
        self.nodes[node as usize].calls += 1;
        if callee as usize >= self.nodes.len() || callee == node {
            let link = LinkRef { slot: u32::MAX, serial: 0 };
            self.queue.push(self.now + ASK_TIMEOUT, Event::Failed { node, peer: callee, link });
            return;
        }
        if let Some(old) = self.link_to(node, callee) {
            self.close_end(old, node);
        }
        let link = self.new_link(node, callee);
        let delay = self.link(link).map_or(0, |link| link.delay);
        self.tally.signal_bytes += SIGNAL_BYTES;
        if !self.reaches(node, callee) {
            let known = self.options.strategy == Strategy::Prototype;
            let patience = if known { UNAVAILABLE_AFTER } else { ASK_TIMEOUT };
            self.queue.push(self.now + patience, Event::Failed { node, peer: callee, link });
            return;
        }
        let through_nat = self.nodes[callee as usize].person.behind_nat;
        let trips = DIAL_ROUND_TRIPS + if through_nat { PUNCH_ROUND_TRIPS } else { 0.0 };
        let arrives = self.now + delay + (trips * 2.0 * delay as f64) as u64 + self.handshake_losses(DIAL_PACKETS);
        let call = self.calls.put(Call { link, role, advertised, answer: None });
        self.queue.push(arrives, Event::Ring(call));
    }

    /// An offer arrives.
    pub(crate) fn ring(&mut self, number: u32) {
        let Some((link, role, advertised)) = self.calls.get(number).map(|c| (c.link, c.role, c.advertised)) else {
            return;
        };
        let Some([caller, callee]) = self.link(link).map(|link| link.ends) else {
            self.calls.take(number);
            return;
        };
        if !self.reaches(caller, callee) {
            self.calls.take(number);
            self.queue.push(self.now + ASK_TIMEOUT, Event::Failed { node: caller, peer: callee, link });
            return;
        }
        if self.hold_if_frozen(callee, Event::Ring(number)) {
            return;
        }
        // A neighbour that calls again has lost its end of the link we know.
        if let Some(old) = self.link_to(callee, caller).filter(|old| self.is_established(*old)) {
            self.close_end(old, callee);
            self.input(callee, Input::LinkDown { peer: ident::id(caller) });
        }
        self.answering = Some(number);
        self.input(callee, Input::Called { from: ident::id(caller), role, advertised });
        if self.answering.take().is_some() {
            self.violated("call", callee, "did not answer a call at once");
            self.calls.take(number);
        }
    }

    /// Up, or accepted by this end: not a call of its own that has no answer yet.
    fn is_established(&self, link: LinkRef) -> bool {
        self.link(link).is_some_and(|link| link.up || link.open[CALLEE])
    }

    pub(crate) fn accept(&mut self, node: u32) {
        let Some(call) = self.answering.take().and_then(|number| self.calls.take(number)) else {
            return self.violated("call", node, "accepted a call that nobody made");
        };
        let Some((caller, delay)) = self.link(call.link).map(|link| (link.ends[CALLER], link.delay)) else { return };
        if let Some(own) = self.link_to(node, caller) {
            // Its own call crosses this one, and gives way.
            self.close_end(own, node);
        }
        if let Some(link) = self.link_mut(call.link) {
            link.open[CALLEE] = true;
            let slot = call.link.slot;
            self.nodes[node as usize].links.push((caller, slot));
        }
        self.tally.signal_bytes += SIGNAL_BYTES;
        let setup = delay + (SETUP_ROUND_TRIPS * 2.0 * delay as f64) as u64 + SETUP_WORK;
        self.queue.push(self.now + delay, Event::Taken(call.link));
        let setup = setup + self.handshake_losses(SETUP_PACKETS);
        self.queue.push(self.now + setup, Event::Up(call.link));
    }

    /// What lost packets cost a handshake of so many.
    pub(crate) fn handshake_losses(&mut self, packets: u32) -> u64 {
        let loss = self.options.loss;
        if loss <= 0.0 {
            return 0;
        }
        (0..packets).filter(|_| self.jitter.unit() < loss).count() as u64 * HANDSHAKE_TIMER
    }

    /// The answer to an offer arrives: the link is coming up.
    pub(crate) fn taken(&mut self, at: LinkRef) {
        let Some([caller, callee]) = self.link(at).filter(|link| link.open[CALLER] && !link.up).map(|link| link.ends)
        else {
            return;
        };
        if self.nodes[caller as usize].is_present() && !self.hold_if_frozen(caller, Event::Taken(at)) {
            self.input(caller, Input::CallAnswered { peer: ident::id(callee) });
        }
    }

    pub(crate) fn refuse(&mut self, node: u32, reason: Refusal, spots: Vec<Spot>) {
        let Some(number) = self.answering.take() else {
            return self.violated("call", node, "refused a call that nobody made");
        };
        let spots = self.through_codec(spots);
        let Some(call) = self.calls.get_mut(number) else { return };
        call.answer = Some((reason, spots));
        let delay = self.link(self.calls.get(number).map_or(LinkRef { slot: 0, serial: 0 }, |call| call.link));
        let delay = delay.map_or(0, |link| link.delay);
        self.tally.refused += 1;
        self.tally.signal_bytes += SIGNAL_BYTES;
        self.queue.push(self.now + delay, Event::Answered(number));
    }

    /// Spots as they arrive in a reply.
    pub(crate) fn through_codec(&mut self, spots: Vec<Spot>) -> Vec<Spot> {
        if self.options.skip_codec {
            return spots;
        }
        match decode(&encode(&TreeMessage::Refused { reason: Refusal::Full, spots })) {
            Ok(TreeMessage::Refused { spots, .. }) => spots,
            Ok(_) => Vec::new(),
            Err(error) => {
                self.violated("codec", self.root, &format!("and others were told spots that do not decode: {error}"));
                Vec::new()
            }
        }
    }

    /// A refusal arrives at the caller.
    pub(crate) fn answered(&mut self, number: u32) {
        let Some([caller, callee]) = self.calls.get(number).and_then(|call| self.link(call.link)).map(|l| l.ends)
        else {
            self.calls.take(number);
            return;
        };
        if !self.nodes[caller as usize].is_present() {
            self.calls.take(number);
            return;
        }
        if self.hold_if_frozen(caller, Event::Answered(number)) {
            return;
        }
        let Some(call) = self.calls.take(number) else { return };
        let (Some((reason, spots)), true) = (call.answer, self.is_current(caller, callee, call.link)) else { return };
        self.close_end(call.link, caller);
        self.input(caller, Input::CallRefused { peer: ident::id(callee), reason, spots });
    }

    fn is_current(&self, node: u32, peer: u32, link: LinkRef) -> bool {
        self.link_to(node, peer) == Some(link)
    }

    pub(crate) fn failed(&mut self, node: u32, peer: u32, link: LinkRef) {
        let current = link.slot == u32::MAX || self.is_current(node, peer, link);
        if !current || !self.nodes[node as usize].is_present() {
            return;
        }
        if self.hold_if_frozen(node, Event::Failed { node, peer, link }) {
            return;
        }
        self.close_end(link, node);
        self.input(node, Input::CallFailed { peer: ident::id(peer) });
    }

    /// A link has come up, if both still want it.
    pub(crate) fn link_up(&mut self, at: LinkRef) {
        let Some(link) = self.link(at) else { return };
        let [caller, callee] = link.ends;
        let wanted = link.open == [true, true];
        let there = self.nodes[caller as usize].is_present() && self.nodes[callee as usize].is_present();
        if !wanted || !there || self.is_cut(caller, callee) {
            return;
        }
        for node in [caller, callee] {
            if self.hold_if_frozen(node, Event::Up(at)) {
                return;
            }
        }
        if let Some(link) = self.link_mut(at) {
            link.up = true;
        }
        self.input(callee, Input::LinkUp { peer: ident::id(caller) });
        if self.link(at).is_some_and(|link| link.open[CALLER]) {
            self.input(caller, Input::LinkUp { peer: ident::id(callee) });
        }
    }
}
