//! A well-known peer: stores records and introduces nodes to each other.
//!
//! A bootstrap node is a [`Signal`] that is always a DHT server, with room for hundreds of peers
//! and 128 MiB of records. It takes no questions and no gossip, is in no room and can read nothing of
//! what it stores. Nodes need it to find the network, not to stay in it: when it is gone, those who know
//! each other go on.
//!
//! ```no_run
//! use waterfall_bootstrap::{Bootstrap, Config};
//! use waterfall_wire::SigningKey;
//!
//! # async fn example(secret: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(SigningKey::from_bytes(&secret)).listen(vec!["/ip4/0.0.0.0/udp/4001/quic-v1".parse()?]);
//! let bootstrap = Bootstrap::start(config).await?;
//! for address in bootstrap.addresses() {
//!     println!("{address}");
//! }
//! # bootstrap.close().await;
//! # Ok(())
//! # }
//! ```

use tokio::sync::{mpsc, watch};
use waterfall_signal::{Mode, Signal, address_to_multiaddr};
use waterfall_wire::{Address, NodeId, SigningKey};

pub use waterfall_signal::{
    Limits, Multiaddr, ParseAddressError, Refused, StartError, Stats, Tally, all_interfaces, parse_address,
};

/// How to start a [`Bootstrap`].
#[derive(Debug, Clone)]
pub struct Config {
    signal: waterfall_signal::Config,
}

impl Config {
    /// A node of this identity on all interfaces and any free ports. An operator keeps the identity
    /// and fixes the port, so that addresses once given away stay good.
    #[must_use]
    pub fn new(identity: SigningKey) -> Self {
        let signal = waterfall_signal::Config::new(identity)
            .mode(Mode::Server)
            .records_only(true)
            .mdns(false)
            .limits(Limits::well_known());
        Self { signal }
    }

    /// Where to listen (default: TCP and QUIC on all interfaces, any free port).
    #[must_use]
    pub fn listen(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.signal = self.signal.listen(addresses);
        self
    }

    /// Where it is reached, if its interfaces do not show that: a DNS name, a forwarded port (default none).
    #[must_use]
    pub fn external(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.signal = self.signal.external(addresses);
        self
    }

    /// Other bootstrap nodes to share one network with (default none).
    #[must_use]
    pub fn peers(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.signal = self.signal.bootstrap(addresses);
        self
    }

    /// Whether it can be found by mDNS on its local network (default no).
    #[must_use]
    pub fn mdns(mut self, on: bool) -> Self {
        self.signal = self.signal.mdns(on);
        self
    }

    /// How much it may take on (default [`Limits::well_known`]).
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.signal = self.signal.limits(limits);
        self
    }
}

/// A running bootstrap node. It ends when this is dropped, or on [`Bootstrap::close`].
#[derive(Debug)]
pub struct Bootstrap {
    signal: Signal,
    events: mpsc::Receiver<waterfall_signal::Event>,
    addresses: watch::Receiver<Vec<Address>>,
}

/// Something that an operator wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// One of [`Config::peers`] does not answer. It is tried again, with pauses of at most a minute; told once until
    /// it has answered.
    PeerUnreachable {
        /// The address as configured.
        address: Multiaddr,
        /// Why, for people.
        reason: String,
    },
    /// [`Bootstrap::addresses`] are others than before: an interface came or went.
    AddressesChanged,
}

impl Bootstrap {
    /// Starts a node; returns once it listens.
    ///
    /// # Errors
    /// [`StartError`], which says what to do: a port in use, no network.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (signal, events) = Signal::start(config.signal).await?;
        let mut addresses = signal.addresses();
        addresses.mark_unchanged();
        Ok(Self { signal, events, addresses })
    }

    /// This node's name.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.signal.node_id()
    }

    /// What to give to others, best first, ending in `/p2p/…` so that nobody else can pose as this node.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let Some(peer) = waterfall_signal::peer_id(&self.node_id()) else { return Vec::new() };
        self.addresses.borrow().iter().filter_map(address_to_multiaddr).map(|a| format!("{a}/p2p/{peer}")).collect()
    }

    /// Waits for the next [`Event`]; `None` when the node has ended. Nothing is lost when the wait is given up. Events
    /// that nobody waits for are kept up to a bound (256), then left out; the node runs on.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                event = self.events.recv() => {
                    if let waterfall_signal::Event::BootstrapUnreachable { address, reason } = event? {
                        return Some(Event::PeerUnreachable { address, reason });
                    }
                }
                changed = self.addresses.changed() => {
                    changed.ok()?;
                    return Some(Event::AddressesChanged);
                }
            }
        }
    }

    /// Its name as libp2p writes it, as at the end of its addresses.
    #[must_use]
    pub fn peer_id(&self) -> String {
        waterfall_signal::peer_id(&self.node_id()).map_or_else(String::new, |peer| peer.to_string())
    }

    /// What it holds and what it has refused.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.signal.stats()
    }

    /// Ends it; peers see it at once.
    pub async fn close(self) {
        self.signal.close().await;
    }
}
