//! The report for people.

use std::fmt;

use super::Report;
use crate::histogram::Percentiles;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { joins, viewing, tree, traffic, root, run, .. } = self;
        writeln!(
            f,
            "{} · {} · {} participants · seed {} · {:.0} s simulated, {:.0} s measured",
            self.scenario,
            self.strategy.name(),
            self.nodes,
            self.seed,
            self.simulated_seconds,
            self.measured_seconds
        )?;
        let mut row = |name: &str, text: String| writeln!(f, "  {name:<34} {text}");
        row("join → parent, ms", figures(&joins.attached_ms))?;
        row("join → first packet, ms", figures(&joins.first_packet_ms))?;
        row("calls per join", figures(&joins.calls))?;
        row("gap per lost ancestor, ms", figures(&viewing.gap_per_lost_ancestor_ms))?;
        row("the same, parent lost, ms", figures(&viewing.gap_of_orphans_ms))?;
        row("every gap, ms", figures(&viewing.gaps_ms))?;
        row("frames lost", format!("{} in {} losses", viewing.frames_lost, viewing.losses))?;
        row("moves per participant and hour", format!("{:.2}", viewing.moves_per_participant_hour))?;
        row("without the stream at the end", viewing.unserved.to_string())?;
        row(
            "height, worst, least possible",
            format!("{} / {} / {}", tree.height, tree.worst_height, tree.optimal_height),
        )?;
        row("stretch", figures(&tree.stretch))?;
        row("with a standby", format!("{:.1} %", tree.standby_share * 100.0))?;
        row(
            "link control, kbit/s",
            format!("{:.2} ({:.2} with headers)", traffic.link_control / 1e3, traffic.link_control_on_the_wire / 1e3),
        )?;
        row(
            "fillers, kbit/s",
            format!("{:.2} ({:.2} with headers)", traffic.fillers / 1e3, traffic.fillers_on_the_wire / 1e3),
        )?;
        row(
            "DHT, signalling, gossip, kbit/s",
            format!("{:.3} / {:.3} / {:.4}", traffic.dht / 1e3, traffic.signalling / 1e3, traffic.gossip / 1e3),
        )?;
        for kind in &traffic.kinds {
            row(&format!("  {}", kind.kind), format!("{:.3}/s, {:.1} bit/s", kind.per_second, kind.bits))?;
        }
        row(
            "calls to the root",
            format!("{}, at most {} in a second; {} probes", root.calls, root.busiest_second, root.probes),
        )?;
        let usage = &run.usage;
        row(
            "the run itself",
            format!(
                "{:.1} s, {:.1} s of processor, {:.0} MiB at most, {:.1} M events, digest {}",
                usage.wall_seconds,
                usage.cpu_seconds,
                usage.peak_memory_kib as f64 / 1024.0,
                run.events as f64 / 1e6,
                run.digest
            ),
        )?;
        if self.violations > 0 {
            writeln!(f, "  {} VIOLATIONS; run again with --seed {}", self.violations, self.seed)?;
            for failure in &self.failures {
                writeln!(f, "    {failure}")?;
            }
        }
        Ok(())
    }
}

fn figures(of: &Percentiles) -> String {
    if of.count == 0 {
        return "none".to_owned();
    }
    format!("p50 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1}  ({} values)", of.p50, of.p95, of.p99, of.max, of.count)
}
