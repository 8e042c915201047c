//! From the node's two event streams to the room each event is for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use waterfall_media::engine;
use waterfall_media::forward::{GroupId, LinkId};
use waterfall_signal::{self as signal, Responder, Verdict};
use waterfall_wire::{RouteId, Routed, decode};

/// Asks, gossip and link events that wait for one room's driver. A driver takes them at once, so
/// a full inbox means a flood: asks and gossip beyond it are dropped as if lost on the way.
const INBOX: usize = 1024;

/// What reaches a room's driver from outside.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A participant asks; the room's secrets are needed to know what.
    Asked { request: Routed, reply: Responder },
    /// A message on the room's topic.
    Gossip { message: Vec<u8>, verdict: Verdict },
    /// Something happened on one of the room's links.
    Engine(engine::Event),
}

#[derive(Debug, Default)]
struct Table {
    inboxes: HashMap<GroupId, mpsc::Sender<Inbound>>,
    routes: HashMap<RouteId, GroupId>,
    topics: HashMap<[u8; 32], GroupId>,
}

/// Who is who among the rooms of one node.
#[derive(Debug, Default)]
pub(crate) struct Router {
    table: Mutex<Table>,
    groups: AtomicU32,
}

/// A room's place in the router; given back when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    router: Arc<Router>,
    pub(crate) group: GroupId,
    links: AtomicU32,
}

impl Registration {
    /// A link id that was never used before.
    pub(crate) fn next_link(&self) -> LinkId {
        LinkId((self.group.0 << 32) | u64::from(self.links.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut table = self.router.lock();
        table.inboxes.remove(&self.group);
        // Another room of this node may be the same room again: take only what is ours.
        table.routes.retain(|_, group| *group != self.group);
        table.topics.retain(|_, group| *group != self.group);
    }
}

impl Router {
    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        // The table is only ever inserted to and removed from; a panic elsewhere leaves it whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a room its group and its inbox. `None` when this node is in that room already.
    pub(crate) fn register(
        self: &Arc<Self>,
        route: RouteId,
        topic: [u8; 32],
    ) -> Option<(Registration, mpsc::Receiver<Inbound>)> {
        let (sender, inbox) = mpsc::channel(INBOX);
        let group = GroupId(u64::from(self.groups.fetch_add(1, Ordering::Relaxed)));
        let mut table = self.lock();
        if table.routes.contains_key(&route) {
            return None;
        }
        table.inboxes.insert(group, sender);
        table.routes.insert(route, group);
        table.topics.insert(topic, group);
        drop(table);
        Some((Registration { router: self.clone(), group, links: AtomicU32::new(0) }, inbox))
    }

    fn inbox_of(&self, group: impl FnOnce(&Table) -> Option<GroupId>) -> Option<mpsc::Sender<Inbound>> {
        let table = self.lock();
        group(&table).and_then(|group| table.inboxes.get(&group).cloned())
    }

    fn signal_event(&self, event: signal::Event) {
        match event {
            signal::Event::Asked { request, reply, .. } => {
                let Ok(request) = decode::<Routed>(&request) else { return };
                if let Some(inbox) = self.inbox_of(|table| table.routes.get(&request.route).copied()) {
                    let _full = inbox.try_send(Inbound::Asked { request, reply });
                }
            }
            signal::Event::Gossip { topic, message, verdict, .. } => {
                if let Some(inbox) = self.inbox_of(|table| table.topics.get(&topic).copied()) {
                    let _full = inbox.try_send(Inbound::Gossip { message, verdict });
                }
            }
            signal::Event::BootstrapUnreachable { address, reason } => {
                tracing::warn!("the bootstrap node {address} does not answer ({reason}); trying on");
            }
            _ => {}
        }
    }

    async fn engine_event(&self, event: engine::Event) {
        let group = match &event {
            engine::Event::LinkUp { link, .. }
            | engine::Event::LinkDown { link, .. }
            | engine::Event::Message { link, .. }
            | engine::Event::Silent { link, .. }
            | engine::Event::Heard { link, .. }
            | engine::Event::Withheld { link, .. }
            | engine::Event::QueueOverflow { link, .. } => GroupId(link.0 >> 32),
            engine::Event::KeyFrameWanted { group, .. } | engine::Event::Switched { group, .. } => *group,
            _ => return,
        };
        if let Some(inbox) = self.inbox_of(|_| Some(group)) {
            // Waits rather than drops: a lost LinkDown would leave the tree with a dead neighbour.
            let _closed = inbox.send(Inbound::Engine(event)).await;
        }
    }

    /// Moves events until the node closes.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut signal: mpsc::Receiver<signal::Event>,
        mut engine: mpsc::Receiver<engine::Event>,
    ) {
        loop {
            tokio::select! {
                Some(event) = signal.recv() => self.signal_event(event),
                Some(event) = engine.recv() => self.engine_event(event).await,
                else => return,
            }
        }
    }
}
