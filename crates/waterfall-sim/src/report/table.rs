//! The report for people.

use std::fmt;

use super::Report;
use super::markdown::grouped;
use crate::histogram::Percentiles;

/// Width of the column of names.
const NAMES: usize = 32;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = grouped(f64::from(self.nodes));
        let (name, scheme) = (&self.scenario, self.strategy.name());
        writeln!(f, "{name} · {scheme} · {nodes} participants · seed {}", self.seed)?;
        let (simulated, measured) = (self.simulated_seconds, self.measured_seconds);
        writeln!(f, "{simulated:.0} s simulated; traffic and moves of the last {measured:.0} s\n")?;
        let (p50, p95, p99, max, count) = ("p50", "p95", "p99", "max", "values");
        writeln!(f, "  {:<NAMES$} {p50:>9} {p95:>9} {p99:>9} {max:>9} {count:>9}", "")?;
        for (name, of) in self.distributions() {
            distribution(f, name, of)?;
        }
        writeln!(f)?;
        for (name, text) in self.rows() {
            writeln!(f, "  {name:<NAMES$} {text}")?;
        }
        if self.violations > 0 {
            let kinds: Vec<String> = self.violations_by_kind.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            writeln!(f, "\n  MUST NOT BE, {} times ({}); the first:", self.violations, kinds.join(", "))?;
            for failure in &self.failures {
                writeln!(f, "    {failure}")?;
            }
        }
        Ok(())
    }
}

fn distribution(f: &mut fmt::Formatter<'_>, name: &str, of: &Percentiles) -> fmt::Result {
    if of.count == 0 {
        return writeln!(f, "  {name:<NAMES$} {:>9}", "none");
    }
    // Tenths matter where values are small.
    let decimals = usize::from(of.max < 100.0);
    let [p50, p95, p99, max] = [of.p50, of.p95, of.p99, of.max]
        .map(|value| if decimals == 1 { format!("{value:.1}") } else { grouped(value) });
    writeln!(f, "  {name:<NAMES$} {p50:>9} {p95:>9} {p99:>9} {max:>9} {:>9}", grouped(of.count as f64))
}

impl Report {
    fn distributions(&self) -> [(&'static str, &Percentiles); 11] {
        let Self { joins, viewing, tree, .. } = self;
        [
            ("join → parent, ms", &joins.attached_ms),
            ("join → first packet, ms", &joins.first_packet_ms),
            ("calls per join", &joins.calls),
            ("gap per lost ancestor, ms", &viewing.gap_per_lost_ancestor_ms),
            ("  parent lost", &viewing.gap_of_orphans_ms),
            ("    standby alive", &viewing.gap_with_standby_ms),
            ("    no standby just then", &viewing.gap_without_standby_ms),
            ("    standby lost as well", &viewing.gap_standby_lost_ms),
            ("every gap, ms", &viewing.gaps_ms),
            ("delay from the speaker, ms", &tree.delay_ms),
            ("stretch, times", &tree.stretch),
        ]
    }

    fn rows(&self) -> Vec<(String, String)> {
        let Self { viewing, tree, traffic, root, run, .. } = self;
        let kbps = |bits: f64| format!("{:.3} kbit/s", bits / 1e3);
        let both = |bits: f64, wire: f64| format!("{}, {} with headers", kbps(bits), kbps(wire));
        let usage = &run.usage;
        let mut rows = vec![
            ("height", format!("{}; worst {}; least possible {}", tree.height, tree.worst_height, tree.optimal_height)),
            ("with a standby", format!("{:.1} %", tree.standby_share * 100.0)),
            ("frames lost", self.frames()),
            ("moves per participant-hour", format!("{:.2}", viewing.moves_per_participant_hour)),
            ("never had a parent", self.joins.unfinished.to_string()),
            ("without the stream at the end", self.unserved()),
            ("calls to the root", calls(root.calls, root.busiest_second)),
            ("  since measuring began", calls(root.calls_measured, root.busiest_second_measured)),
            ("link control", both(traffic.link_control, traffic.link_control_on_the_wire)),
            ("fillers", both(traffic.fillers, traffic.fillers_on_the_wire)),
            ("DHT", kbps(traffic.dht)),
            ("signalling", kbps(traffic.signalling)),
            ("gossip", kbps(traffic.gossip)),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text))
        .collect::<Vec<_>>();
        for kind in &traffic.kinds {
            let (rate, bits) = (kind.per_second, kind.bits);
            rows.push((format!("  {}", kind.kind), format!("{rate:.4}/s, {bits:.1} bit/s")));
        }
        let (cpu, wall) = (usage.cpu_seconds, usage.wall_seconds);
        let (memory, events) = (usage.peak_memory_kib as f64 / 1024.0, run.events as f64 / 1e6);
        let machine = format!("{cpu:.1} s of processor in {wall:.1} s, {memory:.0} MiB, {events:.1} M events");
        rows.push(("the run".to_owned(), machine));
        rows.push(("digest".to_owned(), run.digest.clone()));
        rows
    }

    fn frames(&self) -> String {
        let Self { viewing, .. } = self;
        if viewing.frames_lost == 0 {
            return "0".to_owned();
        }
        let (with, without, gone) =
            (viewing.frames_lost_with_standby, viewing.frames_lost_without_standby, viewing.frames_lost_standby_lost);
        let other = viewing.frames_lost - with - without - gone;
        let (all, losses) = (viewing.frames_lost, viewing.losses);
        format!("{all} in {losses} losses: standby alive {with}, none {without}, lost as well {gone}, other {other}")
    }

    fn unserved(&self) -> String {
        let (unserved, places) = (self.viewing.unserved, self.tree.unplaceable);
        if places == 0 { unserved.to_string() } else { format!("{unserved}; the room has {places} places too few") }
    }
}

fn calls(all: u64, busiest: u64) -> String {
    format!("{all}, at most {busiest} in a second")
}
