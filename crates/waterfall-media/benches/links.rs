//! What links and forwarding cost on this machine, over loopback: `cargo bench -p waterfall-media`.
//!
//! Prints the time from an offer to a connected link, the memory of an idle link, and for a relay with
//! four children its processor time per million packets sent and the delay that it adds. The hop is
//! told beside its floor, a packet's way to a child of the speaker itself.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use waterfall_media::engine::{Config, Engine, Event};
use waterfall_media::forward::identity::{FRAME_END, FRAME_START, Head, KEY_FRAME};
use waterfall_media::forward::{GroupId, Kind, LinkId, Packet, Subscription, TrackConfig};

const GROUP: GroupId = GroupId(1);
const VIDEO: u32 = 0x0100_0001;
const CHILDREN: usize = 4;
const PACKETS: u64 = 20_000;
const LEN: usize = 1200;

struct Node {
    engine: Engine,
    events: mpsc::Receiver<Event>,
}

impl Node {
    async fn start() -> Self {
        let config = Config::default().addresses([IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let (engine, events) = Engine::start(config).await.unwrap();
        engine.add_track(GROUP, VIDEO, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
        Self { engine, events }
    }

    async fn up(&mut self, wanted: LinkId) {
        loop {
            match self.events.recv().await.unwrap() {
                Event::LinkUp { link } if link == wanted => return,
                Event::LinkDown { link, reason } if link == wanted => panic!("{reason}"),
                _ => {}
            }
        }
    }
}

/// Connects `child` below `parent`; the link as each of them calls it.
async fn connect(parent: &mut Node, child: &mut Node) -> (LinkId, LinkId) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let [up, down] = [(); 2].map(|()| LinkId(NEXT.fetch_add(1, Ordering::Relaxed)));
    let offer = child.engine.offer(up, GROUP).await.unwrap();
    let answer = parent.engine.answer(down, GROUP, offer).await.unwrap();
    child.engine.complete(up, answer).await.unwrap();
    child.up(up).await;
    parent.up(down).await;
    (down, up)
}

async fn feed(parent: &mut Node, child: &mut Node) {
    let (down, up) = connect(parent, child).await;
    child.engine.set_feeder(up, true);
    for (engine, link) in [(&parent.engine, down), (&child.engine, up)] {
        engine.set_edge(link, true);
        engine.resume(link, Vec::new());
    }
}

async fn set_up() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        let (down, up) = connect(&mut a, &mut b).await;
        times.push(start.elapsed());
        a.engine.close(down);
        b.engine.close(up);
    }
    times.sort();
    println!("offer to both ends up: p50 {:?}, p95 {:?}", times[25], times[47]);
}

async fn memory() {
    let mut nodes = Vec::new();
    for _ in 0..64 {
        nodes.push(Node::start().await);
    }
    let before = resident();
    let mut links = 0;
    for at in 1..nodes.len() {
        let (left, right) = nodes.split_at_mut(at);
        for near in left.iter_mut().rev().take(6) {
            connect(near, &mut right[0]).await;
            links += 1;
        }
    }
    let each = resident().saturating_sub(before) / (2 * links);
    println!("an idle link: {each} KiB at each end ({links} links)");
}

/// KiB of memory that this process holds (proc(5): `VmRSS`).
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Nanoseconds that this thread has run (proc(5): `schedstat`).
fn thread_time() -> u64 {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    times.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// A relay on a thread of its own, whose processor time can be read.
async fn relay_on_a_thread() -> (Node, oneshot::Sender<oneshot::Sender<u64>>) {
    let (ready, node) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<oneshot::Sender<u64>>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert!(ready.send(Node::start().await).is_ok());
            let before = thread_time();
            let reply = stopped.await.unwrap();
            reply.send(thread_time() - before).unwrap();
        });
    });
    (node.await.unwrap(), stop)
}

async fn relay(rate: u64) {
    let mut speaker = Node::start().await;
    let (mut relay, stop) = relay_on_a_thread().await;
    feed(&mut speaker, &mut relay).await;
    let mut direct = Node::start().await;
    feed(&mut speaker, &mut direct).await;
    let mut children = Vec::new();
    for _ in 0..CHILDREN {
        let mut child = Node::start().await;
        feed(&mut relay, &mut child).await;
        children.push(child);
    }
    let epoch = Instant::now();
    let at_child = tokio::spawn(delays(children[0].engine.subscribe(GROUP, VIDEO), epoch));
    let at_direct = tokio::spawn(delays(direct.engine.subscribe(GROUP, VIDEO), epoch));
    let mut clock = tokio::time::interval(Duration::from_millis(1));
    for ctr in 0..PACKETS {
        if ctr % (rate / 1000) == 0 {
            clock.tick().await;
        }
        let mut payload = Vec::with_capacity(LEN);
        let key = if ctr % 1000 == 0 { KEY_FRAME } else { 0 };
        Head::write(FRAME_START | FRAME_END | key, VIDEO, ctr, &mut payload);
        payload.resize(LEN - 8, 0);
        payload.extend_from_slice(&u64::try_from(epoch.elapsed().as_nanos()).unwrap().to_be_bytes());
        let packet = Packet { kid: VIDEO, ctr, timestamp: 0, marker: true, payload: payload.into(), from: None };
        speaker.engine.publish_wait(GROUP, packet).await.unwrap();
    }
    let (two, one) = (at_child.await.unwrap(), at_direct.await.unwrap());
    let (reply, spent) = oneshot::channel();
    stop.send(reply).unwrap();
    let cpu = spent.await.unwrap() as f64 / 1e3 / (PACKETS * CHILDREN as u64) as f64;
    println!("{rate} packets/s in, {CHILDREN} children: {cpu:.1} processor seconds per million packets sent");
    println!(
        "  to a child of the speaker p50 {:?} p99 {:?}, of the relay p50 {:?} p99 {:?}",
        one.0, one.1, two.0, two.1
    );
}

/// Median and 99th percentile of the packets' age.
async fn delays(mut subscription: Subscription, epoch: Instant) -> (Duration, Duration) {
    let mut ages = Vec::new();
    while (ages.len() as u64) < PACKETS {
        let packet = subscription.recv().await.unwrap();
        let (_, stamp) = packet.payload.split_last_chunk().unwrap();
        ages.push(epoch.elapsed().saturating_sub(Duration::from_nanos(u64::from_be_bytes(*stamp))));
    }
    ages.sort();
    (ages[ages.len() / 2], ages[ages.len() * 99 / 100])
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    set_up().await;
    memory().await;
    for rate in [2_000, 10_000] {
        relay(rate).await;
    }
}
