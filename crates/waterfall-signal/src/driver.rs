//! The task that owns the swarm: events in, commands in, a tick for what takes time.

mod calls;
mod connections;
mod entrances;
mod gossip;
mod handover;
mod lookups;
mod outbox;
mod routing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::kad::{self, QueryId, QueryResult};
use libp2p::swarm::{DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, connection_limits, mdns};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use waterfall_wire::{Address, RecordKey};

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::clock;
use crate::config::{Config, Limits, Mode};
use crate::event::Event;
use crate::mailbox::Mailbox;
use crate::reach::{self, Scope};
use crate::reached::Reached;
use crate::signal::Command;
use crate::stats::{Counters, Refused};
use crate::store::{self, Source, Stored};

/// How often deadlines are looked at. No deadline here is finer than a few of these.
const TICK: Duration = Duration::from_millis(100);
/// How often expired records are thrown out; they are not served meanwhile.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);
/// How long closing waits for connections to say goodbye.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// How the driver and its handles talk.
pub(crate) struct Channels {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) addresses: watch::Sender<Vec<Address>>,
    pub(crate) peers: watch::Sender<usize>,
    pub(crate) reached: watch::Sender<Vec<Reached>>,
}

/// What a running Kademlia query is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// A caller wants this record.
    Lookup(RecordKey),
    /// Where should this own record lie?
    Locate(RecordKey),
    /// This own record is being placed there.
    Place(RecordKey),
    /// Is this own record there?
    Check(RecordKey),
    /// A question waits for this peer's addresses.
    Find(PeerId),
}

/// See the module.
pub(crate) struct Driver {
    swarm: Swarm<Behaviour>,
    channels: Channels,
    limits: Limits,
    mode: Mode,
    mdns: bool,
    external: Vec<Multiaddr>,
    started: Instant,
    expire_at: Instant,
    queries: HashMap<QueryId, Purpose>,
    connections: connections::Connections,
    entrances: entrances::Entrances,
    routing: routing::Routing,
    handover: handover::Handover,
    outbox: outbox::Outbox,
    lookups: lookups::Lookups,
    calls: calls::Calls,
    gossip: gossip::Gossip,
}

impl Driver {
    pub(crate) fn new(swarm: Swarm<Behaviour>, config: Config, channels: Channels) -> Self {
        let now = Instant::now();
        Self {
            swarm,
            channels,
            mode: config.mode,
            mdns: config.mdns,
            external: config.external,
            started: now,
            expire_at: now + EXPIRE_EVERY,
            queries: HashMap::new(),
            connections: connections::Connections::default(),
            entrances: entrances::Entrances::new(config.bootstrap, config.known, now),
            routing: routing::Routing::new(now),
            handover: handover::Handover::new(&config.limits),
            outbox: outbox::Outbox::default(),
            lookups: lookups::Lookups::default(),
            calls: calls::Calls::new(&config.limits),
            gossip: gossip::Gossip::new(&config.limits),
            limits: config.limits,
        }
    }

    /// Runs until the last handle is dropped or one closes the node.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mailbox = self.channels.mailbox.clone();
        let closing = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                command = self.channels.commands.recv() => match command {
                    None => break None,
                    Some(Command::Close(done)) => break Some(done),
                    Some(command) => self.on_command(command),
                },
                () = mailbox.wait() => self.on_mail(),
                _ = tick.tick() => self.on_tick(),
            }
        };
        Box::pin(self.say_goodbye(closing)).await;
    }

    /// Sends what is left in the mailbox, then closes connections properly, so that peers need no time-out.
    async fn say_goodbye(mut self, done: Option<oneshot::Sender<()>>) {
        self.on_mail();
        let deadline = tokio::time::Instant::now() + CLOSE_WITHIN;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that it went by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.connected_peers().next().is_some() {
            if tokio::time::timeout_at(deadline, self.swarm.select_next_some()).await.is_err() {
                break;
            }
        }
        if let Some(done) = done {
            // An error means that the caller stopped waiting.
            let _ = done.send(());
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Get { key, reply } => self.get(key, reply),
            Command::Ask { to, request, reply } => self.ask(&to, request, reply),
            Command::Join { topic, done } => {
                self.join(topic);
                // An error means that the caller stopped waiting, here and below.
                let _ = done.send(());
            }
            Command::Leave { topic, done } => {
                self.leave(topic);
                let _ = done.send(());
            }
            Command::Dial(address) => self.dial(&address),
            Command::Close(done) => {
                let _ = done.send(());
            }
        }
    }

    fn on_mail(&mut self) {
        let mail = self.channels.mailbox.take();
        {
            let mut stats = self.channels.counters.lock();
            stats.gossip_unsent += mail.gossip_dropped;
            (0..mail.puts_refused).for_each(|_| stats.puts_refused.add(Refused::Full));
        }
        for (key, put) in mail.puts {
            match put {
                Some(envelope) => self.put(key, envelope),
                None => self.forget(&key),
            }
        }
        mail.replies.into_iter().for_each(|(channel, answer)| self.reply(channel, answer));
        mail.verdicts.into_iter().for_each(|(id, from, acceptance)| self.judge(&id, from, acceptance));
        mail.gossip.into_iter().for_each(|(topic, message)| self.publish(topic, message));
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.enter(now);
        self.flush_routing(now);
        self.walk(now);
        self.hand_over();
        self.advance_outbox(now);
        self.advance_lookups(now);
        self.advance_calls();
        self.advance_gossip(now);
        self.trim(now);
        if now >= self.expire_at {
            self.expire_at = now + EXPIRE_EVERY;
            let expired = self.swarm.behaviour_mut().kad.store_mut().expire(clock::now());
            expired.iter().for_each(|key| self.outbox.remove(key));
        }
        self.gauge();
    }

    fn gauge(&mut self) {
        let info = self.swarm.network_info();
        let routing_table = self.routing_size();
        let mesh_peers = self.swarm.behaviour().gossip.as_ref().map_or(0, |gossip| gossip.all_mesh_peers().count());
        let kad = &mut self.swarm.behaviour_mut().kad;
        let is_server = kad.mode() == kad::Mode::Server;
        let store = kad.store_mut();
        let mut stats = self.channels.counters.lock();
        stats.peers = info.num_peers();
        stats.connections = info.connection_counters().num_established() as usize;
        stats.routing_table = routing_table;
        stats.is_server = is_server;
        stats.mesh_peers = mesh_peers;
        (stats.records_held, stats.bytes_held) = store.held_size();
        stats.records_own = store.own_len();
        stats.records_placed = self.outbox.placed();
    }

    pub(crate) fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let dialed = match &endpoint {
                    ConnectedPoint::Dialer { address, .. } => Some(address.clone()),
                    ConnectedPoint::Listener { .. } => None,
                };
                let remote = reach::ip(endpoint.get_remote_address());
                self.connections.opened(peer_id, connection_id, remote, dialed);
                self.entrances.opened(connection_id);
                self.call_waiting(peer_id);
                self.refresh();
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.connections.closed(peer_id, connection_id);
                self.refresh();
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_dial_error(connection_id, peer_id, &error);
            }
            SwarmEvent::IncomingConnectionError { error: ListenError::Denied { cause }, .. }
                if cause.downcast_ref::<connection_limits::Exceeded>().is_some() =>
            {
                self.channels.counters.lock().connections_refused += 1;
            }
            SwarmEvent::NewListenAddr { .. } => {
                // Kademlia takes a new address for a reason to bootstrap and complains loudly when there
                // is nobody to ask; asking it to here and now clears that.
                let _ = self.swarm.behaviour_mut().kad.bootstrap();
                self.refresh();
            }
            SwarmEvent::ExpiredListenAddr { .. } | SwarmEvent::ListenerClosed { .. } => self.refresh(),
            _ => {}
        }
    }

    fn on_dial_error(&mut self, connection: libp2p::swarm::ConnectionId, peer: Option<PeerId>, error: &DialError) {
        self.entrance_failed(connection, error);
        self.call_failed(connection, error);
        if let Some(peer) = peer {
            self.routing_failed(peer, error);
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Kad(event) => self.on_kad_event(event),
            BehaviourEvent::Identify(libp2p::identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, info);
            }
            BehaviourEvent::Calls(event) => self.on_call_event(event),
            BehaviourEvent::Gossip(event) => self.on_gossip_event(event),
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => self.on_neighbours(found),
            _ => {}
        }
    }

    fn on_kad_event(&mut self, event: kad::Event) {
        match event {
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                let Some(&purpose) = self.queries.get(&id) else { return };
                if step.last {
                    self.queries.remove(&id);
                }
                self.on_query(id, purpose, result, step.last);
            }
            kad::Event::InboundRequest {
                request: kad::InboundRequest::PutRecord { source, connection, record: Some(record) },
            } => {
                self.on_put(source, connection, record);
            }
            kad::Event::InboundRequest { request: kad::InboundRequest::AddProvider { .. } } => {
                self.channels.counters.lock().providers_refused += 1;
            }
            kad::Event::RoutingUpdated { peer, is_new_peer, addresses, .. } => {
                self.on_routing_updated(peer, is_new_peer, &addresses);
            }
            _ => {}
        }
    }

    fn on_query(&mut self, id: QueryId, purpose: Purpose, result: QueryResult, last: bool) {
        match (purpose, result) {
            (Purpose::Lookup(key), QueryResult::GetRecord(result)) => self.on_lookup(id, key, result, last),
            (Purpose::Check(key), QueryResult::GetRecord(result)) => self.on_check(id, key, result, last),
            (Purpose::Locate(key), QueryResult::GetClosestPeers(result)) => self.on_located(id, key, result),
            (Purpose::Place(key), QueryResult::PutRecord(result)) => self.on_place_tried(id, key, &result),
            (Purpose::Find(peer), QueryResult::GetClosestPeers(_)) => self.on_found(peer),
            _ => {}
        }
    }

    /// Notes a query, so that its results find their way.
    fn track(&mut self, id: QueryId, purpose: Purpose) -> QueryId {
        self.queries.insert(id, purpose);
        self.channels.counters.lock().queries += 1;
        id
    }

    /// A peer wants a record stored here.
    fn on_put(&mut self, peer: PeerId, connection: libp2p::swarm::ConnectionId, record: kad::Record) {
        let now = Instant::now();
        let Some(ip) = self.connections.ip(peer, connection) else { return };
        let outcome = if !self.handover.may_put(peer, now) {
            Err(Refused::TooFast)
        } else {
            match store::record_key(&record.key) {
                None => Err(Refused::ForeignKey),
                Some(key) => {
                    let store = self.swarm.behaviour_mut().kad.store_mut();
                    store.offer(clock::now(), key, record.value, Source::from(ip))
                }
            }
        };
        let mut stats = self.channels.counters.lock();
        match outcome {
            Ok(Stored::Known) => {}
            Ok(Stored::New { evicted }) => {
                stats.records_stored += 1;
                stats.records_evicted += evicted;
            }
            Err(reason) => {
                stats.records_refused.add(reason);
                tracing::debug!(%peer, ?reason, "a record was refused");
            }
        }
    }

    /// Follows a change of listeners or peers: addresses told, mode, peer count.
    pub(crate) fn refresh(&mut self) {
        let listeners: Vec<Multiaddr> = self.swarm.listeners().cloned().collect();
        let told = crate::address::to_announce(&self.external, listeners.iter());
        self.channels.addresses.send_if_modified(|now| {
            let changed = *now != told;
            *now = told;
            changed
        });
        let count = self.swarm.connected_peers().count();
        self.channels.peers.send_if_modified(|now| std::mem::replace(now, count) != count);
        let server = match self.mode {
            Mode::Server => true,
            Mode::Client => false,
            Mode::Auto => {
                let scopes: Vec<Scope> = listeners.iter().filter_map(|a| reach::scope(reach::ip(a)?)).collect();
                reach::is_server(&scopes, !self.external.is_empty(), &self.connections.scopes())
            }
        };
        let mode = if server { kad::Mode::Server } else { kad::Mode::Client };
        let kad = &mut self.swarm.behaviour_mut().kad;
        if kad.mode() != mode {
            tracing::debug!(%mode, "DHT mode");
            kad.set_mode(Some(mode));
        }
    }
}
