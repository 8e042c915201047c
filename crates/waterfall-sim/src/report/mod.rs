//! What came of a run, for programs (JSON) and for people (a table).

mod figures;
mod markdown;
pub(crate) mod plot;
mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Percentiles;
use crate::strategy::Strategy;
use crate::tally::Sample;
use crate::usage::Usage;

pub use markdown::markdown;

/// One run's figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The scheme that participants followed.
    pub strategy: Strategy,
    /// Decides everything: the same seed gives the same run.
    pub seed: u64,
    /// Participants that were asked for, beside the speaker.
    pub nodes: u32,
    /// Participants at the end, the speaker included.
    pub present: u32,
    /// The conditions.
    pub conditions: Conditions,
    /// Length of the run in simulated seconds.
    pub simulated_seconds: f64,
    /// Seconds at its end that traffic and moves are measured over.
    pub measured_seconds: f64,
    /// Joining.
    pub joins: Joins,
    /// What viewers noticed.
    pub viewing: Viewing,
    /// The tree's shape.
    pub tree: Shape,
    /// What it costs each participant.
    pub traffic: TrafficReport,
    /// What it costs the root.
    pub root: RootLoad,
    /// The machine's effort.
    pub run: Effort,
    /// Things that must not be and were.
    pub violations: u64,
    /// The same by kind; kinds that did not occur are left out.
    pub violations_by_kind: BTreeMap<String, u64>,
    /// The first of them, in words.
    pub failures: Vec<String>,
    /// The room over time.
    pub samples: Vec<Sample>,
    /// Values in milliseconds and the share of interruptions by a lost ancestor that were no longer.
    pub gap_curve: Vec<(f64, f64)>,
    /// The same of orphans whose standby lived.
    pub gap_curve_with_standby: Vec<(f64, f64)>,
    /// The same of orphans whose standby was gone as well.
    pub gap_curve_standby_lost: Vec<(f64, f64)>,
    /// Ways through the tree as multiples of the direct one, and the share of participants with no longer ones.
    pub stretch_curve: Vec<(f64, f64)>,
}

/// The conditions of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conditions {
    /// Children a participant with enough upload serves.
    pub fan_out: u8,
    /// What the stream takes, in kbit/s.
    pub stream_kbps: u32,
    /// Share of participants that serve nobody.
    pub leaf_share: f64,
    /// Share of participants behind a NAT.
    pub nat_share: f64,
    /// Median round trip between two participants, in milliseconds.
    pub round_trip_ms: f64,
    /// Mean jitter as a share of a link's one-way delay.
    pub jitter: f64,
    /// Share of packets lost on each link.
    pub loss: f64,
    /// How often in an hour each link stalls.
    pub outages_per_hour: f64,
    /// No upload carried a stream more than it had room for.
    pub strict_uplinks: bool,
    /// Participants knew round trips before they called.
    pub distances: bool,
    /// Messages were handed over instead of encoded and decoded.
    pub skip_codec: bool,
}

/// How joining went; times in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Joins {
    /// From the start to having a parent; who is there at the end and never had one counts with the time until then.
    pub attached_ms: Percentiles,
    /// From the start to the first packet.
    pub first_packet_ms: Percentiles,
    /// Calls until there was a parent.
    pub calls: Percentiles,
    /// Participants that were there at the end and never had a parent.
    pub unfinished: u64,
}

/// What viewers noticed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Viewing {
    /// For each time that someone lost an ancestor without a word: from the last packet before to the first new one
    /// after, in milliseconds, the longest that begins within five seconds. Where nothing was interrupted it is the
    /// distance of two packets.
    pub gap_per_lost_ancestor_ms: Percentiles,
    /// The same for those only whose parent itself was lost.
    pub gap_of_orphans_ms: Percentiles,
    /// Of these, those who had a standby that lived.
    pub gap_with_standby_ms: Percentiles,
    /// Those who had no standby just then.
    pub gap_without_standby_ms: Percentiles,
    /// Those whose standby was gone as well.
    pub gap_standby_lost_ms: Percentiles,
    /// Every interruption of more than three packets, whatever the reason.
    pub gaps_ms: Percentiles,
    /// Of these, how many count only from when there was a way to the speaker again.
    pub gaps_excused: u64,
    /// Frames of which something never came.
    pub frames_lost: u64,
    /// Of these, those lost by orphans whose standby lived, and by all below them.
    pub frames_lost_with_standby: u64,
    /// The same where there was no standby just then.
    pub frames_lost_without_standby: u64,
    /// The same where the standby was gone as well.
    pub frames_lost_standby_lost: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Packets that came once more, because two fed at a time: moves and failover.
    #[serde(default)]
    pub packets_repeated: u64,
    /// How often someone lost packets.
    pub losses: u64,
    /// Parents lost.
    pub parents_lost: u64,
    /// Changes of parent, in an hour, for each participant.
    pub moves_per_participant_hour: f64,
    /// Participants who had seen nothing for the last second, or never anything, when the run ended.
    pub unserved: u64,
}

/// The tree's shape.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shape {
    /// Edges from the root to the deepest participant at the end.
    pub height: u32,
    /// The same at its worst since measuring began.
    pub worst_height: u32,
    /// The least that the same participants could have.
    pub optimal_height: u32,
    /// Mean depth at the end.
    pub mean_depth: f64,
    /// Participants for whom the others' places cannot be enough, however they are arranged.
    pub unplaceable: u64,
    /// Delay through the tree against the direct way.
    pub stretch: Percentiles,
    /// Delay from the speaker through the tree, in milliseconds.
    pub delay_ms: Percentiles,
    /// Share of participants with a second, warm parent at the end.
    pub standby_share: f64,
}

/// What each participant sends, in bit/s.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrafficReport {
    /// Tree messages and RESUME, as bytes handed to the data channel.
    pub link_control: f64,
    /// The same with SCTP, DTLS, UDP and IP headers and acknowledgements.
    pub link_control_on_the_wire: f64,
    /// Fillers on tree edges, both ways, and on standby links; computed from how many stood.
    pub fillers: f64,
    /// The same with headers.
    pub fillers_on_the_wire: f64,
    /// Lookups and records, requests and answers together.
    pub dht: f64,
    /// Offers, answers and questions.
    pub signalling: f64,
    /// Gossip: only entries and the first tier take part; computed.
    pub gossip: f64,
    /// The busiest participant's link control between two samples.
    pub busiest_participant: f64,
    /// Records written.
    pub dht_puts: u64,
    /// Records looked up.
    pub dht_gets: u64,
    /// By kind of message.
    pub kinds: Vec<Kind>,
}

/// One kind of message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kind {
    /// Its name.
    pub kind: String,
    /// How many a participant sends in a second.
    pub per_second: f64,
    /// What they take, in bit/s.
    pub bits: f64,
}

/// What the root had to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RootLoad {
    /// Calls made to it in all.
    pub calls: u64,
    /// In the second with the most.
    pub busiest_second: u64,
    /// Calls since measuring began; where something is done to a settled room, that is since then.
    pub calls_measured: u64,
    /// In the second with the most of these.
    pub busiest_second_measured: u64,
    /// Questions for open spots.
    pub probes: u64,
}

/// The machine's effort.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effort {
    /// Time, processor time and memory of the process so far.
    #[serde(flatten)]
    pub usage: Usage,
    /// Events that happened.
    pub events: u64,
    /// Stands for what happened when, and between whom: runs that differ in that differ in it.
    pub digest: String,
}
