//! Where a node listens.

use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::{DecodeError, NodeId, Wire};

/// Most bytes of one address; `/dns4/<63 characters>/udp/65535/quic-v1/p2p/…` fits.
pub const MAX_ADDRESS_LEN: usize = 128;
/// Most addresses told of one node: a few interfaces, each over TCP and QUIC.
pub const MAX_ADDRESSES: usize = 6;
/// Most bytes of all addresses of one node together. IPv4 and IPv6 over TCP and QUIC and a circuit
/// through a relay need 113; with this a node record of 64 children and 8 spots fits its 4 KiB.
pub const MAX_CONTACT_LEN: usize = 128;

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

/// A node and where it can be called. [`Contact::new`] keeps within the limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Contact {
    /// Whom to expect there.
    #[n(0)]
    pub node: NodeId,
    /// Where; at most [`MAX_ADDRESSES`] of [`MAX_CONTACT_LEN`] bytes in all, best first. They do
    /// not repeat the node's id (`/p2p/…`).
    ///
    /// Shared, since the same contact is told to many and remembered many times.
    #[cbor(n(1), with = "shared")]
    pub addresses: Arc<[Address]>,
}

/// A shared list as an array.
mod shared {
    use std::sync::Arc;

    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    use super::Address;

    pub(super) fn encode<C, W: Write>(
        addresses: &Arc<[Address]>,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.array(addresses.len() as u64)?;
        addresses.iter().try_for_each(|address| encoder.encode_with(address, context).map(drop))
    }

    pub(super) fn decode<'b, C>(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Arc<[Address]>, DecodeError> {
        decoder.decode_with::<C, Vec<Address>>(context).map(Arc::from)
    }
}

impl Contact {
    /// A contact with as many of these addresses, given best first, as the limits allow. Those
    /// that are empty or too long for what is left are passed over.
    #[must_use]
    pub fn new(node: NodeId, addresses: impl IntoIterator<Item = Address>) -> Self {
        let mut left = MAX_CONTACT_LEN;
        let fits = |address: &Address| {
            let fits = !address.0.is_empty() && address.0.len() <= left;
            left -= if fits { address.0.len() } else { 0 };
            fits
        };
        Self { node, addresses: addresses.into_iter().filter(fits).take(MAX_ADDRESSES).collect() }
    }

    pub(crate) fn check<T: Wire>(&self) -> Result<(), DecodeError> {
        if self.addresses.len() > MAX_ADDRESSES {
            return Err(DecodeError::invalid::<T>("too many addresses"));
        }
        if self.addresses.iter().map(|a| a.0.len()).sum::<usize>() > MAX_CONTACT_LEN {
            return Err(DecodeError::invalid::<T>("the addresses of one node are too long"));
        }
        self.addresses.iter().try_for_each(Address::check::<T>)
    }
}

impl Address {
    /// Whether it is neither empty nor longer than [`MAX_ADDRESS_LEN`].
    #[must_use]
    pub fn is_acceptable(&self) -> bool {
        (1..=MAX_ADDRESS_LEN).contains(&self.0.len())
    }

    pub(crate) fn check<T: Wire>(&self) -> Result<(), DecodeError> {
        if self.is_acceptable() { Ok(()) } else { Err(DecodeError::invalid::<T>("an address is empty or too long")) }
    }
}
