//! Reports as rows of tables for a document.

use super::Report;
use crate::histogram::Percentiles;

type Column = (&'static str, fn(&Report) -> String);

/// What every table begins with.
const RUN: [Column; 4] = [
    ("scenario", |r| r.scenario.clone()),
    ("scheme", |r| match r.conditions.loss {
        0.0 => r.strategy.name().to_owned(),
        loss => format!("{}, {} % lost", r.strategy.name(), loss * 100.0),
    }),
    ("participants", |r| grouped(f64::from(r.nodes))),
    ("seed", |r| r.seed.to_string()),
];

const SHAPE: &[Column] = &[
    ("join → parent", |r| figures(&r.joins.attached_ms)),
    ("calls per join p99", |r| grouped(r.joins.calls.p99)),
    ("height, worst (least)", |r| format!("{}, {} ({})", r.tree.height, r.tree.worst_height, r.tree.optimal_height)),
    ("stretch p50 / p95", |r| format!("{:.1} / {:.1}", r.tree.stretch.p50, r.tree.stretch.p95)),
    ("delay p50 / p95", |r| format!("{} / {}", grouped(r.tree.delay_ms.p50), grouped(r.tree.delay_ms.p95))),
    ("with a standby", |r| format!("{:.1} %", r.tree.standby_share * 100.0)),
    ("processor", |r| format!("{:.1} s", r.run.usage.cpu_seconds)),
    ("memory", |r| format!("{} MiB", grouped(r.run.usage.peak_memory_kib as f64 / 1024.0))),
];

const TRAFFIC: &[Column] = &[
    ("link control", |r| kbps(r.traffic.link_control)),
    ("with headers", |r| kbps(r.traffic.link_control_on_the_wire)),
    ("fillers", |r| kbps(r.traffic.fillers)),
    ("with headers", |r| kbps(r.traffic.fillers_on_the_wire)),
    ("DHT", |r| kbps(r.traffic.dht)),
    ("signalling", |r| kbps(r.traffic.signalling)),
    ("gossip", |r| kbps(r.traffic.gossip)),
    ("calls to the root, in the busiest second", |r| {
        format!("{}, {}", grouped(r.root.calls as f64), grouped(r.root.busiest_second as f64))
    }),
];

const FAULTS: &[Column] = &[
    ("gap per lost ancestor", |r| figures(&r.viewing.gap_per_lost_ancestor_ms)),
    ("parent lost, standby alive", |r| figures(&r.viewing.gap_with_standby_ms)),
    ("parent and standby lost", |r| figures(&r.viewing.gap_standby_lost_ms)),
    ("every gap", |r| figures(&r.viewing.gaps_ms)),
    ("frames lost (standby alive)", |r| {
        format!("{} ({})", grouped(r.viewing.frames_lost as f64), grouped(r.viewing.frames_lost_with_standby as f64))
    }),
    ("moves per participant-hour", |r| format!("{:.1}", r.viewing.moves_per_participant_hour)),
    ("calls to the root since, in the busiest second", |r| {
        format!("{}, {}", grouped(r.root.calls_measured as f64), grouped(r.root.busiest_second_measured as f64))
    }),
    ("without the stream at the end", |r| grouped(r.viewing.unserved as f64)),
    ("violations", |r| grouped(r.violations as f64)),
];

/// The reports as three tables in Markdown: joining and shape, traffic, faults. Times are p50 / p95 / p99 / max in
/// milliseconds, traffic is in kbit/s for each participant.
#[must_use]
pub fn markdown(reports: &[Report]) -> String {
    // Where people only come there is nothing to tell.
    let faulty: Vec<&Report> = reports.iter().filter(|r| !["growth", "flash"].contains(&&*r.scenario)).collect();
    let all: Vec<&Report> = reports.iter().collect();
    let mut text = table(SHAPE, &all) + "\n" + &table(TRAFFIC, &all);
    if !faulty.is_empty() {
        text += "\n";
        text += &table(FAULTS, &faulty);
    }
    text
}

fn table(columns: &[Column], reports: &[&Report]) -> String {
    let all = || RUN.iter().chain(columns);
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = row(all().map(|(name, _)| (*name).to_owned()).collect());
    text += &row(all().map(|_| "---".to_owned()).collect());
    for report in reports {
        text += &row(all().map(|(_, cell)| cell(report)).collect());
    }
    text
}

fn kbps(bits: f64) -> String {
    format!("{:.2}", bits / 1e3)
}

fn figures(of: &Percentiles) -> String {
    if of.count == 0 {
        return "none".to_owned();
    }
    let [p50, p95, p99, max] = [of.p50, of.p95, of.p99, of.max].map(grouped);
    format!("{p50} / {p95} / {p99} / {max} ({})", grouped(of.count as f64))
}

/// A whole number, its thousands apart.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([7.4, 999.0, 1_000.0, 1_234_567.0].map(grouped), ["7", "999", "1 000", "1 234 567"]);
    }
}
