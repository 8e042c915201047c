//! Which link leads to which neighbour, and what it has carried.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use waterfall_media::engine::{LinkStats, Stats};
use waterfall_media::forward::LinkId;
use waterfall_wire::{Have, LinkMessage, NodeId};

use crate::member::Member;
use crate::status::{LinkRole, LinkStatus};

/// A link is told to be too slow once in this time.
const CONGESTED: Duration = Duration::from_secs(2);

/// Past links whose figures are kept.
const PAST: usize = 256;

/// Whether the other end has proved to be a member, in rooms that know members.
#[derive(Debug)]
pub(crate) enum Proof {
    /// It has yet to show its credential.
    Awaited,
    /// Its credential is being checked; what it said meanwhile waits here.
    Checking(Vec<LinkMessage>),
    /// It is whom it says it is; nobody in particular in a room that knows no members.
    Given(Option<Member>),
}

/// A link in use.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// Both ends can talk.
    pub(crate) up: bool,
    /// We called; the peer is the parent's side of it.
    pub(crate) called_by_us: bool,
    pub(crate) proof: Proof,
    /// The tree lets media flow here.
    pub(crate) feeding: bool,
    /// The other end has said what it has, so sending has begun.
    pub(crate) resumed: bool,
    /// What the other end said it has, and when, before media might flow here.
    pub(crate) early: Option<(Instant, Vec<Have>)>,
    /// When it was last told to be too slow.
    pub(crate) congested: Option<Instant>,
}

impl Link {
    /// Both ends can talk, and the tree knows of it.
    pub(crate) fn is_open(&self) -> bool {
        self.up && matches!(self.proof, Proof::Given(_))
    }

    /// We have called, and the link is not open yet.
    pub(crate) fn is_calling(&self) -> bool {
        self.called_by_us && !self.is_open()
    }
}

/// The links of one room.
#[derive(Debug, Default)]
pub(crate) struct Links {
    by_peer: BTreeMap<NodeId, Link>,
    peers: HashMap<LinkId, NodeId>,
    /// Closed or closing links by age; a closing one may still count a last packet.
    past: VecDeque<(LinkId, LinkStatus)>,
    figures: HashMap<LinkId, LinkStatus>,
    fed_by: Option<NodeId>,
}

impl Links {
    /// Puts a link in the place of any other to the same peer, whose id is returned.
    pub(crate) fn insert(&mut self, peer: NodeId, id: LinkId, called_by_us: bool, proof: Proof) -> Option<LinkId> {
        let old = self.remove(&peer);
        self.by_peer.insert(
            peer,
            Link { id, up: false, called_by_us, proof, feeding: false, resumed: false, early: None, congested: None },
        );
        self.peers.insert(id, peer);
        old
    }

    /// Takes a peer's link out of use.
    pub(crate) fn remove(&mut self, peer: &NodeId) -> Option<LinkId> {
        let link = self.by_peer.remove(peer)?;
        self.peers.remove(&link.id);
        let status = self.figures.remove(&link.id).unwrap_or_else(|| empty(*peer, LinkRole::Other));
        if self.past.len() >= PAST {
            self.past.pop_front();
        }
        self.past.push_back((link.id, status));
        Some(link.id)
    }

    pub(crate) fn get(&self, peer: &NodeId) -> Option<&Link> {
        self.by_peer.get(peer)
    }

    pub(crate) fn get_mut(&mut self, peer: &NodeId) -> Option<&mut Link> {
        self.by_peer.get_mut(peer)
    }

    /// Whose link this is, if it is in use.
    pub(crate) fn peer(&self, id: LinkId) -> Option<NodeId> {
        self.peers.get(&id).copied()
    }

    /// Whose link this is or was, as far back as past links are kept.
    pub(crate) fn peer_ever(&self, id: LinkId) -> Option<NodeId> {
        let past = || self.past.iter().rev().find(|(past, _)| *past == id).map(|(_, status)| status.peer);
        self.peer(id).or_else(past)
    }

    /// Notes that a link was too slow. Whether that is news: one overflow is many events.
    pub(crate) fn note_congestion(&mut self, peer: &NodeId) -> bool {
        let Some(link) = self.by_peer.get_mut(peer) else { return false };
        let news = link.congested.is_none_or(|at| at.elapsed() >= CONGESTED);
        if news {
            link.congested = Some(Instant::now());
        }
        news
    }

    /// All links in use.
    pub(crate) fn ids(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.by_peer.values().map(|link| link.id)
    }

    /// Peers that media flows to or from.
    pub(crate) fn feeding(&self) -> Vec<NodeId> {
        self.by_peer.iter().filter(|(_, link)| link.feeding).map(|(peer, _)| *peer).collect()
    }

    /// Who the newest packets came from.
    pub(crate) fn fed_by(&self) -> Option<NodeId> {
        self.fed_by
    }

    /// Takes in the engine's figures.
    pub(crate) fn measure(&mut self, stats: &Stats, role: impl Fn(&NodeId) -> LinkRole) {
        let mut most = 0;
        for link in &stats.links {
            if let Some(peer) = self.peers.get(&link.link) {
                let status = self.figures.entry(link.link).or_insert_with(|| empty(*peer, LinkRole::Other));
                // What a link was counts when it is no longer anything.
                let now = role(peer);
                if now != LinkRole::Other {
                    status.role = now;
                }
                let fresh = link.first_copy_bytes.saturating_sub(status.media_received);
                if fresh > most {
                    (most, self.fed_by) = (fresh, Some(*peer));
                }
                fill(status, link);
                if let Some(Proof::Given(member)) = self.by_peer.get(peer).map(|link| &link.proof) {
                    status.member.clone_from(member);
                }
            } else if let Some((_, status)) = self.past.iter_mut().find(|(id, _)| *id == link.link) {
                fill(status, link);
            }
        }
    }

    /// Every link there is and was.
    pub(crate) fn statuses(&self) -> Vec<LinkStatus> {
        self.past.iter().map(|(_, status)| status).chain(self.figures.values()).cloned().collect()
    }
}

fn empty(peer: NodeId, role: LinkRole) -> LinkStatus {
    LinkStatus {
        peer,
        member: None,
        role,
        media_sent: 0,
        media_received: 0,
        duplicates: 0,
        repair_sent: 0,
        packets_dropped: 0,
    }
}

fn fill(status: &mut LinkStatus, link: &LinkStats) {
    status.media_sent = link.media_bytes_sent;
    status.media_received = link.first_copy_bytes;
    status.duplicates = link.duplicates;
    status.repair_sent = link.repair_bytes_sent;
    status.packets_dropped = link.dropped.overflow;
}
