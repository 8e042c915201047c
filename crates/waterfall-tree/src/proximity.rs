//! How near others are on the network: a policy that the caller may replace.

use std::fmt::Debug;

use waterfall_wire::{Address, Contact};

/// What is known of distances, as measured by whoever drives the tree. In a run that is to be repeated the same
/// question must always have the same answer.
pub trait Proximity: Debug + Send + Sync {
    /// The round trip between us and another in milliseconds; none if it is not known. Decides
    /// among spots of equal depth; differences within a factor of two do not count.
    fn round_trip(&self, me: &Contact, other: &Contact) -> Option<u32>;

    /// Whether what takes one of these off the network would likely take the other: a standby
    /// should not go with the parent.
    fn share_fate(&self, a: &Contact, b: &Contact) -> bool;
}

/// Knows nothing but addresses: those of one /24 (IPv4) or /48 (IPv6) share a fate, and no round
/// trip is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Addresses;

/// Codes of multiaddr's table.
const IP4: u8 = 0x04;
const IP6: u8 = 0x29;

/// The network part of an address, if it begins with an IP address that others may have as well.
/// Loopback addresses are all of one machine, where this says nothing.
fn network(address: &Address) -> Option<&[u8]> {
    match address.0.as_slice() {
        [IP4, 127, ..] => None,
        [IP4, rest @ ..] => rest.get(..3),
        [IP6, rest @ ..] if rest.starts_with(&[0; 15]) => None,
        [IP6, rest @ ..] => rest.get(..6),
        _ => None,
    }
}

impl Proximity for Addresses {
    fn round_trip(&self, _me: &Contact, _other: &Contact) -> Option<u32> {
        None
    }

    fn share_fate(&self, a: &Contact, b: &Contact) -> bool {
        let near = |one: &Address| {
            let network = network(one);
            network.is_some() && b.addresses.iter().any(|other| self::network(other) == network)
        };
        a.addresses.iter().any(near)
    }
}

/// Distances within a factor of two are one.
pub(crate) fn bucket(round_trip: Option<u32>) -> u8 {
    // Unknown is as an average one.
    let millis = round_trip.unwrap_or(64).max(1);
    u8::try_from(millis.ilog2()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterfall_wire::NodeId;

    fn contact(address: &[u8]) -> Contact {
        Contact::new(NodeId([1; 32]), [Address(address.to_vec())])
    }

    #[test]
    fn one_network_shares_a_fate() {
        let share = |a: &[u8], b: &[u8]| Addresses.share_fate(&contact(a), &contact(b));
        assert!(share(&[4, 10, 0, 0, 1, 6, 1, 1], &[4, 10, 0, 0, 2, 6, 9, 9]));
        assert!(!share(&[4, 10, 0, 0, 1], &[4, 10, 0, 1, 1]));
        assert!(!share(&[4, 127, 0, 0, 1], &[4, 127, 0, 0, 1]));
        assert!(share(&[0x29, 0x20, 1, 2, 3, 4, 5, 6, 7], &[0x29, 0x20, 1, 2, 3, 4, 5, 9, 9]));
        assert!(!share(&[4, 10], &[4, 10]) && !share(&[], &[]));
    }

    #[test]
    fn distances_within_a_factor_of_two_are_one() {
        assert_eq!(bucket(Some(70)), bucket(None));
        assert!(bucket(Some(20)) < bucket(Some(50)));
        assert!(bucket(Some(u32::MAX)) > bucket(Some(0)));
    }
}
