//! The engine: all links of a node, on one UDP port for each address, driven by one task.
//!
//! ```text
//! Engine (handle) ── commands ──▶ driver task ── datagrams ──▶ sockets
//!        ◀── events, packets ──        │
//!                             links × groups (sans-IO)
//! ```

mod command;
mod config;
mod demux;
mod drive;
mod socket;
mod stats;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::forward::{GroupId, LinkId, Packet, Subscription, TrackConfig};
use crate::link::{Session, SessionError};
use command::Command;
pub use config::{Config, MAX_ADDRESSES};
use drive::Driver;
pub use stats::{DatagramStats, Drops, LinkStats, Stats, TrackStats};

/// Commands that may wait for the driver. It never waits for anything but the network, so that more than
/// a handful only wait when it is starved of processor time.
const COMMANDS: usize = 16 * 1024;
/// Published packets that may wait for the driver: a key frame of a megabyte.
const PUBLISHED: usize = 1024;
/// Events that may wait for their reader.
const EVENTS: usize = 4096;

/// Something that happened to a link or a track.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A link is connected: media and messages flow from now on.
    LinkUp {
        /// Which link.
        link: LinkId,
    },
    /// A link ended, or never came up. Sent once for each link that was offered or answered, unless
    /// [`Engine::close`] or [`Engine::close_all`] ended it.
    LinkDown {
        /// Which link.
        link: LinkId,
        /// Why, in a sentence.
        reason: String,
    },
    /// The other end sent a control message.
    Message {
        /// Over which link.
        link: LinkId,
        /// Its bytes, as sent.
        message: Bytes,
    },
    /// Nothing at all came over a link for the silence threshold ([`Config::silence`],
    /// [`Config::feeder_silence`]; 3.5 s if it is no edge). Sent once until [`Event::Heard`]. Time in which this
    /// process did not run does not count.
    Silent {
        /// Which link.
        link: LinkId,
    },
    /// A silent link speaks again.
    Heard {
        /// Which link.
        link: LinkId,
    },
    /// The other end says, for the first time or otherwise than before, whether it is itself being fed.
    Fed {
        /// Which link.
        link: LinkId,
        /// Whether it is.
        fed: bool,
    },
    /// The other end of an edge says that it has packets, and that it is not behind with sending them, but
    /// they never came, from nobody. Told at most once in five seconds for a link, and not for packets that the
    /// other end lacks itself, or dropped because its queue was full: it says so.
    Withheld {
        /// Which link.
        link: LinkId,
        /// How many since it was last told.
        packets: u64,
    },
    /// A group came to be fed over another link, two seconds ago. Not sent if the old link brought something new
    /// within 300 ms after the new one had, nor for what local speakers publish.
    Switched {
        /// Which group.
        group: GroupId,
        /// The link over which its packets came before; it may be gone.
        from: LinkId,
        /// The link over which they come now.
        to: LinkId,
        /// From the last new packet over the old link to the first one over the new.
        gap: Duration,
        /// Packets that were missing then and have not come since.
        lost: u64,
    },
    /// Someone cannot go on without a key frame of a local speaker's track. Sent at most once a second.
    KeyFrameWanted {
        /// Which group.
        group: GroupId,
        /// Which track.
        kid: u32,
    },
    /// A link was too slow, and packets of a track were dropped: pictures up to the next key frame.
    QueueOverflow {
        /// Which link.
        link: LinkId,
        /// Which track.
        kid: u32,
        /// Frames dropped.
        frames: u64,
        /// Packets dropped.
        packets: u64,
    },
}

/// Why an engine could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program has the port.
    #[error("UDP port {} is in use on {}: end the program that holds it, or choose another port (0 lets the system pick one)", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The address is none of this machine's.
    #[error("{0} is not an address of this machine: name one that is, or none to use all")]
    NoSuchAddress(std::net::IpAddr),
    /// More addresses than [`MAX_ADDRESSES`] were named.
    #[error("{0} addresses are too many: at most {MAX_ADDRESSES} can be used")]
    TooManyAddresses(usize),
    /// A socket could not be made for another reason.
    #[error("no UDP socket on {address}: {source}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No certificate could be made.
    #[error("no DTLS certificate could be made: {0}")]
    Certificate(String),
}

/// Why a link could not be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// There is a link with that id.
    #[error("there is already a link {}", .0.0)]
    Exists(LinkId),
    /// There is no link with that id: it was never there, or has ended.
    #[error("there is no link {}", .0.0)]
    Unknown(LinkId),
    /// It is not an offer that waits for an answer.
    #[error("link {} does not wait for an answer", .0.0)]
    NotOffered(LinkId),
    /// The limit of links is reached.
    #[error("there are {0} links already, as many as allowed")]
    TooMany(usize),
    /// The other end's session cannot be used.
    #[error("the other end's session cannot be used: {0}")]
    Session(#[from] SessionError),
    /// The transport could not be set up.
    #[error("the link could not be set up: {0}")]
    Transport(String),
    /// The engine has ended.
    #[error("the engine has ended")]
    Stopped,
}

/// A published packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// 1 024 packets wait already; [`Engine::publish_wait`] waits instead.
    #[error("the engine does not keep up with the packets that are published")]
    Full,
    /// The engine has ended.
    #[error("the engine has ended")]
    Stopped,
}

/// A handle on an engine. When the last one is dropped, the engine closes its links and ends.
#[derive(Clone, Debug)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    published: mpsc::Sender<(GroupId, Packet)>,
    addresses: Arc<[SocketAddr]>,
    lost_commands: Arc<AtomicU64>,
}

impl Engine {
    /// Binds the sockets and starts the driver task.
    ///
    /// At most 4 096 events wait in the receiver. If it is not read, no more control messages are taken
    /// from the network, which holds the other ends back; events of overflow and feeding are dropped.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound, or no certificate can be made.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(config: Config) -> Result<(Self, mpsc::Receiver<Event>), StartError> {
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (published, published_receiver) = mpsc::channel(PUBLISHED);
        let (events, event_receiver) = mpsc::channel(EVENTS);
        let lost_commands = Arc::new(AtomicU64::new(0));
        let driver = Driver::new(config, command_receiver, published_receiver, events, lost_commands.clone())?;
        let addresses = driver.local_addresses().into();
        tokio::spawn(driver.run());
        Ok((Self { commands, published, addresses, lost_commands }, event_receiver))
    }

    /// The addresses under which this engine can be reached from its own networks.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.addresses.to_vec()
    }

    /// Makes a link to a participant that has yet to answer. Without an answer in 30 s, or without a
    /// connection 10 s after it, the link ends.
    ///
    /// # Errors
    ///
    /// If `link` exists, there are too many, or its transport cannot be set up.
    pub async fn offer(&self, link: LinkId, group: GroupId) -> Result<Session, LinkError> {
        self.ask(|reply| Command::Offer(link, group, reply)).await?
    }

    /// Makes a link to a participant that offered one. Without a connection in 10 s it ends.
    ///
    /// # Errors
    ///
    /// As [`Engine::offer`], and if `remote` cannot be used.
    pub async fn answer(&self, link: LinkId, group: GroupId, remote: Session) -> Result<Session, LinkError> {
        self.ask(|reply| Command::Answer(link, group, Box::new(remote), reply)).await?
    }

    /// Goes on with an offered link when its answer has come.
    ///
    /// # Errors
    ///
    /// If `link` is not an offer that waits for an answer, or `remote` cannot be used.
    pub async fn complete(&self, link: LinkId, remote: Session) -> Result<(), LinkError> {
        self.ask(|reply| Command::Complete(link, Box::new(remote), reply)).await?
    }

    /// Closes a link and tells the other end. No event follows.
    pub fn close(&self, link: LinkId) {
        self.tell(Command::Close(link));
    }

    /// Sends a control message of 1 to [`MAX_MESSAGE`](crate::link::MAX_MESSAGE) bytes, reliably and in
    /// order. Before the link is up, 64 KiB may wait for it. A message that is empty or too long, or a 257th
    /// KiB that the other end has not taken, closes the link with a reason: nothing is lost silently but
    /// what is sent over a link that has ended.
    pub fn send(&self, link: LinkId, message: Bytes) {
        self.tell(Command::Send(link, message));
    }

    /// Lets packets of a track through. Of tracks that were not added a few packets wait for some
    /// seconds, in case what announces the track is slower than they; the rest is dropped. A group
    /// has at most 64 tracks; more are ignored.
    pub fn add_track(&self, group: GroupId, kid: u32, config: TrackConfig) {
        self.tell(Command::AddTrack(group, kid, config));
    }

    /// Forgets a track and its packets.
    pub fn remove_track(&self, group: GroupId, kid: u32) {
        self.tell(Command::RemoveTrack(group, kid));
    }

    /// Makes a link a tree edge, over which media flows both ways, or no longer one.
    ///
    /// Sending begins with [`Engine::resume`]; if that does not come within a second, the other end is
    /// taken for one that has nothing.
    pub fn set_edge(&self, link: LinkId, on: bool) {
        self.tell(Command::SetEdge(link, on));
    }

    /// Says whether this node is fed over a link. While it is a tree edge too, its silence is noticed within
    /// 60 ms on a quiet way ([`Config::feeder_silence`]); that of all other edges within 500 ms. May be said
    /// before the link is an edge, and holds until it is said otherwise.
    pub fn set_feeder(&self, link: LinkId, on: bool) {
        self.tell(Command::SetFeeder(link, on));
    }

    /// What the fillers of a group's links say: whether this node is itself being fed. A change is told at once, and
    /// again with each filler.
    pub fn set_fed(&self, group: GroupId, fed: bool) {
        self.tell(Command::SetFed(group, fed));
    }

    /// How far this node has each track of a group: (KID, first counter not yet received). Tracks that have
    /// not begun are missing.
    pub async fn have(&self, group: GroupId) -> Vec<(u32, u64)> {
        self.ask(|reply| Command::Have(group, reply)).await.unwrap_or_default()
    }

    /// Begins to send over a link from where the other end says it is: oldest first, paced. Tracks not named
    /// start at their last key frame, or with it if they are sound. On a link that is no edge yet it takes effect
    /// when it becomes one.
    pub fn resume(&self, link: LinkId, have: Vec<(u32, u64)>) {
        self.tell(Command::Resume(link, have));
    }

    /// Asks the speaker of a track for a key frame, because its pictures cannot be decoded without one. At most
    /// one request a second goes out.
    pub fn ask_key_frame(&self, group: GroupId, kid: u32) {
        self.tell(Command::AskKeyFrame(group, kid));
    }

    /// Sends a local speaker's packet to all edges. [`Packet::from`] is ignored.
    ///
    /// # Errors
    ///
    /// If too many wait, or the engine has ended. A packet whose `kid` and `ctr` are not those in its payload, or
    /// of a track that was not added, is dropped and counted.
    pub fn publish(&self, group: GroupId, packet: Packet) -> Result<(), PublishError> {
        self.published.try_send((group, packet)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Stopped,
        })
    }

    /// As [`Engine::publish`], but waits for room.
    ///
    /// # Errors
    ///
    /// If the engine has ended.
    pub async fn publish_wait(&self, group: GroupId, packet: Packet) -> Result<(), PublishError> {
        self.published.send((group, packet)).await.map_err(|_| PublishError::Stopped)
    }

    /// The packets of a track, whoever publishes it: see [`Subscription`].
    pub fn subscribe(&self, group: GroupId, kid: u32) -> Subscription {
        let (subscriber, subscription) = Subscription::new();
        self.tell(Command::Subscribe(group, kid, subscriber));
        subscription
    }

    /// All counters; empty ones if the engine has ended.
    pub async fn stats(&self) -> Stats {
        self.ask(Command::Stats).await.unwrap_or_default()
    }

    /// Closes all links and tells the other ends; returns when the goodbyes are sent.
    pub async fn close_all(&self) {
        if let Err(error) = self.ask(Command::CloseAll).await {
            tracing::debug!(%error, "no links were closed");
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, LinkError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| LinkError::Stopped)?;
        answer.await.map_err(|_| LinkError::Stopped)
    }

    fn tell(&self, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.commands.try_send(command) {
            self.lost_commands.fetch_add(1, Ordering::Relaxed);
            tracing::error!("the media engine does not keep up: a command is lost");
        }
    }
}
