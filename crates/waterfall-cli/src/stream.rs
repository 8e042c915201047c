//! `waterfall stream`: a file or a pipe, to a room.

use std::convert::Infallible;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use waterfall::media::frame::Pacer;
use waterfall::{Access, Kind, Node, Publisher, Room, Status, unix_now};

use crate::cli::StreamArgs;
use crate::common::{access, start_node};
use crate::exit::Failure;
use crate::frame_log::{Entry, FrameLog};
use crate::interrupt::interrupted;
use crate::live::{self, Display, Streaming, words};
use crate::output::{print, print_json, say};
use crate::source::Source;
use crate::{qr, ticket};

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Ticket { ticket: &'a waterfall::Ticket, room: waterfall::RoomId, node: waterfall::NodeId, addresses: Vec<String> },
    Started { tracks: usize },
    Ended { frames: u64, bytes: u64, status: Status },
}

/// Streams until the source ends or the user interrupts.
pub(crate) async fn run(args: StreamArgs, json: bool) -> Result<(), Failure> {
    if args.network.fan_out == 0 {
        return Err(Failure::Usage("a speaker with --fan-out 0 would speak to nobody".into()));
    }
    // What can go wrong without the network goes wrong before it.
    let access = access(&args.access, &args.to)?;
    let source = Source::open(&args.file, args.repeat).await?;
    let log = args.frame_log.as_deref().map(FrameLog::create).transpose()?;
    if let Access::Members { members, .. } = &access
        && !json
    {
        let names: Vec<_> = members.iter().map(|member| member.holder(unix_now()).to_string()).collect();
        say(format_args!("Open to: {}.", names.join(", ")));
    }
    let node = start_node(&args.network).await?;
    let room = node.create(access).title(args.title.clone()).fan_out(args.network.fan_out).await?;
    announce(&node, &room, &args, json)?;
    let progress = Progress::default();
    let mut speaker = Speaker { room: room.clone(), source, log, progress: &progress, json };
    let result = tokio::select! {
        result = speaker.run(args.wait) => result,
        () = interrupted() => Err(Failure::Interrupted),
        never = show(&room, &progress, args.wait, json) => match never {},
    };
    if let Some(log) = speaker.log.take() {
        log.finish()?;
    }
    let frames = progress.frames();
    drop(speaker);
    let status = room.leave().await.status;
    node.close().await;
    if json {
        print_json(&Line::Ended { frames, bytes: status.published, status })?;
    } else {
        let size = words::bytes(status.published);
        say(format_args!("The stream is over: {}, {size}.", words::count(frames, "frame", "frames")));
    }
    result
}

/// Hands out the ticket.
fn announce(node: &Node, room: &Room, args: &StreamArgs, json: bool) -> Result<(), Failure> {
    let ticket = room.ticket();
    if let Some(file) = &args.ticket_file {
        ticket::save(&ticket, file)?;
    }
    if args.qr {
        say(format_args!("{}", qr::for_stderr(&ticket)));
    }
    if json {
        print_json(&Line::Ticket { ticket: &ticket, room: room.id(), node: node.id(), addresses: node.addresses() })?;
    } else {
        say(format_args!("Watch with: waterfall watch TICKET, where TICKET is"));
        print(ticket)?;
    }
    Ok(())
}

/// Tells how it goes, for as long as it goes.
async fn show(room: &Room, progress: &Progress, wait: u32, json: bool) -> Infallible {
    let mut display = Display::new(json);
    let mut ticks = interval(live::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let statuses = room.status();
    loop {
        ticks.tick().await;
        let status = statuses.borrow().clone();
        let on_air = progress.on_air.get().map(Instant::elapsed);
        if on_air.is_none() && wait == 0 {
            // It is about to begin.
            continue;
        }
        let (title, frames) = (room.title(), progress.frames());
        display.show(&status, &Streaming { title, status: &status, on_air, wait, frames });
    }
}

/// How far the speaker has come.
#[derive(Default)]
struct Progress {
    on_air: OnceLock<Instant>,
    frames: AtomicU64,
}

impl Progress {
    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

struct Speaker<'a> {
    room: Room,
    source: Source,
    log: Option<FrameLog>,
    progress: &'a Progress,
    json: bool,
}

impl Speaker<'_> {
    async fn run(&mut self, wait: u32) -> Result<(), Failure> {
        if wait > 0 {
            // The root counts itself.
            let mut status = self.room.status();
            let _closed = status.wait_for(|status| status.size > wait).await;
        }
        let mut publishers = self.room.publish_all(self.source.specs()).await?;
        if self.json {
            print_json(&Line::Started { tracks: publishers.len() })?;
        }
        let result = self.send_all(&mut publishers).await;
        for publisher in publishers {
            publisher.finish().await;
        }
        result
    }

    async fn send_all(&mut self, publishers: &mut [Publisher]) -> Result<(), Failure> {
        let mut counts = vec![0_u64; publishers.len()];
        let start = *self.progress.on_air.get_or_init(Instant::now);
        let mut pacer = Pacer::new(start);
        while let Some(chunk) = self.source.next().await {
            let (track, frame) = chunk?;
            sleep_until(pacer.due(frame.timestamp).into()).await;
            let publisher = &mut publishers[track];
            if let Some(log) = &mut self.log {
                let kind: Kind = publisher.kind();
                log.write(&Entry::new(publisher.id(), kind, counts[track], &frame))?;
            }
            counts[track] += 1;
            self.progress.frames.fetch_add(1, Ordering::Relaxed);
            publisher.send(frame).await?;
        }
        Ok(())
    }
}
