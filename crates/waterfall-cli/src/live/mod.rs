//! What `stream` and `watch` tell people while they run: a panel on a terminal, plain lines elsewhere.

mod rates;
mod stream;
mod watch;
pub(crate) mod words;

use std::time::{Duration, Instant};

use waterfall::Status;

use crate::screen;

pub(crate) use rates::Rates;
pub(crate) use stream::Streaming;
pub(crate) use watch::Watching;

/// How often to call [`Display::show`].
pub(crate) const EVERY: Duration = Duration::from_millis(500);
/// Least time between plain lines.
const LINE: Duration = Duration::from_secs(5);
/// A plain line comes at least this often, so that a log shows that all is well.
const QUIET: Duration = Duration::from_secs(60);

/// Something that can be told.
pub(crate) trait Figures {
    /// Several lines for a terminal.
    fn panel(&self, rates: &Rates) -> Vec<String>;
    /// The same in one line.
    fn line(&self, rates: &Rates) -> String;
    /// A line is due when this changes.
    fn gist(&self) -> Gist;
}

/// What people wait for in a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gist {
    depth: Option<u16>,
    children: usize,
    size: u32,
    height: u16,
    missing: u64,
}

impl Gist {
    fn of(status: &Status, missing: u64) -> Self {
        let Status { depth, children, size, height, .. } = status;
        Self { depth: *depth, children: children.len(), size: *size, height: *height, missing }
    }
}

/// Where to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Panel,
    Lines,
    /// JSON tells it already.
    Silent,
}

/// Tells figures in the manner that suits standard error.
#[derive(Debug)]
pub(crate) struct Display {
    manner: Manner,
    rates: Rates,
    last: Option<(Instant, Gist)>,
}

impl Display {
    /// With `json`, nothing is told here.
    pub(crate) fn new(json: bool) -> Self {
        let manner = match (json, screen::is_live()) {
            (true, _) => Manner::Silent,
            (false, true) => Manner::Panel,
            (false, false) => Manner::Lines,
        };
        Self { manner, rates: Rates::default(), last: None }
    }

    /// Tells how it stands now.
    pub(crate) fn show(&mut self, status: &Status, figures: &impl Figures) {
        if status.size == 0 {
            // Nothing has been counted yet, not even we.
            return;
        }
        let now = Instant::now();
        match self.manner {
            Manner::Silent => {}
            Manner::Panel => {
                self.rates.note(now, status);
                screen::draw(figures.panel(&self.rates));
            }
            Manner::Lines => {
                self.rates.note(now, status);
                let gist = figures.gist();
                if self.is_due(now, &gist) {
                    screen::say(format_args!("{}", figures.line(&self.rates)));
                    self.last = Some((now, gist));
                }
            }
        }
    }

    fn is_due(&self, now: Instant, gist: &Gist) -> bool {
        match &self.last {
            None => true,
            Some((last, told)) => {
                let since = now - *last;
                since >= QUIET || since >= LINE && told != gist
            }
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if self.manner == Manner::Panel {
            screen::clear();
        }
    }
}

/// One line of a panel: what, and how it stands.
fn row(label: &str, value: impl std::fmt::Display) -> String {
    format!("  {} {value}", console::style(format!("{label:<8}")).dim().for_stderr())
}

/// The first line of a panel.
fn head(doing: &str, title: &str, since: Option<Duration>) -> String {
    let doing = console::style(doing).bold().green().for_stderr();
    let time = since.map(|since| format!("  {}", words::clock(since))).unwrap_or_default();
    let title = screen::printable(title);
    format!("{doing}{time}{}{title}", if title.is_empty() { "" } else { "  " })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_on_change_and_not_too_often() {
        let now = Instant::now();
        let gist = Gist { size: 2, ..Gist::default() };
        let mut display = Display { manner: Manner::Lines, rates: Rates::default(), last: None };
        assert!(display.is_due(now, &gist), "the first");
        display.last = Some((now, gist.clone()));
        assert!(!display.is_due(now + QUIET - LINE, &gist), "nothing new");
        assert!(display.is_due(now + QUIET, &gist), "a sign of life");
        let grown = Gist { size: 3, ..gist };
        assert!(!display.is_due(now + LINE / 2, &grown), "too soon");
        assert!(display.is_due(now + LINE, &grown));
    }
}
