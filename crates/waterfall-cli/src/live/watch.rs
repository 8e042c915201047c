//! A viewer's figures.

use std::time::Duration;

use waterfall::Status;

use super::words::{bytes, count, number, rate};
use super::{Figures, Gist, Rates, head, row};
use crate::screen;
use crate::view::Tally;

/// How watching stands.
pub(crate) struct Watching<'a> {
    /// What the room is called.
    pub title: &'a str,
    /// Where the viewer stands.
    pub status: &'a Status,
    /// What has come; none where it only forwards.
    pub tally: Option<&'a Tally>,
    /// Since it joined.
    pub time: Duration,
    /// The file that is written, and its size.
    pub file: Option<(String, u64)>,
}

impl Watching<'_> {
    fn doing(&self) -> &'static str {
        match self.tally {
            _ if self.status.parent.is_none() => "SEARCHING",
            None => "RELAYING",
            Some(tally) if tally.frames_received == 0 => "WAITING",
            Some(_) => "WATCHING",
        }
    }

    fn parent(&self) -> String {
        match (self.status.parent, self.status.depth) {
            (Some(parent), Some(depth)) => format!("{}, depth {depth}", parent.short()),
            (Some(parent), None) => parent.short(),
            (None, _) => "none, looking for one".into(),
        }
    }

    fn children(&self) -> String {
        let below = self.status.size.saturating_sub(1);
        let children = format!("{} of {} spots taken", self.status.children.len(), self.status.fan_out);
        if below > 0 { format!("{children}, {} below", number(below.into())) } else { children }
    }
}

impl Figures for Watching<'_> {
    fn panel(&self, rates: &Rates) -> Vec<String> {
        let mut rows = vec![
            head(self.doing(), self.title, Some(self.time)),
            row("parent", self.parent()),
            row("children", self.children()),
            row("bitrate", format_args!("{} in, {} out", rate(rates.received()), rate(rates.sent()))),
        ];
        if let Some(tally) = self.tally {
            let stalls = match tally.stalls.len() as u64 {
                0 => String::new(),
                stalls => format!(", {}", count(stalls, "stall", "stalls")),
            };
            rows.push(row(
                "frames",
                format_args!("{}, {} missing{stalls}", number(tally.frames_received), number(tally.frames_missing)),
            ));
        }
        if let Some((name, size)) = &self.file {
            rows.push(row("file", format_args!("{}, {}", screen::printable(name), bytes(*size))));
        }
        rows
    }

    fn line(&self, rates: &Rates) -> String {
        let mut line = format!(
            "parent {}; {}; {} in, {} out",
            self.parent(),
            self.children(),
            rate(rates.received()),
            rate(rates.sent())
        );
        if let Some(tally) = self.tally {
            let received = count(tally.frames_received, "frame", "frames");
            line.push_str(&format!("; {received}, {} missing", number(tally.frames_missing)));
        }
        line.push('.');
        line
    }

    fn gist(&self) -> Gist {
        Gist::of(self.status, self.tally.map_or(0, |tally| tally.frames_missing))
    }
}
