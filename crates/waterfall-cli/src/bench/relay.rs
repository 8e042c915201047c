//! What a relay costs: a speaker in this process, a relay in a process of its own, leaves below it.
//!
//! Frames carry the time at which they were published, so leaves tell how long they took. One leaf
//! hangs from the speaker directly; the difference of the medians is what the relay adds.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures::StreamExt;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use waterfall::{Codec, Credentials, Frame, Item, Kind, Node, Room, SignalPath, TrackSpec};

use super::{Quantiles, Stage, new_node};
use crate::demo::LOOPBACK;
use crate::exit::Failure;

/// Packets per frame: a picture at a few Mbit/s.
const PACKETS_PER_FRAME: u32 = 10;
/// Bytes per packet, about; ten of them make a frame that is cut into ten fragments.
const PACKET: usize = 1_000;
/// Left out of the figures at the beginning.
const WARM_UP: Duration = Duration::from_secs(2);

/// What to put on the relay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) children: u8,
    /// Packets a second that come in.
    pub(super) rate: u32,
    pub(super) seconds: u16,
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    children: u8,
    /// Packets a second that the speaker was asked to send.
    rate: u32,
    /// Packets that arrived at the relay's children while it was measured.
    packets_sent: u64,
    /// Packets that did not arrive.
    packets_missing: u64,
    /// Processor seconds of the relay per million packets sent, user and system; where the system tells.
    cpu_seconds_per_million: Option<f64>,
    /// Largest resident memory of the relay in KiB; where the system tells.
    peak_memory_kib: Option<u64>,
    /// From publishing to a verified frame at a leaf below the speaker.
    direct_ms: Quantiles,
    /// The same with the relay in between.
    relayed_ms: Quantiles,
    /// Difference of the medians: what the relay adds.
    hop_p50_ms: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { children, rate, packets_sent, packets_missing, .. } = self;
        writeln!(
            f,
            "{rate} packets/s in, {children} children, {packets_sent} packets sent, {packets_missing} missing"
        )?;
        if let Some(cpu) = self.cpu_seconds_per_million {
            writeln!(f, "relay: {cpu:.2} processor seconds per million packets sent")?;
        }
        if let Some(memory) = self.peak_memory_kib {
            writeln!(f, "relay: {memory} KiB of memory at most")?;
        }
        writeln!(f, "to a leaf of the speaker: {}", self.direct_ms)?;
        writeln!(f, "to a leaf of the relay:   {}", self.relayed_ms)?;
        write!(f, "the relay adds {:.3} ms (medians)", self.hop_p50_ms)
    }
}

/// Sets speaker, relay and leaves up, runs the load, and measures.
pub(super) async fn measure(load: Load) -> Result<Figures, Failure> {
    // The speaker takes two children: the relay and the leaf beside it.
    let stage = Stage::set(2, SignalPath::Direct).await?;
    let relay = Relay::start(&stage, load.children).await?;
    let direct = Leaf::join(&stage).await?;
    let mut leaves = Vec::new();
    for _ in 0..load.children {
        leaves.push(Leaf::join(&stage).await?);
    }
    let origin = Instant::now();
    let direct_frames = direct.receive(origin);
    let leaf_frames: Vec<_> = leaves.iter().map(|leaf| leaf.receive(origin)).collect();

    let speaking = speak(&stage.room, load, origin);
    let measuring = async {
        sleep(WARM_UP).await;
        let before = relay.cpu();
        sleep(Duration::from_secs(load.seconds.into())).await;
        before.zip(relay.cpu()).map(|(before, after)| after - before)
    };
    let (published, cpu) = tokio::join!(speaking, measuring);
    let published = published?;
    let memory = relay.peak_memory_kib();

    let window = WARM_UP..WARM_UP + Duration::from_secs(load.seconds.into());
    let latencies = |frames: Vec<(Duration, Duration)>| -> Vec<Duration> {
        frames.into_iter().filter(|(sent, _)| window.contains(sent)).map(|(_, took)| took).collect()
    };
    let direct_latencies = latencies(direct_frames.await?);
    let mut relayed = Vec::new();
    let mut received = 0;
    for frames in leaf_frames {
        let frames = frames.await?;
        received += frames.len() as u64;
        relayed.extend(latencies(frames));
    }
    for leaf in leaves.into_iter().chain([direct]) {
        leaf.close().await;
    }
    relay.stop().await;
    stage.clear().await;

    let packets_sent = relayed.len() as u64 * u64::from(PACKETS_PER_FRAME);
    let expected = published * u64::from(load.children);
    let none = || Failure::sentence("no frame arrived");
    let direct_ms = Quantiles::of(direct_latencies).ok_or_else(none)?;
    let relayed_ms = Quantiles::of(relayed).ok_or_else(none)?;
    Ok(Figures {
        children: load.children,
        rate: load.rate,
        packets_sent,
        packets_missing: expected.saturating_sub(received) * u64::from(PACKETS_PER_FRAME),
        cpu_seconds_per_million: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / packets_sent as f64),
        peak_memory_kib: memory,
        hop_p50_ms: relayed_ms.p50 - direct_ms.p50,
        direct_ms,
        relayed_ms,
    })
}

/// Publishes for the warm-up and the measured time; how many frames it were.
async fn speak(room: &Room, load: Load, origin: Instant) -> Result<u64, Failure> {
    let mut publisher = room.publish(TrackSpec::video(Codec::Vp8, 1280, 720)).await?;
    let every = Duration::from_secs(1) * PACKETS_PER_FRAME / load.rate;
    let frames = (WARM_UP + Duration::from_secs(load.seconds.into())).as_nanos() / every.as_nanos();
    let per_second = Duration::from_secs(1).as_nanos() / every.as_nanos();
    let data = Bytes::from(vec![0xA5; PACKET * PACKETS_PER_FRAME as usize]);
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0..frames {
        clock.tick().await;
        let keyframe = n % per_second.max(1) == 0;
        publisher.send(Frame { timestamp: origin.elapsed(), keyframe, data: data.clone() }).await?;
    }
    Ok(publisher.finish().await.frames)
}

/// A viewer that serves nobody and clocks what it gets.
struct Leaf {
    node: Node,
    room: Room,
}

impl Leaf {
    async fn join(stage: &Stage) -> Result<Self, Failure> {
        let node = new_node(&stage.bootstrap, SignalPath::Direct).await?;
        let room = node.join(&stage.room.ticket(), Credentials::Open).leaf().await?;
        Ok(Self { node, room })
    }

    /// When each frame was sent, and how long it took.
    fn receive(&self, origin: Instant) -> JoinHandle<Vec<(Duration, Duration)>> {
        let room = self.room.clone();
        tokio::spawn(async move {
            let mut frames = Vec::new();
            let Ok(track) = room.subscribe(Kind::Video).await else { return frames };
            let mut items = track.frames();
            while let Some(item) = items.next().await {
                if let Item::Frame(frame) = item {
                    frames.push((frame.timestamp, origin.elapsed().saturating_sub(frame.timestamp)));
                }
            }
            frames
        })
    }

    async fn close(self) {
        drop(self.room);
        self.node.close().await;
    }
}

/// The relay: `waterfall watch --relay` in a process of its own.
struct Relay {
    child: Child,
}

impl Relay {
    async fn start(stage: &Stage, fan_out: u8) -> Result<Self, Failure> {
        let program = std::env::current_exe().context("this program's own file was not found")?;
        let mut command = Command::new(program);
        command.args(["watch", "-", "--open", "--relay", "--json", "--no-lan", "--listen", &LOOPBACK.to_string()]);
        command.args(["--fan-out", &fan_out.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().context("the relay process could not be started")?;
        let mut stdin = child.stdin.take().context("the relay has no standard input")?;
        stdin
            .write_all(stage.room.ticket().to_string().as_bytes())
            .await
            .context("the relay did not take the ticket")?;
        drop(stdin);
        let mut status = stage.room.status();
        status.wait_for(|status| status.children.len() == 1).await.context("the relay did not come")?;
        Ok(Self { child })
    }

    fn proc_file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id()?)).ok()
    }

    /// Processor time so far, user and system (proc(5): fields 14 and 15, in hundredths of a second).
    fn cpu(&self) -> Option<Duration> {
        let stat = self.proc_file("stat")?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    }

    fn peak_memory_kib(&self) -> Option<u64> {
        peak_memory_kib(self.child.id()?)
    }

    async fn stop(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "the relay process could not be ended");
        }
    }
}

/// Largest resident memory of a process so far, where the system tells (proc(5): `VmHWM`).
pub(crate) fn peak_memory_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
