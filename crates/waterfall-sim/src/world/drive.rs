//! The drive loop: what happens goes into a participant, what it wants comes out and is done.

use waterfall_tree::{Event as TreeEvent, Input, Output};
use waterfall_wire::encode;

use super::{Event, World};
use crate::ident;

impl World {
    /// Something happens to a participant.
    pub(crate) fn input(&mut self, node: u32, input: Input) {
        let now = self.time();
        self.log.told(self.now, node, &input);
        let Some(who) = self.nodes[node as usize].who.as_mut() else { return };
        who.handle(now, input);
        self.drain(node);
    }

    /// Does all that a participant wants, until it waits for time or input.
    pub(crate) fn drain(&mut self, node: u32) {
        loop {
            let Some(who) = self.nodes[node as usize].who.as_mut() else { return };
            match who.poll_output() {
                Output::Timeout(at) => {
                    // A moment that is past is now.
                    let wake = at.map_or(u64::MAX, |at| at.as_micros().max(self.now));
                    self.nodes[node as usize].wake = wake;
                    if wake < self.nodes[node as usize].pending {
                        self.nodes[node as usize].pending = wake;
                        self.queue.push(wake, Event::Wake(node));
                    }
                    return;
                }
                output => self.perform(node, output),
            }
        }
    }

    /// A timer of this participant, if it still has one at this moment. One event is pending at a time; a
    /// timer that was put off finds its event here and moves on.
    pub(crate) fn wake(&mut self, node: u32) {
        let (now, sleeper) = (self.now, &mut self.nodes[node as usize]);
        if sleeper.pending != now || !sleeper.is_present() {
            return;
        }
        sleeper.pending = u64::MAX;
        if self.hold_if_frozen(node, Event::Wake(node)) {
            return;
        }
        let sleeper = &mut self.nodes[node as usize];
        if sleeper.wake > now {
            if sleeper.wake != u64::MAX {
                sleeper.pending = sleeper.wake;
                self.queue.push(sleeper.wake, Event::Wake(node));
            }
            return;
        }
        self.on_time(node);
    }

    pub(crate) fn on_time(&mut self, node: u32) {
        let now = self.time();
        let Some(who) = self.nodes[node as usize].who.as_mut() else { return };
        who.handle_timeout(now);
        self.drain(node);
    }

    fn perform(&mut self, node: u32, output: Output) {
        self.log.wants(self.now, node, &output);
        match output {
            Output::Send { to, message } => self.send(node, ident::index(&to), message),
            Output::Call { to, role, advertised, .. } => self.call(node, &to.node, role, advertised),
            Output::Accept { .. } => self.accept(node),
            Output::Refuse { reason, spots, .. } => self.refuse(node, reason, spots),
            Output::Hangup { peer } => self.hang_up(node, ident::index(&peer)),
            Output::Fetch => self.fetch(node),
            Output::Publish(record) => {
                let bytes = encode(&record).len() as u64;
                self.count_put(bytes);
            }
            Output::Feed { peer, on } => {
                if let Some(link) = self.link_to(node, ident::index(&peer)) {
                    self.set_feeding(node, link, on);
                    self.check_parents(node);
                }
            }
            Output::Notify(event) => self.notified(node, &event),
            // Timeouts are the caller's; of outputs that a later tree may have, none is known here.
            _ => {}
        }
    }

    fn notified(&mut self, node: u32, event: &TreeEvent) {
        match event {
            TreeEvent::Attached { parent, .. } => {
                let joined = self.nodes[node as usize].joined;
                let calls = self.nodes[node as usize].calls;
                self.tally.attached(self.now - joined, calls, joined);
                self.set_parent(node, Some(ident::index(parent)));
            }
            TreeEvent::Moved { to, .. } => {
                self.tally.moves += 1;
                self.set_parent(node, Some(ident::index(to)));
            }
            TreeEvent::ParentLost { .. } => {
                self.tally.parents_lost += 1;
                self.nodes[node as usize].orphan = true;
            }
            TreeEvent::ParentRegained(_) => self.nodes[node as usize].orphan = false,
            TreeEvent::ChildJoined(_) => self.count_child(node, 1),
            TreeEvent::ChildLeft(_) => self.count_child(node, -1),
            TreeEvent::Left => self.gone(node),
            _ => {}
        }
    }

    fn set_parent(&mut self, node: u32, parent: Option<u32>) {
        self.nodes[node as usize].parent = parent;
        self.nodes[node as usize].orphan = false;
        self.check_loop(node);
        if parent == Some(self.root) {
            self.entrance_changed();
        }
    }

    fn count_child(&mut self, node: u32, by: i32) {
        let relay = &mut self.nodes[node as usize];
        relay.children = relay.children.saturating_add_signed(by);
        if node == self.root {
            self.entrance_changed();
        }
        self.check_degree(node);
    }
}
