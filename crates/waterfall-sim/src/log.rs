//! What happened, event by event: a digest always, lines on request.

use std::io::Write;

use waterfall_tree::{Input, Output};

use crate::noise::mix;
use crate::world::Event;

/// Takes down every event in order.
#[derive(Default)]
pub struct Log {
    digest: u64,
    lines: Option<Box<dyn Write + Send>>,
    /// Only what this one is told and does.
    followed: Option<u32>,
    error: Option<std::io::Error>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Log {
    /// Writes a line for each event as well: microseconds, tab, event.
    #[must_use]
    pub fn to(lines: impl Write + Send + 'static) -> Self {
        Self { lines: Some(Box::new(lines)), ..Self::default() }
    }

    /// Writes, instead of every event, what one participant is told and what it wants: the speaker is 0, the others are
    /// numbered as they join.
    #[must_use]
    pub fn following(mut self, participant: u32) -> Self {
        self.followed = Some(participant);
        self
    }

    /// A number that two runs share only if the same happened in both.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// The first error that writing a line met with.
    pub fn finish(&mut self) -> std::io::Result<()> {
        if let Some(lines) = &mut self.lines {
            lines.flush()?;
        }
        self.error.take().map_or(Ok(()), Err)
    }

    pub(crate) fn event(&mut self, at: u64, event: &Event) {
        self.digest = mix(self.digest ^ mix(at) ^ code(event));
        if self.followed.is_none() {
            self.line(format_args!("{at}\t{event:?}\n"));
        }
    }

    pub(crate) fn told(&mut self, at: u64, node: u32, input: &Input) {
        if self.followed == Some(node) {
            self.line(format_args!("{at}\ttold\t{input:?}\n"));
        }
    }

    pub(crate) fn wants(&mut self, at: u64, node: u32, output: &Output) {
        if self.followed == Some(node) {
            self.line(format_args!("{at}\twants\t{output:?}\n"));
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        if let Some(lines) = &mut self.lines
            && let Err(error) = lines.write_fmt(text)
        {
            self.lines = None;
            self.error = Some(error);
        }
    }
}

/// What of an event tells it from others of the same moment.
fn code(event: &Event) -> u64 {
    let pair = |kind: u64, a: u32, b: u32| kind << 56 ^ u64::from(a) << 24 ^ u64::from(b);
    match *event {
        Event::Step => pair(1, 0, 0),
        Event::Wake(node) => pair(2, node, 0),
        Event::Deliver(parcel) => pair(3, parcel, 0),
        Event::Ring(call) => pair(4, call, 0),
        Event::Answered(call) => pair(5, call, 0),
        Event::Failed { node, peer, .. } => pair(6, node, peer),
        Event::Up(link) => pair(7, link.slot, link.serial),
        Event::Silent { link, end } => pair(8 + (u64::from(end) << 5), link.slot, link.serial),
        Event::Dead { link, end } => pair(9 + (u64::from(end) << 5), link.slot, link.serial),
        Event::Heard { link, end } => pair(10 + (u64::from(end) << 5), link.slot, link.serial),
        Event::Found(search) => pair(11, search.slot, 0),
        Event::Probe { search, entry } => pair(12, search.slot, entry),
        Event::Probed { search, answer } => pair(13, search.slot, answer),
        Event::WriteEntry => pair(14, 0, 0),
        Event::EntrySpread => pair(15, 0, 0),
        Event::Depart(node) => pair(16, node, 0),
        Event::Thaw(node) => pair(17, node, 0),
        Event::Mend(link) => pair(18, link.slot, link.serial),
        Event::Outage => pair(19, 0, 0),
        Event::Heal => pair(20, 0, 0),
        Event::RootReturns => pair(21, 0, 0),
        Event::Sample => pair(22, 0, 0),
        Event::Taken(link) => pair(25, link.slot, link.serial),
        Event::Withheld(link) => pair(23, link.slot, link.serial),
        Event::Congested(link) => pair(24, link.slot, link.serial),
        Event::FalseAlarm => pair(26, 0, 0),
    }
}
