//! To which link a datagram belongs.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::forward::LinkId;
use crate::link::Session;

/// STUN attribute USERNAME (RFC 8489 §14.3).
const USERNAME: u16 = 0x0006;
/// STUN's magic cookie (RFC 8489 §5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Links by their user name fragments and by the addresses that they use.
#[derive(Debug, Default)]
pub(super) struct Demux {
    by_ufrag: HashMap<String, LinkId>,
    by_addresses: HashMap<(SocketAddr, SocketAddr), LinkId>,
}

impl Demux {
    /// Adds a link by its own user name fragment.
    pub(super) fn add(&mut self, ufrag: String, link: LinkId) {
        self.by_ufrag.insert(ufrag, link);
    }

    /// Expects answers from each of the other end's candidates.
    pub(super) fn expect(&mut self, local: &[SocketAddr], remote: &Session, link: LinkId) {
        for candidate in &remote.candidates {
            for &local in local {
                self.by_addresses.entry((local, candidate.address)).or_insert(link);
            }
        }
    }

    /// Notes that a link was heard between two addresses; `in_use` if that is the pair it uses.
    pub(super) fn learn(&mut self, local: SocketAddr, from: SocketAddr, link: LinkId, in_use: bool) {
        let known = self.by_addresses.entry((local, from)).or_insert(link);
        if in_use {
            *known = link;
        }
    }

    /// Whether a link already uses, or may come to use, any of these pairs.
    pub(super) fn is_taken(&self, local: &[SocketAddr], remote: &Session) -> bool {
        local.iter().any(|&local| {
            remote.candidates.iter().any(|candidate| self.by_addresses.contains_key(&(local, candidate.address)))
        })
    }

    pub(super) fn remove(&mut self, link: LinkId) {
        self.by_ufrag.retain(|_, known| *known != link);
        self.by_addresses.retain(|_, known| *known != link);
    }

    /// The link of a datagram.
    pub(super) fn find(&self, local: SocketAddr, from: SocketAddr, datagram: &[u8]) -> Option<LinkId> {
        // Several links may share a pair of addresses before they settle, so that STUN's own word counts
        // for more.
        if let Some(ufrag) = stun_ufrag(datagram) {
            return self.by_ufrag.get(ufrag).copied();
        }
        self.by_addresses.get(&(local, from)).copied()
    }
}

/// The receiver's user name fragment in a STUN request (RFC 8445 §7.2.2: `receiver:sender`).
fn stun_ufrag(datagram: &[u8]) -> Option<&str> {
    let (header, mut attributes) = datagram.split_first_chunk::<20>()?;
    if header[0] > 3 || header[4..8] != COOKIE {
        return None;
    }
    while let Some((&[t0, t1, l0, l1], rest)) = attributes.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(..len)?;
        if u16::from_be_bytes([t0, t1]) == USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        attributes = rest.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(username: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend_from_slice(&[7; 12]);
        message.extend_from_slice(&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        message.extend_from_slice(&[0, 6, 0, username.len() as u8]);
        message.extend_from_slice(username);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn the_receivers_name_is_found_and_nothing_hostile_breaks_it() {
        let good = request(b"mine:theirs");
        assert_eq!(stun_ufrag(&good), Some("mine"));
        for cut in 0..good.len() - 2 {
            assert_eq!(stun_ufrag(&good[..cut]), None, "cut at {cut}");
        }
        assert_eq!(stun_ufrag(&request(&[0xff, 0xfe])), None);
        let mut long = request(b"mine:theirs");
        long[31] = 0xff;
        assert_eq!(stun_ufrag(&long), None);
        let mut other = good;
        other[4] = 0;
        assert_eq!(stun_ufrag(&other), None, "no magic cookie");
    }

    #[test]
    fn requests_go_by_name_and_everything_else_by_address() {
        let (local, a, b) =
            ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap(), "127.0.0.1:3".parse().unwrap());
        let mut demux = Demux::default();
        demux.add("mine".into(), LinkId(1));
        demux.learn(local, a, LinkId(2), false);
        assert_eq!(demux.find(local, a, &request(b"mine:x")), Some(LinkId(1)));
        assert_eq!(demux.find(local, a, &request(b"other:x")), None);
        assert_eq!(demux.find(local, a, &[128, 0]), Some(LinkId(2)));
        assert_eq!(demux.find(local, b, &[128, 0]), None);
        demux.learn(local, a, LinkId(1), false);
        assert_eq!(demux.find(local, a, &[20]), Some(LinkId(2)), "a mere check does not take over");
        demux.learn(local, a, LinkId(1), true);
        assert_eq!(demux.find(local, a, &[20]), Some(LinkId(1)));
        demux.remove(LinkId(1));
        assert_eq!(demux.find(local, a, &request(b"mine:x")), None);
        assert_eq!(demux.find(local, a, &[20]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_search_for_a_name(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            stun.extend_from_slice(&bytes);
            stun_ufrag(&stun);
            stun_ufrag(&bytes);
        }
    }
}
