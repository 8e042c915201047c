//! Figures, printed and not asserted: `cargo test -p waterfall-media figures -- --ignored --nocapture --test-threads 1`.

use std::fs;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use waterfall_media::forward::identity::{FRAME_END, FRAME_START, Head, KEY_FRAME};
use waterfall_media::forward::{Packet, Subscription};

use super::support::*;

const CHILDREN: usize = 4;
const PACKETS: u64 = 20_000;
const LEN: usize = 1200;

#[tokio::test]
#[ignore = "prints figures"]
async fn time_to_set_up_a_link() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        let ends = connect(&mut a, &mut b, None).await;
        times.push(start.elapsed());
        a.engine.close(ends.a);
        b.down(ends.b).await;
    }
    times.sort();
    println!("offer to both ends up: p50 {:?}, p95 {:?}", times[25], times[47]);
}

#[tokio::test]
#[ignore = "prints figures"]
async fn memory_of_an_idle_link() {
    let mut engines = Vec::new();
    for _ in 0..64 {
        engines.push(Node::start().await);
    }
    let before = resident();
    let mut links = 0;
    for at in 1..engines.len() {
        let (left, right) = engines.split_at_mut(at);
        for near in left.iter_mut().rev().take(6) {
            connect(near, &mut right[0], None).await;
            links += 1;
        }
    }
    println!("{} KiB for each of the {} ends of {links} links", (resident() - before) / (2 * links), 2 * links);
}

/// Kilobytes of memory that this process holds.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or(0)
}

/// Nanoseconds that this thread has run.
fn thread_time() -> u64 {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    times.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// Speaker → relay → four children at two rates; and speaker → one child, as the floor of a hop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn cost_and_delay_of_a_relay() {
    for rate in [2_000, 10_000] {
        let mut speaker = Node::with_tracks().await;
        // The relay has a thread of its own, whose time can be read.
        let (ready, node) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<oneshot::Sender<u64>>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                assert!(ready.send(Node::with_tracks().await).is_ok());
                let before = thread_time();
                let reply = stopped.await.unwrap();
                reply.send(thread_time() - before).unwrap();
            });
        });
        let mut relay = node.await.unwrap();
        let up = connect(&mut speaker, &mut relay, None).await;
        make_edge(&speaker, &relay, &up).await;
        let mut direct = Node::with_tracks().await;
        let ends = connect(&mut speaker, &mut direct, None).await;
        make_edge(&speaker, &direct, &ends).await;
        let mut children = Vec::new();
        for _ in 0..CHILDREN {
            let mut child = Node::with_tracks().await;
            let ends = connect(&mut relay, &mut child, None).await;
            make_edge(&relay, &child, &ends).await;
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
            payload.extend_from_slice(&(epoch.elapsed().as_nanos() as u64).to_be_bytes());
            let packet = Packet { kid: VIDEO, ctr, timestamp: 0, marker: true, payload: payload.into(), from: None };
            speaker.engine.publish_wait(GROUP, packet).await.unwrap();
        }
        let (two_hops, one_hop) = (at_child.await.unwrap(), at_direct.await.unwrap());
        let (reply, spent) = oneshot::channel();
        stop.send(reply).unwrap();
        let spent = spent.await.unwrap() as f64 / 1e9;
        let sent = (PACKETS * CHILDREN as u64) as f64 / 1e6;
        println!(
            "{rate} packets/s: {:.1} CPU seconds per million packets sent; one hop p50 {:?} p99 {:?}, two p50 {:?} p99 {:?}",
            spent / sent,
            one_hop.0,
            one_hop.1,
            two_hops.0,
            two_hops.1
        );
    }
}

/// Median and 99th percentile of the packets' age.
async fn delays(mut subscription: Subscription, epoch: Instant) -> (Duration, Duration) {
    let mut ages = Vec::new();
    while (ages.len() as u64) < PACKETS {
        let packet = tokio::time::timeout(DEADLINE, subscription.recv()).await.unwrap().unwrap();
        let (_, stamp) = packet.payload.split_last_chunk().unwrap();
        let age = epoch.elapsed().saturating_sub(Duration::from_nanos(u64::from_be_bytes(*stamp)));
        ages.push(age);
    }
    ages.sort();
    (ages[ages.len() / 2], ages[ages.len() * 99 / 100])
}
