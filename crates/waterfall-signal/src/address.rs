//! Addresses as people write them, as records carry them and as libp2p dials them.

use std::net::IpAddr;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use waterfall_wire::{Address, MAX_ADDRESS_LEN, MAX_ADDRESSES};

use crate::reach::{Scope, ip, scope};

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no address: {reason}; write host:port or a multiaddr such as /ip4/192.0.2.1/udp/4001/quic-v1")]
pub struct ParseAddressError {
    /// What was given, cut after 100 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The address in a record as libp2p writes it, or `None` if it is none that this node could dial:
/// it must be an IP address or a DNS name, then TCP, or UDP with QUIC.
#[must_use]
pub fn address_to_multiaddr(address: &Address) -> Option<Multiaddr> {
    if address.0.len() > MAX_ADDRESS_LEN {
        return None;
    }
    let parsed = without_peer(&Multiaddr::try_from(address.0.clone()).ok()?);
    is_dialable(&parsed).then_some(parsed)
}

/// An address as a record carries it: without `/p2p/…`, for the record names the node already.
/// `None` if it is too long or of a transport that nodes do not share ([`address_to_multiaddr`]).
#[must_use]
pub fn multiaddr_to_address(address: &Multiaddr) -> Option<Address> {
    let bare = without_peer(address);
    (is_dialable(&bare) && bare.len() <= MAX_ADDRESS_LEN).then(|| Address(bare.to_vec()))
}

/// Reads an address that a person wrote: a multiaddr, or `host:port`, which stands for QUIC and TCP
/// on that port (two addresses). IPv6 addresses go in brackets: `[::1]:4001`.
///
/// # Errors
/// [`ParseAddressError`], which says what was expected.
pub fn parse_address(text: &str) -> Result<Vec<Multiaddr>, ParseAddressError> {
    let text = text.trim();
    let error = |reason| ParseAddressError { text: text.chars().take(100).collect(), reason };
    if text.starts_with('/') {
        let address: Multiaddr = text.parse().map_err(|_| error("the multiaddr is malformed"))?;
        if !is_dialable(&without_peer(&address)) {
            return Err(error("only TCP and QUIC over IP or DNS names are spoken"));
        }
        return Ok(vec![address]);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| error("the port is missing"))?;
    let port: u16 = port.parse().map_err(|_| error("the port is not a number up to 65535"))?;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let host = match host.parse::<IpAddr>() {
        Ok(ip) => Protocol::from(ip),
        Err(_) if is_name(host) => Protocol::Dns(host.into()),
        Err(_) => return Err(error("the host is neither an IP address nor a name")),
    };
    let base = Multiaddr::empty().with(host);
    Ok(vec![base.clone().with(Protocol::Udp(port)).with(Protocol::QuicV1), base.with(Protocol::Tcp(port))])
}

fn is_name(host: &str) -> bool {
    let label =
        |l: &str| !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    host.len() <= 253 && host.trim_end_matches('.').split('.').all(label)
}

/// Whether this is host, transport, and perhaps a peer id, and nothing else (no circuits).
pub(crate) fn is_dialable(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = matches!(
        parts.next(),
        Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
    );
    let transport = match parts.next() {
        Some(Protocol::Tcp(_)) => true,
        Some(Protocol::Udp(_)) => matches!(parts.next(), Some(Protocol::QuicV1)),
        _ => false,
    };
    let end = match parts.next() {
        None => true,
        Some(Protocol::P2p(_)) => parts.next().is_none(),
        Some(_) => false,
    };
    host && transport && end
}

/// Takes a trailing `/p2p/…` off.
pub(crate) fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut bare = address.clone();
    if let Some(Protocol::P2p(_)) = bare.iter().last() {
        bare.pop();
    }
    bare
}

/// The peer that a multiaddr names at its end.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// What of its listeners a node tells others, best first: configured external addresses, global,
/// private, and loopback only if there is nothing else; QUIC before TCP, IPv4 before IPv6.
pub(crate) fn to_announce<'a>(
    external: &'a [Multiaddr],
    listeners: impl Iterator<Item = &'a Multiaddr>,
) -> Vec<Address> {
    let mut ranked: Vec<(u8, bool, bool, &Multiaddr)> = listeners
        .filter_map(|address| {
            let ip = ip(address)?;
            let rank = match scope(ip)? {
                Scope::Global => 0,
                Scope::Private => 1,
                Scope::Loopback => 2,
                Scope::LinkLocal => return None,
            };
            let tcp = address.iter().any(|p| matches!(p, Protocol::Tcp(_)));
            Some((rank, tcp, ip.is_ipv6(), address))
        })
        .collect();
    ranked.sort_unstable();
    let only_loopback = external.is_empty() && ranked.iter().all(|(rank, ..)| *rank == 2);
    let mut list: Vec<Address> = Vec::new();
    let own = ranked.iter().filter(|(rank, ..)| only_loopback || *rank != 2).map(|(.., address)| *address);
    for address in external.iter().chain(own).filter_map(multiaddr_to_address) {
        if list.len() < MAX_ADDRESSES && !list.contains(&address) {
            list.push(address);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn m(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn records_carry_addresses_without_the_peer() {
        let peer = PeerId::random();
        let bare = m("/ip4/192.0.2.1/udp/4001/quic-v1");
        let address = multiaddr_to_address(&bare.clone().with(Protocol::P2p(peer))).unwrap();
        assert_eq!(address_to_multiaddr(&address), Some(bare));
    }

    #[test]
    fn hostile_addresses_are_none() {
        assert_eq!(address_to_multiaddr(&Address(vec![])), None);
        assert_eq!(address_to_multiaddr(&Address(vec![0xff; 40])), None);
        assert_eq!(address_to_multiaddr(&Address(vec![4; 4000])), None);
        for text in ["/memory/7", "/ip4/192.0.2.1", "/ip4/192.0.2.1/udp/1", "/ip4/192.0.2.1/tcp/1/ws", "/unix/tmp"] {
            assert_eq!(address_to_multiaddr(&Address(m(text).to_vec())), None, "{text}");
        }
    }

    #[test]
    fn people_write_host_and_port() {
        let both = parse_address(" example.org:4001 ").unwrap();
        assert_eq!(both, [m("/dns/example.org/udp/4001/quic-v1"), m("/dns/example.org/tcp/4001")]);
        assert_eq!(parse_address("[::1]:9").unwrap()[1], m("/ip6/::1/tcp/9"));
        assert_eq!(parse_address("/ip4/127.0.0.1/tcp/4001").unwrap(), [m("/ip4/127.0.0.1/tcp/4001")]);
        for bad in ["", "host", "host:", "host:99999", "ho st:1", "/ip4/1.2.3/tcp/1", "/ip4/1.2.3.4/udp/1", ":1"] {
            let error = parse_address(bad).unwrap_err();
            assert!(error.to_string().contains("host:port"), "{error}");
        }
    }

    #[test]
    fn loopback_is_announced_only_alone() {
        let loopback = [m("/ip4/127.0.0.1/tcp/1"), m("/ip4/127.0.0.1/udp/1/quic-v1")];
        let alone = to_announce(&[], loopback.iter());
        assert_eq!(alone, [&loopback[1], &loopback[0]].map(|a| multiaddr_to_address(a).unwrap()), "QUIC first");
        let lan = m("/ip4/192.168.1.5/tcp/1");
        let list = to_announce(&[], loopback.iter().chain([&lan]));
        assert_eq!(list, [multiaddr_to_address(&lan).unwrap()]);
        let external = [m("/dns4/example.org/tcp/1")];
        let list = to_announce(&external, loopback.iter());
        assert_eq!(list, [multiaddr_to_address(&external[0]).unwrap()]);
        let many: Vec<_> = (1..50).map(|i| m(&format!("/ip4/10.0.0.{i}/tcp/1"))).collect();
        assert_eq!(to_announce(&[], many.iter()).len(), MAX_ADDRESSES);
    }
}
