//! A node's Ed25519 key as waterfall and as libp2p write it.

use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use waterfall_wire::{NodeId, SigningKey};
use zeroize::Zeroize;

/// Multihash code of 'identity': the digest is the thing itself (a public key in protobuf form).
const IDENTITY_HASH: u64 = 0;

/// The libp2p name of a node; `None` when the 32 bytes are no Ed25519 public key.
pub(crate) fn peer_id(node: &NodeId) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&node.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The node behind a libp2p name; `None` for keys that are not Ed25519, which waterfall does not use.
pub(crate) fn node_id(peer: &PeerId) -> Option<NodeId> {
    let hash = peer.as_ref();
    if hash.code() != IDENTITY_HASH {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    Some(NodeId(key.try_into_ed25519().ok()?.to_bytes()))
}

/// The node key as libp2p's transports want it.
pub(crate) fn keypair(key: &SigningKey) -> Keypair {
    let mut secret = key.to_bytes();
    let pair = Keypair::ed25519_from_bytes(&mut secret).expect("any 32 bytes are an Ed25519 secret key");
    secret.zeroize();
    pair
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_names_are_of_the_same_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let peer = keypair(&key).public().to_peer_id();
        assert_eq!(peer_id(&key.node_id()), Some(peer));
        assert_eq!(node_id(&peer), Some(key.node_id()));
    }

    #[test]
    fn foreign_names_are_no_nodes() {
        assert_eq!(node_id(&PeerId::random()), None);
        // Not every 32 bytes are a point of the curve.
        let invalid = (0..=255).map(|b| NodeId([b; 32])).find(|n| peer_id(n).is_none());
        assert!(invalid.is_some());
    }
}
