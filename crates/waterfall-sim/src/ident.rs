//! Node ids that lead back to the participant's number, and addresses that lead to its region.

use waterfall_wire::{Address, Contact, NodeId};

use crate::people::Person;

/// Odd, so that multiplying by it is one-to-one; ids are then in no order that says who came first.
const SCRAMBLE: u32 = 0x9e37_79b1;
/// Its inverse modulo 2³²; a test multiplies them.
const UNSCRAMBLE: u32 = 0x0e8b_2f51;
/// Not a number of anyone.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The id of participant `index`.
pub(crate) fn id(index: u32) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&index.wrapping_mul(SCRAMBLE).to_be_bytes());
    // The rest need not tell anyone apart, but be as incompressible as a key.
    let rest = crate::noise::mix(u64::from(index));
    for part in bytes[4..].chunks_mut(8) {
        part.copy_from_slice(&rest.to_be_bytes()[..part.len()]);
    }
    NodeId(bytes)
}

/// Whose id this is. Ids that [`id`] never made lead to numbers that nobody has, or to somebody else.
pub(crate) fn index(node: &NodeId) -> u32 {
    let [a, b, c, d, ..] = node.0;
    u32::from_be_bytes([a, b, c, d]).wrapping_mul(UNSCRAMBLE)
}

/// `/ip4/…/udp/…/quic-v1`, whose network part is the person's region and place, and behind it, in the same address, what
/// `/ip4/…/tcp/…` would add: contacts are copied by the million, and one list less in each counts.
pub(crate) fn contact(index: u32, person: &Person) -> Contact {
    let [_, _, high, low] = index.to_be_bytes();
    let ip = [person.network[0], person.network[1], high, low];
    let port = (1024 + (index % 60_000) as u16).to_be_bytes();
    let mut address = Vec::with_capacity(19);
    address.push(4);
    address.extend(ip);
    address.extend([0x91, 0x02]);
    address.extend(port);
    address.extend([0xcd, 0x03]);
    address.push(4);
    address.extend(ip);
    address.push(6);
    address.extend(port);
    Contact::new(id(index), [Address(address)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back() {
        assert_eq!(SCRAMBLE.wrapping_mul(UNSCRAMBLE), 1);
        for number in [0, 1, 2, 77, 999_999, u32::MAX - 1] {
            assert_eq!(index(&id(number)), number);
        }
    }
}
