//! `waterfall stream`: a file or a pipe, to a room.

use std::time::Instant;

use serde::Serialize;
use tokio::time::sleep_until;
use waterfall::media::frame::Pacer;
use waterfall::{Kind, Publisher, Room, Status};

use crate::cli::StreamArgs;
use crate::common::{access, interrupted, start_node};
use crate::exit::Failure;
use crate::frame_log::{Entry, FrameLog};
use crate::output::{print, print_json, say};
use crate::source::Source;

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
    let access = access(&args.access)?;
    let source = Source::open(&args.file, args.repeat).await?;
    let log = args.frame_log.as_deref().map(FrameLog::create).transpose()?;
    let node = start_node(&args.network).await?;
    let room = node.create(access).title(args.title.clone()).fan_out(args.network.fan_out).await?;
    announce(&node, &room, json)?;
    let mut speaker = Speaker { room: room.clone(), source, log, frames: 0, json };
    let result = tokio::select! {
        result = speaker.run(args.wait) => result,
        () = interrupted() => Err(Failure::Interrupted),
    };
    if let Some(log) = speaker.log.take() {
        log.finish()?;
    }
    let frames = speaker.frames;
    drop(speaker);
    let status = room.leave().await.status;
    node.close().await;
    if json {
        print_json(&Line::Ended { frames, bytes: status.published, status })?;
    } else {
        say(format_args!("The stream is over: {frames} frames, {} bytes.", status.published));
    }
    result
}

fn announce(node: &waterfall::Node, room: &Room, json: bool) -> Result<(), Failure> {
    let ticket = room.ticket();
    if json {
        print_json(&Line::Ticket { ticket: &ticket, room: room.id(), node: node.id(), addresses: node.addresses() })?;
    } else {
        say(format_args!("Watch with: waterfall watch TICKET, where TICKET is"));
        print(ticket)?;
    }
    Ok(())
}

struct Speaker {
    room: Room,
    source: Source,
    log: Option<FrameLog>,
    frames: u64,
    json: bool,
}

impl Speaker {
    async fn run(&mut self, wait: u32) -> Result<(), Failure> {
        if wait > 0 {
            say(format_args!("Waiting for {wait} viewers."));
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
        let mut pacer = Pacer::new(Instant::now());
        while let Some(chunk) = self.source.next().await {
            let (track, frame) = chunk?;
            sleep_until(pacer.due(frame.timestamp).into()).await;
            let publisher = &mut publishers[track];
            if let Some(log) = &mut self.log {
                let kind: Kind = publisher.kind();
                log.write(&Entry::new(publisher.id(), kind, counts[track], &frame))?;
            }
            counts[track] += 1;
            self.frames += 1;
            publisher.send(frame).await?;
        }
        Ok(())
    }
}
