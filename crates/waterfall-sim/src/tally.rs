//! What is counted during a run.

use waterfall_wire::Role;

use crate::histogram::Histogram;
use crate::media::watch::Backup;
use crate::scenario::Plan;
use crate::traffic::Traffic;

/// The room at one moment.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// Seconds since the start.
    pub seconds: f64,
    /// Participants that are there, the speaker included.
    pub present: u32,
    /// Those with an unbroken chain of parents up to the root.
    pub attached: u32,
    /// Edges from the root to the deepest of them.
    pub height: u32,
    /// The least height that all of them could have.
    pub least_height: u32,
    /// Those of them that are deeper than the least height and one.
    #[serde(default)]
    pub too_deep: u32,
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
    /// Calls to the root in the present second, in the busiest, and in the busiest since measuring began.
    root_second: (u64, u64),
    pub(crate) root_calls_busiest_second: u64,
    pub(crate) root_calls_busiest_measured: u64,
    pub(crate) moves: u64,
    pub(crate) parents_lost: u64,
    pub(crate) misdirected: u64,
    pub(crate) reflows: u64,
    /// Joins count for the figures of joining from this moment, other things from that.
    joins_from: u64,
    measured_from: u64,
    pub(crate) unfinished: u64,
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
    /// What came again, in microseconds of media.
    pub(crate) repeated: i64,
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
    /// Of a run of this plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self { joins_from: plan.joins_from, measured_from: plan.measured_from, ..Self::default() }
    }

    pub(crate) fn called(&mut self, role: Role, root: bool, now: u64) {
        match role {
            Role::Child | Role::Orphan => self.child_calls += 1,
            Role::Standby => self.standby_calls += 1,
        }
        if root {
            self.root_calls += 1;
            let second = now / 1_000_000;
            self.root_second =
                if self.root_second.0 == second { (second, self.root_second.1 + 1) } else { (second, 1) };
            self.root_calls_busiest_second = self.root_calls_busiest_second.max(self.root_second.1);
            if now >= self.measured_from {
                self.root_calls_busiest_measured = self.root_calls_busiest_measured.max(self.root_second.1);
            }
        }
    }

    pub(crate) fn attached(&mut self, took: u64, calls: u32, joined: u64) {
        if joined >= self.joins_from {
            self.attach.add(took);
            self.calls_per_join.add(u64::from(calls));
        }
    }

    /// Someone never had a parent, and has made so many calls for it.
    pub(crate) fn unfinished(&mut self, waited: u64, calls: u32, joined: u64) {
        self.unfinished += 1;
        self.attached(waited, calls, joined);
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
