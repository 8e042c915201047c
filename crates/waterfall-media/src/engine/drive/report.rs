//! The counters, gathered.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Driver;
use crate::engine::stats::{Drops, LinkStats, Stats, TrackStats};
use crate::forward::Group;
use crate::link::Link;

impl Driver {
    pub(super) fn stats(&mut self, now: Instant) -> Stats {
        let mut stats = Stats { datagrams: self.datagrams, ..Stats::default() };
        stats.datagrams.sent = self.sockets.sent;
        stats.datagrams.unsent = self.sockets.unsent;
        stats.datagrams.lost_commands = self.lost_commands.load(Ordering::Relaxed);
        stats.links =
            self.links.values().filter_map(|link| Some(link_stats(link, self.groups.get(&link.group)?, now))).collect();
        for (&id, group) in &mut self.groups {
            stats.tracks.extend(group.tracks.iter_mut().map(|(&kid, track)| TrackStats {
                group: id,
                kid,
                kind: track.config.kind,
                highest: track.highest(),
                announced: track.announced,
                ring_packets: track.ring.end() - track.ring.start(),
                ring_bytes: track.ring.bytes(),
                rate: track.meter.rate(now),
                longest_pause: track.pauses.longest(now),
            }));
        }
        stats
    }
}

fn link_stats(link: &Link, group: &Group, now: Instant) -> LinkStats {
    let counters = &link.counters;
    let backlog = link.backlog(group, now);
    LinkStats {
        link: link.id,
        group: link.group,
        up: link.is_up(),
        edge: link.is_edge(),
        remote: link.addresses().map(|(_, remote)| remote),
        rtt: link.rtt(),
        estimate: link.estimate(),
        media_packets_sent: counters.media_packets_sent,
        media_bytes_sent: counters.media_bytes_sent,
        media_packets_received: counters.media_packets_received,
        media_bytes_received: counters.media_bytes_received,
        repair_packets_sent: counters.repair_packets_sent,
        repair_bytes_sent: counters.repair_bytes_sent,
        repair_packets_received: counters.repair_packets_received,
        repair_bytes_received: counters.repair_bytes_received,
        first_copy_packets: counters.first_copy_packets,
        first_copy_bytes: counters.first_copy_bytes,
        duplicates: counters.duplicates,
        lost: link.lost(),
        nacked: counters.nacked,
        delivered_rate: link.delivered_rate(now),
        loss: link.loss(now),
        silence: link.silence(now),
        false_alarms: link.false_alarms(),
        fed: link.remote_fed(),
        messages_sent: counters.messages_sent,
        messages_received: counters.messages_received,
        queued_packets: backlog.packets,
        queued_bytes: backlog.bytes,
        dropped: Drops {
            refused: counters.refused,
            malformed: counters.malformed,
            unknown_kid: counters.unknown_kid,
            not_edge: counters.not_edge,
            out_of_range: counters.out_of_range,
            no_slot: counters.no_slot,
            overflow: counters.overflowed,
        },
    }
}
