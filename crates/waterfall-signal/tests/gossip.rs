//! Gossip, and who judges it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use waterfall_signal::{Event, Mode};

use crate::support::{Node, config, nodes, until};

const TOPIC: [u8; 32] = [0x77; 32];

type Heard = Arc<Mutex<BTreeMap<Vec<u8>, usize>>>;

/// Accepts what it hears, but rejects what begins with 'bad'; counts both.
fn listen(mut events: mpsc::Receiver<Event>) -> Heard {
    let heard = Heard::default();
    let list = heard.clone();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let Event::Gossip { topic, message, verdict, .. } = event {
                assert_eq!(topic, TOPIC);
                let bad = message.starts_with(b"bad");
                *list.lock().unwrap().entry(message).or_default() += 1;
                if bad { verdict.reject() } else { verdict.accept() }
            }
        }
    });
    heard
}

fn times(heard: &Heard, message: &[u8]) -> usize {
    heard.lock().unwrap().get(message).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nodes_hear_each_message_once() {
    let first = Node::start(config(500)).await;
    let mut all = nodes(501, 9, &first.entrance()).await;
    all.push(first);
    let mut heard = Vec::new();
    let mut signals = Vec::new();
    for node in all {
        node.signal.join_topic(TOPIC).await;
        signals.push(node.signal);
        heard.push(listen(node.events));
    }
    until("everybody has neighbours", || signals.iter().all(|s| s.stats().mesh_peers > 0)).await;
    for (i, signal) in signals.iter().enumerate() {
        signal.gossip(TOPIC, vec![i as u8; 100]);
    }
    until("all have heard all others", || {
        heard.iter().enumerate().all(|(me, h)| (0..10).all(|i| i == me || times(h, &[i as u8; 100]) == 1))
    })
    .await;
    for (me, heard) in heard.iter().enumerate() {
        assert_eq!(times(heard, &[me as u8; 100]), 0, "nobody hears himself");
    }
}

/// Three nodes in a row: the outer two know only the middle one, for none is a DHT server.
async fn row(first: u64) -> [Node; 3] {
    let client = |i| config(i).mode(Mode::Client);
    let middle = Node::start(client(first + 1)).await;
    let left = Node::start(client(first).bootstrap(middle.entrance())).await;
    let right = Node::start(client(first + 2).bootstrap(middle.entrance())).await;
    for node in [&left, &middle, &right] {
        node.signal.join_topic(TOPIC).await;
    }
    [left, middle, right]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rejected_goes_no_farther_and_who_sends_it_is_shut_out() {
    let [left, middle, right] = row(520).await;
    let (relay, signal) = (listen(middle.events), middle.signal);
    let far = listen(right.events);
    let mut greetings = 0;
    until("the middle passes on what is good", || {
        // The first ones may come before the middle knows its other neighbour.
        left.signal.gossip(TOPIC, format!("good {greetings}").into_bytes());
        greetings += 1;
        !far.lock().unwrap().is_empty()
    })
    .await;
    for i in 0..20 {
        left.signal.gossip(TOPIC, format!("bad {i}").into_bytes());
    }
    until("some are rejected", || signal.stats().gossip_rejected > 8).await;
    right.signal.gossip(TOPIC, b"from the right 1".to_vec());
    until("the other side is still heard", || times(&relay, b"from the right 1") == 1).await;
    left.signal.gossip(TOPIC, b"from the left".to_vec());
    right.signal.gossip(TOPIC, b"from the right 2".to_vec());
    until("later messages of the good neighbour arrive", || times(&relay, b"from the right 2") == 1).await;
    assert_eq!(times(&relay, b"from the left"), 0, "the bad neighbour is not listened to");
    assert!(far.lock().unwrap().keys().all(|m| !m.starts_with(b"bad")), "nothing bad was passed on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_waits_for_subscribers() {
    let early = Node::start(config(540)).await;
    early.signal.gossip(TOPIC, b"early".to_vec());
    let late = Node::start(config(541).bootstrap(early.entrance())).await;
    until("they are connected", || *late.signal.peers().borrow() == 1).await;
    late.signal.join_topic(TOPIC).await;
    let heard = listen(late.events);
    until("it is heard", || times(&heard, b"early") == 1).await;

    let nobodys = [0x78; 32];
    for i in 0..70u8 {
        early.signal.gossip(nobodys, vec![i]);
    }
    until("too many that wait push out the oldest", || early.signal.stats().gossip_unsent >= 6).await;
    early.signal.gossip(nobodys, vec![0; 5000]);
    until("one that is too long is not sent", || early.signal.stats().gossip_unsent >= 7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_ignored() {
    let [left, middle, right] = row(560).await;
    let heard = listen(middle.events);
    left.signal.gossip(TOPIC, b"first".to_vec());
    until("they are connected", || times(&heard, b"first") == 1).await;
    for i in 0..200u8 {
        left.signal.gossip(TOPIC, vec![i; 50]);
    }
    until("the flood is ignored", || middle.signal.stats().gossip_ignored > 0).await;
    drop(right);
}
