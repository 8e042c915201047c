//! Live streaming down a tree of WebRTC connections, with no media server and no signalling server.
//!
//! A [`Node`] is one identity with one libp2p swarm and one media socket; it can be in many rooms.
//! A [`Room`] is created or joined through it. Whoever is in a room may publish tracks (if its
//! charter says so), subscribes to the tracks of others, and forwards what it receives to up to
//! `fan_out` further participants, unre-encoded and unread.
//!
//! ```no_run
//! use futures::StreamExt;
//! use waterfall::{Credentials, Item, Kind, Node, Password, Ticket};
//!
//! # async fn watch(text: &str, password: Password) -> Result<(), Box<dyn std::error::Error>> {
//! let node = Node::builder().start().await?;
//! let ticket: Ticket = text.parse()?;
//! let room = node.join(&ticket, Credentials::Password(password)).await?;
//! let mut video = room.subscribe(Kind::Video).await?.frames();
//! while let Some(item) = video.next().await {
//!     match item {
//!         Item::Frame(frame) => println!("{:?}: {} bytes", frame.timestamp, frame.data.len()),
//!         Item::Gap { frames, at } => println!("{frames} frames missing at {at:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The architecture, the protocol and what is protected from whom are described in `docs/`.

mod access;
mod address;
mod builder;
mod clock;
mod convert;
mod distances;
mod driver;
mod error;
mod event;
mod evidence;
#[cfg(test)]
mod forgery;
#[cfg(test)]
mod intruder;
mod member;
mod node;
mod peer_cache;
mod publish;
#[cfg(test)]
mod ringers;
mod room;
mod router;
mod signal_path;
mod snapshot;
mod status;
mod subscribe;

pub use access::{Access, Credentials};
pub use builder::NodeBuilder;
pub use clock::unix_now;
pub use error::{CreateError, JoinError, PublishError, SnapshotError, StartError, SubscribeError};
pub use event::{Event, Events};
pub use evidence::Evidence;
pub use member::Member;
pub use node::{Create, Join, JoinBy, Node, generate_key, join};
pub use publish::{Publisher, TrackSpec, TrackSummary};
pub use room::{LeaveReport, Room};
pub use signal_path::SignalPath;
pub use snapshot::{Participant, Snapshot};
pub use status::{Answered, LinkRole, LinkStatus, Status};
pub use subscribe::{Frames, Item, Select, Track, TrackInfo};

pub use waterfall_keys::openpgp;
pub use waterfall_keys::{PASSPHRASE_BITS, Password, passphrase};
pub use waterfall_media::frame::Frame;
pub use waterfall_signal::{Multiaddr, ParseAddressError, Stats as SignalStats, parse_address};
pub use waterfall_wire::{
    AccessKind, Codec, Fingerprint, Kid as TrackId, NodeId, ParseTicketError, RoomId, SigningKey, Speakers, Ticket,
    TrackKind as Kind, UnixMillis,
};

/// Reading and writing media files, for programs that stream files or record rooms.
pub mod media {
    pub use waterfall_media::clip::bundled_clip;
    pub use waterfall_media::{codec, container, frame};
}
