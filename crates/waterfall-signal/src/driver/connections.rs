//! Who is connected, from where, and who must go when there are too many.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use super::Driver;
use crate::reach::{self, Scope};
use crate::store::Source;

/// How long a connection is left alone after it was made or last used: queries need it meanwhile.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Peer {
    connections: HashMap<ConnectionId, Option<IpAddr>>,
    /// The address it was last reached at from here.
    dialed: Option<Multiaddr>,
    used: Instant,
}

/// See the module. As large as libp2p's connection limits allow.
#[derive(Debug, Default)]
pub(crate) struct Connections(HashMap<PeerId, Peer>);

impl Connections {
    pub(crate) fn opened(&mut self, peer: PeerId, id: ConnectionId, ip: Option<IpAddr>, dialed: Option<Multiaddr>) {
        let now = Instant::now();
        let entry = self.0.entry(peer).or_insert(Peer { connections: HashMap::new(), dialed: None, used: now });
        entry.connections.insert(id, ip);
        entry.dialed = dialed.or(entry.dialed.take());
        entry.used = now;
    }

    pub(crate) fn closed(&mut self, peer: PeerId, id: ConnectionId) {
        if let Some(entry) = self.0.get_mut(&peer) {
            entry.connections.remove(&id);
            if entry.connections.is_empty() {
                self.0.remove(&peer);
            }
        }
    }

    pub(crate) fn used(&mut self, peer: PeerId) {
        if let Some(entry) = self.0.get_mut(&peer) {
            entry.used = Instant::now();
        }
    }

    pub(crate) fn is_connected(&self, peer: PeerId) -> bool {
        self.0.contains_key(&peer)
    }

    pub(crate) fn ip(&self, peer: PeerId, id: ConnectionId) -> Option<IpAddr> {
        *self.0.get(&peer)?.connections.get(&id)?
    }

    pub(crate) fn dialed(&self, peer: PeerId) -> Option<&Multiaddr> {
        self.0.get(&peer)?.dialed.as_ref()
    }

    /// The nearest kind of network that a peer is connected over.
    pub(crate) fn scope(&self, peer: PeerId) -> Option<Scope> {
        self.0.get(&peer)?.connections.values().filter_map(|ip| reach::scope((*ip)?)).min()
    }

    /// The kinds of network that peers are connected over.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let all = self.0.values().flat_map(|p| p.connections.values());
        let unique: HashSet<Scope> = all.filter_map(|ip| reach::scope((*ip)?)).collect();
        unique.into_iter().collect()
    }

    /// Whom to part from to get `excess` peers fewer: of the source prefix with most peers first
    /// (not on this machine or LAN, where one prefix is everybody), then those unused longest.
    fn least_useful(&self, excess: usize, spared: &HashSet<PeerId>, now: Instant) -> Vec<PeerId> {
        let source = |peer: &Peer| {
            let ip = peer.connections.values().find_map(|ip| *ip)?;
            (reach::scope(ip) == Some(Scope::Global)).then(|| Source::from(ip))
        };
        let mut crowds: HashMap<Source, usize> = HashMap::new();
        for source in self.0.values().filter_map(source) {
            *crowds.entry(source).or_default() += 1;
        }
        let mut idle: Vec<_> = self
            .0
            .iter()
            .filter(|(id, peer)| !spared.contains(id) && now.saturating_duration_since(peer.used) >= GRACE)
            .map(|(id, peer)| {
                let crowd = source(peer).and_then(|s| crowds.get(&s)).copied().unwrap_or(1);
                (std::cmp::Reverse(crowd), peer.used, *id)
            })
            .collect();
        idle.sort_unstable_by_key(|(crowd, used, _)| (*crowd, *used));
        idle.into_iter().take(excess).map(|(.., id)| id).collect()
    }
}

impl Driver {
    /// Parts from peers beyond the limit: not from mesh neighbours, nor where a question is open.
    pub(super) fn trim(&mut self, now: Instant) {
        let excess = self.connections.0.len().saturating_sub(self.limits.peers);
        if excess == 0 {
            return;
        }
        let mut spared: HashSet<PeerId> = self.calls.busy_peers().collect();
        if let Some(gossip) = self.swarm.behaviour().gossip.as_ref() {
            spared.extend(gossip.all_mesh_peers());
        }
        for peer in self.connections.least_useful(excess, &spared, now) {
            if self.swarm.disconnect_peer_id(peer).is_ok() {
                self.channels.counters.lock().connections_trimmed += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crowd_goes_first_then_the_idle() {
        let mut connections = Connections::default();
        let add = |connections: &mut Connections, id: usize, ip: [u8; 4]| {
            let peer = PeerId::random();
            connections.opened(peer, ConnectionId::new_unchecked(id), Some(IpAddr::from(ip)), None);
            peer
        };
        let first = add(&mut connections, 1, [9, 9, 9, 9]);
        let busy = add(&mut connections, 2, [8, 8, 8, 8]);
        let crowd: Vec<_> = (0..3).map(|i| add(&mut connections, 3 + usize::from(i), [7, 7, 7, i])).collect();
        let later = Instant::now() + GRACE;
        let spared = HashSet::from([busy]);
        let victims = connections.least_useful(4, &spared, later);
        assert_eq!(victims.iter().filter(|v| crowd.contains(v)).count(), 3);
        assert_eq!(victims[3], first);
        assert!(connections.least_useful(9, &spared, Instant::now()).is_empty(), "fresh ones are left alone");
    }
}
