//! Addresses as libp2p dials them.

use waterfall_signal::{Multiaddr, address_to_multiaddr, peer_id};
use waterfall_wire::{Address, NodeId};

/// A node's address with its name at the end, so that nobody else can answer there.
pub(crate) fn dialable(address: &Address, node: &NodeId) -> Option<Multiaddr> {
    address_to_multiaddr(address)?.with_p2p(peer_id(node)?).ok()
}
