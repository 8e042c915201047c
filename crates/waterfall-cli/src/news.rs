//! What a room's events mean to a viewer: a sentence, and patience with a speaker that is away.

use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::time::sleep;
use waterfall::{Event, Events, Room};

use crate::exit::Failure;
use crate::output::say;

/// How long a viewer without a way to the speaker waits for one. A speaker that restarts its
/// network is back within this; one that crashed is not.
const SPEAKER_GONE: Duration = Duration::from_secs(20);

/// Reads a room's events.
pub(crate) struct News {
    events: Events,
    /// Since when there is no way to the speaker; survives being cancelled.
    gone: Option<Instant>,
    quiet: bool,
}

impl News {
    /// From now on. `quiet` says nothing.
    pub(crate) fn new(room: &Room, quiet: bool) -> Self {
        Self { events: room.events(), gone: None, quiet }
    }

    /// Resolves when there has been no way to the speaker for too long; tells what happens until
    /// then. May be dropped and called again.
    pub(crate) async fn speaker_gone(&mut self) -> Failure {
        loop {
            let left = self.gone.map(|since| SPEAKER_GONE.saturating_sub(since.elapsed()));
            tokio::select! {
                event = self.events.next() => match event {
                    Some(event) => self.hear(&event),
                    None => std::future::pending().await,
                },
                () = sleep(left.unwrap_or_default()), if left.is_some() => return Failure::sentence(
                    "the speaker is gone: nothing has come from there for a while, nor word that the stream is over",
                ),
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::RootLost => {
                self.gone.get_or_insert_with(Instant::now);
            }
            Event::RootFound | Event::ParentChanged { .. } => self.gone = None,
            _ => {}
        }
        if self.quiet {
            return;
        }
        match event {
            Event::ParentLost(parent) => {
                say(format_args!("The parent {} is gone; looking for another.", parent.short()))
            }
            Event::ParentChanged { to, .. } => say(format_args!("The parent is {} now.", to.short())),
            Event::RootLost => say(format_args!("No way to the speaker; looking for one.")),
            Event::RootFound => say(format_args!("There is a way to the speaker again.")),
            Event::Ended => say(format_args!("The speaker has ended the stream.")),
            _ => {}
        }
    }
}
