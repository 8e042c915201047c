//! Lines between axes.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (900, 420);
const LEGEND: u32 = 220;
/// Colours that those with colour blindness tell apart as well (Okabe, Ito 2008), dark enough for thin lines on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(178, 80, 140),
    RGBColor(90, 90, 90),
    RGBColor(200, 140, 0),
    RGBColor(60, 160, 220),
];
/// So few points are shown as such.
const FEW: usize = 12;
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(220, 220, 220);

/// One line of a picture.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Shares the colour of the line before.
    dashed: bool,
}

impl Line {
    pub(super) fn solid(name: String, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, dashed: false }
    }

    pub(super) fn dashed(name: String, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, dashed: true }
    }
}

/// What goes along one side.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    name: &'static str,
    logarithmic: bool,
    label: fn(f64) -> String,
    ticks: &'static [f64],
}

impl Axis {
    /// From zero on.
    pub(super) const fn linear(name: &'static str, label: fn(f64) -> String) -> Self {
        Self { name, logarithmic: false, label, ticks: &[] }
    }

    /// By powers of ten.
    pub(super) const fn logarithmic(name: &'static str, label: fn(f64) -> String) -> Self {
        Self { name, logarithmic: true, label, ticks: &[] }
    }

    pub(super) const fn ticks(self, ticks: &'static [f64]) -> Self {
        Self { ticks, ..self }
    }

    /// Where a value is on the axis.
    fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value }
    }

    /// All that holds these values, as places.
    fn span(&self, values: impl Iterator<Item = f64>) -> Span {
        let places = values.map(|value| self.place(value)).filter(|place| place.is_finite());
        let (low, high) = places.fold((f64::MAX, f64::MIN), |(low, high), place| (low.min(place), high.max(place)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        if self.logarithmic {
            // What is right on a power of ten shall not open the next.
            let (first, last) = ((low + 1e-9).floor(), (high - 1e-9).ceil().max((low + 1e-9).floor() + 1.0));
            let count = (last - first) as u32;
            return Span { from: first, to: last, ticks: (0..=count).map(|tick| first + f64::from(tick)).collect() };
        }
        if let (Some(first), Some(last)) = (self.ticks.first(), self.ticks.last()) {
            return Span { from: *first, to: *last, ticks: self.ticks.to_vec() };
        }
        let rough = (high / 6.0).max(1e-9);
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * unit).into_iter().find(|step| *step >= rough);
        // Edges and seconds are whole.
        let step = step.unwrap_or(10.0 * unit).max(1.0);
        let count = (high / step).ceil() as u32;
        let ticks = (0..=count).map(|tick| f64::from(tick) * step).collect();
        Span { from: 0.0, to: f64::from(count) * step, ticks }
    }

    fn label_of(&self, place: f64) -> String {
        (self.label)(if self.logarithmic { 10f64.powi(place.round() as i32) } else { place })
    }
}

/// A stretch of an axis, and what is marked on it.
struct Span {
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Ranged for Span {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        let share = (place - self.from) / (self.to - self.from);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

/// A picture.
pub(super) struct Picture {
    title: String,
    x: Axis,
    y: Axis,
    pub(super) lines: Vec<Line>,
}

impl Picture {
    /// Lines of less than two points are left out.
    pub(super) fn new(title: String, x: Axis, y: Axis, lines: Vec<Line>) -> Self {
        Self { title, x, y, lines: lines.into_iter().filter(|line| line.points.len() > 1).collect() }
    }

    fn places<'a>(&self, line: &'a Line) -> impl Iterator<Item = (f64, f64)> + Clone + use<'a> {
        let (x, y) = (self.x, self.y);
        line.points.iter().map(move |point| (x.place(point.0), y.place(point.1)))
    }

    fn colours(&self) -> Vec<RGBColor> {
        let mut number = 0;
        let next = |line: &Line| {
            number += usize::from(!line.dashed);
            COLOURS[number.saturating_sub(1) % COLOURS.len()]
        };
        self.lines.iter().map(next).collect()
    }
}

/// Draws a picture into a file.
pub(super) fn draw(file: &Path, picture: &Picture) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = ("sans-serif", 18, FontStyle::Bold, &INK).into_text_style(&area);
    area.draw(&Text::new(picture.title.clone(), (14, 12), title))?;
    let (chart, legend) = area.margin(38, 8, 4, 10).split_horizontally(SIZE.0 - LEGEND);
    lines(&chart, picture)?;
    names(&legend, picture)?;
    area.present()?;
    Ok(())
}

fn lines(area: &DrawingArea<SVGBackend<'_>, Shift>, picture: &Picture) -> Result<(), Box<dyn Error>> {
    let all = || picture.lines.iter().flat_map(|line| &line.points);
    let x = picture.x.span(all().map(|point| point.0));
    let y = picture.y.span(all().map(|point| point.1));
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(44)
        .y_label_area_size(62)
        .margin_right(24)
        .margin_top(6)
        .build_cartesian_2d(x, y)?;
    let text = ("sans-serif", 14, &INK).into_text_style(area);
    chart
        .configure_mesh()
        .x_desc(picture.x.name)
        .y_desc(picture.y.name)
        .x_label_formatter(&|place| picture.x.label_of(*place))
        .y_label_formatter(&|place| picture.y.label_of(*place))
        .label_style(text.clone())
        .axis_desc_style(text)
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (line, colour) in picture.lines.iter().zip(picture.colours()) {
        let style = colour.stroke_width(2);
        if line.dashed {
            chart.draw_series(DashedLineSeries::new(picture.places(line), 6, 4, style))?;
        } else {
            chart.draw_series(LineSeries::new(picture.places(line), style))?;
        }
        if line.points.len() <= FEW {
            chart.draw_series(picture.places(line).map(|place| Circle::new(place, 3, colour.filled())))?;
        }
    }
    Ok(())
}

fn names(area: &DrawingArea<SVGBackend<'_>, Shift>, picture: &Picture) -> Result<(), Box<dyn Error>> {
    let text = ("sans-serif", 14, &INK).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
    for (number, (line, colour)) in picture.lines.iter().zip(picture.colours()).enumerate() {
        let y = 16 + 22 * i32::try_from(number)?;
        let style = colour.stroke_width(2);
        if line.dashed {
            for x in [0, 10, 20] {
                area.draw(&PathElement::new([(x, y), (x + 6, y)], style))?;
            }
        } else {
            area.draw(&PathElement::new([(0, y), (26, y)], style))?;
        }
        area.draw(&Text::new(line.name.clone(), (34, y), text.clone()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_values_and_are_marked_at_round_ones() {
        let plain = |value: f64| format!("{value}");
        let log = Axis::logarithmic("", plain);
        let ticks = |axis: Axis, values: &[f64]| axis.span(values.iter().copied()).ticks;
        assert_eq!(ticks(log, &[10.0, 1_000.0]), [1.0, 2.0, 3.0]);
        assert_eq!(ticks(log, &[0.02, 30.0]), [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(ticks(log, &[5.0]), [0.0, 1.0]);
        assert_eq!(log.label_of(-2.0), "0.01");
        let linear = Axis::linear("", plain);
        assert_eq!(ticks(linear, &[0.0, 9.0]), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(linear, &[661.0]), [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert_eq!(ticks(linear, &[]), [0.0, 1.0]);
    }
}
