//! Links between participants, and what travels on them.

use waterfall_tree::Input;
use waterfall_wire::{Have, Kid, LinkMessage, TreeMessage, decode};

use super::{Event, World};
use crate::geography::Geography;
use crate::ident;
use crate::media::Feed;
use crate::noise::Noise;
use crate::traffic;

/// SCTP's retransmission timer in the media engine: two round trips, but at least and at most so long.
const LEAST_TIMER: u64 = 200_000;
const MOST_TIMER: u64 = 12_000_000;

/// The two ends of a link.
pub(crate) const CALLER: usize = 0;
pub(crate) const CALLEE: usize = 1;

/// A link, and which use of its number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkRef {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// One link, from the call to when both ends have closed it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) serial: u32,
    /// Caller and callee. Media goes from the callee to the caller.
    pub(crate) ends: [u32; 2],
    /// One way, in microseconds.
    pub(crate) delay: u64,
    /// The end has not closed it. The callee's is opened when it accepts.
    pub(crate) open: [bool; 2],
    /// Both ends can talk.
    pub(crate) up: bool,
    /// The end takes it for a tree edge.
    pub(crate) feeding: [bool; 2],
    /// The end has been told that it is silent.
    pub(crate) silent: [bool; 2],
    /// Nothing gets through just now.
    pub(crate) cut: bool,
    /// When the last message to each end arrives; a data channel keeps the order.
    arrives: [u64; 2],
    /// What the caller said that it has, once the callee has heard it.
    pub(crate) resume: Option<u64>,
    /// What is sent to the caller.
    pub(crate) feed: Option<Feed>,
    /// What waits for the cut to end.
    pub(crate) held: Vec<u32>,
}

impl Link {
    fn new(serial: u32, ends: [u32; 2], delay: u64) -> Self {
        Self {
            serial,
            ends,
            delay,
            open: [true, false],
            up: false,
            feeding: [false; 2],
            silent: [false; 2],
            cut: false,
            arrives: [0; 2],
            resume: None,
            feed: None,
            held: Vec::new(),
        }
    }

    /// Which end this participant is.
    pub(crate) fn end(&self, node: u32) -> usize {
        usize::from(self.ends[CALLER] != node)
    }

    pub(crate) fn other(&self, node: u32) -> u32 {
        self.ends[1 - self.end(node)]
    }

    /// Whether both ends take it for a tree edge.
    pub(crate) fn is_edge(&self) -> bool {
        self.feeding == [true, true]
    }
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) link: LinkRef,
    /// To which end.
    pub(crate) to: usize,
    pub(crate) body: Body,
}

/// What a message is.
#[derive(Debug)]
pub(crate) enum Body {
    /// Through the codec.
    Bytes(Vec<u8>),
    /// Past it.
    Message(TreeMessage),
    /// What the caller has, in microseconds of media; none before its first packet.
    Resume(Option<u64>),
    /// The other end has closed the link.
    Close,
}

/// What lost packets cost a message on a data channel: nothing else is on its way that would tell, so that it is sent
/// again when the timer runs out, which doubles each time.
fn resent(delay: u64, loss: f64, noise: &mut Noise) -> u64 {
    let (mut late, mut timer) = (0, LEAST_TIMER.max(4 * delay));
    while loss > 0.0 && timer <= MOST_TIMER && noise.unit() < loss {
        late += timer;
        timer *= 2;
    }
    late
}

impl World {
    pub(crate) fn link(&self, link: LinkRef) -> Option<&Link> {
        self.links.get(link.slot).filter(|found| found.serial == link.serial)
    }

    pub(crate) fn link_mut(&mut self, link: LinkRef) -> Option<&mut Link> {
        self.links.get_mut(link.slot).filter(|found| found.serial == link.serial)
    }

    /// The link from one participant to another, as far as the first knows.
    pub(crate) fn link_to(&self, node: u32, peer: u32) -> Option<LinkRef> {
        let (_, slot) = *self.nodes[node as usize].links.iter().find(|(other, _)| *other == peer)?;
        self.links.get(slot).map(|link| LinkRef { slot, serial: link.serial })
    }

    pub(crate) fn new_link(&mut self, caller: u32, callee: u32) -> LinkRef {
        self.serial = self.serial.wrapping_add(1);
        let delay = self.delay(caller, callee);
        let slot = self.links.put(Link::new(self.serial, [caller, callee], delay));
        self.nodes[caller as usize].links.push((callee, slot));
        LinkRef { slot, serial: self.serial }
    }

    /// The tree's message to a neighbour.
    pub(crate) fn send(&mut self, node: u32, to: u32, mut message: TreeMessage) {
        self.distort(node, &mut message);
        let Some(link) = self.link_to(node, to).filter(|link| self.link(*link).is_some_and(|link| link.up)) else {
            self.tally.misdirected += 1;
            return;
        };
        let kind = traffic::kind(&message);
        let body = if self.options.skip_codec {
            self.count_message(node, traffic::measure(&message), kind);
            Body::Message(message)
        } else {
            let bytes = waterfall_wire::encode(&LinkMessage::Tree(message));
            self.count_message(node, bytes.len(), kind);
            Body::Bytes(bytes)
        };
        self.post(node, link, body);
    }

    fn count_message(&mut self, node: u32, length: usize, kind: usize) {
        self.tally.traffic.add(kind, length);
        let sender = &mut self.nodes[node as usize];
        sender.sent_bytes = sender.sent_bytes.saturating_add(length as u32);
    }

    /// What this participant has, so that the other end sends on from there.
    pub(crate) fn say_resume(&mut self, node: u32, link: LinkRef) {
        // Whether anything has come yet is known only after a look.
        self.look(node);
        let line = &self.nodes[node as usize].line;
        let have =
            (!line.is_empty() && self.nodes[node as usize].watch.first <= self.now).then(|| line.value(self.now));
        let row = Have { kid: Kid(1), next: have.unwrap_or(0) / crate::media::PACKET };
        let message = LinkMessage::Resume(if have.is_some() { vec![row; 2] } else { Vec::new() });
        self.count_message(node, waterfall_wire::encode(&message).len(), traffic::RESUME);
        self.post(node, link, Body::Resume(have));
    }

    /// Puts something on a link, behind what was sent before.
    fn post(&mut self, node: u32, to: LinkRef, body: Body) {
        let Some(link) = self.links.get_mut(to.slot).filter(|link| link.serial == to.serial) else { return };
        let end = 1 - link.end(node);
        let late = Geography::jitter(link.delay, self.options.jitter, &mut self.jitter)
            + resent(link.delay, self.options.loss, &mut self.jitter);
        let arrives = self.now + link.delay + late;
        link.arrives[end] = arrives.max(link.arrives[end]);
        let at = link.arrives[end];
        let parcel = self.parcels.put(Parcel { link: to, to: end, body });
        self.queue.push(at, Event::Deliver(parcel));
    }

    pub(crate) fn deliver(&mut self, number: u32) {
        let Some(parcel) = self.parcels.get(number) else { return };
        let (to, end) = (parcel.link, parcel.to);
        let Some(link) = self.links.get_mut(to.slot).filter(|link| link.serial == to.serial) else {
            self.parcels.take(number);
            return;
        };
        let node = link.ends[end];
        if link.cut && link.open[end] {
            return link.held.push(number);
        }
        if !link.open[end] || !self.nodes[node as usize].is_present() {
            self.parcels.take(number);
            return;
        }
        if self.hold_if_frozen(node, Event::Deliver(number)) {
            return;
        }
        let Some(parcel) = self.parcels.take(number) else { return };
        let peer = self.links.get(to.slot).map_or(ident::NOBODY, |link| link.ends[1 - end]);
        match parcel.body {
            Body::Bytes(bytes) => match decode::<LinkMessage>(&bytes) {
                Ok(LinkMessage::Tree(message)) => self.hand_in(node, peer, message),
                Ok(_) => {}
                Err(error) => self.violated("codec", node, &format!("sent what does not decode: {error}")),
            },
            Body::Message(message) => self.hand_in(node, peer, message),
            Body::Resume(have) => self.on_resume(to, have),
            Body::Close => {
                self.close_end(to, node);
                self.input(node, Input::LinkDown { peer: ident::id(peer) });
            }
        }
    }

    fn hand_in(&mut self, node: u32, peer: u32, message: TreeMessage) {
        self.input(node, Input::Received { from: ident::id(peer), message });
    }

    /// This participant gives the link up, and says so.
    pub(crate) fn hang_up(&mut self, node: u32, peer: u32) {
        let Some(link) = self.link_to(node, peer) else { return };
        if self.link(link).is_some_and(|link| link.up) {
            self.post(node, link, Body::Close);
        }
        self.close_end(link, node);
    }

    /// One end is done with a link; when both are it is gone.
    pub(crate) fn close_end(&mut self, at: LinkRef, node: u32) {
        self.set_feeding(node, at, false);
        let Some(link) = self.links.get_mut(at.slot).filter(|link| link.serial == at.serial) else { return };
        let end = link.end(node);
        link.open[end] = false;
        let gone = link.open == [false, false];
        let held = if gone { std::mem::take(&mut link.held) } else { Vec::new() };
        let dropped = end == CALLER && link.feed.take().is_some();
        self.nodes[node as usize].links.retain(|(_, slot)| *slot != at.slot);
        if dropped {
            self.reflow(node, self.now + 1);
        }
        if gone {
            for parcel in held {
                self.parcels.take(parcel);
            }
            self.links.take(at.slot);
        }
    }
}
