//! Pictures of reports, as SVG.

mod draw;

use std::path::{Path, PathBuf};

use super::{Percentiles, Report};
use crate::Strategy;
use draw::{Axis, Line, Picture, draw};

/// A picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The folder cannot be made.
    #[error("cannot make the folder {0}: {1}")]
    Folder(PathBuf, std::io::Error),
    /// A file cannot be written.
    #[error("cannot write {0}: {1}")]
    Write(PathBuf, String),
}

const SHARE: Axis = Axis::linear("share no longer", |share| format!("{:.0} %", share * 100.0))
    .ticks(&[0.0, 0.25, 0.5, 0.75, 0.95, 1.0]);
const DURATION: Axis = Axis::logarithmic("interruption", |ms| {
    if ms < 999.0 { format!("{ms:.0} ms") } else { format!("{} s", super::markdown::grouped(ms / 1e3)) }
});
const SIZE: Axis = Axis::logarithmic("participants", super::markdown::grouped);
const PLAIN: fn(f64) -> String = |value| format!("{value}");

/// Draws what these reports show into a folder, which is made if it is not there; returns the files.
///
/// Each scenario gets its gaps where there are any, its height over time and its stretch; where there are reports of
/// several sizes, height, stretch and traffic against the number of participants. The same reports give the same bytes.
///
/// # Errors
/// [`PlotError`] when the folder or a file cannot be written.
pub fn plots(reports: &[Report], folder: &Path) -> Result<Vec<PathBuf>, PlotError> {
    std::fs::create_dir_all(folder).map_err(|error| PlotError::Folder(folder.to_owned(), error))?;
    let mut names: Vec<&str> = reports.iter().map(|report| report.scenario.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut files = Vec::new();
    for name in names {
        let of: Vec<&Report> = reports.iter().filter(|report| report.scenario == name).collect();
        for (kind, picture) in pictures(name, &of) {
            if picture.lines.iter().any(|line| line.points.len() > 1) {
                let file = folder.join(format!("{name}-{kind}.svg"));
                draw(&file, &picture).map_err(|error| PlotError::Write(file.clone(), error.to_string()))?;
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn pictures(name: &str, reports: &[&Report]) -> Vec<(&'static str, Picture)> {
    let whose = if let [one] = reports { format!(" ({})", label(one, reports)) } else { String::new() };
    let title = |what: &str| format!("{name}: {what}{whose}");
    let mut pictures = vec![
        ("gaps", Picture::new(title("gap per lost ancestor"), DURATION, SHARE, gaps(reports))),
        ("height", Picture::new(title("height"), Axis::linear("seconds", PLAIN), HEIGHT, heights(reports))),
        ("stretch", Picture::new(title("delay through the tree"), STRETCH, SHARE, stretches(reports))),
    ];
    let ours = by_size(reports);
    if ours.windows(2).any(|pair| pair[0].nodes < pair[1].nodes) {
        let against = |what: &str, axis, lines| Picture::new(title(what), SIZE, axis, lines);
        pictures.push(("height-by-size", against("height", HEIGHT, heights_by_size(&ours))));
        pictures.push(("stretch-by-size", against("delay through the tree", STRETCH, stretches_by_size(&ours))));
        pictures.push(("traffic", against("control traffic of one participant", TRAFFIC, traffic_by_size(&ours))));
    }
    pictures
}

const HEIGHT: Axis = Axis::linear("edges from the speaker", PLAIN);
const STRETCH: Axis = Axis::logarithmic("times the direct delay", PLAIN);
const TRAFFIC: Axis = Axis::logarithmic("kbit/s", PLAIN);

/// What tells a report from the others of its scenario.
fn label(report: &Report, among: &[&Report]) -> String {
    let differ = |of: fn(&Report) -> u64| among.iter().any(|other| of(other) != of(report));
    let mut label = report.strategy.name().to_owned();
    if differ(|r| u64::from(r.nodes)) || among.len() == 1 {
        label += &format!(", {}", super::markdown::grouped(f64::from(report.nodes)));
    }
    if differ(|r| r.conditions.loss.to_bits()) {
        label += &format!(", {} % lost", report.conditions.loss * 100.0);
    }
    if differ(|r| r.seed) {
        label += &format!(", seed {}", report.seed);
    }
    label
}

fn gaps(reports: &[&Report]) -> Vec<Line> {
    // Below the distance of two packets there is nothing to see.
    let curve = |points: &[(f64, f64)]| points.iter().map(|(ms, share)| (ms.max(10.0), *share)).collect::<Vec<_>>();
    let line = |name: String, points: &[(f64, f64)]| Line::solid(name, from_zero(curve(points)));
    if let [report] = reports {
        return vec![
            line("whoever lost an ancestor".to_owned(), &report.gap_curve),
            line("orphans, standby alive".to_owned(), &report.gap_curve_with_standby),
            line("orphans, standby lost as well".to_owned(), &report.gap_curve_standby_lost),
        ];
    }
    reports.iter().map(|report| line(label(report, reports), &report.gap_curve)).collect()
}

/// A curve of shares begins at none.
fn from_zero(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if let Some((first, _)) = points.first().copied() {
        points.insert(0, (first, 0.0));
    }
    points
}

fn heights(reports: &[&Report]) -> Vec<Line> {
    let over_time = |report: &Report, of: fn(&crate::Sample) -> u32| {
        report.samples.iter().map(|sample| (sample.seconds, f64::from(of(sample)))).collect()
    };
    let mut lines = Vec::new();
    for report in reports {
        lines.push(Line::solid(label(report, reports), over_time(report, |sample| sample.height)));
        if report.strategy == Strategy::Waterfall {
            let least = over_time(report, |sample| sample.least_height);
            lines.push(Line::dashed(
                format!("least possible, {}", super::markdown::grouped(report.nodes.into())),
                least,
            ));
        }
    }
    lines
}

fn stretches(reports: &[&Report]) -> Vec<Line> {
    let curve = |report: &Report| report.stretch_curve.iter().map(|(times, share)| (times.max(1.0), *share)).collect();
    reports.iter().map(|report| Line::solid(label(report, reports), from_zero(curve(report)))).collect()
}

/// One report of the tree itself for each size, in order.
fn by_size<'a>(reports: &[&'a Report]) -> Vec<&'a Report> {
    let mut ours: Vec<&Report> = reports.iter().copied().filter(|r| r.strategy == Strategy::Waterfall).collect();
    ours.sort_by_key(|report| (report.nodes, report.seed));
    ours.dedup_by_key(|report| report.nodes);
    ours
}

fn series(name: &str, reports: &[&Report], of: impl Fn(&Report) -> f64) -> Line {
    let points = reports.iter().map(|report| (f64::from(report.nodes), of(report)));
    Line::solid(name.to_owned(), points.filter(|(_, value)| *value > 0.0).collect())
}

fn heights_by_size(reports: &[&Report]) -> Vec<Line> {
    let least = series("least possible", reports, |r| r.tree.optimal_height.into());
    vec![series("at the end", reports, |r| r.tree.height.into()), Line::dashed(least.name, least.points)]
}

fn stretches_by_size(reports: &[&Report]) -> Vec<Line> {
    let of = |name, value: fn(&Percentiles) -> f64| series(name, reports, move |r| value(&r.tree.stretch));
    vec![of("p50", |p| p.p50), of("p95", |p| p.p95), of("p99", |p| p.p99)]
}

fn traffic_by_size(reports: &[&Report]) -> Vec<Line> {
    let of = |name, value: fn(&super::TrafficReport) -> f64| series(name, reports, move |r| value(&r.traffic) / 1e3);
    vec![
        of("fillers, with headers", |t| t.fillers_on_the_wire),
        of("fillers", |t| t.fillers),
        of("link control, with headers", |t| t.link_control_on_the_wire),
        of("link control", |t| t.link_control),
        of("DHT", |t| t.dht),
        of("signalling", |t| t.signalling),
        of("gossip", |t| t.gossip),
    ]
}
