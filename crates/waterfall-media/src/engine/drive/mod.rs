//! The task that owns sockets, links and groups.

mod calls;
mod events;
mod receive;
mod report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::command::Command;
use super::config::{Config, MAX_ADDRESSES};
use super::demux::Demux;
use super::socket::{MAX_DATAGRAM, Sockets};
use super::stats::DatagramStats;
use super::{Event, StartError};
use crate::forward::identity::Head;
use crate::forward::{Accepted, Group, GroupId, LinkId, Packet, Source, TrackConfig};
use crate::link::{Identity, Link, LinkConfig, LinkEvent};
use events::push_event;

/// Datagrams read from one socket, and packets and commands taken, before others get their turn.
const BATCH: usize = 64;
/// Events that wait in the driver before links are no longer asked for messages.
const RELUCTANT: usize = 256;
/// How often old packets are looked for.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Driver {
    config: Config,
    link_config: LinkConfig,
    identity: Identity,
    sockets: Sockets,
    demux: Demux,
    links: BTreeMap<LinkId, Link>,
    groups: BTreeMap<GroupId, Group>,
    commands: mpsc::Receiver<Command>,
    published: mpsc::Receiver<(GroupId, Packet)>,
    events: mpsc::Sender<Event>,
    outbox: VecDeque<Event>,
    datagrams: DatagramStats,
    lost_commands: Arc<AtomicU64>,
    /// Links that something happened to since they were last serviced.
    touched: BTreeSet<LinkId>,
    /// Groups that got packets since their links were last serviced.
    grown: BTreeSet<GroupId>,
    tick: Instant,
    /// When this task last looked at the clock, and when it wanted to next.
    looked: Instant,
    due: Instant,
}

/// What woke the driver.
enum Wake {
    Command(Option<Command>),
    Published((GroupId, Packet)),
    Other,
}

impl Driver {
    pub(super) fn new(
        config: Config,
        commands: mpsc::Receiver<Command>,
        published: mpsc::Receiver<(GroupId, Packet)>,
        events: mpsc::Sender<Event>,
        lost_commands: Arc<AtomicU64>,
    ) -> Result<Self, StartError> {
        let addresses = config.resolve();
        if addresses.len() > MAX_ADDRESSES {
            return Err(StartError::TooManyAddresses(addresses.len()));
        }
        let identity = Identity::generate().map_err(|error| StartError::Certificate(error.to_string()))?;
        let sockets = Sockets::bind(&addresses, config.port, config.socket_buffer).map_err(bind_error)?;
        let link_config = LinkConfig {
            audio_slots: config.audio_slots,
            video_slots: config.video_slots,
            silence: config.silence,
            feeder_silence: config.feeder_silence,
            filler: config.filler,
            queue: config.queue,
            pacing_floor: config.pacing_floor,
        };
        Ok(Self {
            config,
            link_config,
            identity,
            sockets,
            demux: Demux::default(),
            links: BTreeMap::new(),
            groups: BTreeMap::new(),
            commands,
            published,
            events,
            outbox: VecDeque::new(),
            datagrams: DatagramStats::default(),
            lost_commands,
            touched: BTreeSet::new(),
            grown: BTreeSet::new(),
            tick: Instant::now() + TICK,
            looked: Instant::now(),
            due: Instant::now() + TICK,
        })
    }

    pub(super) fn local_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.local(0)
    }

    /// Runs until the last handle is dropped.
    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            match self.wait().await {
                Wake::Command(None) => break,
                Wake::Command(Some(command)) => self.handle(command),
                Wake::Published((group, packet)) => self.publish(group, packet, Instant::now()),
                Wake::Other => {}
            }
            let now = Instant::now();
            self.note_sleep(now);
            self.take_batch(now);
            self.sockets.drain();
            self.read_sockets(now, &mut buffer);
            self.service(now);
            self.deliver_events();
        }
        self.close_all(Instant::now());
    }

    async fn wait(&mut self) -> Wake {
        let looked = self.looked;
        let due = self.links.values().map(|link| link.due(looked)).fold(self.tick, Instant::min);
        self.due = due;
        let sockets = &self.sockets;
        let full = self.outbox.len();
        tokio::select! {
            biased;
            command = self.commands.recv() => Wake::Command(command),
            () = poll_fn(|cx| sockets.poll_ready(cx)) => Wake::Other,
            Some(published) = self.published.recv() => Wake::Published(published),
            _ = self.events.reserve(), if full > 0 && !self.events.is_closed() => Wake::Other,
            () = sleep_until(due.into()) => Wake::Other,
        }
    }

    /// Takes what else waits, whatever it was that woke the driver: none starves another.
    fn take_batch(&mut self, now: Instant) {
        for _ in 0..BATCH {
            match self.commands.try_recv() {
                Ok(command) => self.handle(command),
                Err(_) => break,
            }
        }
        for _ in 0..BATCH {
            match self.published.try_recv() {
                Ok((group, packet)) => self.publish(group, packet, now),
                Err(_) => break,
            }
        }
    }

    fn publish(&mut self, id: GroupId, mut packet: Packet, now: Instant) {
        packet.from = None;
        let head = Head::parse(&packet.payload).filter(|head| (head.kid, head.ctr) == (packet.kid, packet.ctr));
        let accepted = head.zip(self.groups.get_mut(&id)).map(|(head, group)| group.accept(&packet, head, now));
        if accepted == Some(Accepted::First) {
            self.grown.insert(id);
        } else {
            self.datagrams.unpublished += 1;
        }
    }

    fn handle(&mut self, command: Command) {
        let now = Instant::now();
        // An asker that no longer waits for its answer is none of the driver's concern.
        match command {
            Command::Offer(link, group, reply) => drop(reply.send(self.offer(link, group, now))),
            Command::Answer(link, group, remote, reply) => drop(reply.send(self.answer(link, group, &remote, now))),
            Command::Complete(link, remote, reply) => drop(reply.send(self.complete(link, &remote, now))),
            Command::Close(link) => self.close(link, now),
            Command::CloseAll(reply) => {
                self.close_all(now);
                let _ = reply.send(());
            }
            Command::Send(link, message) => {
                if let Some(link) = self.links.get_mut(&link) {
                    self.touched.insert(link.id);
                    link.send(now, message);
                }
            }
            Command::AddTrack(id, kid, config) => self.add_track(id, kid, config, now),
            Command::RemoveTrack(id, kid) => self.remove_track(id, kid),
            Command::SetEdge(link, on) => {
                if let Some((link, group)) = self.link_and_group(link) {
                    link.set_edge(on, group, now);
                }
            }
            Command::SetFeeder(link, on) => {
                if let Some((link, _)) = self.link_and_group(link) {
                    link.set_feeder(on, now);
                }
            }
            Command::SetFed(id, fed) => self.set_fed(id, fed),
            Command::Have(id, reply) => {
                drop(reply.send(self.groups.get(&id).map(Group::have).unwrap_or_default()));
            }
            Command::Resume(link, have) => {
                if let Some((link, group)) = self.link_and_group(link) {
                    link.resume(have, group, now);
                }
            }
            Command::AskKeyFrame(group, kid) => self.ask_key_frame(group, kid, now),
            Command::Subscribe(id, kid, subscriber) => self.group(id).subscribe(kid, subscriber),
            Command::Stats(reply) => drop(reply.send(self.stats(now))),
        }
    }

    fn set_fed(&mut self, id: GroupId, fed: bool) {
        if std::mem::replace(&mut self.group(id).fed, fed) != fed {
            for link in self.links.values_mut().filter(|link| link.group == id) {
                link.tell_news();
                self.touched.insert(link.id);
            }
        }
    }

    fn add_track(&mut self, id: GroupId, kid: u32, config: TrackConfig, now: Instant) {
        let group = self.group(id);
        if !group.add_track(kid, config) {
            tracing::warn!(group = id.0, kid, "too many tracks: this one is ignored");
            return;
        }
        for (link, bytes) in group.unpark(kid, now) {
            self.grown.insert(id);
            if let Some(link) = self.links.get_mut(&link) {
                link.unparked(bytes);
            }
        }
    }

    fn remove_track(&mut self, id: GroupId, kid: u32) {
        if let Some(group) = self.groups.get_mut(&id) {
            group.remove_track(kid);
        }
        // At once: a track that is added again begins anew.
        self.links.values_mut().filter(|link| link.group == id).for_each(|link| link.forget_track(kid));
        self.drop_empty(id);
    }

    fn group(&mut self, id: GroupId) -> &mut Group {
        let ring = self.config.ring;
        self.groups.entry(id).or_insert_with(|| Group::new(ring))
    }

    fn link_and_group(&mut self, id: LinkId) -> Option<(&mut Link, &mut Group)> {
        let link = self.links.get_mut(&id)?;
        self.touched.insert(id);
        let group = self.groups.get_mut(&link.group)?;
        Some((link, group))
    }

    /// Forgets a group that nobody needs.
    fn drop_empty(&mut self, id: GroupId) {
        let linked = self.links.values().any(|link| link.group == id);
        if !linked && self.groups.get_mut(&id).is_some_and(Group::is_empty) {
            self.groups.remove(&id);
        }
    }

    /// Lets every link do what is due or what became possible, and sends what comes out.
    fn service(&mut self, now: Instant) {
        let room = RELUCTANT.saturating_sub(self.outbox.len());
        let mut wanted = Vec::new();
        let mut ended = Vec::new();
        for (id, link) in &mut self.links {
            let concerned = self.touched.contains(id)
                || link.due(now) <= now
                || (link.is_flowing() && self.grown.contains(&link.group));
            let Some(group) = self.groups.get_mut(&link.group).filter(|_| concerned) else {
                continue;
            };
            link.fetch(now, group, room);
            if link.seems_silent(now) && self.sockets.has_unread() {
                link.look_again(now);
            }
            let blocked = link.addresses().is_some_and(|(local, _)| self.sockets.is_blocked(local));
            link.service(now, group, blocked);
            while let Some(datagram) = link.poll_write() {
                self.sockets.send(datagram);
            }
            while let Some(event) = link.poll_event() {
                match event {
                    LinkEvent::KeyFrameWanted(kid) => wanted.push((link.group, kid)),
                    event => push_event(&mut self.outbox, *id, event),
                }
            }
            if let Some(reason) = link.end(now) {
                ended.push((*id, reason));
            }
        }
        self.touched.clear();
        self.grown.clear();
        for (group, kid) in wanted {
            self.ask_key_frame(group, kid, now);
        }
        for (link, reason) in ended {
            self.close(link, now);
            self.outbox.push_back(Event::LinkDown { link, reason });
        }
        if self.tick <= now {
            self.tick = now + TICK;
            let switched: Vec<_> = self
                .groups
                .iter_mut()
                .flat_map(|(&id, group)| group.tick(now).into_iter().map(move |s| (id, s)))
                .collect();
            for (group, switched) in switched {
                self.tell_switch(group, switched);
            }
        }
    }

    fn ask_key_frame(&mut self, id: GroupId, kid: u32, now: Instant) {
        match self.groups.get_mut(&id).and_then(|group| group.ask_key_frame(kid, now)) {
            Some(Source::Local) => self.outbox.push_back(Event::KeyFrameWanted { group: id, kid }),
            Some(Source::Link(link)) => {
                if let Some(link) = self.links.get_mut(&link).filter(|link| link.is_edge()) {
                    link.ask_key_frame(kid);
                    while let Some(datagram) = link.poll_write() {
                        self.sockets.send(datagram);
                    }
                }
            }
            None => {}
        }
    }
}

fn bind_error((address, source): (SocketAddr, io::Error)) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(address),
        io::ErrorKind::AddrNotAvailable => StartError::NoSuchAddress(address.ip()),
        _ => StartError::Socket { address, source },
    }
}
