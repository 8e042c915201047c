//! What is told to the engine's owner.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::Driver;
use crate::engine::Event;
use crate::forward::{GroupId, LinkId, Switched};
use crate::link::LinkEvent;

/// Events that wait in the driver before those that can be missed are dropped.
const OVERFULL: usize = 4096;

impl Driver {
    pub(super) fn deliver_events(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    return;
                }
                // Nobody listens any more.
                Err(mpsc::error::TrySendError::Closed(_)) => self.outbox.clear(),
            }
        }
    }

    pub(super) fn tell_switch(&mut self, group: GroupId, switched: Switched) {
        if self.outbox.len() < OVERFULL {
            let Switched { from, to, gap, lost } = switched;
            self.outbox.push_back(Event::Switched { group, from, to, gap, lost });
        }
    }
}

/// Queues an event for the reader; those that can be missed are, if it does not read.
pub(super) fn push_event(outbox: &mut VecDeque<Event>, link: LinkId, event: LinkEvent) {
    let event = match event {
        LinkEvent::Up => Event::LinkUp { link },
        LinkEvent::Message(message) => Event::Message { link, message },
        LinkEvent::Silent => Event::Silent { link },
        LinkEvent::Heard => Event::Heard { link },
        LinkEvent::Fed(fed) => Event::Fed { link, fed },
        LinkEvent::Withheld(packets) => Event::Withheld { link, packets },
        LinkEvent::Overflow(overflow) => {
            Event::QueueOverflow { link, kid: overflow.kid, frames: overflow.frames, packets: overflow.packets }
        }
        LinkEvent::KeyFrameWanted(_) => return,
    };
    let vital = matches!(event, Event::LinkUp { .. } | Event::Message { .. });
    if vital || outbox.len() < OVERFULL {
        outbox.push_back(event);
    }
}
