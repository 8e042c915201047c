//! A node: one identity, one swarm, one media socket; many rooms.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use waterfall_keys::random;
use waterfall_media::engine::Engine;
use waterfall_signal::{Multiaddr, Signal};
use waterfall_wire::{Address, Contact, Fingerprint, MAX_FAN_OUT, NodeId, SigningKey, Speakers, Ticket};

use crate::address::dialable;
use crate::builder::NodeBuilder;
use crate::distances::Distances;
use crate::driver;
use crate::evidence::{self, Evidence};
use crate::router::Router;
use crate::signal_path::SignalPath;
use crate::snapshot::{self, Snapshot};
use crate::{Access, CreateError, Credentials, JoinError, Room, SignalStats, SnapshotError};

const DEFAULT_FAN_OUT: u8 = 4;

/// What every room of a node uses.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identity: SigningKey,
    pub(crate) signal: Signal,
    pub(crate) signal_path: SignalPath,
    pub(crate) engine: Engine,
    pub(crate) router: Arc<Router>,
    /// What calls have shown of others; all rooms learn from all.
    pub(crate) distances: Arc<Distances>,
    pub(crate) bootstrap: Vec<Multiaddr>,
    /// Writes down the peers met; ends when the signalling does.
    pub(crate) cache: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(crate) fn node_id(&self) -> NodeId {
        self.identity.node_id()
    }

    /// How this node can be called right now.
    pub(crate) fn contact(&self) -> Contact {
        self.signal.contact()
    }

    /// The well-known peers, as a ticket names them.
    pub(crate) fn bootstrap_addresses(&self) -> Vec<Address> {
        self.bootstrap.iter().filter_map(waterfall_signal::multiaddr_to_address).collect()
    }
}

/// One identity, one libp2p swarm, one media socket; many rooms. Clones share everything.
#[derive(Debug, Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

impl Node {
    /// Settings with their defaults.
    #[must_use]
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    pub(crate) fn of(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// This node's name in every room.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.shared.node_id()
    }

    /// Addresses that others can use as their bootstrap, best first, as text.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let contact = self.shared.contact();
        contact.addresses.iter().filter_map(|a| dialable(a, &contact.node)).map(|a| a.to_string()).collect()
    }

    /// Creates a room with this node as its owner, root and first speaker. Await the result.
    pub fn create(&self, access: Access) -> Create {
        Create {
            node: self.clone(),
            access,
            options: CreateOptions { title: String::new(), fan_out: DEFAULT_FAN_OUT, speakers: Speakers::Everyone },
        }
    }

    /// Joins a room. Await the result; it is there once a parent has taken us.
    pub fn join(&self, ticket: &Ticket, credentials: impl Into<Credentials>) -> Join {
        Join {
            node: self.clone(),
            ticket: ticket.clone(),
            credentials: credentials.into(),
            options: JoinOptions { fan_out: DEFAULT_FAN_OUT, by: JoinBy::Probe, owner: None },
        }
    }

    /// Reads a room's graph out of the DHT, without joining.
    ///
    /// # Errors
    /// [`SnapshotError`] when the room cannot be found or opened.
    pub async fn snapshot(
        &self,
        ticket: &Ticket,
        credentials: impl Into<Credentials> + Send,
    ) -> Result<Snapshot, SnapshotError> {
        snapshot::of_ticket(&self.shared, ticket, &credentials.into()).await
    }

    /// Reads what the DHT holds of a room of members, for checking with other OpenPGP programs: the key chunk
    /// that this member falls into (or the first), and the owner's certification. Needs no key.
    ///
    /// # Errors
    /// [`JoinError`] when the room cannot be found or is no room of members.
    pub async fn evidence(&self, ticket: &Ticket, member: Option<&Fingerprint>) -> Result<Evidence, JoinError> {
        evidence::of_ticket(&self.shared, ticket, member).await
    }

    /// What the node's signalling has done since its start, and what it holds.
    #[must_use]
    pub fn signal_stats(&self) -> SignalStats {
        self.shared.signal.stats()
    }

    /// Closes the sockets. Rooms that were not left are left without a word.
    pub async fn close(self) {
        self.shared.engine.close_all().await;
        self.shared.signal.close().await;
        let cache = self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(cache) = cache {
            // An error means that writing panicked, which was told where it happened.
            let _ = cache.await;
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct CreateOptions {
    pub(crate) title: String,
    pub(crate) fan_out: u8,
    pub(crate) speakers: Speakers,
}

/// A room about to be created; see [`Node::create`].
#[derive(Debug)]
#[must_use = "await it to create the room"]
pub struct Create {
    node: Node,
    access: Access,
    options: CreateOptions,
}

impl Create {
    /// What the room is called, for people; at most 200 bytes. Default: nothing.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.options.title = title.into();
        self
    }

    /// How many participants the owner itself serves: 1-64. Default: 4.
    pub fn fan_out(mut self, fan_out: u8) -> Self {
        self.options.fan_out = fan_out;
        self
    }

    /// Who may publish. Default: every member, up to five at a time. The owner always may.
    pub fn speakers(mut self, speakers: Speakers) -> Self {
        self.options.speakers = speakers;
        self
    }
}

impl IntoFuture for Create {
    type Output = Result<Room, CreateError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if self.options.title.len() > 200 {
                return Err(CreateError::Title);
            }
            if !(1..=MAX_FAN_OUT).contains(&self.options.fan_out) {
                return Err(CreateError::FanOut);
            }
            driver::create(self.node.shared, self.access, self.options).await
        })
    }
}

/// How a joining node finds an open spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum JoinBy {
    /// Ask the entry participants. Fast.
    #[default]
    Probe,
    /// Read the participants' records in the DHT, from the root down. Slower, asks nobody.
    Walk,
}

#[derive(Debug, Clone)]
pub(crate) struct JoinOptions {
    pub(crate) fan_out: u8,
    pub(crate) by: JoinBy,
    pub(crate) owner: Option<Fingerprint>,
}

/// A room about to be joined; see [`Node::join`].
#[derive(Debug)]
#[must_use = "await it to join the room"]
pub struct Join {
    node: Node,
    ticket: Ticket,
    credentials: Credentials,
    options: JoinOptions,
}

impl Join {
    /// How many others this participant serves: 0-64. Default: 4.
    pub fn fan_out(mut self, fan_out: u8) -> Self {
        self.options.fan_out = fan_out;
        self
    }

    /// Serve nobody: the same as a fan-out of 0. For metered or weak uplinks.
    pub fn leaf(self) -> Self {
        self.fan_out(0)
    }

    /// Enter only if the room was made by the holder of this OpenPGP certificate. Default: by whoever
    /// gave the ticket away. Rooms that know no members are refused then.
    pub fn made_by(mut self, owner: Fingerprint) -> Self {
        self.options.owner = Some(owner);
        self
    }

    /// How to find an open spot. Default: [`JoinBy::Probe`].
    pub fn by(mut self, by: JoinBy) -> Self {
        self.options.by = by;
        self
    }
}

impl IntoFuture for Join {
    type Output = Result<Room, JoinError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if self.options.fan_out > MAX_FAN_OUT {
                return Err(JoinError::FanOut);
            }
            driver::join(self.node.shared, &self.ticket, &self.credentials, self.options).await
        })
    }
}

/// A fresh node key, from the operating system's randomness.
#[must_use]
pub fn generate_key() -> SigningKey {
    SigningKey::from_bytes(&random())
}

/// Joins a room with a node of default settings, which lives as long as the room does.
///
/// # Errors
/// [`JoinError`]; a node that could not start is [`JoinError::Start`].
pub async fn join(ticket: Ticket, credentials: impl Into<Credentials>) -> Result<Room, JoinError> {
    Node::builder().start().await?.join(&ticket, credentials).await
}
