//! Links that come and go.

use std::net::SocketAddr;
use std::time::Instant;

use super::Driver;
use crate::engine::LinkError;
use crate::forward::{GroupId, LinkId};
use crate::link::{Candidate, CandidateKind, Link, Session};

impl Driver {
    pub(super) fn offer(&mut self, id: LinkId, group: GroupId, now: Instant) -> Result<Session, LinkError> {
        self.admit(id)?;
        let local = self.sockets.local(0);
        let link = self.make_link(id, group, &local, now)?;
        let session = link.session(&self.identity, candidates(&local));
        self.add_link(link);
        Ok(session)
    }

    pub(super) fn answer(
        &mut self,
        id: LinkId,
        group: GroupId,
        remote: &Session,
        now: Instant,
    ) -> Result<Session, LinkError> {
        remote.check()?;
        self.admit(id)?;
        // An offer of ours that is still open may be to the same neighbour, who would then send over the same
        // pair of addresses twice.
        let first = self.sockets.local(0);
        let open = self.links.values().any(|link| !link.is_started());
        let demux = &self.demux;
        let set = self
            .sockets
            .choose(|local| !(open && local == first || demux.is_taken(local, remote)))
            .map_err(|error| LinkError::Transport(error.to_string()))?;
        let local = self.sockets.local(set);
        let mut link = self.make_link(id, group, &local, now)?;
        link.start(now, &self.identity, false, remote).map_err(|error| LinkError::Transport(error.to_string()))?;
        self.demux.expect(&local, remote, id);
        let session = link.session(&self.identity, candidates(&local));
        self.add_link(link);
        Ok(session)
    }

    pub(super) fn complete(&mut self, id: LinkId, remote: &Session, now: Instant) -> Result<(), LinkError> {
        remote.check()?;
        let local = self.sockets.local(0);
        let link = self.links.get_mut(&id).ok_or(LinkError::Unknown(id))?;
        if link.is_started() {
            return Err(LinkError::NotOffered(id));
        }
        link.start(now, &self.identity, true, remote).map_err(|error| LinkError::Transport(error.to_string()))?;
        self.demux.expect(&local, remote, id);
        self.touched.insert(id);
        Ok(())
    }

    /// Whether there is room for another link, with that id.
    fn admit(&self, id: LinkId) -> Result<(), LinkError> {
        if self.links.contains_key(&id) {
            return Err(LinkError::Exists(id));
        }
        if self.links.len() >= self.config.max_links {
            return Err(LinkError::TooMany(self.links.len()));
        }
        Ok(())
    }

    fn make_link(&self, id: LinkId, group: GroupId, local: &[SocketAddr], now: Instant) -> Result<Link, LinkError> {
        let base = getrandom::u32().map_err(|error| LinkError::Transport(error.to_string()))?;
        Link::new(id, group, &self.link_config, &self.identity, local, base, now)
            .map_err(|error| LinkError::Transport(error.to_string()))
    }

    fn add_link(&mut self, link: Link) {
        self.group(link.group);
        self.demux.add(link.ufrag(), link.id);
        self.touched.insert(link.id);
        self.links.insert(link.id, link);
    }

    pub(super) fn close(&mut self, id: LinkId, now: Instant) {
        let Some(mut link) = self.links.remove(&id) else {
            return;
        };
        link.close(now);
        while let Some(datagram) = link.poll_write() {
            self.sockets.send(datagram);
        }
        self.demux.remove(id);
        self.touched.remove(&id);
        self.drop_empty(link.group);
    }

    pub(super) fn close_all(&mut self, now: Instant) {
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            self.close(id, now);
        }
    }
}

fn candidates(local: &[SocketAddr]) -> Vec<Candidate> {
    local.iter().map(|&address| Candidate { kind: CandidateKind::Host, address }).collect()
}
