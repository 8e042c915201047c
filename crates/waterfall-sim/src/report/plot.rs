//! Pictures of reports, as SVG.

use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Report;

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

const SIZE: (u32, u32) = (760, 440);
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 90, 180),
    RGBColor(200, 80, 0),
    RGBColor(0, 130, 80),
    RGBColor(150, 30, 120),
    RGBColor(110, 110, 110),
    RGBColor(180, 150, 0),
    RGBColor(0, 160, 190),
    RGBColor(120, 70, 20),
];

/// One line of a plot.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

struct Axes {
    title: String,
    x: &'static str,
    y: &'static str,
    log_x: bool,
    legend: SeriesLabelPosition,
}

/// Draws what these reports show into a folder, which is made if it is not there; returns the files.
///
/// Each scenario gets its gaps, its height over time and its stretch; where there are reports of several sizes, control
/// traffic against the number of participants.
///
/// # Errors
/// [`PlotError`] when the folder or a file cannot be written.
pub fn plots(reports: &[Report], folder: &Path) -> Result<Vec<PathBuf>, PlotError> {
    std::fs::create_dir_all(folder).map_err(|error| PlotError::Folder(folder.to_owned(), error))?;
    let mut files = Vec::new();
    let mut names: Vec<&str> = reports.iter().map(|report| report.scenario.as_str()).collect();
    names.dedup();
    for name in names {
        let of: Vec<&Report> = reports.iter().filter(|report| report.scenario == name).collect();
        for (kind, axes, points) in views(name) {
            let lines: Vec<Line> = of.iter().map(|r| Line { name: label(r), points: points(r) }).collect();
            let lines: Vec<Line> = lines.into_iter().filter(|line| line.points.len() > 1).collect();
            if !lines.is_empty() {
                files.push(draw(folder.join(format!("{name}-{kind}.svg")), &axes, &lines)?);
            }
        }
        files.extend(traffic_by_size(name, &of, folder)?);
    }
    Ok(files)
}

type View = (&'static str, Axes, fn(&Report) -> Vec<(f64, f64)>);

fn views(name: &str) -> [View; 3] {
    let axes = |title: &str, x, y, log_x| Axes {
        title: format!("{name}: {title}"),
        x,
        y,
        log_x,
        // Curves of shares begin at the bottom and end at the top.
        legend: if log_x { SeriesLabelPosition::UpperLeft } else { SeriesLabelPosition::LowerRight },
    };
    [
        ("gaps", axes("gap per lost ancestor", "ms", "share no longer", true), |report| {
            report.gap_curve.iter().map(|(ms, share)| (ms.max(1.0), *share)).collect()
        }),
        ("height", axes("height over time", "s", "edges", false), |report| {
            report.samples.iter().map(|sample| (sample.seconds, f64::from(sample.height))).collect()
        }),
        ("stretch", axes("delay through the tree ÷ direct delay", "times", "share no larger", true), |report| {
            report.stretch_curve.iter().map(|(times, share)| (times.max(0.1), *share)).collect()
        }),
    ]
}

fn label(report: &Report) -> String {
    format!("{}, {}", report.strategy.name(), report.nodes)
}

fn traffic_by_size(name: &str, reports: &[&Report], folder: &Path) -> Result<Option<PathBuf>, PlotError> {
    let main: Vec<&&Report> = reports.iter().filter(|r| r.strategy == crate::Strategy::Waterfall).collect();
    let series = |name: &str, of: fn(&Report) -> f64| {
        let mut points: Vec<(f64, f64)> = main.iter().map(|r| (f64::from(r.nodes), of(r) / 1e3)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        Line { name: name.to_owned(), points }
    };
    let lines = [
        series("link control", |r| r.traffic.link_control),
        series("DHT", |r| r.traffic.dht),
        series("signalling", |r| r.traffic.signalling),
    ];
    if lines[0].points.len() < 2 {
        return Ok(None);
    }
    let title = format!("{name}: control traffic of one participant");
    let axes = Axes { title, x: "participants", y: "kbit/s", log_x: true, legend: SeriesLabelPosition::MiddleLeft };
    draw(folder.join(format!("{name}-traffic.svg")), &axes, &lines).map(Some)
}

fn draw(file: PathBuf, axes: &Axes, lines: &[Line]) -> Result<PathBuf, PlotError> {
    let area = SVGBackend::new(&file, SIZE).into_drawing_area();
    chart(&area, axes, lines).map_err(|error| PlotError::Write(file.clone(), error.to_string()))?;
    drop(area);
    Ok(file)
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    axes: &Axes,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (low, high) = points().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    let high = if high > low { high } else { low + 1.0 };
    let top = points().fold(0.0f64, |top, (_, y)| top.max(*y)).max(0.01) * 1.08;
    let mut builder = ChartBuilder::on(area);
    builder.caption(&axes.title, ("sans-serif", 18)).margin(12).x_label_area_size(36).y_label_area_size(48);
    if axes.log_x {
        let mut chart = builder.build_cartesian_2d((low..high).log_scale(), 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc(axes.x)
            .y_desc(axes.y)
            .x_label_formatter(&plain)
            .light_line_style(WHITE)
            .draw()?;
        add(&mut chart, lines, &axes.legend)
    } else {
        let mut chart = builder.build_cartesian_2d(low..high, 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc(axes.x)
            .y_desc(axes.y)
            .x_label_formatter(&plain)
            .light_line_style(WHITE)
            .draw()?;
        add(&mut chart, lines, &axes.legend)
    }
}

/// Without a point where there is nothing behind it.
fn plain(value: &f64) -> String {
    format!("{value}")
}

fn add<'a, X>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, plotters::coord::types::RangedCoordf64>>,
    lines: &[Line],
    legend: &SeriesLabelPosition,
) -> Result<(), Box<dyn std::error::Error>>
where
    X: Ranged<ValueType = f64>,
{
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE.mix(0.8))
        .position(legend.clone())
        .draw()?;
    Ok(())
}
