//! The configured bootstrap addresses, peers known from earlier runs, neighbours found by mDNS, and addresses
//! dialled by hand.

use std::time::{Duration, Instant};

use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId};

use super::Driver;
use crate::address::{peer_of, without_peer};
use crate::event::Event;
use crate::reached::MAX_REACHED;

/// Most bootstrap addresses that are used.
const MAX_ENTRANCES: usize = 16;
/// How many peers of earlier runs are called at a time. Most are gone, and each may take seconds to tell.
const KNOWN_AT_ONCE: usize = 8;
/// First pause before an address that failed is tried again; doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// How often a bootstrap node that has answered is called again. One that was restarted knows nobody: without this its
/// newcomers would make a network of their own.
const REVISIT: Duration = Duration::from_secs(10 * 60);
/// How long after its start a node counts on mDNS to find somebody.
const MDNS_PATIENCE: Duration = Duration::from_secs(3);
/// Neighbours dialled per mDNS answer, and in all as long as there are so many peers: a LAN party
/// must not dial all of itself.
const MAX_NEIGHBOURS: usize = 8;

#[derive(Debug)]
struct Entrance {
    address: Multiaddr,
    /// Of an earlier run: called only when nobody is connected, and nobody is told when it is gone.
    known: bool,
    dialing: Option<ConnectionId>,
    next: Instant,
    pause: Duration,
    revisit: Instant,
    /// It has answered or failed at least once.
    tried: bool,
    answered: bool,
    told: bool,
    /// It turned out to be this very node.
    is_self: bool,
}

impl Entrance {
    /// Whether it is to be called now: a bootstrap node until it answers and from time to time after that, and every
    /// entrance when nobody is connected.
    fn is_due(&self, alone: bool, known_dialing: usize, now: Instant) -> bool {
        let wanted = if self.known {
            alone && known_dialing < KNOWN_AT_ONCE
        } else {
            alone || !self.answered || now >= self.revisit
        };
        wanted && !self.is_self && self.dialing.is_none() && now >= self.next
    }

    /// It is called: when may it be called the next time?
    fn called(&mut self, now: Instant) {
        self.next = now + self.pause;
        self.pause = (2 * self.pause).min(LAST_PAUSE);
        self.revisit = now + REVISIT;
    }

    fn answered(&mut self) {
        self.dialing = None;
        self.tried = true;
        self.answered = true;
        self.told = false;
        self.pause = first_pause(self.known);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Entrances(Vec<Entrance>);

impl Entrances {
    pub(crate) fn new(bootstrap: Vec<Multiaddr>, known: Vec<Multiaddr>, now: Instant) -> Self {
        let entrance = |address, known| Entrance {
            address,
            known,
            dialing: None,
            next: now,
            pause: first_pause(known),
            revisit: now,
            tried: false,
            answered: false,
            told: false,
            is_self: false,
        };
        let bootstrap = bootstrap.into_iter().take(MAX_ENTRANCES).map(|address| entrance(address, false));
        let known = known.into_iter().take(MAX_REACHED).map(|address| entrance(address, true));
        Self(bootstrap.chain(known).collect())
    }

    fn known_dialing(&self) -> usize {
        self.0.iter().filter(|e| e.known && e.dialing.is_some()).count()
    }

    pub(crate) fn opened(&mut self, id: ConnectionId) {
        if let Some(entrance) = self.0.iter_mut().find(|e| e.dialing == Some(id)) {
            entrance.answered();
        }
    }

    fn undecided(&self) -> bool {
        self.0.iter().any(|e| !e.tried)
    }
}

/// Of the peers of earlier runs each has its turn before any has a second one.
fn first_pause(known: bool) -> Duration {
    if known { LAST_PAUSE } else { FIRST_PAUSE }
}

/// Dials an address; one that names its peer must be that peer.
fn opts(address: &Multiaddr) -> DialOpts {
    match peer_of(address) {
        Some(peer) => DialOpts::peer_id(peer).addresses(vec![without_peer(address)]).build(),
        None => DialOpts::unknown_peer_id().address(address.clone()).build(),
    }
}

/// What people can use of a dial error: the innermost causes.
pub(super) fn reason(error: &DialError) -> String {
    let DialError::Transport(attempts) = error else { return error.to_string() };
    let mut causes: Vec<String> = attempts
        .iter()
        .map(|(_, error)| {
            let mut cause: &dyn std::error::Error = error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            cause.to_string()
        })
        .collect();
    causes.dedup();
    causes.join("; ")
}

impl Driver {
    /// Dials the entrances that are due.
    pub(super) fn enter(&mut self, now: Instant) {
        let alone = self.swarm.connected_peers().next().is_none();
        let mut known_dialing = self.entrances.known_dialing();
        for entrance in &mut self.entrances.0 {
            if !entrance.is_due(alone, known_dialing, now) {
                continue;
            }
            let opts = opts(&entrance.address);
            let id = opts.connection_id();
            entrance.called(now);
            match self.swarm.dial(opts) {
                Ok(()) => {
                    entrance.dialing = Some(id);
                    known_dialing += usize::from(entrance.known);
                }
                // Connected or about to be, for some other reason.
                Err(DialError::DialPeerConditionFalse(_)) => {
                    entrance.tried = true;
                    entrance.answered = true;
                }
                Err(error) => {
                    entrance.tried = true;
                    tracing::debug!(%error, "a bootstrap address cannot be dialled");
                }
            }
        }
    }

    pub(super) fn entrance_failed(&mut self, id: ConnectionId, error: &DialError) {
        let Some(entrance) = self.entrances.0.iter_mut().find(|e| e.dialing == Some(id)) else { return };
        entrance.dialing = None;
        entrance.tried = true;
        entrance.answered = false;
        if matches!(error, DialError::LocalPeerId { .. }) {
            entrance.is_self = true;
            return;
        }
        if !entrance.told && !entrance.known {
            let event = Event::BootstrapUnreachable { address: entrance.address.clone(), reason: reason(error) };
            // A full queue: told the next time.
            entrance.told = self.channels.events.try_send(event).is_ok();
        }
    }

    /// Whether a first peer may turn up any moment: lookups wait for it.
    pub(super) fn expects_peer(&self, now: Instant) -> bool {
        let on_its_way = self.swarm.connected_peers().next().is_some()
            || self.swarm.network_info().connection_counters().num_pending() > 0;
        let mdns = self.mdns && now.saturating_duration_since(self.started) < MDNS_PATIENCE;
        on_its_way || mdns || self.entrances.undecided()
    }

    pub(super) fn dial(&mut self, address: &Multiaddr) {
        if let Err(error) = self.swarm.dial(opts(address)) {
            tracing::debug!(%error, "not dialled");
        }
    }

    pub(super) fn on_neighbours(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        let mut dialed = std::collections::HashMap::<PeerId, Vec<Multiaddr>>::new();
        for (peer, address) in found {
            if dialed.len() < MAX_NEIGHBOURS || dialed.contains_key(&peer) {
                dialed.entry(peer).or_default().push(without_peer(&address));
            }
        }
        for (peer, mut addresses) in dialed {
            let enough = self.swarm.connected_peers().count() >= MAX_NEIGHBOURS;
            if enough || self.connections.is_connected(peer) {
                continue;
            }
            addresses.truncate(waterfall_wire::MAX_ADDRESSES);
            let opts = DialOpts::peer_id(peer).addresses(addresses).build();
            if let Err(error) = self.swarm.dial(opts) {
                tracing::debug!(%error, "a neighbour is not dialled");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entrances(bootstrap: usize, known: usize, now: Instant) -> Entrances {
        let list = |count| vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap(); count];
        Entrances::new(list(bootstrap), list(known), now)
    }

    #[test]
    fn a_bootstrap_node_is_called_until_it_answers_and_again_much_later() {
        let start = Instant::now();
        let mut all = entrances(1, 0, start);
        let entrance = &mut all.0[0];
        assert!(entrance.is_due(true, 0, start));
        entrance.called(start);
        assert!(!entrance.is_due(true, 0, start), "not twice at once");
        assert!(entrance.is_due(false, 0, start + FIRST_PAUSE), "others do not take its place");
        entrance.answered();
        assert!(!entrance.is_due(false, 0, start + LAST_PAUSE));
        assert!(entrance.is_due(true, 0, start + LAST_PAUSE), "nobody is left");
        assert!(entrance.is_due(false, 0, start + REVISIT), "it may have forgotten everybody");
        entrance.called(start + REVISIT);
        entrance.answered();
        assert!(!entrance.is_due(false, 0, start + REVISIT + LAST_PAUSE));
    }

    #[test]
    fn peers_of_earlier_runs_are_for_those_who_have_nobody() {
        let start = Instant::now();
        let mut all = entrances(0, 100, start);
        assert_eq!(all.0.len(), MAX_REACHED);
        let entrance = &mut all.0[0];
        assert!(entrance.is_due(true, KNOWN_AT_ONCE - 1, start));
        assert!(!entrance.is_due(true, KNOWN_AT_ONCE, start) && !entrance.is_due(false, 0, start + REVISIT));
        entrance.called(start);
        assert!(!entrance.is_due(true, 0, start + FIRST_PAUSE), "the others come first");
        assert!(entrance.is_due(true, 0, start + LAST_PAUSE));
    }
}
