//! The stream on its way down: feeds that begin and end, and what that does to everyone below.

use smallvec::SmallVec;

use super::link::{CALLEE, CALLER, LinkRef};
use super::{Event, NoSource, Node, World};
use crate::media::feed::{Arriving, forecast};
use crate::media::timeline::Piece;
use crate::media::watch::{Backup, Notice};
use crate::media::{Feed, HOP, KEY_FRAME, PACKET, RING};
use crate::people::Conduct;

/// Longer than that between two packets is a gap; three packets lost in a row, repaired at once, are not.
const GAP: u64 = 3 * PACKET;

impl World {
    /// An end begins or ceases to take the link for a tree edge.
    pub(crate) fn set_feeding(&mut self, node: u32, at: LinkRef, on: bool) {
        let now = self.now;
        let Some(link) = self.link_mut(at) else { return };
        let end = link.end(node);
        if link.feeding[end] == on {
            return;
        }
        link.feeding[end] = on;
        let (delay, caller) = (link.delay, link.ends[CALLER]);
        if on {
            if end == CALLER {
                self.say_resume(node, at);
            }
            self.hurry(at, end);
            return self.begin_if_ready(at);
        }
        link.resume = None;
        // What has been sent still arrives, unless the receiver no longer wants it.
        let until = if end == CALLEE { now } else { now.saturating_sub(delay + HOP) };
        let ended = link.feed.as_mut().filter(|feed| feed.until > until).map(|feed| feed.until = until).is_some();
        if ended {
            let since = if end == CALLEE { now + delay + HOP } else { now + 1 };
            self.reflow(caller, since.max(now + 1));
            self.serve_the_starved(self.links.get(at.slot).map_or(node, |link| link.ends[CALLEE]));
        }
    }

    pub(crate) fn on_resume(&mut self, at: LinkRef, have: Option<u64>) {
        let Some(link) = self.link_mut(at) else { return };
        // A viewer without anything starts at the last key frame.
        link.resume = Some(have.map_or(u64::MAX, |have| have));
        self.begin_if_ready(at);
    }

    /// Sending begins when the callee takes the link for an edge and knows what the caller has.
    fn begin_if_ready(&mut self, at: LinkRef) {
        let now = self.now;
        let Some(link) = self.link(at) else { return };
        let Some(have) = link.resume.filter(|_| link.feeding[CALLEE] && link.open[CALLER]) else { return };
        let [caller, callee] = link.ends;
        let (delay, cut) = (link.delay, link.cut);
        let sender = &self.nodes[callee as usize].line;
        let kept = sender.kept_from(now);
        let from_value =
            if have == u64::MAX { (sender.value(now) / KEY_FRAME * KEY_FRAME).max(kept) } else { have.max(kept) };
        let can_send = !cut && self.can_carry_one_more(callee);
        self.look(caller);
        let until = if can_send { u64::MAX } else { now };
        if let Some(link) = self.link_mut(at) {
            link.feed = Some(Feed { from: now, from_value, until });
        }
        self.reflow(caller, now + delay + HOP);
        if !can_send && !cut {
            self.will_be_noticed(at, callee);
        }
    }

    /// Links over which a participant sends now.
    pub(crate) fn feeds_of(&self, node: u32) -> impl Iterator<Item = LinkRef> + '_ {
        self.nodes[node as usize].links.iter().filter_map(move |(_, slot)| {
            let link = self.links.get(*slot)?;
            let sends = link.ends[CALLEE] == node && link.feed.is_some_and(|feed| feed.until == u64::MAX);
            sends.then_some(LinkRef { slot: *slot, serial: link.serial })
        })
    }

    /// A sender has one stream less to carry: who waited longest gets it.
    fn serve_the_starved(&mut self, node: u32) {
        let limited = self.options.strict_uplinks || self.nodes[node as usize].person.conduct == Conduct::Slow;
        if !limited || !self.can_carry_one_more(node) {
            return;
        }
        let starved = self.nodes[node as usize].links.iter().find_map(|(_, slot)| {
            let link = self.links.get(*slot)?;
            let waits = link.ends[CALLEE] == node && link.is_edge() && !link.cut;
            (waits && link.feed.is_some_and(|feed| feed.until != u64::MAX))
                .then_some(LinkRef { slot: *slot, serial: link.serial })
        });
        if let Some(link) = starved {
            self.restart_feed(link);
        }
    }

    /// The receiver asks for what it lacks, and gets it.
    pub(crate) fn restart_feed(&mut self, at: LinkRef) {
        let now = self.now;
        let Some(link) = self.link(at) else { return };
        if !link.is_edge() || link.feed.is_none() {
            return;
        }
        let have = self.nodes[link.ends[CALLER] as usize].line.value(now);
        if let Some(link) = self.link_mut(at) {
            link.resume = Some(have);
        }
        self.begin_if_ready(at);
    }

    /// A feed ends on its way or at its source: what was sent before still arrives.
    pub(crate) fn stop_feed(&mut self, at: LinkRef) {
        let now = self.now;
        let Some(link) = self.link_mut(at) else { return };
        let (caller, since) = (link.ends[CALLER], now + link.delay + HOP);
        if let Some(feed) = link.feed.as_mut().filter(|feed| feed.until > now) {
            feed.until = now;
            self.reflow(caller, since);
        }
    }

    /// Works out anew what a participant will have from `since` on, and everyone below.
    pub(crate) fn reflow(&mut self, node: u32, since: u64) {
        let mut open: SmallVec<[(u32, u64); 16]> = SmallVec::new();
        open.push((node, since));
        while let Some((node, since)) = open.pop() {
            // Where orphans feed each other for a moment, a change of a microsecond, which is rounding, goes round
            // and round; nothing that matters is so long on its way.
            if since > self.now + RING {
                continue;
            }
            self.tally.reflows += 1;
            if !self.reflow_one(node, since) {
                continue;
            }
            for &(_, slot) in &self.nodes[node as usize].links {
                let Some(link) = self.links.get(slot) else { continue };
                if link.ends[CALLEE] == node && link.feed.is_some_and(|feed| feed.until > since) {
                    open.push((link.ends[CALLER], since + link.delay + HOP));
                }
            }
        }
    }

    /// Whether anything changed.
    fn reflow_one(&mut self, node: u32, since: u64) -> bool {
        let receiver = &self.nodes[node as usize];
        if node == self.root || !receiver.is_present() || receiver.frozen.is_some() {
            return false;
        }
        self.look(node);
        let receiver = &self.nodes[node as usize];
        let arriving = self.arriving(node);
        let future = forecast(since, receiver.line.value(since.saturating_sub(1)), &arriving);
        drop(arriving);
        self.set_future(node, since, &future)
    }

    pub(super) fn arriving(&self, node: u32) -> SmallVec<[Arriving<'_>; 4]> {
        let of = |slot: u32| {
            let link = self.links.get(slot).filter(|link| link.ends[CALLER] == node)?;
            let sender = &self.nodes[link.ends[CALLEE] as usize].line;
            link.feed.map(|feed| Arriving { feed, delay: link.delay, sender })
        };
        self.nodes[node as usize].links.iter().filter_map(|(_, slot)| of(*slot)).collect()
    }

    fn set_future(&mut self, node: u32, since: u64, future: &[Piece]) -> bool {
        let receiver = &mut self.nodes[node as usize];
        let nothing_yet = receiver.line.is_empty() && future.iter().all(|piece| piece.slope == 0);
        !nothing_yet && receiver.line.replace(since, future)
    }

    /// The process stands still: nothing is taken in, so nothing goes out.
    pub(crate) fn stop_line(&mut self, node: u32) {
        self.look(node);
        let since = self.now + 1;
        let value = self.nodes[node as usize].line.value(self.now);
        if !self.nodes[node as usize].line.is_empty() {
            self.nodes[node as usize].line.replace(since, &[Piece { at: since, value, slope: 0 }]);
            self.reflow_below(node, since);
        }
    }

    /// The process goes on: what waited in its socket is taken in at once.
    pub(crate) fn resume_line(&mut self, node: u32) {
        self.look(node);
        let since = self.now + 1;
        let have = self.nodes[node as usize].line.value(since);
        let arriving = self.arriving(node);
        let future = forecast(since, have, &arriving);
        drop(arriving);
        if self.set_future(node, since, &future) {
            self.reflow_below(node, since);
        }
    }

    /// As [`Self::reflow`], for those below only.
    pub(crate) fn reflow_below(&mut self, node: u32, since: u64) {
        let below: SmallVec<[(u32, u64); 8]> = self.nodes[node as usize]
            .links
            .iter()
            .filter_map(|(_, slot)| self.links.get(*slot))
            .filter(|link| link.ends[CALLEE] == node && link.feed.is_some())
            .map(|link| (link.ends[CALLER], since + link.delay + HOP))
            .collect();
        for (child, since) in below {
            self.reflow(child, since);
        }
    }

    /// Takes down what a participant has noticed up to now.
    pub(crate) fn look(&mut self, node: u32) {
        let now = self.now;
        self.count_repeats(node);
        let viewer = &mut self.nodes[node as usize];
        if !viewer.is_present() {
            return;
        }
        let mut notices: SmallVec<[Notice; 4]> = SmallVec::new();
        viewer.watch.look(&viewer.line, now, |notice| notices.push(notice));
        let keep = viewer.watch.needs_from(now);
        viewer.line.forget_before(keep);
        for notice in notices {
            self.noticed(node, notice);
        }
    }

    pub(crate) fn noticed(&mut self, node: u32, notice: Notice) {
        match notice {
            Notice::Began { at } => {
                let joined = self.nodes[node as usize].joined;
                let waited = at - joined.min(at);
                self.tally.first_packet(waited, joined);
                let (from, _) = self.excused(node, joined, at);
                if at - from.min(at) > self.options.gap_bound
                    && self.options.checks
                    && self.census.least_height().1 == 0
                {
                    self.violated("unserved", node, &format!("saw nothing for its first {:.3} s", waited as f64 / 1e6));
                }
            }
            Notice::Gap { from, to } if to - from > GAP => {
                let (from, excused) = self.excused(node, from, to);
                self.tally.gap(to - from, excused);
                if to - from > self.options.gap_bound && self.options.checks {
                    self.violated("gap", node, &format!("saw nothing for {} ms", (to - from) / 1_000));
                }
            }
            Notice::Gap { .. } => {}
            Notice::Lost { packets, frames, after } => self.tally.lost(packets, frames, after.map(|loss| loss.backup)),
            Notice::Survived { from, to, loss } => {
                let (from, _) = self.excused(node, from, to);
                self.tally.survived(to - from, loss.orphan, loss.backup);
            }
        }
    }

    /// While there is no way to the speaker at all no scheme can help: a gap that ends after there is one again
    /// counts from then on.
    fn excused(&self, node: u32, from: u64, to: u64) -> (u64, bool) {
        match self.no_source {
            Some(NoSource { begin, end, everyone })
                if from < end && to >= end && from + 1_000_000 >= begin && (everyone || self.side(node)) =>
            {
                (end, true)
            }
            _ => (from, false),
        }
    }

    /// A participant vanishes: everyone it feeds, near or far, has lost an ancestor.
    pub(crate) fn expose_below(&mut self, node: u32) {
        for orphan in self.fed_by(node) {
            self.expose_from(orphan);
        }
    }

    /// A participant has lost its parent, and all below it an ancestor.
    pub(crate) fn expose_from(&mut self, orphan: u32) {
        let backup = self.backup_of(orphan);
        let mut open: SmallVec<[u32; 8]> = SmallVec::from_slice(&[orphan]);
        while let Some(node) = open.pop() {
            // Whether it has seen anything yet, and whether an earlier loss is over, is known only after a look.
            self.look(node);
            if self.nodes[node as usize].expose(self.now, node == orphan, backup) {
                open.extend(self.fed_by(node));
            }
        }
    }

    /// Those who get their stream from this one, or have just turned to it for that.
    pub(super) fn fed_by(&self, node: u32) -> SmallVec<[u32; 8]> {
        let child = |slot: u32| {
            let link = self.links.get(slot).filter(|link| link.ends[CALLEE] == node)?;
            let fed = link.feeding[CALLER] || link.feed.is_some_and(|feed| feed.until >= self.now);
            fed.then_some(link.ends[CALLER])
        };
        self.nodes[node as usize].links.iter().filter_map(|(_, slot)| child(*slot)).collect()
    }

    /// How it stands with the standby of someone who loses its parent.
    fn backup_of(&self, orphan: u32) -> Backup {
        let standby = |slot: u32| {
            let link = self.links.get(slot).filter(|link| link.ends[CALLER] == orphan && link.up)?;
            (!link.feeding[CALLER]).then_some((link.ends[CALLEE], link.cut))
        };
        let lives = |(node, cut): (u32, bool)| {
            let there = self.nodes[node as usize].is_running() && self.dying.binary_search(&node).is_err();
            there && !cut && !self.is_cut(orphan, node)
        };
        let links = self.nodes[orphan as usize].links.iter();
        let best = links.filter_map(|(_, slot)| standby(*slot)).map(lives).max();
        best.map_or(Backup::Missing, |lives| if lives { Backup::Warm } else { Backup::Lost })
    }

    /// The last look at everyone.
    pub(crate) fn finish_streams(&mut self) {
        // Where the places are not enough, somebody must go without.
        let enough = self.census.least_height().1 == 0;
        for node in 0..self.nodes.len() as u32 {
            if node == self.root || !self.nodes[node as usize].is_present() {
                continue;
            }
            self.look(node);
            if self.nodes[node as usize].parent.is_none() {
                let Node { joined, calls, .. } = self.nodes[node as usize];
                self.tally.unfinished(self.now - joined, calls, joined);
            }
            let now = self.now;
            let mut notices: SmallVec<[Notice; 4]> = SmallVec::new();
            let dry = self.nodes[node as usize].watch.finish(now, |notice| notices.push(notice));
            for notice in notices {
                self.noticed(node, notice);
            }
            let began = self.nodes[node as usize].watch.first <= now;
            if dry || !began {
                self.tally.unserved += 1;
                let waited = now - self.nodes[node as usize].joined;
                if self.options.checks && enough && waited > self.options.gap_bound && !dry {
                    self.violated("unserved", node, "never saw anything");
                }
            }
        }
    }

    pub(crate) fn hold_if_frozen(&mut self, node: u32, event: Event) -> bool {
        match &mut self.nodes[node as usize].frozen {
            Some(held) => {
                held.push(event);
                true
            }
            None => false,
        }
    }
}
