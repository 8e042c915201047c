//! What it costs to notice a dead neighbour early, over loopback: `cargo bench -p waterfall-media --bench failover`.
//!
//! A tree of 25 nodes in this process, four below each, at rest and with threads that keep the machine
//! busy: processor time per idle edge, and edges that were called silent although nobody had died. Then
//! relays die without a word: the time until their children say so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use waterfall_media::engine::{Config, Engine, Event};
use waterfall_media::forward::identity::{FRAME_END, FRAME_START, Head, KEY_FRAME};
use waterfall_media::forward::{GroupId, Kind, LinkId, Packet, TrackConfig};

const GROUP: GroupId = GroupId(1);
const VIDEO: u32 = 0x0100_0001;
const NODES: usize = 25;
const FAN_OUT: usize = 4;
const WATCHED: Duration = Duration::from_secs(20);
const DEATHS: usize = 20;

struct Node {
    engine: Engine,
    events: mpsc::Receiver<Event>,
    up: Option<LinkId>,
}

impl Node {
    async fn start() -> Self {
        let config = Config::default().addresses([IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let (engine, events) = Engine::start(config).await.unwrap();
        engine.add_track(GROUP, VIDEO, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
        Self { engine, events, up: None }
    }

    async fn event(&mut self, mut wanted: impl FnMut(&Event) -> bool) {
        loop {
            match self.events.recv().await.unwrap() {
                Event::LinkDown { reason, .. } => panic!("{reason}"),
                event if wanted(&event) => return,
                _ => {}
            }
        }
    }
}

/// Links `child` below `parent`; `edge`: media would flow.
async fn connect(parent: &mut Node, child: &mut Node, edge: bool) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let [up, down] = [(); 2].map(|()| LinkId(NEXT.fetch_add(1, Ordering::Relaxed)));
    let offer = child.engine.offer(up, GROUP).await.unwrap();
    let answer = parent.engine.answer(down, GROUP, offer).await.unwrap();
    child.engine.complete(up, answer).await.unwrap();
    child.event(|event| matches!(event, Event::LinkUp { .. })).await;
    parent.event(|event| matches!(event, Event::LinkUp { .. })).await;
    child.up = Some(up);
    if edge {
        child.engine.set_feeder(up, true);
        for (engine, link) in [(&parent.engine, down), (&child.engine, up)] {
            engine.set_edge(link, true);
            engine.resume(link, Vec::new());
        }
    }
}

async fn tree(edges: bool) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for at in 0..NODES {
        let mut node = Node::start().await;
        if at > 0 {
            connect(&mut nodes[(at - 1) / FAN_OUT], &mut node, edges).await;
        }
        nodes.push(node);
    }
    nodes
}

/// Processor time of this process so far (proc(5): `stat`, in ticks of 10 ms).
fn process_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|&at| fields.get(at)?.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// What an idle link costs both ends together.
async fn cost(edges: bool) {
    let nodes = tree(edges).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = process_time();
    tokio::time::sleep(WATCHED / 2).await;
    let spent = (process_time() - before).as_secs_f64() / (WATCHED / 2).as_secs_f64() / (nodes.len() - 1) as f64;
    let what = if edges { "edge" } else { "standby link" };
    println!("an idle {what}: {:.2} ms of processor time a second, both ends together", 1e3 * spent);
}

/// Edges called silent while everybody lives and `busy` threads do what they can to prevent it.
async fn false_alarms(busy: usize, stream: bool) {
    let mut nodes = tree(true).await;
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..busy {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut x = 1u64;
            while !stop.load(Ordering::Relaxed) {
                x = std::hint::black_box(x.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (x >> 7));
            }
        });
    }
    let root = nodes[0].engine.clone();
    let ended = stop.clone();
    let speaker = tokio::spawn(async move {
        let mut clock = tokio::time::interval(Duration::from_millis(33));
        let mut ctr = 0;
        while stream && !ended.load(Ordering::Relaxed) {
            clock.tick().await;
            for part in 0..4 {
                let key = if ctr % 240 == 0 { KEY_FRAME } else { 0 };
                let flags = if part == 0 { FRAME_START | key } else { 0 } | if part == 3 { FRAME_END } else { 0 };
                let mut payload = Vec::with_capacity(1000);
                Head::write(flags, VIDEO, ctr, &mut payload);
                payload.resize(1000, 0);
                let payload = payload.into();
                let packet = Packet { kid: VIDEO, ctr, timestamp: 0, marker: part == 3, payload, from: None };
                root.publish_wait(GROUP, packet).await.unwrap();
                ctr += 1;
            }
        }
    });
    tokio::time::sleep(WATCHED).await;
    let (mut feeders, mut children, mut thresholds) = (0, 0, Vec::new());
    for node in &mut nodes {
        while let Ok(event) = node.events.try_recv() {
            match event {
                Event::Silent { link } if node.up == Some(link) => feeders += 1,
                Event::Silent { .. } => children += 1,
                _ => {}
            }
        }
        let stats = node.engine.stats().await;
        thresholds.extend(stats.links.iter().filter(|link| node.up == Some(link.link)).map(|link| link.silence));
    }
    stop.store(true, Ordering::Relaxed);
    speaker.await.unwrap();
    thresholds.sort();
    println!(
        "{busy} busy threads, {}: {feeders} feeders and {children} children called silent in {:.0} edge-minutes; threshold of feeders p50 {:?} p95 {:?}",
        if stream { "1 Mbit/s" } else { "no media" },
        thresholds.len() as f64 * WATCHED.as_secs_f64() / 60.0,
        thresholds[thresholds.len() / 2],
        thresholds[thresholds.len() * 95 / 100]
    );
}

/// From a relay's death until its child says so.
async fn deaths() {
    let mut times = Vec::new();
    let mut child = Node::start().await;
    for _ in 0..DEATHS {
        // A runtime of its own dies without a word.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut parent = runtime.spawn(Node::start()).await.unwrap();
        connect(&mut parent, &mut child, true).await;
        let up = child.up.unwrap();
        while child.engine.stats().await.links.iter().all(|link| link.silence > Duration::from_millis(100)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let died = Instant::now();
        runtime.shutdown_background();
        child.event(|event| matches!(event, Event::Silent { link } if *link == up)).await;
        times.push(died.elapsed());
        child.engine.close(up);
    }
    times.sort();
    println!(
        "from a relay's death to its child's word: p50 {:?} p95 {:?} max {:?}",
        times[DEATHS / 2],
        times[DEATHS * 95 / 100],
        times[DEATHS - 1]
    );
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    deaths().await;
    cost(false).await;
    cost(true).await;
    for (busy, stream) in [(0, false), (0, true), (2, true), (8, true), (8, false)] {
        false_alarms(busy, stream).await;
    }
}
