//! The handle that callers hold.

use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot, watch};
use waterfall_wire::{Address, Contact, Header, NodeId, RecordKey};

use crate::call;
use crate::config::Config;
use crate::driver::Driver;
use crate::event::Event;
use crate::mailbox::Mailbox;
use crate::reached::Reached;
use crate::start::{self, StartError};
use crate::stats::{Counters, Stats};

/// How many commands may wait for the driver; callers wait for room.
const COMMANDS: usize = 256;
/// How many events may wait for the application; see [`Event`].
const EVENTS: usize = 256;

/// Why a lookup has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// Too many lookups are under way (128), or too many callers wait for this one (64).
    #[error("too many lookups are under way; try again in a moment")]
    Busy,
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The question is longer than a [`waterfall_wire::Routed`] may be.
    #[error("the question is too long")]
    TooLong,
    /// The node id is no Ed25519 key, or this very node.
    #[error("there is no such node to ask")]
    NoSuchNode,
    /// Nobody answers at its addresses, nor at those the DHT knows.
    #[error("the node cannot be reached: {0}")]
    Unreachable(String),
    /// It was reached, or not, but did not answer in time.
    #[error("the node did not answer in time")]
    Timeout,
    /// It was reached and gave no answer: it refuses, or takes no questions.
    #[error("the node refused the question")]
    Refused,
    /// The connection broke off. Whether the question arrived is not known.
    #[error("the connection broke off")]
    Interrupted,
    /// Too many questions are under way (256).
    #[error("too many questions are under way; try again in a moment")]
    Busy,
    /// The node was closed.
    #[error("the node is closed")]
    Closed,
}

/// What handles ask of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    Get { key: RecordKey, reply: oneshot::Sender<Result<Option<Header>, GetError>> },
    Ask { to: Contact, request: Vec<u8>, reply: oneshot::Sender<Result<Vec<u8>, AskError>> },
    Join { topic: [u8; 32], done: oneshot::Sender<()> },
    Leave { topic: [u8; 32], done: oneshot::Sender<()> },
    Dial(Multiaddr),
    Close(oneshot::Sender<()>),
}

/// A handle on a libp2p node. Clones share it; it ends when the last is dropped, or on [`Signal::close`].
///
/// One task owns the node. Records, gossip and questions are opaque here but for the envelopes of
/// records, which are verified on every way in.
#[derive(Debug, Clone)]
pub struct Signal {
    node_id: NodeId,
    commands: mpsc::Sender<Command>,
    mailbox: Arc<Mailbox>,
    counters: Arc<Counters>,
    addresses: watch::Receiver<Vec<Address>>,
    peers: watch::Receiver<usize>,
    reached: watch::Receiver<Vec<Reached>>,
    ask_timeout: Duration,
}

impl Signal {
    /// Starts a node; returns once it listens, so that ports are known. Bootstrap nodes are dialled
    /// after that: a node without any peer is ready, too.
    ///
    /// The receiver must be read; see [`Event`] for what happens if it is not.
    ///
    /// # Errors
    /// [`StartError`], which says what to do.
    pub async fn start(config: Config) -> Result<(Self, mpsc::Receiver<Event>), StartError> {
        let (swarm, seen) = Box::pin(start::listen(&config)).await?;
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (address_sender, addresses) = watch::channel(Vec::new());
        let (peer_sender, peers) = watch::channel(0);
        let (reached_sender, reached) = watch::channel(Vec::new());
        let mailbox = Arc::new(Mailbox::default());
        let counters = Arc::new(Counters::default());
        let node_id = config.identity.node_id();
        let ask_timeout = config.limits.ask_timeout;
        let mut driver = Driver::new(
            swarm,
            config,
            crate::driver::Channels {
                mailbox: mailbox.clone(),
                commands: command_receiver,
                events: event_sender,
                counters: counters.clone(),
                addresses: address_sender,
                peers: peer_sender,
                reached: reached_sender,
            },
        );
        seen.into_iter().for_each(|event| driver.on_swarm_event(event));
        driver.refresh();
        tokio::spawn(Box::pin(driver.run()));
        Ok((Self { node_id, commands, mailbox, counters, addresses, peers, reached, ask_timeout }, events))
    }

    /// This node's name.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// Where this node can be called, best first, at most [`waterfall_wire::MAX_ADDRESSES`]: external addresses
    /// as configured, global, private, and loopback only if it listens on nothing else. Changes
    /// with the machine's interfaces.
    #[must_use]
    pub fn addresses(&self) -> watch::Receiver<Vec<Address>> {
        self.addresses.clone()
    }

    /// This node's name and current addresses.
    #[must_use]
    pub fn contact(&self) -> Contact {
        Contact { node: self.node_id, addresses: self.addresses.borrow().as_slice().into() }
    }

    /// Keeps an own record available: here at once, and on the nodes nearest to its key as soon as
    /// there are any, tried until one of them has been seen to hold it. It is offered to nodes
    /// that come nearer later, and again every ten minutes, until its `not_after`, [`Signal::forget`],
    /// or a put of a later version under the same key.
    ///
    /// Returns at once. An envelope that does not verify, or one too many (512), is refused and counted in
    /// [`Stats::puts_refused`].
    pub fn put(&self, key: RecordKey, envelope: Vec<u8>) {
        self.mailbox.put(key, Some(envelope));
    }

    /// Stops offering an own record. Copies elsewhere live until they expire.
    pub fn forget(&self, key: RecordKey) {
        self.mailbox.put(key, None);
    }

    /// Finds the latest version of a record: what this node holds itself, what it has read before,
    /// and what several of the nodes nearest to the key hold, each verified. `None` if nobody has one that counts.
    /// Nodes found to hold an older version, or none, are given the latest.
    ///
    /// Typically takes a few round trips; at most [`crate::Limits::get_timeout`], when peers are gone. A
    /// node that has just started waits up to 3 s for its first peer.
    ///
    /// # Errors
    /// [`GetError::Busy`] or [`GetError::Closed`].
    pub async fn get(&self, key: RecordKey) -> Result<Option<Header>, GetError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Get { key, reply }).await.map_err(|_| GetError::Closed)?;
        answer.await.unwrap_or(Err(GetError::Closed))
    }

    /// Asks a node one question (`/waterfall/call/1`) over the connection to it, or over a new one to
    /// `to.addresses`, or else to the addresses that the DHT knows. QUIC is preferred, TCP follows
    /// a little later (RFC 8305).
    ///
    /// # Errors
    /// [`AskError`]; within [`crate::Limits::ask_timeout`] in any case.
    pub async fn ask(&self, to: &Contact, request: Vec<u8>) -> Result<Vec<u8>, AskError> {
        if request.len() > call::MAX_LEN {
            return Err(AskError::TooLong);
        }
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let command = Command::Ask { to: to.clone(), request, reply };
            self.commands.send(command).await.map_err(|_| AskError::Closed)?;
            answer.await.unwrap_or(Err(AskError::Closed))
        };
        tokio::time::timeout(self.ask_timeout, asked).await.unwrap_or(Err(AskError::Timeout))
    }

    /// Enters a gossip topic: its messages arrive as [`Event::Gossip`] and are passed on. In effect
    /// on return; beyond 128 topics, and on a node of records only, nothing happens.
    pub async fn join_topic(&self, topic: [u8; 32]) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Join { topic, done }).await.is_ok() {
            // An error means that the node was closed meanwhile.
            let _ = wait.await;
        }
    }

    /// Leaves a gossip topic.
    pub async fn leave_topic(&self, topic: [u8; 32]) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Leave { topic, done }).await.is_ok() {
            // As above.
            let _ = wait.await;
        }
    }

    /// Sends a message (at most 4 000 bytes) to all who are in a topic, as far as they are connected with each other.
    /// Waits up to 15 s in a queue of 64 for somebody to be in the topic; then it is dropped and
    /// counted in [`Stats::gossip_unsent`]. The sender need not be in the topic and does not hear itself.
    pub fn gossip(&self, topic: [u8; 32], message: Vec<u8>) {
        self.mailbox.gossip(topic, message);
    }

    /// Connects to an address, with or without `/p2p/…`; failures show in the log only.
    pub async fn dial(&self, address: Multiaddr) {
        // An error means that the node was closed.
        let _ = self.commands.send(Command::Dial(address)).await;
    }

    /// How many peers are connected.
    #[must_use]
    pub fn peers(&self) -> watch::Receiver<usize> {
        self.peers.clone()
    }

    /// Peers that this node called, that answered and that are a part of the DHT: the latest first, each once, at
    /// most 64. Those that no longer answer are taken out. Changes when a peer is met, and about every five
    /// minutes for each that stays connected. Its last value can be read after the node has ended.
    #[must_use]
    pub fn reached(&self) -> watch::Receiver<Vec<Reached>> {
        self.reached.clone()
    }

    /// What the node has done and what it holds. Values marked 'now' are at most 0.2 s old.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.counters.lock()
    }

    /// Ends the node: connections are closed, peers see it at once. Other handles' calls fail from then on.
    pub async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // An error means that another handle closed it first.
            let _ = wait.await;
        }
    }
}
