//! Who can reach whom, judged by addresses alone; and the Kademlia mode that follows from it.
//!
//! The policy: a node is a DHT *server* (others keep it in their routing tables and ask it) when a
//! peer of the kind it is connected to could dial it, else a *client*:
//!
//! - a configured external address, or a listener on a global address, makes a server;
//! - a listener on a private address makes a server while any connected peer is on a private or
//!   loopback address (a LAN), and as long as there is no peer at all (who comes first decides);
//! - the same holds for loopback listeners and loopback peers;
//! - a node with only private listeners and only global peers is taken to sit behind a NAT: client.
//!
//! Being server too eagerly does little harm: addresses are taken over only if they are of a kind
//! that makes sense on the connection they were learned over ([`plausible`]).

use std::net::IpAddr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// How far an IP address carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    Loopback,
    LinkLocal,
    /// RFC 1918, RFC 4193, RFC 6598.
    Private,
    Global,
}

/// The IP address a multiaddr begins with.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        _ => None,
    }
}

/// The scope of an IP address; `None` if nobody can be called there.
pub(crate) fn scope(ip: IpAddr) -> Option<Scope> {
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => None,
        _ if ip.is_loopback() => Some(Scope::Loopback),
        IpAddr::V4(ip) if ip.is_broadcast() => None,
        IpAddr::V4(ip) if ip.is_link_local() => Some(Scope::LinkLocal),
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            Some(if ip.is_private() || shared { Scope::Private } else { Scope::Global })
        }
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(Scope::LinkLocal),
        IpAddr::V6(ip) => Some(if ip.is_unique_local() { Scope::Private } else { Scope::Global }),
    }
}

/// Whether a node with these listeners should be a DHT server for these peers; see the module.
pub(crate) fn is_server(listeners: &[Scope], has_external: bool, peers: &[Scope]) -> bool {
    if has_external || listeners.contains(&Scope::Global) {
        return true;
    }
    if peers.is_empty() {
        return !listeners.is_empty();
    }
    peers.iter().any(|peer| match peer {
        Scope::Global => false,
        Scope::Loopback => !listeners.is_empty(),
        Scope::Private | Scope::LinkLocal => listeners.iter().any(|l| *l != Scope::Loopback),
    })
}

/// Whether an address that a peer gave for itself can be meant for us, given the kind of
/// connection that it was learned over: nobody else's loopback or LAN is ours.
pub(crate) fn plausible(address: &Multiaddr, via: Scope) -> bool {
    if !crate::address::is_dialable(address) {
        return false;
    }
    let Some(ip) = ip(address) else { return true };
    match scope(ip) {
        Some(Scope::Global) => true,
        Some(Scope::Private) => via != Scope::Global,
        Some(Scope::Loopback) => via == Scope::Loopback,
        // Without an interface a link-local address cannot be called.
        Some(Scope::LinkLocal) | None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scopes() {
        let of = |text: &str| scope(text.parse().unwrap());
        assert_eq!(of("127.0.0.9"), Some(Scope::Loopback));
        assert_eq!(of("::1"), Some(Scope::Loopback));
        assert_eq!(of("169.254.1.1"), Some(Scope::LinkLocal));
        assert_eq!(of("fe80::1"), Some(Scope::LinkLocal));
        assert_eq!(of("10.1.2.3"), Some(Scope::Private));
        assert_eq!(of("100.100.1.1"), Some(Scope::Private));
        assert_eq!(of("fd00::1"), Some(Scope::Private));
        assert_eq!(of("100.128.0.1"), Some(Scope::Global));
        assert_eq!(of("2001:db8::1"), Some(Scope::Global));
        assert_eq!(of("0.0.0.0"), None);
        assert_eq!(of("224.0.0.251"), None);
    }

    #[test]
    fn mode_follows_from_listeners_and_peers() {
        use Scope::{Global, Loopback, Private};
        assert!(!is_server(&[], false, &[]), "listens nowhere");
        assert!(is_server(&[Loopback], false, &[]), "alone");
        assert!(is_server(&[Loopback], false, &[Loopback]), "one machine");
        assert!(is_server(&[Loopback, Private], false, &[Private, Global]), "a LAN with a bootstrap node outside");
        assert!(!is_server(&[Loopback, Private], false, &[Global]), "behind a NAT");
        assert!(!is_server(&[Loopback], false, &[Private]), "loopback is not reached from the LAN");
        assert!(is_server(&[Loopback, Global], false, &[Global]), "public");
        assert!(is_server(&[Private], true, &[Global]), "told so");
    }

    #[test]
    fn foreign_loopback_is_not_ours() {
        let at = |text: &str, via| plausible(&text.parse().unwrap(), via);
        assert!(at("/ip4/127.0.0.1/tcp/1", Scope::Loopback));
        assert!(!at("/ip4/127.0.0.1/tcp/1", Scope::Private));
        assert!(at("/ip4/192.168.0.1/udp/1/quic-v1", Scope::Private));
        assert!(!at("/ip4/192.168.0.1/udp/1/quic-v1", Scope::Global));
        assert!(at("/ip4/8.8.8.8/udp/1/quic-v1", Scope::Private));
        assert!(!at("/ip4/0.0.0.0/tcp/1", Scope::Loopback));
        assert!(!at("/ip4/8.8.8.8/udp/1", Scope::Global), "no transport of ours");
    }
}
