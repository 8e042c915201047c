//! One participant and what is around its state machine.

use smallvec::SmallVec;

use super::Event;
use crate::media::watch::{Backup, Exposure};
use crate::media::{Timeline, Watch};
use crate::participant::Participant;
use crate::people::Person;

/// Where a participant is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Present,
    Dead,
    Left,
}

/// One participant, with all that is around its state machine.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) who: Option<Participant>,
    pub(crate) person: Person,
    pub(crate) life: Life,
    /// What waits for a process that stands still.
    pub(crate) frozen: Option<Vec<Event>>,
    /// Links by peer.
    pub(crate) links: SmallVec<[(u32, u32); 6]>,
    /// When its state machine wants to be woken, and when an event will do so.
    pub(crate) wake: u64,
    pub(crate) pending: u64,
    pub(crate) joined: u64,
    /// As it told the user.
    pub(crate) parent: Option<u32>,
    pub(crate) orphan: bool,
    pub(crate) children: u32,
    pub(crate) calls: u32,
    /// Control messages since the last sample.
    pub(crate) sent_bytes: u32,
    /// Goes without a word when its session is over.
    pub(crate) rude: bool,
    pub(crate) line: Timeline,
    pub(crate) watch: Watch,
}

impl Node {
    /// Someone who has just come, and whose state machine is yet to be started.
    pub(crate) fn new(person: Person, now: u64) -> Self {
        Self {
            who: None,
            person,
            life: Life::Present,
            frozen: None,
            links: SmallVec::new(),
            wake: u64::MAX,
            pending: u64::MAX,
            joined: now,
            parent: None,
            orphan: false,
            children: 0,
            calls: 0,
            sent_bytes: 0,
            rude: false,
            line: Timeline::default(),
            watch: Watch::default(),
        }
    }

    pub(crate) fn is_present(&self) -> bool {
        self.life == Life::Present
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_present() && self.frozen.is_none()
    }

    /// It has lost an ancestor. False if that is no news, nor worse than an earlier loss that it still feels.
    pub(crate) fn expose(&mut self, now: u64, orphan: bool, backup: Backup) -> bool {
        if !self.is_present() || self.watch.first > now {
            return false;
        }
        let before = self.watch.exposure;
        let loss = self.watch.exposure.get_or_insert(Exposure::new(now, orphan, backup));
        (loss.orphan, loss.backup) = (loss.orphan || orphan, loss.backup.max(backup));
        self.watch.exposure != before
    }
}
