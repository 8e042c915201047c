//! A speaker's figures.

use std::time::Duration;

use waterfall::Status;

use super::words::{bytes, count, number, rate};
use super::{Figures, Gist, Rates, head, row};

/// How a stream stands.
pub(crate) struct Streaming<'a> {
    /// What the room is called.
    pub title: &'a str,
    /// Where the speaker stands.
    pub status: &'a Status,
    /// Since the first frame; none while it waits for viewers.
    pub on_air: Option<Duration>,
    /// How many viewers it waits for.
    pub wait: u32,
    /// Frames published.
    pub frames: u64,
}

impl Streaming<'_> {
    /// Everyone in the room but the speaker itself.
    fn viewers(&self) -> u32 {
        self.status.size.saturating_sub(1)
    }

    fn children(&self) -> String {
        format!("{} of {}", self.status.children.len(), self.status.fan_out)
    }

    fn doing(&self) -> &'static str {
        match self.on_air {
            None => "WAITING",
            Some(_) => "ON AIR",
        }
    }
}

impl Figures for Streaming<'_> {
    fn panel(&self, rates: &Rates) -> Vec<String> {
        let waiting = if self.on_air.is_none() { format!(" of {} to wait for", self.wait) } else { String::new() };
        let sent = self.status.links.iter().map(|link| link.media_sent + link.repair_sent).sum();
        vec![
            head(self.doing(), self.title, self.on_air),
            row("viewers", format_args!("{}{waiting}, height {}", number(self.viewers().into()), self.status.height)),
            row("children", format_args!("{} spots taken", self.children())),
            row("upload", format_args!("{}, {} in all", rate(rates.sent()), bytes(sent))),
            row("stream", format_args!("{}, {}", rate(rates.published()), count(self.frames, "frame", "frames"))),
        ]
    }

    fn line(&self, rates: &Rates) -> String {
        let viewers = count(self.viewers().into(), "viewer", "viewers");
        if self.on_air.is_none() {
            return format!("{viewers} of {} to wait for.", self.wait);
        }
        format!(
            "{viewers}, height {}; {} children, upload {}; {}.",
            self.status.height,
            self.children(),
            rate(rates.sent()),
            count(self.frames, "frame", "frames")
        )
    }

    fn gist(&self) -> Gist {
        Gist::of(self.status, 0)
    }
}
