//! Peers that were called and answered: where to begin the next time.

use libp2p::{Multiaddr, PeerId};
use waterfall_wire::UnixMillis;

use crate::address::{is_dialable, peer_of, without_peer};

/// Most peers that are remembered; the one that answered longest ago goes first.
pub(crate) const MAX_REACHED: usize = 64;

/// A peer that this node called, that answered, and that is a part of the DHT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The address that was called. It ends in `/p2p/…`, so nobody else can answer there.
    pub address: Multiaddr,
    /// When it was last heard of over that connection, by this machine's clock.
    pub at: UnixMillis,
}

/// Puts a peer in front of those reached before, in place of what was known of it.
/// False if nobody else could call that address.
pub(crate) fn note(list: &mut Vec<Reached>, peer: PeerId, dialed: &Multiaddr, at: UnixMillis) -> bool {
    let bare = without_peer(dialed);
    let Ok(address) = bare.clone().with_p2p(peer) else { return false };
    if !is_dialable(&bare) {
        return false;
    }
    forget(list, peer);
    list.insert(0, Reached { address, at });
    list.truncate(MAX_REACHED);
    true
}

/// Takes a peer out that answers no more.
pub(crate) fn forget(list: &mut Vec<Reached>, peer: PeerId) -> bool {
    let before = list.len();
    list.retain(|reached| peer_of(&reached.address) != Some(peer));
    list.len() != before
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn the_newest_come_first_and_each_peer_once() {
        let mut list = Vec::new();
        let (first, second) = (PeerId::random(), PeerId::random());
        assert!(note(&mut list, first, &at(1), UnixMillis(1)));
        assert!(note(&mut list, second, &at(2).with_p2p(second).unwrap(), UnixMillis(2)));
        assert!(note(&mut list, first, &at(3), UnixMillis(3)));
        let expected = [(at(3), first, 3), (at(2), second, 2)]
            .map(|(address, peer, ms)| Reached { address: address.with_p2p(peer).unwrap(), at: UnixMillis(ms) });
        assert_eq!(list, expected);
        assert!(forget(&mut list, first) && !forget(&mut list, first));
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn the_list_is_bounded_and_holds_only_what_can_be_called() {
        let mut list = Vec::new();
        for port in 0..100 {
            note(&mut list, PeerId::random(), &at(port), UnixMillis(port.into()));
        }
        assert_eq!(list.len(), MAX_REACHED);
        assert_eq!(list[0].at, UnixMillis(99));
        assert!(!note(&mut list, PeerId::random(), &"/memory/7".parse().unwrap(), UnixMillis(100)));
        assert_eq!(list[0].at, UnixMillis(99));
    }
}
