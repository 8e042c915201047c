//! `waterfall demo`: a bootstrap node, a speaker and many viewers on this machine, over real
//! sockets; then every frame that every viewer got is held against what was published.

mod local;
mod processes;
mod report;

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep_until;
use waterfall::media::bundled_clip;
use waterfall::media::container::{Reader, TrackInfo};
use waterfall::media::frame::{Pacer, Rounds};
use waterfall::{Access, Frame, Node, Publisher, Room, Status, Ticket, TrackSpec, generate_key};
use waterfall_bootstrap::Bootstrap;

use crate::cli::DemoArgs;
use crate::exit::Failure;
use crate::frame_log::Entry;
use crate::interrupt::interrupted;
use crate::output::{print, print_json, say};
use report::{Report, ViewerResult};

/// The demo stays on this machine.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Runs the demo; succeeds only if every viewer has every frame from its first on.
pub(crate) async fn run(args: DemoArgs, json: bool) -> Result<(), Failure> {
    let report = tokio::select! {
        report = perform(&args) => report?,
        () = interrupted() => return Err(Failure::Interrupted),
    };
    if json {
        print_json(&report)?
    } else {
        print(report.table())?
    }
    match report.verdict() {
        Ok(()) => Ok(()),
        Err(what) => Err(Failure::sentence(what)),
    }
}

async fn perform(args: &DemoArgs) -> Result<Report, Failure> {
    let bootstrap = start_bootstrap().await?;
    let addresses = bootstrap.addresses();
    let multiaddrs: Vec<_> =
        addresses.iter().filter_map(|text| waterfall::parse_address(text).ok()).flatten().collect();
    let node = Node::builder().listen([LOOPBACK]).lan_discovery(false).bootstrap(multiaddrs.clone()).start().await?;
    let room = node.create(Access::Open).title("demo").fan_out(args.fan_out).await?;
    let ticket = room.ticket();
    let viewers = usize::from(args.viewers);
    let bar = progress(viewers, args.seconds);

    let (results, log) = tokio::join!(
        watch_all(args, &ticket, &multiaddrs, &addresses, &bar),
        speak(room, Duration::from_secs(args.seconds.into()), &bar),
    );
    bar.finish_and_clear();
    let log = log?;
    node.close().await;
    bootstrap.close().await;
    Ok(Report::new(log.speaker, args.fan_out, &log.status, &log.entries, results?))
}

async fn start_bootstrap() -> Result<Bootstrap, Failure> {
    let listen = waterfall::parse_address(&format!("{LOOPBACK}:0"))?;
    Ok(Bootstrap::start(waterfall_bootstrap::Config::new(generate_key()).listen(listen)).await?)
}

async fn watch_all(
    args: &DemoArgs,
    ticket: &Ticket,
    multiaddrs: &[waterfall::Multiaddr],
    addresses: &[String],
    bar: &ProgressBar,
) -> Result<Vec<ViewerResult>, Failure> {
    if args.processes {
        let plan = processes::Plan {
            viewers: args.viewers.into(),
            fan_out: args.fan_out,
            kill_relay_after: args.kill_relay.then(|| Duration::from_secs(args.seconds.into()) / 2),
        };
        processes::watch(plan, ticket, addresses, bar).await
    } else {
        local::watch(args.viewers.into(), args.fan_out, ticket, multiaddrs, bar).await
    }
}

fn progress(viewers: usize, seconds: u16) -> ProgressBar {
    let bar = ProgressBar::new(viewers as u64);
    let style = ProgressStyle::with_template("{elapsed} {bar:24} {pos}/{len} viewers watching; {msg}");
    // The template is a constant; without it the bar is plainer, no more.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(format!("streaming for {seconds} s"));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// All that was published.
struct Published {
    speaker: waterfall::NodeId,
    entries: Vec<Entry>,
    status: Status,
}

/// Streams the bundled clip, over and over, for so long; then ends the room.
async fn speak(room: Room, how_long: Duration, bar: &ProgressBar) -> Result<Published, Failure> {
    let mut speaker = Speaker::start(&room).await?;
    speaker
        .send(how_long, |at| bar.set_message(format!("{:.0} of {} s", at.as_secs_f64(), how_long.as_secs())))
        .await?;
    let entries = speaker.finish().await;
    let id = room.node_id();
    let status = room.leave().await.status;
    Ok(Published { speaker: id, entries, status })
}

/// Streams the bundled clip, over and over, until told to stop.
pub(crate) async fn speak_until(room: Room, stop: impl Future<Output = ()> + Send) -> Result<(), Failure> {
    let mut speaker = Speaker::start(&room).await?;
    tokio::select! {
        result = speaker.send(Duration::MAX, |_| {}) => result?,
        () = stop => {}
    }
    speaker.finish().await;
    Ok(())
}

struct Speaker {
    clip: Clip,
    publishers: Vec<Publisher>,
    entries: Vec<Entry>,
    counts: Vec<u64>,
}

impl Speaker {
    async fn start(room: &Room) -> Result<Self, Failure> {
        let clip = Clip::open()?;
        let publishers = room.publish_all(clip.tracks.iter().map(TrackSpec::from).collect()).await?;
        let counts = vec![0; publishers.len()];
        Ok(Self { clip, publishers, entries: Vec::new(), counts })
    }

    async fn finish(self) -> Vec<Entry> {
        for publisher in self.publishers {
            publisher.finish().await;
        }
        self.entries
    }

    async fn send(&mut self, how_long: Duration, progress: impl Fn(Duration)) -> Result<(), Failure> {
        let mut pacer = Pacer::new(Instant::now());
        while let Some((track, frame)) = self.clip.next()? {
            if frame.timestamp >= how_long {
                return Ok(());
            }
            sleep_until(pacer.due(frame.timestamp).into()).await;
            let publisher = &mut self.publishers[track];
            self.entries.push(Entry::new(publisher.id(), publisher.kind(), self.counts[track], &frame));
            self.counts[track] += 1;
            progress(frame.timestamp);
            publisher.send(frame).await?;
        }
        Ok(())
    }
}

/// The bundled clip, without end.
struct Clip {
    tracks: Vec<TrackInfo>,
    reader: Reader<Cursor<&'static [u8]>>,
    rounds: Rounds,
}

impl Clip {
    fn open() -> Result<Self, Failure> {
        let reader = Reader::open(Cursor::new(bundled_clip()))?;
        Ok(Self { tracks: reader.tracks().to_vec(), reader, rounds: Rounds::new() })
    }

    fn next(&mut self) -> Result<Option<(usize, Frame)>, Failure> {
        if let Some((track, frame)) = self.reader.next()? {
            return Ok(Some((track, self.rounds.shift(track, frame))));
        }
        self.rounds.restart();
        self.reader = Reader::open(Cursor::new(bundled_clip()))?;
        Ok(self.reader.next()?.map(|(track, frame)| (track, self.rounds.shift(track, frame))))
    }
}

/// Says that a viewer failed; the report counts it as incomplete.
fn viewer_failed(index: usize, what: &dyn std::fmt::Display) {
    say(format_args!("viewer {}: {what}", index + 1));
}
