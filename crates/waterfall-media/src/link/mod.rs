//! One link: a WebRTC connection to another participant, its slots, repairs, queue and fillers.
//!
//! Nothing here touches a socket or reads a clock.

mod counters;
mod delivery;
mod dtls;
mod edge;
mod figures;
mod filler;
mod ice;
mod ledger;
mod media;
mod messages;
mod nack;
mod pacer;
mod queue;
mod repairs;
mod repeats;
mod replay;
mod rtp;
mod sctp;
mod session;
mod silence;
mod slots;
mod transport;
mod upkeep;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::shared::error::Error;

use crate::forward::{Group, GroupId, LinkId};
pub(crate) use counters::Counters;
use delivery::Delivery;
pub(crate) use dtls::Identity;
use ledger::Ledger;
use nack::Tracker;
use pacer::{Estimate, Pacer};
use queue::Queue;
pub use queue::QueueLimits;
pub(crate) use queue::{Backlog, Overflow};
use repairs::Repairs;
pub use sctp::MAX_MESSAGE;
pub use session::{Candidate, CandidateKind, MAX_CANDIDATES, Session, SessionError};
use silence::Hearing;
use slots::{Slot, Slots};
pub(crate) use transport::{Datagram, End};
use transport::{Incoming, Transport};

/// An offer that nobody answers is forgotten after this: it is no longer valid by then.
const OFFER_LIFETIME: Duration = Duration::from_secs(30);
/// A link that has not connected by then is closed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A link over which nothing at all has come for this long is closed.
const DEAD: Duration = Duration::from_secs(15);
/// Fillers on links that are no tree edge.
const STANDBY_FILLER: Duration = Duration::from_secs(1);

/// What all links of an engine have in common.
#[derive(Debug, Clone)]
pub(crate) struct LinkConfig {
    pub(crate) audio_slots: u8,
    pub(crate) video_slots: u8,
    /// Silence of an edge that does not feed this node.
    pub(crate) silence: Duration,
    /// Bounds of the silence of one that does.
    pub(crate) feeder_silence: (Duration, Duration),
    pub(crate) filler: Duration,
    pub(crate) queue: QueueLimits,
    /// Bytes per second that a link may send whatever the stream's rate.
    pub(crate) pacing_floor: u64,
}

/// What a link has to tell.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    Up,
    Message(Bytes),
    Silent,
    Heard,
    Fed(bool),
    /// So many packets were claimed, asked for and never sent.
    Withheld(u64),
    Overflow(Overflow),
    KeyFrameWanted(u32),
}

/// What a datagram was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// It came from the other end.
    pub(crate) genuine: bool,
    /// It was a packet that the group did not have.
    pub(crate) new: bool,
}

/// One link.
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) group: GroupId,
    pub(crate) counters: Counters,
    config: LinkConfig,
    transport: Transport,
    own_base: u32,
    /// Outgoing slots, once the other end's session is known.
    slots: Option<Slots>,
    remote_base: u32,
    trackers: BTreeMap<Slot, Tracker>,
    /// In which slot each track comes.
    incoming: BTreeMap<u32, Slot>,
    queue: Queue,
    repairs: Repairs,
    pacer: Pacer,
    estimate: Estimate,
    unsent: Vec<Bytes>,
    delivery: Delivery,
    ledger: Ledger,
    edge: bool,
    /// Whether this node is fed over it.
    feeder: bool,
    remote_edge: bool,
    remote_fed: Option<bool>,
    /// How often the other end fills its pauses.
    remote_interval: Duration,
    resume: Option<Vec<(u32, u64)>>,
    up: bool,
    offerer: bool,
    deadline: Instant,
    edge_since: Instant,
    hearing: Hearing,
    alive: Instant,
    sent: Instant,
    filled: Instant,
    sent_since_filler: bool,
    /// The other end is to be told something at once.
    news: bool,
    upkeep: Instant,
    /// Set while the pacer or the socket holds packets back.
    held: Option<Instant>,
    rtt: Option<Duration>,
    events: VecDeque<LinkEvent>,
    failed: Option<String>,
}

impl Link {
    /// A link that can be reached at `local`.
    pub(crate) fn new(
        id: LinkId,
        group: GroupId,
        config: &LinkConfig,
        identity: &Identity,
        local: &[SocketAddr],
        base: u32,
        now: Instant,
    ) -> Result<Self, Error> {
        Ok(Self {
            id,
            group,
            counters: Counters::default(),
            config: config.clone(),
            transport: Transport::new(now, identity, local)?,
            own_base: base,
            slots: None,
            remote_base: 0,
            trackers: BTreeMap::new(),
            incoming: BTreeMap::new(),
            queue: Queue::new(id, config.queue),
            repairs: Repairs::default(),
            pacer: Pacer::new(config.pacing_floor),
            estimate: Estimate::new(),
            unsent: Vec::new(),
            delivery: Delivery::new(now),
            ledger: Ledger::default(),
            edge: false,
            feeder: false,
            remote_edge: false,
            remote_fed: None,
            remote_interval: STANDBY_FILLER,
            resume: None,
            up: false,
            offerer: true,
            deadline: now + OFFER_LIFETIME,
            edge_since: now,
            hearing: Hearing::new(config.feeder_silence, now),
            alive: now,
            sent: now,
            filled: now,
            sent_since_filler: false,
            news: false,
            upkeep: now,
            held: None,
            rtt: None,
            events: VecDeque::new(),
            failed: None,
        })
    }

    /// This end's session.
    pub(crate) fn session(&self, identity: &Identity, candidates: Vec<Candidate>) -> Session {
        let (ufrag, pwd) = self.transport.credentials();
        Session {
            ufrag,
            pwd,
            fingerprint: identity.fingerprint,
            ssrc_base: self.own_base,
            audio_slots: self.config.audio_slots,
            video_slots: self.config.video_slots,
            candidates,
        }
    }

    /// This end's user name fragment.
    pub(crate) fn ufrag(&self) -> String {
        self.transport.credentials().0
    }

    /// Begins to connect; the session was checked.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        identity: &Identity,
        offerer: bool,
        remote: &Session,
    ) -> Result<(), Error> {
        self.offerer = offerer;
        self.remote_base = remote.ssrc_base;
        let (audio, video) = (remote.audio_slots, remote.video_slots);
        self.slots =
            Some(Slots::new(self.own_base, audio.min(self.config.audio_slots), video.min(self.config.video_slots)));
        self.deadline = now + CONNECT_TIMEOUT;
        self.transport.start(now, identity, offerer, remote)
    }

    /// Whether [`Link::start`] was called.
    pub(crate) fn is_started(&self) -> bool {
        self.slots.is_some()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    pub(crate) fn is_edge(&self) -> bool {
        self.edge
    }

    /// Whether it sends media, so that each packet that comes elsewhere concerns it.
    pub(crate) fn is_flowing(&self) -> bool {
        self.queue.is_flowing()
    }

    /// The pair of addresses in use: own and the other's.
    pub(crate) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.transport.addresses()
    }

    /// Why it has to be closed, once it has to.
    pub(crate) fn end(&self, now: Instant) -> Option<String> {
        if let Some(reason) = &self.failed {
            return Some(reason.clone());
        }
        match self.transport.end() {
            Some(End::Remote) => return Some("the other end closed the link".to_owned()),
            Some(End::Failed(reason)) => return Some(reason.clone()),
            None => {}
        }
        if !self.up && now >= self.deadline {
            let reason = if self.is_started() {
                "no connection in time: the other end cannot be reached, or its certificate is another one"
            } else {
                "the offer was not answered in time"
            };
            return Some(reason.to_owned());
        }
        let dead = self.up && now.saturating_duration_since(self.alive) >= DEAD;
        dead.then(|| "nothing came from the other end any more".to_owned())
    }

    /// Takes a datagram that was demultiplexed to this link.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        local: SocketAddr,
        from: SocketAddr,
        datagram: &[u8],
        group: &mut Group,
    ) -> Outcome {
        let stun = datagram.first().is_some_and(|&byte| byte < 4);
        let incoming = self.transport.read(now, local, from, datagram);
        let genuine = !matches!(incoming, Incoming::Refused);
        if !genuine {
            self.counters.refused += 1;
        } else {
            self.alive = now;
            if !stun {
                self.hear(now);
            }
        }
        let new = match incoming {
            Incoming::Rtp(header, slot, rtx, payload) => self.read_media(now, &header, slot, rtx, payload, group),
            Incoming::Rtcp(packet) => {
                self.read_feedback(&packet, group, now);
                false
            }
            Incoming::Handled | Incoming::Refused => false,
        };
        if !self.up && self.transport.is_up() {
            self.go_up(now);
        }
        Outcome { genuine, new }
    }

    fn go_up(&mut self, now: Instant) {
        self.up = true;
        (self.alive, self.edge_since, self.upkeep) = (now, now, now);
        self.hearing.hear(now);
        self.expect(now);
        // The other end learns at once whether this is an edge.
        self.news = true;
        self.events.push_back(LinkEvent::Up);
        for message in std::mem::take(&mut self.unsent) {
            self.send(now, message);
        }
    }

    /// The next thing that it has to tell.
    pub(crate) fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// The next datagram to send.
    pub(crate) fn poll_write(&mut self) -> Option<Datagram> {
        self.transport.poll_write()
    }

    /// Says goodbye; the last datagrams are still to be sent.
    pub(crate) fn close(&mut self, now: Instant) {
        self.transport.close(now);
    }

    fn tracker(&mut self, slot: Slot) -> &mut Tracker {
        let base = self.remote_base;
        self.trackers.entry(slot).or_insert_with(|| Tracker::new(slots::first_sequence(slot.ssrc(base))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod narrow_tests;
