//! `waterfall watch`: receive a room's tracks; count, log, save or pipe them.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use waterfall::{Credentials, Fingerprint, JoinBy, Node, NodeId, Room, RoomId, Status, Ticket};

use crate::cli::{JoinByArg, WatchArgs};
use crate::common::{credentials, start_node, ticket};
use crate::exit::Failure;
use crate::frame_log::{Entry, FrameLog};
use crate::interrupt::interrupted;
use crate::keys;
use crate::live::{self, Display, Watching, words};
use crate::news::News;
use crate::output::{print_json, say};
use crate::recorder::{Recorder, Target};
use crate::screen::printable;
use crate::view::{Seen, Tally, View};

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
    /// Once a second, and when parent, standby or children change.
    Status {
        /// Where we stand.
        status: Status,
        /// What has come so far.
        tally: Tally,
        /// The longest time without any frame since the line before, in milliseconds.
        longest_pause_ms: u64,
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
    if args.out.as_deref().is_some_and(|out| out.as_os_str() == "-") {
        if json {
            return Err(Failure::Usage("--json and --out - both want standard output; choose one".into()));
        }
        if std::io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "--out - would fill the terminal with bytes; pipe it into a player: … --out - | mpv -".into(),
            ));
        }
    }
    let ticket = ticket(&args.ticket)?;
    let credentials = credentials(&args.access, &ticket)?;
    let owner = args.owner.as_deref().map(keys::owner).transpose()?;
    let target = args.out.as_deref().map(Target::prepare).transpose()?;
    let began = Instant::now();
    let node = start_node(&args.network).await?;
    let joined = join(&node, &ticket, credentials, owner, &args, json).await.and_then(|room| {
        // Who is refused leaves no file behind, nor an empty one in the place of another.
        let log = args.frame_log.as_deref().map(FrameLog::create).transpose()?;
        Ok((room, log))
    });
    let (room, log) = match joined {
        Ok(joined) => joined,
        Err(failure) => {
            node.close().await;
            return Err(failure);
        }
    };
    let mut watcher = Watcher::new(room.clone(), began, json, target, log);
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

async fn join(
    node: &Node,
    ticket: &Ticket,
    credentials: Credentials,
    owner: Option<Fingerprint>,
    args: &WatchArgs,
    json: bool,
) -> Result<Room, Failure> {
    if !json {
        say(format_args!("Looking for the room…"));
    }
    let by = match args.join_by {
        JoinByArg::Probe => JoinBy::Probe,
        JoinByArg::Walk => JoinBy::Walk,
    };
    let mut joining = node.join(ticket, credentials).fan_out(args.network.fan_out).by(by);
    if let Some(owner) = owner {
        joining = joining.made_by(owner);
    }
    tokio::select! {
        joined = joining.into_future() => Ok(joined?),
        () = interrupted() => Err(Failure::Interrupted),
    }
}

async fn over(duration: Option<u64>) {
    match duration {
        Some(seconds) => sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

struct Watcher {
    room: Room,
    began: Instant,
    json: bool,
    display: Option<Display>,
    target: Option<Target>,
    recorder: Option<Recorder>,
    log: Option<FrameLog>,
    tally: Tally,
    /// Parent, standby and children as last reported.
    place: Place,
}

/// Parent, standby and children.
type Place = (Option<NodeId>, Option<NodeId>, Vec<NodeId>);

fn place(status: &Status) -> Place {
    (status.parent, status.standby, status.children.clone())
}

impl Watcher {
    fn new(room: Room, began: Instant, json: bool, target: Option<Target>, log: Option<FrameLog>) -> Self {
        let display = Some(Display::new(json));
        Self {
            room,
            began,
            json,
            display,
            target,
            recorder: None,
            log,
            tally: Tally::default(),
            place: Place::default(),
        }
    }

    async fn run(&mut self, relay: bool) -> Result<(), Failure> {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.json {
            let (id, room, title) = (self.room.node_id(), self.room.id(), self.room.title().to_owned());
            print_json(&Line::Joined { id, room, title, ms })?;
        } else {
            let owner = self.room.owner().map(|owner| format!(" of {}", printable(&owner.to_string())));
            say(format_args!("In the room{} after {ms} ms.", owner.unwrap_or_default()));
        }
        let mut news = News::new(&self.room, self.json);
        if relay { self.relay(&mut news).await } else { self.view(&mut news).await }
    }

    /// Receives until all tracks have ended.
    async fn view(&mut self, news: &mut News) -> Result<(), Failure> {
        let mut view = self.open(news).await?;
        if let Some(target) = self.target.take() {
            self.recorder = Some(target.start(view.tracks())?);
        }
        let (mut status_tick, mut display_tick) = (every(STATUS_EVERY), every(live::EVERY));
        let mut changes = self.room.status();
        loop {
            tokio::select! {
                seen = view.next() => match seen {
                    Some(seen) => self.seen(&view, seen)?,
                    None => break,
                },
                _ = status_tick.tick() => self.report(view.take_longest_pause())?,
                Ok(()) = changes.changed() => if self.has_moved() { self.report(view.take_longest_pause())? },
                _ = display_tick.tick() => self.show(true),
                gone = news.speaker_gone() => return Err(gone),
            }
            self.tally.clone_from(view.tally());
        }
        if self.tally.frames_received == 0 {
            return Err(Failure::sentence("the stream ended before a single frame came"));
        }
        Ok(())
    }

    /// Waits for the first tracks.
    async fn open(&mut self, news: &mut News) -> Result<View, Failure> {
        let room = self.room.clone();
        let opening = View::open(&room, self.began);
        tokio::pin!(opening);
        let mut display_tick = every(live::EVERY);
        loop {
            tokio::select! {
                view = &mut opening => return Ok(view?),
                _ = display_tick.tick() => self.show(true),
                gone = news.speaker_gone() => return Err(gone),
            }
        }
    }

    /// Forwards until the room ends.
    async fn relay(&mut self, news: &mut News) -> Result<(), Failure> {
        let (mut status_tick, mut display_tick) = (every(STATUS_EVERY), every(live::EVERY));
        let mut changes = self.room.status();
        let room = self.room.clone();
        let ended = room.ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                () = &mut ended => return Ok(()),
                _ = status_tick.tick() => self.report(Duration::ZERO)?,
                Ok(()) = changes.changed() => if self.has_moved() { self.report(Duration::ZERO)? },
                _ = display_tick.tick() => self.show(false),
                gone = news.speaker_gone() => return Err(gone),
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
            // People see the count; a line for each would flood them where the network is bad.
            Seen::Gap { track, frames, at } if self.json => {
                let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
                print_json(&Line::Gap { track: view.tracks()[track].id, frames, at_ms })?;
            }
            Seen::Gap { .. } => {}
        }
        Ok(())
    }

    fn has_moved(&self) -> bool {
        place(&self.room.status().borrow()) != self.place
    }

    fn report(&mut self, longest_pause: Duration) -> Result<(), Failure> {
        if self.json {
            let status = self.room.status().borrow().clone();
            self.place = place(&status);
            let longest_pause_ms = u64::try_from(longest_pause.as_millis()).unwrap_or(u64::MAX);
            print_json(&Line::Status { status, tally: self.tally.clone(), longest_pause_ms })?;
        }
        Ok(())
    }

    fn show(&mut self, views: bool) {
        let Some(display) = &mut self.display else { return };
        let status = self.room.status().borrow().clone();
        let watching = Watching {
            title: self.room.title(),
            status: &status,
            tally: views.then_some(&self.tally),
            time: self.began.elapsed(),
            file: self.recorder.as_ref().and_then(Recorder::size),
        };
        display.show(&status, &watching);
    }

    /// Finishes the files, and the live view with them.
    fn save(&mut self) -> Result<(), Failure> {
        self.display = None;
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
                "{} received, {} missing; {} received, {} forwarded.",
                words::count(tally.frames_received, "frame", "frames"),
                words::number(tally.frames_missing),
                words::bytes(tally.bytes),
                words::bytes(forwarded)
            ));
        }
        Ok(())
    }
}
