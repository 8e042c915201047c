//! From counters to figures.

use super::{Conditions, Effort, Joins, Kind, Report, RootLoad, Shape, TrafficReport, Viewing};
use crate::media::PACKET;
use crate::options::Options;
use crate::traffic::{FILLER_OVERHEAD, MESSAGE_OVERHEAD};
use crate::usage::Usage;
use crate::world::World;

const MS: f64 = 1e-3;
/// Fillers of the media engine: 5 bytes, and 15 for each slot in use (sound and picture); two a second down an edge that is
/// busy, ten a second up where nothing else goes; on standby links one a second each way.
const DOWN: (f64, f64) = (35.0, 2.0);
const UP: (f64, f64) = (5.0, 10.0);
const STANDBY: (f64, f64) = (5.0, 2.0);
/// Gossip keeps 6 neighbours and tells them of itself once a second in about 60 bytes.
const GOSSIP_BITS: f64 = 6.0 * 60.0 * 8.0;

impl Report {
    /// Of a run that is over.
    pub(crate) fn of(world: &World, scenario: &str, nodes: u32, usage: Usage) -> Self {
        let (stretch, delay) = world.stretches();
        let last = world.tally.samples.last().copied();
        let measured_from = world.plan().measured_from as f64 / 1e6;
        let worst = world.tally.samples.iter().filter(|s| s.seconds >= measured_from).map(|s| s.height).max();
        let curve =
            |points: Vec<(u64, f64)>| points.into_iter().map(|(value, share)| (value as f64 * MS, share)).collect();
        Self {
            scenario: scenario.to_owned(),
            strategy: world.options.strategy,
            seed: world.options.seed,
            nodes,
            present: world.present,
            conditions: conditions(world),
            simulated_seconds: world.now as f64 / 1e6,
            measured_seconds: world.window().map_or(0.0, |window| (world.now - window.since) as f64 / 1e6),
            joins: Joins {
                attached_ms: world.tally.attach.percentiles(MS),
                first_packet_ms: world.tally.first_packet.percentiles(MS),
                calls: world.tally.calls_per_join.percentiles(1.0),
                unfinished: world.tally.unfinished,
            },
            viewing: viewing(world),
            tree: Shape {
                height: last.map_or(0, |sample| sample.height),
                worst_height: worst.unwrap_or(0),
                optimal_height: world.census.least_height().0,
                unplaceable: world.census.least_height().1,
                mean_depth: last.map_or(0.0, |sample| sample.mean_depth),
                stretch: stretch.percentiles(MS),
                delay_ms: delay.percentiles(MS),
                standby_share: f64::from(world.with_standby()) / f64::from(world.present.saturating_sub(1).max(1)),
            },
            traffic: traffic(world),
            root: RootLoad {
                calls: world.tally.root_calls,
                busiest_second: world.tally.root_calls_busiest_second,
                calls_measured: world.tally.root_calls - world.window().map_or(0, |window| window.root_calls),
                busiest_second_measured: world.tally.root_calls_busiest_measured,
                probes: world.tally.root_probes,
            },
            run: Effort { usage, events: world.events, digest: format!("{:016x}", world.log.digest()) },
            violations: world.violations.values().sum(),
            violations_by_kind: world.violations.iter().map(|(kind, count)| (kind.to_string(), *count)).collect(),
            failures: world.failures.clone(),
            samples: world.tally.samples.clone(),
            gap_curve: curve(world.tally.survived.cumulative()),
            gap_curve_with_standby: curve(world.tally.by_backup[0].cumulative()),
            gap_curve_standby_lost: curve(world.tally.by_backup[2].cumulative()),
            stretch_curve: curve(stretch.cumulative()),
        }
    }
}

fn conditions(world: &World) -> Conditions {
    let Options { population, jitter, loss, outages_per_hour, strict_uplinks, distances, skip_codec, .. } =
        &world.options;
    Conditions {
        fan_out: population.fan_out,
        stream_kbps: population.stream_kbps,
        leaf_share: population.leaf_share,
        nat_share: population.nat_share,
        round_trip_ms: population.round_trip_ms,
        jitter: *jitter,
        loss: *loss,
        outages_per_hour: *outages_per_hour,
        strict_uplinks: *strict_uplinks,
        distances: *distances,
        skip_codec: *skip_codec,
    }
}

fn viewing(world: &World) -> Viewing {
    let tally = &world.tally;
    let window = world.window();
    let (moves, presence) = window
        .map_or((tally.moves, tally.presence), |window| (tally.moves - window.moves, tally.presence - window.presence));
    let hours = presence as f64 / 3.6e9;
    let [with, without, gone] = &tally.by_backup;
    let [frames_with, frames_without, frames_gone] = tally.lost_frames_by_backup;
    Viewing {
        gap_per_lost_ancestor_ms: tally.survived.percentiles(MS),
        gap_of_orphans_ms: tally.orphans.percentiles(MS),
        gap_with_standby_ms: with.percentiles(MS),
        gap_without_standby_ms: without.percentiles(MS),
        gap_standby_lost_ms: gone.percentiles(MS),
        gaps_ms: tally.gaps.percentiles(MS),
        gaps_excused: tally.excused,
        frames_lost: tally.lost_frames,
        frames_lost_with_standby: frames_with,
        frames_lost_without_standby: frames_without,
        frames_lost_standby_lost: frames_gone,
        packets_lost: tally.lost_packets,
        packets_repeated: u64::try_from(tally.repeated).unwrap_or(0) / PACKET,
        losses: tally.losers,
        parents_lost: tally.parents_lost,
        moves_per_participant_hour: if hours > 0.0 { moves as f64 / hours } else { 0.0 },
        unserved: tally.unserved,
    }
}

fn traffic(world: &World) -> TrafficReport {
    let tally = &world.tally;
    let window = world.window();
    let traffic = window.map_or_else(|| tally.traffic.clone(), |window| tally.traffic.since(&window.traffic));
    let since = |now: u128, then: fn(&crate::world::Window) -> u128| (now - window.map_or(0, then)) as f64 / 1e6;
    let presence = since(tally.presence, |w| w.presence).max(1.0);
    let edges = since(tally.edges, |w| w.edges) / presence;
    let standbys = since(tally.standbys, |w| w.standbys) / presence;
    let bits = |bytes: u64| bytes as f64 * 8.0 / presence;
    let total = traffic.total();
    let fillers = [(edges, DOWN), (edges, UP), (standbys, STANDBY)];
    let fill = |extra: f64| fillers.iter().map(|(links, (bytes, rate))| links * rate * (bytes + extra) * 8.0).sum();
    let kind = |(kind, count): (&'static str, crate::traffic::Count)| Kind {
        kind: kind.to_owned(),
        per_second: count.messages as f64 / presence,
        bits: bits(count.bytes),
    };
    TrafficReport {
        link_control: bits(total.bytes),
        link_control_on_the_wire: bits(total.bytes + total.messages * MESSAGE_OVERHEAD),
        fillers: fill(0.0),
        fillers_on_the_wire: fill(FILLER_OVERHEAD as f64),
        dht: bits(tally.dht_bytes - window.map_or(0, |window| window.dht_bytes)),
        signalling: bits(tally.signal_bytes - window.map_or(0, |window| window.signal_bytes)),
        gossip: GOSSIP_BITS * 5.0 / f64::from(world.present.max(1)),
        busiest_participant: tally.busiest_bits,
        dht_puts: tally.puts,
        dht_gets: tally.gets,
        kinds: traffic.by_kind().map(kind).collect(),
    }
}
