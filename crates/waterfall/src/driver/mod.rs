//! The driver of one room: the only place that knows tree, keys, signalling and media at once.
//!
//! One task owns all state. What comes in (a user's [`Command`], something from the network, the
//! end of an async task, the clock) becomes input to the tree; what the tree wants becomes calls
//! on the signalling and media handles or another async task. The loop itself awaits nothing else.

mod answers;
mod calls;
mod catalogues;
mod done;
mod effects;
mod inbound;
mod letterbox;
mod letters;
mod links;
mod lookup;
mod membership;
mod open;
mod records;
mod secrets;
mod session;
mod speech;
mod topic;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{AbortHandle, BoxFuture};
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use waterfall_keys::{Replays, TrackSealer};
use waterfall_media::engine::Stats;
use waterfall_media::forward::LinkId;
use waterfall_tree::{Input, Timestamp, Tree};
use waterfall_wire::{Contact, Kid, NodeId, RoomEventBody, Signed};

use crate::clock::{Stopwatch, unix_now};
use crate::event::Event;
use crate::node::{JoinBy, Shared};
use crate::room::LeaveReport;
use crate::router::{Inbound, Registration};
use crate::status::{Answered, Counters, LinkRole, Status};
use crate::subscribe::TrackInfo;
use crate::{PublishError, TrackSpec};
use answers::Answers;
use calls::{Caller, Waiting};
use catalogues::{Catalogues, OwnCatalogue};
use done::Done;
use letterbox::Letterbox;
use letters::Pace;
use links::Links;
use records::Records;
use topic::Topic;

pub(crate) use lookup::{Lookup, node_record};
pub(crate) use membership::Membership;
#[cfg(test)]
pub(crate) use open::enter;
pub(crate) use open::{create, join};
pub(crate) use secrets::Secrets;

/// How often figures are read and due records are written.
const TICK: Duration = Duration::from_millis(500);
/// How long a participant goes on serving after the room has ended, for the sake of children that
/// are still missing packets.
const DRAIN: Duration = Duration::from_secs(6);
/// How long a link that was hung up stays open for what was last said on it.
const LINGER: Duration = Duration::from_millis(300);

/// What a handle asks of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// List tracks; answered with the id of each and the sealer for its packets.
    Publish { specs: Vec<TrackSpec>, reply: oneshot::Sender<Result<Vec<(Kid, TrackSealer)>, PublishError>> },
    /// A track of ours has ended after so many packets.
    FinishTrack { id: Kid, packets: u64 },
    /// Leave with hand-over; the owner ends the room first.
    Leave { reply: oneshot::Sender<LeaveReport> },
}

/// A call of ours under way.
struct Outgoing {
    link: LinkId,
    /// Notified when an answer is said to lie in the DHT.
    heard: Arc<Notify>,
    abort: AbortHandle,
}

/// What the handles of a room watch.
pub(crate) struct Outlets {
    pub(crate) status: watch::Sender<Status>,
    pub(crate) catalogue: watch::Sender<Arc<[TrackInfo]>>,
    pub(crate) events: broadcast::Sender<Event>,
}

/// Everything that opening a room yields.
pub(crate) struct Opening {
    pub(crate) shared: Arc<Shared>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) registration: Registration,
    pub(crate) inbox: mpsc::Receiver<Inbound>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) outlets: Outlets,
    pub(crate) counters: Arc<Counters>,
    pub(crate) by: JoinBy,
    pub(crate) known: Vec<Contact>,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    secrets: Arc<Secrets>,
    registration: Registration,
    inbox: mpsc::Receiver<Inbound>,
    commands: mpsc::Receiver<Command>,
    outlets: Outlets,
    counters: Arc<Counters>,
    by: JoinBy,
    known: Vec<Contact>,

    clock: Stopwatch,
    tree: Tree,
    tree_timeout: Option<Timestamp>,
    starving: bool,
    links: Links,
    waiting: HashMap<NodeId, Waiting>,
    outgoing: HashMap<NodeId, Outgoing>,
    pace: Arc<Pace>,
    answers: Answers,
    letterbox: Letterbox,
    topic: Topic,
    answered: Option<Answered>,
    replays: Replays,
    /// Questions, gossip and link messages that were not what they must be.
    refused: u64,
    catalogues: Catalogues,
    own: OwnCatalogue,
    records: Records,
    /// Children that others can enter by.
    relays: BTreeMap<NodeId, Contact>,
    tasks: FuturesUnordered<BoxFuture<'static, Done>>,
    /// The room's last event, for neighbours that come later.
    last_event: Option<Signed>,
    ended: Option<Instant>,
    leaving: Vec<oneshot::Sender<LeaveReport>>,
    left: bool,
    handed_over: usize,
}

impl Driver {
    pub(crate) fn new(opening: Opening, tree: Tree, clock: Stopwatch, records: Records) -> Self {
        let Opening { shared, secrets, registration, inbox, commands, outlets, counters, by, known } = opening;
        let own = OwnCatalogue::new(shared.node_id(), unix_now());
        Self {
            shared,
            secrets,
            registration,
            inbox,
            commands,
            outlets,
            counters,
            by,
            known,
            clock,
            tree,
            tree_timeout: None,
            starving: false,
            links: Links::default(),
            waiting: HashMap::new(),
            outgoing: HashMap::new(),
            pace: Arc::default(),
            answers: Answers::default(),
            letterbox: Letterbox::default(),
            topic: Topic::default(),
            answered: None,
            replays: Replays::default(),
            refused: 0,
            catalogues: Catalogues::default(),
            own,
            records,
            relays: BTreeMap::new(),
            tasks: FuturesUnordered::new(),
            last_event: None,
            ended: None,
            leaving: Vec::new(),
            left: false,
            handed_over: 0,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.clock.elapsed()
    }

    fn is_root(&self) -> bool {
        self.secrets.root() == Some(self.shared.node_id())
    }

    fn caller(&self) -> Caller {
        Caller {
            shared: self.shared.clone(),
            secrets: self.secrets.clone(),
            group: self.registration.group,
            pace: self.pace.clone(),
        }
    }

    /// Runs until the room was left or every handle is gone.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut addresses = self.shared.signal.addresses();
        while !self.left {
            self.drain_tree();
            let timeout = self.tree_timeout.map(|at| self.clock.instant_at(at.since(Timestamp::ZERO)).into());
            tokio::select! {
                Some(done) = self.tasks.next(), if !self.tasks.is_empty() => self.finished(done),
                inbound = self.inbox.recv() => match inbound {
                    Some(inbound) => self.inbound(inbound),
                    None => break,
                },
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                () = sleep_until(timeout.unwrap_or_else(Instant::now)), if timeout.is_some() => {
                    let now = self.now();
                    self.tree.handle_timeout(now);
                }
                Ok(()) = addresses.changed() => {
                    let now = self.now();
                    let contact = self.shared.contact();
                    self.tree.handle(now, Input::Addresses(contact.addresses.to_vec()));
                    self.update_entry();
                }
                _ = tick.tick() => self.tick(),
            }
        }
        self.close().await;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Publish { specs, reply } => {
                let _gone = reply.send(self.publish(&specs));
            }
            Command::FinishTrack { id, packets } => {
                self.own.end(id, packets);
                self.spread_own_catalogue();
            }
            Command::Leave { reply } => {
                self.leaving.push(reply);
                if self.secrets.owner.is_some() && self.ended.is_none() {
                    self.announce(RoomEventBody::Ended);
                }
                if self.ended.is_none() {
                    let now = self.now();
                    self.tree.handle(now, Input::Leave);
                } else {
                    self.leave_when_drained();
                }
            }
        }
    }

    fn tick(&mut self) {
        self.update_entry();
        self.records.write_due(&self.shared.signal, &self.secrets, &self.shared.identity, false);
        let engine = self.shared.engine.clone();
        self.tasks.push(Box::pin(async move { Done::Measured(engine.stats().await) }));
        self.settle_topic();
        self.listen_for_rings();
        self.leave_when_drained();
    }

    fn measured(&mut self, stats: &Stats) {
        let tree = self.tree.status();
        let role = |peer: &NodeId| {
            if tree.parent == Some(*peer) {
                LinkRole::Parent
            } else if tree.children.iter().any(|child| child.node == *peer) {
                LinkRole::Child
            } else if tree.standby == Some(*peer) || tree.wards.contains(peer) {
                LinkRole::Standby
            } else {
                LinkRole::Other
            }
        };
        self.links.measure(stats, role);
        self.update_status();
    }

    fn update_status(&mut self) {
        let tree = self.tree.status();
        let status = Status {
            parent: tree.parent,
            standby: tree.standby,
            wards: tree.wards,
            depth: tree.depth.filter(|_| tree.parent.is_some() || self.is_root()),
            children: tree.children.iter().map(|child| child.node).collect(),
            size: tree.size,
            height: tree.height,
            fan_out: tree.fan_out,
            links: self.links.statuses(),
            published: self.counters.published.load(Ordering::Relaxed),
            fed_by: self.links.fed_by(),
            answered: self.answered,
            ended: self.ended.is_some(),
            messages_refused: self.refused + tree.rejected,
            packets_refused: self.counters.packets_refused.load(Ordering::Relaxed),
        };
        self.outlets.status.send_replace(status);
    }

    fn emit(&self, event: Event) {
        // No one listening is no error.
        let _nobody = self.outlets.events.send(event);
    }

    /// Once the room is over: leave as soon as no child needs us, or when the drain is over.
    fn leave_when_drained(&mut self) {
        let Some(ended) = self.ended else { return };
        let drained = self.tree.child_count() == 0 || ended.elapsed() >= DRAIN;
        if !self.leaving.is_empty() && drained {
            let now = self.now();
            self.tree.handle(now, Input::Leave);
        }
    }

    async fn close(mut self) {
        self.drain_tree();
        self.records.forget_all(&self.shared.signal);
        self.empty_letterbox();
        self.shared.signal.leave_topic(self.secrets.epoch_key.topic()).await;
        if !self.leaving.is_empty() {
            // Last words (that we are gone, above all) need a moment to go out.
            tokio::time::sleep(LINGER).await;
            let stats = self.shared.engine.stats().await;
            self.measured(&stats);
        }
        for link in self.links.ids() {
            self.shared.engine.close(link);
        }
        for track in self.catalogues.tracks().iter() {
            self.shared.engine.remove_track(self.registration.group, track.id.0);
        }
        let status = self.outlets.status.borrow().clone();
        let report = LeaveReport { children_handed_over: self.handed_over, status };
        for reply in self.leaving {
            let _gone = reply.send(report.clone());
        }
    }
}
