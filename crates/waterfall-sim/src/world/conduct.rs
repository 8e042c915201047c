//! Participants that are not what they say.

use waterfall_tree::Input;
use waterfall_wire::{Spot, TreeMessage};

use super::link::{CALLEE, CALLER, LinkRef};
use super::{Event, World};
use crate::ident;
use crate::people::Conduct;

/// What is missing shows against the speaker's signed heartbeat, which comes once a second.
const WITHHELD_AFTER: u64 = 1_000_000;
/// An upload that carries less than the stream for so long is congested.
const CONGESTED_AFTER: u64 = 2_000_000;
/// A boaster tells of so many spots, a counter of so many beats.
const BOAST: u8 = 16;
const AHEAD: u64 = 1_000;

impl World {
    /// Turns a message into what its sender would rather have others believe.
    pub(crate) fn distort(&self, node: u32, message: &mut TreeMessage) {
        match self.nodes[node as usize].person.conduct {
            Conduct::Boasts => match message {
                TreeMessage::Attach { summary, .. } | TreeMessage::Summary(summary) => {
                    let contact = self.contact(node);
                    summary.spots.truncate(waterfall_wire::MAX_SPOTS - 1);
                    summary.spots.insert(0, Spot { contact, depth: 1, free: BOAST, proven: BOAST });
                }
                _ => {}
            },
            Conduct::Counts => match message {
                TreeMessage::Attached(down) | TreeMessage::Down(down) => down.mark.counter += AHEAD,
                TreeMessage::Mark(mark) => mark.counter += AHEAD,
                _ => {}
            },
            Conduct::Honest | Conduct::Slow | Conduct::Withholds => {}
        }
    }

    pub(crate) fn can_carry_one_more(&self, node: u32) -> bool {
        let sender = &self.nodes[node as usize];
        let limited = self.options.strict_uplinks || sender.person.conduct == Conduct::Slow;
        match sender.person.conduct {
            Conduct::Withholds => false,
            _ => !limited || self.feeds_of(node).count() < usize::from(sender.person.carries),
        }
    }

    /// Nothing is sent over an edge: the receiver will see that from the heartbeat, an honest sender from its queue.
    pub(crate) fn will_be_noticed(&mut self, at: LinkRef, sender: u32) {
        self.queue.push(self.now + WITHHELD_AFTER, Event::Withheld(at));
        if self.nodes[sender as usize].person.conduct != Conduct::Withholds {
            self.queue.push(self.now + CONGESTED_AFTER, Event::Congested(at));
        }
    }

    /// Caller and callee of an edge over which nothing is sent though it could be.
    fn starved(&self, at: LinkRef) -> Option<[u32; 2]> {
        let link = self.link(at)?;
        let dry = link.is_edge() && !link.cut && link.feed.is_some_and(|feed| feed.until != u64::MAX);
        let running = link.ends.iter().all(|node| self.nodes[*node as usize].is_running());
        (dry && running && link.open == [true, true]).then_some(link.ends)
    }

    pub(crate) fn withheld(&mut self, at: LinkRef) {
        if let Some(ends) = self.starved(at) {
            self.input(ends[CALLER], Input::Withheld { peer: ident::id(ends[CALLEE]) });
            self.queue.push(self.now + WITHHELD_AFTER, Event::Withheld(at));
        }
    }

    pub(crate) fn congested(&mut self, at: LinkRef) {
        if let Some(ends) = self.starved(at) {
            self.input(ends[CALLEE], Input::Congested { peer: ident::id(ends[CALLER]) });
            self.queue.push(self.now + CONGESTED_AFTER, Event::Congested(at));
        }
    }
}
