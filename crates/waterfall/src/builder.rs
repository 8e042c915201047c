//! A node's settings, and its start.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use waterfall_media::engine::{self, Engine};
use waterfall_signal::{Multiaddr, Signal, all_interfaces, parse_address};
use waterfall_wire::SigningKey;

use crate::StartError;
use crate::node::{Node, Shared, generate_key};
use crate::peer_cache::PeerCache;
use crate::router::Router;
use crate::signal_path::SignalPath;

/// Settings of a [`Node`]; see [`Node::builder`].
#[derive(Debug, Clone)]
pub struct NodeBuilder {
    identity: Option<SigningKey>,
    listen: Vec<IpAddr>,
    port: u16,
    bootstrap: Vec<Multiaddr>,
    lan_discovery: bool,
    signal_path: SignalPath,
    state_dir: Option<PathBuf>,
}

impl Default for NodeBuilder {
    fn default() -> Self {
        Self {
            identity: None,
            listen: Vec::new(),
            port: 0,
            bootstrap: Vec::new(),
            lan_discovery: true,
            signal_path: SignalPath::default(),
            state_dir: None,
        }
    }
}

impl NodeBuilder {
    /// The node key. Default: a fresh one, so that two runs cannot be linked to each other.
    #[must_use]
    pub fn identity(mut self, key: SigningKey) -> Self {
        self.identity = Some(key);
        self
    }

    /// Listen on these addresses only. Default: every interface, loopback if there is no other.
    #[must_use]
    pub fn listen(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.listen = addresses.into_iter().collect();
        self
    }

    /// The port for libp2p (TCP and QUIC); the media socket always takes a free one. Default: 0, any free port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Well-known peers to meet others through. Default: none; peers on the local network and
    /// those named in tickets are found without.
    #[must_use]
    pub fn bootstrap(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.bootstrap = addresses.into_iter().collect();
        self
    }

    /// Whether to find peers on the local network by multicast DNS (RFC 6762). Default: yes.
    #[must_use]
    pub fn lan_discovery(mut self, on: bool) -> Self {
        self.lan_discovery = on;
        self
    }

    /// By which path links are offered and answered. Default: [`SignalPath::Auto`].
    #[must_use]
    pub fn signal_path(mut self, path: SignalPath) -> Self {
        self.signal_path = path;
        self
    }

    /// A folder where the node remembers the peers it met, so that a later start finds the network when no
    /// bootstrap node answers. Default: none, nothing is written.
    ///
    /// It is made if it is missing, for this user alone; several processes can share it. Its file `peers` holds the
    /// addresses of at most 64 peers of the last 30 days, and when each was last heard of: whoever reads it learns who
    /// was met, but nothing of rooms, keys or streams. A folder that cannot be used costs a warning in the log.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// Opens the sockets and starts the node.
    ///
    /// # Errors
    /// [`StartError`] when a port is taken or there is no interface to listen on.
    pub async fn start(self) -> Result<Node, StartError> {
        let identity = self.identity.unwrap_or_else(generate_key);
        let mut config =
            waterfall_signal::Config::new(identity.clone()).bootstrap(self.bootstrap.clone()).mdns(self.lan_discovery);
        if !self.listen.is_empty() || self.port != 0 {
            config = config.listen(listen_addresses(&self.listen, self.port));
        }
        let (cache, known) = match self.state_dir {
            Some(folder) => PeerCache::open(folder).await.unzip(),
            None => (None, None),
        };
        config = config.known(known.unwrap_or_default());
        let (signal, signal_events) = Signal::start(config).await?;
        let mut media = engine::Config::default();
        if !self.listen.is_empty() {
            media = media.addresses(self.listen);
        }
        let (engine, engine_events) = match Engine::start(media).await {
            Ok(started) => started,
            Err(error) => {
                signal.close().await;
                return Err(error.into());
            }
        };
        let router = Arc::new(Router::default());
        tokio::spawn(router.clone().run(signal_events, engine_events));
        let cache = Mutex::new(cache.map(|cache| tokio::spawn(cache.keep(signal.reached()))));
        let (signal_path, bootstrap) = (self.signal_path, self.bootstrap);
        Ok(Node::of(Shared {
            identity,
            signal,
            signal_path,
            engine,
            router,
            distances: Arc::default(),
            bootstrap,
            cache,
        }))
    }
}

/// TCP and QUIC on each of these IP addresses; on all interfaces if there are none.
fn listen_addresses(ips: &[IpAddr], port: u16) -> Vec<Multiaddr> {
    if ips.is_empty() {
        return all_interfaces(port);
    }
    ips.iter()
        .flat_map(|ip| parse_address(&std::net::SocketAddr::new(*ip, port).to_string()).unwrap_or_default())
        .collect()
}
