//! Signalling over libp2p: records in a DHT, gossip, and direct questions and answers.
//!
//! A [`Signal`] is one libp2p node: TCP and QUIC, Noise, Yamux; Kademlia under a protocol name of its
//! own with verified, budgeted storing; gossipsub, whose messages the application judges before they
//! go on; mDNS; and `/waterfall/call/1` for direct questions. It knows the envelopes of records
//! ([`waterfall_wire::Envelope`]) and nothing of rooms, trees or keys: whatever is inside is sealed.
//!
//! ```no_run
//! use waterfall_signal::{Config, Event, Signal, parse_address};
//! use waterfall_wire::SigningKey;
//!
//! # async fn example(secret: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(SigningKey::from_bytes(&secret)).bootstrap(parse_address("bootstrap.example.org:4001")?);
//! let (signal, mut events) = Signal::start(config).await?;
//! while let Some(event) = events.recv().await {
//!     if let Event::Asked { request, reply, .. } = event {
//!         reply.reply(request);
//!     }
//! }
//! # signal.close().await;
//! # Ok(())
//! # }
//! ```

mod address;
mod behaviour;
mod call;
mod clock;
mod config;
mod driver;
mod event;
mod id;
mod mailbox;
mod rate;
mod reach;
mod reached;
mod signal;
mod start;
mod stats;
mod store;

pub use address::{ParseAddressError, address_to_multiaddr, multiaddr_to_address, parse_address};
pub use config::{Config, Limits, Mode};
pub use event::{Event, Responder, Verdict};
pub use libp2p::Multiaddr;
pub use rate::RateLimit;
pub use reached::Reached;
pub use signal::{AskError, GetError, Signal};
pub use start::{StartError, all_interfaces};
pub use stats::{Refused, Stats, Tally};

/// A node's name as libp2p writes it, for multiaddrs that end in `/p2p/…`; `None` if the 32 bytes are
/// no Ed25519 public key.
#[must_use]
pub fn peer_id(node: &waterfall_wire::NodeId) -> Option<libp2p::PeerId> {
    id::peer_id(node)
}
