//! Signalling over libp2p: Kademlia records, gossip, direct offers and answers.
