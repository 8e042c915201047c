//! What comes in, and whether this task was there to hear it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{BATCH, Driver};
use crate::engine::socket::MAX_DATAGRAM;

/// A timer that is this late says that the machine is busy; the timers' own grain is a millisecond.
const OVERSLEPT: Duration = Duration::from_millis(4);

impl Driver {
    /// A task that wakes late has missed what was said meanwhile, and so, perhaps, has whoever else runs on this
    /// machine: that is no silence of theirs.
    pub(super) fn note_sleep(&mut self, now: Instant) {
        let slept = now.saturating_duration_since(self.due.max(self.looked));
        self.looked = now;
        if slept >= OVERSLEPT {
            self.links.values_mut().for_each(|link| link.excuse(slept, now));
        }
    }

    pub(super) fn read_sockets(&mut self, now: Instant, buffer: &mut [u8]) {
        for index in 0..self.sockets.len() {
            for _ in 0..BATCH {
                let Some((len, local, from)) = self.sockets.read(index, buffer) else {
                    break;
                };
                self.datagrams.received += 1;
                self.dispatch(now, local, from, &buffer[..len]);
            }
        }
    }

    fn dispatch(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, datagram: &[u8]) {
        let stun = datagram.first().is_some_and(|&byte| byte < 4);
        let found = self.demux.find(local, from, datagram).filter(|_| datagram.len() < MAX_DATAGRAM);
        let Some(link) = found.and_then(|id| self.links.get_mut(&id)) else {
            let unknown = if stun { &mut self.datagrams.unknown_stun } else { &mut self.datagrams.unknown };
            *unknown += 1;
            return;
        };
        let Some(group) = self.groups.get_mut(&link.group) else {
            return;
        };
        let outcome = link.read(now, local, from, datagram, group);
        self.touched.insert(link.id);
        if outcome.new {
            self.grown.insert(link.group);
        }
        if outcome.genuine && stun {
            self.demux.learn(local, from, link.id, link.addresses() == Some((local, from)));
        }
    }
}
