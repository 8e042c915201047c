//! What is counted during a run.

use waterfall_wire::Role;

use crate::histogram::Histogram;
use crate::media::watch::Backup;
use crate::traffic::Traffic;

/// The room at one moment.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub seconds: f64,
    /// Participants that are there, the speaker included.
    pub present: u32,
    /// Those with an unbroken chain of parents up to the root.
    pub attached: u32,
    /// Edges from the root to the deepest of them.
    pub height: u32,
    /// Their mean depth.
    pub mean_depth: f64,
    /// Link control messages' bytes, as bit/s for each participant, since the sample before.
    pub control_bits: f64,
}

/// Counters of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) traffic: Traffic,
    pub(crate) dht_bytes: u64,
    pub(crate) signal_bytes: u64,
    pub(crate) gets: u64,
    pub(crate) puts: u64,
    pub(crate) child_calls: u64,
    pub(crate) standby_calls: u64,
    pub(crate) refused: u64,
    pub(crate) root_calls: u64,
    pub(crate) root_probes: u64,
    root_second: (u64, u64),
    pub(crate) root_calls_busiest_second: u64,
    pub(crate) moves: u64,
    pub(crate) parents_lost: u64,
    pub(crate) misdirected: u64,
    pub(crate) reflows: u64,
    joins_from: u64,
    pub(crate) attach: Histogram,
    pub(crate) first_packet: Histogram,
    pub(crate) calls_per_join: Histogram,
    pub(crate) gaps: Histogram,
    pub(crate) excused: u64,
    pub(crate) survived: Histogram,
    pub(crate) orphans: Histogram,
    /// Orphans' gaps, by how it stood with the standby.
    pub(crate) by_backup: [Histogram; 3],
    pub(crate) lost_packets: u64,
    pub(crate) lost_frames: u64,
    /// Of these, those after losing an ancestor, by how it stood with the standby.
    pub(crate) lost_frames_by_backup: [u64; 3],
    pub(crate) losers: u64,
    pub(crate) unserved: u64,
    pub(crate) busiest_bits: f64,
    pub(crate) samples: Vec<Sample>,
    /// Participants, edges and standby links times microseconds.
    pub(crate) presence: u128,
    pub(crate) edges: u128,
    pub(crate) standbys: u128,
}

impl Tally {
    /// Joins count for the figures of joining from this moment.
    pub(crate) fn joined_from(joins_from: u64) -> Self {
        Self { joins_from, ..Self::default() }
    }

    pub(crate) fn called(&mut self, role: Role, root: bool, now: u64) {
        match role {
            Role::Child => self.child_calls += 1,
            Role::Standby => self.standby_calls += 1,
        }
        if root {
            self.root_calls += 1;
            let second = now / 1_000_000;
            self.root_second =
                if self.root_second.0 == second { (second, self.root_second.1 + 1) } else { (second, 1) };
            self.root_calls_busiest_second = self.root_calls_busiest_second.max(self.root_second.1);
        }
    }

    pub(crate) fn attached(&mut self, took: u64, calls: u32, joined: u64) {
        if joined >= self.joins_from {
            self.attach.add(took);
            self.calls_per_join.add(u64::from(calls));
        }
    }

    pub(crate) fn first_packet(&mut self, took: u64, joined: u64) {
        if joined >= self.joins_from {
            self.first_packet.add(took);
        }
    }

    pub(crate) fn gap(&mut self, micros: u64, excused: bool) {
        self.gaps.add(micros);
        self.excused += u64::from(excused);
    }

    pub(crate) fn survived(&mut self, gap: u64, orphan: bool, backup: Backup) {
        self.survived.add(gap);
        if orphan {
            self.orphans.add(gap);
            self.by_backup[backup as usize].add(gap);
        }
    }

    pub(crate) fn lost(&mut self, packets: u64, frames: u64, after: Option<Backup>) {
        if let Some(backup) = after {
            self.lost_frames_by_backup[backup as usize] += frames;
        }
        self.losers += 1;
        self.lost_packets += packets;
        self.lost_frames += frames;
    }
}
