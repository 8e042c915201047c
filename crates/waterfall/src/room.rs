//! A room we are in.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use waterfall_keys::TrackOpener;
use waterfall_media::forward::GroupId;
use waterfall_wire::{AccessKind, Contact, NodeId, RoomId, Ticket};

use crate::driver::{Command, Membership, Secrets};
use crate::event::{Event, Events};
use crate::member::Member;
use crate::node::Shared;
use crate::publish::{Publisher, TrackSpec};
use crate::snapshot::{self, Snapshot};
use crate::status::{Counters, Status};
use crate::subscribe::{Select, Track, TrackInfo};
use crate::{PublishError, SnapshotError, SubscribeError};

/// Entry participants in a ticket.
const TICKET_ENTRIES: usize = 3;

/// How leaving went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaveReport {
    /// Children that found another parent before we were gone.
    pub children_handed_over: usize,
    /// The last status, with all that the links have carried.
    pub status: Status,
}

/// A room we are in. Clones are the same participant; when the last one is dropped, and no
/// [`Publisher`] is left either, the room is left without a word. Prefer [`Room::leave`].
#[derive(Clone)]
pub struct Room {
    seat: Arc<Seat>,
}

/// What a room's handle holds.
pub(crate) struct Seat {
    pub(crate) shared: Arc<Shared>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) group: GroupId,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) catalogue: watch::Receiver<Arc<[TrackInfo]>>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) counters: Arc<Counters>,
    /// Participants that the ticket named.
    pub(crate) known: Vec<Contact>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("id", &self.seat.secrets.room).finish_non_exhaustive()
    }
}

impl Room {
    pub(crate) fn new(seat: Seat) -> Self {
        Self { seat: Arc::new(seat) }
    }

    #[cfg(test)]
    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// The room's name.
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.seat.secrets.room
    }

    /// What the owner calls the room; may be empty.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.seat.secrets.charter.title
    }

    /// What opens the room.
    #[must_use]
    pub fn access(&self) -> AccessKind {
        self.seat.secrets.access()
    }

    /// Who made the room, as its certified record says; none unless it is a room of members.
    #[must_use]
    pub fn owner(&self) -> Option<Member> {
        self.seat.secrets.membership.as_ref().map(Membership::owner)
    }

    /// This node's name in the room.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.seat.shared.node_id()
    }

    /// An invitation with this node's present addresses in it. Whoever has the ticket can find the
    /// room, and enter it if it is open.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        let entries = std::iter::once(self.seat.shared.contact()).chain(self.seat.known.iter().cloned());
        self.seat.secrets.ticket(self.seat.shared.bootstrap_addresses(), entries.take(TICKET_ENTRIES).collect())
    }

    /// Starts a track. It is listed for everyone at once.
    ///
    /// # Errors
    /// As [`Room::publish_all`].
    pub async fn publish(&self, spec: TrackSpec) -> Result<Publisher, PublishError> {
        let mut started = self.publish_all(vec![spec]).await?;
        started.pop().ok_or(PublishError::Closed)
    }

    /// Starts several tracks that belong together; viewers hear of all of them at once. One
    /// publisher for each spec, in order.
    ///
    /// # Errors
    /// [`PublishError`] when this node may not speak, the room or the node has too many tracks, or
    /// the room has been left. Then none is started.
    pub async fn publish_all(&self, specs: Vec<TrackSpec>) -> Result<Vec<Publisher>, PublishError> {
        let (reply, started) = oneshot::channel();
        let command = Command::Publish { specs: specs.clone(), reply };
        self.seat.commands.send(command).await.map_err(|_| PublishError::Closed)?;
        let started = started.await.map_err(|_| PublishError::Closed)??;
        let publisher = |((id, sealer), spec): ((_, _), &TrackSpec)| {
            let (shared, commands) = (self.seat.shared.clone(), self.seat.commands.clone());
            Publisher::new(id, spec, sealer, shared, self.seat.group, commands, self.seat.counters.clone())
        };
        Ok(started.into_iter().zip(&specs).map(publisher).collect())
    }

    /// The tracks of all speakers, ended ones included while their speakers list them.
    #[must_use]
    pub fn catalogue(&self) -> watch::Receiver<Arc<[TrackInfo]>> {
        self.seat.catalogue.clone()
    }

    /// Subscribes to a track; waits until there is one that fits. What this participant still
    /// holds of the track, from its last key frame on, comes first.
    ///
    /// # Errors
    /// [`SubscribeError`] when the room ends or is left before such a track appears.
    pub async fn subscribe(&self, which: impl Into<Select>) -> Result<Track, SubscribeError> {
        let which = which.into();
        let mut catalogue = self.seat.catalogue.clone();
        let ended = self.ended();
        tokio::pin!(ended);
        let info = loop {
            if let Some(info) = which.find(&catalogue.borrow_and_update()) {
                break info.clone();
            }
            tokio::select! {
                changed = catalogue.changed() => changed.map_err(|_| SubscribeError::Closed)?,
                () = &mut ended => return Err(SubscribeError::Ended),
            }
        };
        let opener = TrackOpener::new(&self.seat.secrets.epoch_key, info.speaker, info.id, info.start);
        let packets = self.seat.shared.engine.subscribe(self.seat.group, info.id.0);
        Ok(Track::new(info, packets, opener, self.seat.catalogue.clone(), self.seat.counters.clone()))
    }

    /// The whole room's graph, read from the participants' records in the DHT. Costs a few
    /// look-ups per relay; participants appear a few seconds after they have joined.
    ///
    /// # Errors
    /// [`SnapshotError::Closed`] after the room was left.
    pub async fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        if self.seat.commands.is_closed() {
            return Err(SnapshotError::Closed);
        }
        Ok(snapshot::read(&self.seat.shared.signal, &self.seat.secrets).await)
    }

    /// Parent, children, depth and what each link has carried; renewed twice a second.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.seat.status.clone()
    }

    /// Resolves once the owner has said that the room is over, or the room has been left.
    pub async fn ended(&self) {
        let mut status = self.seat.status.clone();
        // An error means that the driver is gone, and the room with it.
        let _left = status.wait_for(|status| status.ended).await;
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.seat.events.subscribe())
    }

    /// Leaves, after the children have found other parents (at most two seconds). The owner's
    /// leaving ends the room: everyone is told, and the owner serves on for some seconds until
    /// its children have what they miss.
    pub async fn leave(self) -> LeaveReport {
        let (reply, report) = oneshot::channel();
        // With the driver gone already there is nobody to hand over.
        if self.seat.commands.send(Command::Leave { reply }).await.is_ok()
            && let Ok(report) = report.await
        {
            return report;
        }
        LeaveReport { children_handed_over: 0, status: self.seat.status.borrow().clone() }
    }
}
