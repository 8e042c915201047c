//! `waterfall watch`: receive a room's tracks; count, log, save or pipe them.

use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, sleep};
use waterfall::{Event, JoinBy, NodeId, Room, RoomId, Status};

use crate::cli::{JoinByArg, WatchArgs};
use crate::common::{credentials, interrupted, start_node, ticket};
use crate::exit::Failure;
use crate::frame_log::{Entry, FrameLog};
use crate::output::{print_json, say};
use crate::recorder::{Recorder, Target};
use crate::view::{Seen, Tally, View};

/// How long a viewer without a way to the speaker waits for one. A speaker that restarts its
/// network is back within this; one that crashed is not.
const SPEAKER_GONE: Duration = Duration::from_secs(20);
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What `watch --json` prints, one per line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The room took us.
    Joined {
        /// This viewer.
        id: NodeId,
        /// The room.
        room: RoomId,
        /// What the owner calls it.
        title: String,
        /// How long it took.
        ms: u64,
    },
    /// Once a second.
    Status {
        /// Where we stand.
        status: Status,
        /// What has come so far.
        tally: Tally,
    },
    /// Frames are missing.
    Gap {
        /// The track.
        track: waterfall::TrackId,
        /// How many frames, at least.
        frames: u32,
        /// Media time in milliseconds.
        at_ms: u64,
    },
    /// The last line.
    Ended {
        /// Where we stood.
        status: Status,
        /// All that came.
        tally: Tally,
    },
}

/// Watches until the stream ends, the time is over or the user interrupts.
pub(crate) async fn run(args: WatchArgs, json: bool) -> Result<(), Failure> {
    let to_stdout = args.out.as_deref().is_some_and(|out| out.as_os_str() == "-");
    if json && to_stdout {
        return Err(Failure::Usage("--json and --out - both want standard output; choose one".into()));
    }
    let ticket = ticket(&args.ticket)?;
    let credentials = credentials(&args.access, &ticket)?;
    let target = args.out.as_deref().map(Target::prepare).transpose()?;
    let log = args.frame_log.as_deref().map(FrameLog::create).transpose()?;
    let began = Instant::now();
    let node = start_node(&args.network).await?;
    let by = match args.join_by {
        JoinByArg::Probe => JoinBy::Probe,
        JoinByArg::Walk => JoinBy::Walk,
    };
    if !json {
        say(format_args!("Looking for the room…"));
    }
    let joining = node.join(&ticket, credentials).fan_out(args.network.fan_out).by(by);
    let joined = tokio::select! {
        joined = joining.into_future() => joined.map_err(Failure::from),
        () = interrupted() => Err(Failure::Interrupted),
    };
    let room = match joined {
        Ok(room) => room,
        Err(failure) => {
            node.close().await;
            return Err(failure);
        }
    };
    let mut watcher = Watcher { room: room.clone(), began, json, target, recorder: None, log, tally: Tally::default() };
    let result = tokio::select! {
        result = watcher.run(args.relay) => result,
        () = interrupted() => Err(Failure::Interrupted),
        () = over(args.duration) => Ok(()),
    };
    // Files first: leaving may take seconds.
    let saved = watcher.save();
    let status = room.leave().await.status;
    node.close().await;
    let told = watcher.tell(status);
    result.and(saved).and(told)
}

async fn over(duration: Option<u64>) {
    match duration {
        Some(seconds) => sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

struct Watcher {
    room: Room,
    began: Instant,
    json: bool,
    target: Option<Target>,
    recorder: Option<Recorder>,
    log: Option<FrameLog>,
    tally: Tally,
}

impl Watcher {
    async fn run(&mut self, relay: bool) -> Result<(), Failure> {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.json {
            let (id, room, title) = (self.room.node_id(), self.room.id(), self.room.title().to_owned());
            print_json(&Line::Joined { id, room, title, ms })?;
        } else {
            say(format_args!("In the room after {ms} ms; waiting for the stream."));
        }
        let mut events = self.room.events();
        let mut gone = Patience::default();
        if relay {
            return self.relay(events, gone).await;
        }
        let mut view = tokio::select! {
            view = View::open(&self.room, self.began) => view?,
            () = speaker_gone(&mut events, &mut gone) => return Err(the_speaker_is_gone()),
        };
        if let Some(target) = self.target.take() {
            self.recorder = Some(target.start(view.tracks())?);
        }
        let mut status_tick = interval(STATUS_EVERY);
        status_tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                seen = view.next() => match seen {
                    Some(seen) => self.seen(&view, seen)?,
                    None => break,
                },
                _ = status_tick.tick() => self.report()?,
                () = speaker_gone(&mut events, &mut gone) => return Err(the_speaker_is_gone()),
            }
            self.tally.clone_from(view.tally());
        }
        if self.tally.frames_received == 0 {
            return Err(Failure::sentence("the stream ended before a single frame came"));
        }
        Ok(())
    }

    /// Forwards until the room ends.
    async fn relay(&self, mut events: waterfall::Events, mut gone: Patience) -> Result<(), Failure> {
        let mut status_tick = interval(STATUS_EVERY);
        let ended = self.room.ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                () = &mut ended => return Ok(()),
                _ = status_tick.tick() => self.report()?,
                () = speaker_gone(&mut events, &mut gone) => return Err(the_speaker_is_gone()),
            }
        }
    }

    fn seen(&mut self, view: &View, seen: Seen) -> Result<(), Failure> {
        match seen {
            Seen::Frame { track, index, frame } => {
                let info = &view.tracks()[track];
                if let Some(log) = &mut self.log {
                    log.write(&Entry::new(info.id, info.kind(), index, &frame))?;
                }
                if let Some(recorder) = &mut self.recorder {
                    recorder.write(track, &frame)?;
                }
            }
            Seen::Gap { track, frames, at } => {
                let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
                let track = view.tracks()[track].id;
                if self.json {
                    print_json(&Line::Gap { track, frames, at_ms })?;
                } else {
                    say(format_args!("{frames} frames are missing after {:.3} s.", at.as_secs_f64()));
                }
            }
        }
        Ok(())
    }

    fn report(&self) -> Result<(), Failure> {
        if self.json {
            let status = self.room.status().borrow().clone();
            print_json(&Line::Status { status, tally: self.tally.clone() })?;
        }
        Ok(())
    }

    /// Finishes the files.
    fn save(&mut self) -> Result<(), Failure> {
        if let Some(recorder) = self.recorder.take() {
            recorder.finish()?;
        }
        if let Some(log) = self.log.take() {
            log.finish()?;
        }
        Ok(())
    }

    /// Says how it was.
    fn tell(self, status: Status) -> Result<(), Failure> {
        let tally = self.tally;
        if self.json {
            print_json(&Line::Ended { status, tally })?;
        } else {
            let forwarded: u64 = status.links.iter().map(|link| link.media_sent).sum();
            say(format_args!(
                "{} frames received, {} missing; {} bytes received, {forwarded} bytes forwarded.",
                tally.frames_received, tally.frames_missing, tally.bytes
            ));
        }
        Ok(())
    }
}

fn the_speaker_is_gone() -> Failure {
    Failure::sentence("the speaker is gone: nothing has come from there for a while, nor word that the stream is over")
}

/// Since when there is no way to the speaker; survives being cancelled.
#[derive(Default)]
struct Patience(Option<Instant>);

/// Resolves when there has been no way to the speaker for too long.
async fn speaker_gone(events: &mut waterfall::Events, patience: &mut Patience) {
    loop {
        let left = patience.0.map(|since| SPEAKER_GONE.saturating_sub(since.elapsed()));
        tokio::select! {
            event = events.next() => match event {
                Some(Event::RootLost) => { patience.0.get_or_insert_with(Instant::now); }
                Some(Event::RootFound | Event::ParentChanged { .. }) => patience.0 = None,
                Some(_) => {}
                None => std::future::pending().await,
            },
            () = sleep(left.unwrap_or_default()), if left.is_some() => return,
        }
    }
}
