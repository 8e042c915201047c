//! How a node is set up.

use std::time::Duration;

use libp2p::Multiaddr;
use waterfall_wire::SigningKey;

/// Whether other nodes use this one as a part of the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Server while the connected peers could dial this node, client behind a NAT.
    #[default]
    Auto,
    /// Always a server: stores records and answers queries. For nodes that are known to be reachable.
    Server,
    /// Always a client: uses the DHT, is no part of it.
    Client,
}

/// What a node may use. Start from [`Limits::default`] or [`Limits::well_known`].
#[derive(Debug, Clone)]
pub struct Limits {
    pub(crate) peers: usize,
    pub(crate) store_bytes: usize,
    pub(crate) ask_timeout: Duration,
    pub(crate) get_timeout: Duration,
    pub(crate) puts_per_second: f64,
    pub(crate) asks_per_second: f64,
    pub(crate) gossip_per_second: f64,
}

impl Default for Limits {
    /// For a participant: 32 peers, 16 MiB of others' records.
    fn default() -> Self {
        Self {
            peers: 32,
            store_bytes: 16 << 20,
            ask_timeout: Duration::from_secs(6),
            get_timeout: Duration::from_secs(8),
            puts_per_second: 16.0,
            asks_per_second: 16.0,
            gossip_per_second: 16.0,
        }
    }
}

impl Limits {
    /// For a well-known peer: 512 peers, 128 MiB of others' records.
    #[must_use]
    pub fn well_known() -> Self {
        Self { peers: 512, store_bytes: 128 << 20, ..Self::default() }
    }

    /// How many peers to stay connected to (at least 8; default 32). Above it the connections that
    /// have been idle longest are closed; at twice as many connections new ones are refused. About
    /// 0.2 MiB each.
    #[must_use]
    pub fn peers(mut self, peers: usize) -> Self {
        self.peers = peers.clamp(8, 10_000);
        self
    }

    /// Bytes of others' records to hold, overhead included (default 16 MiB). Split among the kinds.
    #[must_use]
    pub fn store_bytes(mut self, bytes: usize) -> Self {
        self.store_bytes = bytes;
        self
    }

    /// How long [`crate::Signal::ask`] takes at most, dialling included (default 6 s).
    #[must_use]
    pub fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.ask_timeout = timeout;
        self
    }

    /// How long [`crate::Signal::get`] takes at most (default 8 s). It returns far earlier once
    /// holders have answered; this is for networks of peers that are gone.
    #[must_use]
    pub fn get_timeout(mut self, timeout: Duration) -> Self {
        self.get_timeout = timeout;
        self
    }

    /// Records that one peer may have stored per second in the long run (default 16), four
    /// seconds' worth at once; more are refused.
    #[must_use]
    pub fn puts_per_second(mut self, rate: f64) -> Self {
        self.puts_per_second = rate;
        self
    }

    /// Questions that one peer may ask per second in the long run (default 16), four seconds'
    /// worth at once; more are refused.
    #[must_use]
    pub fn asks_per_second(mut self, rate: f64) -> Self {
        self.asks_per_second = rate;
        self
    }

    /// Gossip messages taken from one peer per second in the long run (default 16), four seconds'
    /// worth at once; more are ignored and not passed on.
    #[must_use]
    pub fn gossip_per_second(mut self, rate: f64) -> Self {
        self.gossip_per_second = rate;
        self
    }
}

/// How to start a [`crate::Signal`].
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) identity: SigningKey,
    pub(crate) listen: Option<Vec<Multiaddr>>,
    pub(crate) external: Vec<Multiaddr>,
    pub(crate) bootstrap: Vec<Multiaddr>,
    pub(crate) known: Vec<Multiaddr>,
    pub(crate) mdns: bool,
    pub(crate) mode: Mode,
    pub(crate) records_only: bool,
    pub(crate) limits: Limits,
}

impl Config {
    /// A node of this identity that listens on all interfaces, finds its LAN by mDNS and knows no
    /// bootstrap node.
    #[must_use]
    pub fn new(identity: SigningKey) -> Self {
        Self {
            identity,
            listen: None,
            external: Vec::new(),
            bootstrap: Vec::new(),
            known: Vec::new(),
            mdns: true,
            mode: Mode::Auto,
            records_only: false,
            limits: Limits::default(),
        }
    }

    /// Where to listen (default: TCP and QUIC on all interfaces, IPv4 and IPv6, any free port).
    /// Port 0 means any free port. An empty list means not at all, which makes a DHT client.
    #[must_use]
    pub fn listen(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.listen = Some(addresses);
        self
    }

    /// Where others reach this node, if that cannot be seen from its interfaces (port forwarding,
    /// cloud addresses, a DNS name). Told to others first, and taken as proof of being reachable.
    #[must_use]
    pub fn external(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.external = addresses;
        self
    }

    /// Well-known peers to enter the network by, with or without `/p2p/…` at the end (default none).
    /// Without it whoever answers there is taken. At most 16 are used. One that has answered is called again every ten
    /// minutes, so that it learns of this network if it was restarted.
    #[must_use]
    pub fn bootstrap(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.bootstrap = addresses;
        self
    }

    /// Peers of earlier runs ([`crate::Signal::reached`]), best first (default none; at most 64 are used). As long as
    /// nobody is connected they are called, up to 8 at a time, beside the bootstrap nodes. Nothing is told of those
    /// that are gone.
    #[must_use]
    pub fn known(mut self, addresses: Vec<Multiaddr>) -> Self {
        self.known = addresses;
        self
    }

    /// Whether to look for nodes on the local network, and be found there, by mDNS (RFC 6762; default yes).
    #[must_use]
    pub fn mdns(mut self, on: bool) -> Self {
        self.mdns = on;
        self
    }

    /// See [`Mode`] (default [`Mode::Auto`]).
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Only keep records and introduce nodes to each other: no gossip, and no questions either way
    /// (default no).
    #[must_use]
    pub fn records_only(mut self, on: bool) -> Self {
        self.records_only = on;
        self
    }

    /// See [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The addresses to listen on, and whether they are the default, of which some may fail (no IPv6).
    pub(crate) fn listen_addresses(&self) -> (Vec<Multiaddr>, bool) {
        match &self.listen {
            Some(addresses) => (addresses.clone(), false),
            None => {
                let all =
                    ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0", "/ip6/::/udp/0/quic-v1", "/ip6/::/tcp/0"];
                (all.map(|a| a.parse().expect("a constant multiaddr")).to_vec(), true)
            }
        }
    }
}
