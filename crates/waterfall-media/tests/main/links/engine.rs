use std::time::{Duration, Instant};

use bytes::Bytes;
use waterfall_media::engine::{Config, Engine, Event, LinkError, StartError};
use waterfall_media::forward::LinkId;
use waterfall_media::link::MAX_MESSAGE;

use super::proxy::{Proxy, Weather};
use super::support::*;

#[tokio::test]
async fn two_engines_connect_and_exchange_messages() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let ends = connect(&mut a, &mut b, None).await;
    a.engine.send(ends.a, Bytes::from_static(b"up"));
    let long: Bytes = payload(1, 1, 0, MAX_MESSAGE).into();
    a.engine.send(ends.a, long.clone());
    assert_eq!(b.message().await, (ends.b, b"up".to_vec()));
    assert_eq!(b.message().await, (ends.b, long.to_vec()));
    b.engine.send(ends.b, Bytes::from_static(b"down"));
    assert_eq!(a.message().await, (ends.a, b"down".to_vec()));
    b.engine.close(ends.b);
    assert!(a.down(ends.a).await.contains("closed"));
}

#[tokio::test]
async fn setup_takes_tens_of_milliseconds_on_loopback() {
    // Printed, not asserted: machines differ.
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let ends = connect(&mut a, &mut b, None).await;
        times.push(start.elapsed());
        a.engine.close(ends.a);
        b.down(ends.b).await;
    }
    times.sort();
    println!("offer → both up: p50 {:?}, worst {:?}", times[10], times[19]);
}
