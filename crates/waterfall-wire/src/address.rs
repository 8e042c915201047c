//! Where a node listens.

use minicbor::{Decode, Encode};

use crate::{DecodeError, NodeId, Wire};

/// Most bytes of one address; `/dns4/<63 characters>/udp/65535/quic-v1/p2p/…` fits.
pub const MAX_ADDRESS_LEN: usize = 160;
/// Most addresses told of one node: a few interfaces, each over TCP and QUIC.
pub const MAX_ADDRESSES: usize = 6;

/// A multiaddr in its binary form (<https://multiformats.io/multiaddr/>). Opaque here; the
/// signalling crate parses it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Address(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({} bytes)", self.0.len())
    }
}

/// A node and where it can be called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Contact {
    /// Whom to expect there.
    #[n(0)]
    pub node: NodeId,
    /// Where; at most [`MAX_ADDRESSES`], best first.
    #[n(1)]
    pub addresses: Vec<Address>,
}

pub(crate) fn check_addresses<T: Wire>(addresses: &[Address]) -> Result<(), DecodeError> {
    if addresses.len() > MAX_ADDRESSES {
        return Err(DecodeError::invalid::<T>("too many addresses"));
    }
    if addresses.iter().any(|a| a.0.is_empty() || a.0.len() > MAX_ADDRESS_LEN) {
        return Err(DecodeError::invalid::<T>("an address is empty or too long"));
    }
    Ok(())
}
