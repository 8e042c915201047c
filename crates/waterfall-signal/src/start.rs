//! From a configuration to a node that listens.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::{ListenerId, TransportError};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, dns, noise, tcp, yamux};
use socket2::{Domain, Socket, Type};
use tokio::time::{Instant, timeout_at};

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::config::Config;
use crate::id;

/// How long interfaces may take to tell their addresses.
const LISTEN_DEADLINE: Duration = Duration::from_secs(3);
/// How long no further address must come until the list counts as complete.
const LISTEN_QUIET: Duration = Duration::from_millis(30);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listening address cannot be used.
    #[error("cannot listen on {address}: {reason}; {advice}")]
    Listen {
        /// The address as configured.
        address: Multiaddr,
        /// What the system says.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// No network interface has an address.
    #[error("no network interface is up, so nobody could call this node; connect to a network, or listen on 127.0.0.1")]
    NoInterface,
    /// The transports cannot be set up.
    #[error("the network transports cannot be set up: {0}")]
    Transport(String),
}

/// QUIC and TCP on this port of every interface: over IPv4, and over IPv6 where the machine has it.
#[must_use]
pub fn all_interfaces(port: u16) -> Vec<Multiaddr> {
    let has_ipv6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok();
    let hosts: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let hosts = hosts.into_iter().filter(|ip| ip.is_ipv4() || has_ipv6).map(|ip| Multiaddr::empty().with(ip.into()));
    hosts
        .flat_map(|host| {
            [host.clone().with(Protocol::Udp(port)).with(Protocol::QuicV1), host.with(Protocol::Tcp(port))]
        })
        .collect()
}

/// Builds the swarm and waits until it listens. Returns it with the events seen meanwhile.
pub(crate) async fn listen(config: &Config) -> Result<(Swarm<Behaviour>, Vec<SwarmEvent<BehaviourEvent>>), StartError> {
    let mut swarm = build(config)?;
    let (addresses, any_will_do) = config.listen_addresses();
    let mut waiting: HashSet<ListenerId> = HashSet::new();
    let mut failed = None;
    for address in addresses {
        match probe(&address).and_then(|()| listen_on(&mut swarm, &address)) {
            Ok(id) => {
                waiting.insert(id);
            }
            Err(error) if any_will_do => failed = Some(error),
            Err(error) => return Err(error),
        }
    }
    if waiting.is_empty() {
        return failed.map_or(Ok((swarm, Vec::new())), Err);
    }
    let mut seen = Vec::new();
    let deadline = Instant::now() + LISTEN_DEADLINE;
    loop {
        let until = if waiting.is_empty() { deadline.min(Instant::now() + LISTEN_QUIET) } else { deadline };
        let Ok(event) = timeout_at(until, swarm.select_next_some()).await else { break };
        match &event {
            SwarmEvent::NewListenAddr { listener_id, .. } => {
                waiting.remove(listener_id);
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason: Err(error) } => {
                waiting.remove(listener_id);
                let address = addresses.first().cloned().unwrap_or_else(Multiaddr::empty);
                if !any_will_do {
                    return Err(listen_error(&address, error));
                }
            }
            _ => {}
        }
        // Whatever else happens this early is a handful of connection attempts.
        seen.push(event);
    }
    for address in &config.external {
        swarm.add_external_address(address.clone());
    }
    if swarm.listeners().next().is_none() { Err(StartError::NoInterface) } else { Ok((swarm, seen)) }
}

fn listen_on(swarm: &mut Swarm<Behaviour>, address: &Multiaddr) -> Result<ListenerId, StartError> {
    swarm.listen_on(address.clone()).map_err(|error| match error {
        TransportError::Other(error) => listen_error(address, &error),
        TransportError::MultiaddrNotSupported(_) => StartError::Listen {
            address: address.clone(),
            reason: "it is not a TCP or QUIC address".into(),
            advice: "write it like /ip4/0.0.0.0/udp/4001/quic-v1 or /ip4/0.0.0.0/tcp/4001",
        },
    })
}

/// Binds where libp2p will, for two reasons: libp2p sets SO_REUSEPORT on TCP listeners, with which a
/// second node would silently share the port; and its errors no longer tell the system's kind.
fn probe(address: &Multiaddr) -> Result<(), StartError> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    let (port, kind) = match parts.next() {
        Some(Protocol::Tcp(port)) => (port, Type::STREAM),
        Some(Protocol::Udp(port)) => (port, Type::DGRAM),
        _ => return Ok(()),
    };
    let bind = || {
        let socket = Socket::new(Domain::for_address(SocketAddr::new(ip, port)), kind, None)?;
        if ip.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if kind == Type::STREAM {
            // Connections that are closing do not count as users of the port.
            socket.set_reuse_address(true)?;
        }
        socket.bind(&SocketAddr::new(ip, port).into())
    };
    bind().map_err(|error| listen_error(address, &error))
}

fn listen_error(address: &Multiaddr, error: &io::Error) -> StartError {
    let (reason, advice) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ("the port is in use".into(), "stop the program that uses it, or choose another port (0 for any free one)")
        }
        io::ErrorKind::AddrNotAvailable => (
            "no interface of this machine has that address".into(),
            "use an address of this machine, or 0.0.0.0 for all",
        ),
        io::ErrorKind::PermissionDenied => {
            ("permission denied".into(), "choose a port from 1024 on (0 for any free one)")
        }
        _ => (error.to_string(), "choose another address"),
    };
    StartError::Listen { address: address.clone(), reason, advice }
}

fn build(config: &Config) -> Result<Swarm<Behaviour>, StartError> {
    let transport = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());
    let start = || {
        let builder = SwarmBuilder::with_existing_identity(id::keypair(&config.identity)).with_tokio();
        let tcp = tcp::Config::default().nodelay(true);
        let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default).map_err(|e| transport(&e))?;
        Ok(builder.with_quic_config(|mut quic| {
            quic.handshake_timeout = Duration::from_secs(4);
            // A few small messages at a time; the defaults let a peer buffer 15 MB.
            quic.max_concurrent_stream_limit = 128;
            quic.max_stream_data = 256 << 10;
            quic.max_connection_data = 1 << 20;
            quic
        }))
    };
    let swarm_config = |settings: libp2p::swarm::Config| {
        // QUIC first, TCP a little later: one handshake where both would do.
        settings.with_idle_connection_timeout(Duration::from_secs(15)).with_smart_dial()
    };
    let behaviour = |key: &libp2p::identity::Keypair| Behaviour::new(key, config);
    Ok(match start()?.with_dns() {
        Ok(builder) => {
            let Ok(builder) = builder.with_behaviour(behaviour);
            builder.with_swarm_config(swarm_config).build()
        }
        // No resolver is configured (a bare container): names do not resolve, addresses still work.
        Err(error) => {
            tracing::warn!(%error, "no DNS: addresses with names cannot be called");
            let none = dns::ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            let builder = start()?.with_dns_config(none, dns::ResolverOpts::default());
            let Ok(builder) = builder.with_behaviour(behaviour);
            builder.with_swarm_config(swarm_config).build()
        }
    })
}
