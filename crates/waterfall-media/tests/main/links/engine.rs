use std::time::Duration;

use bytes::Bytes;
use waterfall_media::engine::{Engine, Event, LinkError, StartError};
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
async fn links_come_up_through_bad_weather_and_messages_stay_in_order() {
    let storm = Weather {
        loss: 100,
        duplicates: 50,
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(20),
        ..Weather::default()
    };
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let proxy = Proxy::start(99, storm).await;
    let ends = begin(&a, &b, Some(&proxy)).await;
    // Sent before the link is up: they wait for it.
    for n in 0..50u8 {
        a.engine.send(ends.a, Bytes::from(vec![n; 100]));
    }
    a.up(ends.a).await;
    b.up(ends.b).await;
    for n in 0..50u8 {
        assert_eq!(b.message().await, (ends.b, vec![n; 100]));
    }
}

#[tokio::test]
async fn links_come_up_whichever_datagram_is_lost() {
    for seed in 0..24 {
        let (mut a, mut b) = (Node::start().await, Node::start().await);
        let rain = Weather { loss: 80, jitter: Duration::from_millis(3), ..Weather::default() };
        let proxy = Proxy::start(seed, rain).await;
        connect(&mut a, &mut b, Some(&proxy)).await;
    }
}

#[tokio::test]
async fn both_sides_may_call_at_once() {
    let (a, mut b) = (Node::start().await, Node::start().await);
    let (one, other) = (new_link(), new_link());
    let (one_b, other_b) = (new_link(), new_link());
    let offer_a = a.engine.offer(one, GROUP).await.unwrap();
    let offer_b = b.engine.offer(other_b, GROUP).await.unwrap();
    let answer_b = b.engine.answer(one_b, GROUP, offer_a).await.unwrap();
    let answer_a = a.engine.answer(other, GROUP, offer_b).await.unwrap();
    a.engine.complete(one, answer_b).await.unwrap();
    b.engine.complete(other_b, answer_a).await.unwrap();
    for link in [one, other] {
        a.engine.send(link, Bytes::from_static(b"hello"));
    }
    let mut heard = [b.message().await.0, b.message().await.0];
    heard.sort();
    let mut expected = [one_b, other_b];
    expected.sort();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn silence_is_told_once_and_so_is_its_end() {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let proxy = Proxy::start(1, Weather::default()).await;
    let ends = connect(&mut a, &mut b, Some(&proxy)).await;
    make_edge(&a, &b, &ends).await;
    a.engine.set_fed(GROUP, true);
    let fed = b.event(|event| match event {
        Event::Fed { link, fed } => Some((link, fed)),
        _ => None,
    });
    let (link, mut feeds) = fed.await;
    assert_eq!(link, ends.b);
    while !feeds {
        feeds = b
            .event(|event| match event {
                Event::Fed { fed, .. } => Some(fed),
                Event::Silent { .. } => panic!("an idle edge is not silent: it sends fillers"),
                _ => None,
            })
            .await;
    }
    // Twice the threshold goes by without a word from the application.
    let idle = tokio::time::timeout(Duration::from_secs(1), b.events.recv()).await;
    assert!(idle.is_err(), "{idle:?}");
    proxy.cut(true);
    for node in [&mut a, &mut b] {
        let silent = node.event(|event| match event {
            Event::Silent { link } => Some(link),
            Event::LinkDown { reason, .. } => panic!("{reason}"),
            _ => None,
        });
        let link = silent.await;
        assert!(link == ends.a || link == ends.b);
    }
    proxy.cut(false);
    let heard = b.event(|event| match event {
        Event::Heard { link } => Some(link),
        Event::Silent { .. } => panic!("told twice"),
        _ => None,
    });
    assert_eq!(heard.await, ends.b);
}

#[tokio::test]
async fn a_link_that_is_dead_for_long_is_closed() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let proxy = Proxy::start(1, Weather::default()).await;
    let ends = connect(&mut a, &mut b, Some(&proxy)).await;
    proxy.cut(true);
    assert!(a.down(ends.a).await.contains("nothing came"));
    assert!(b.down(ends.b).await.contains("nothing came"));
    assert!(a.engine.stats().await.links.is_empty());
}

#[tokio::test]
async fn messages_that_cannot_leave_close_the_link_and_say_so() {
    let (mut a, mut b) = (Node::start().await, Node::start().await);
    let proxy = Proxy::start(1, Weather::default()).await;
    let ends = connect(&mut a, &mut b, Some(&proxy)).await;
    proxy.cut(true);
    for _ in 0..20 {
        a.engine.send(ends.a, Bytes::from(vec![0; 20_000]));
    }
    assert!(a.down(ends.a).await.contains("message"));
    let ends = connect(&mut a, &mut b, None).await;
    a.engine.send(ends.a, Bytes::from(vec![0; MAX_MESSAGE + 1]));
    assert!(a.down(ends.a).await.contains("message"));
}

#[tokio::test]
async fn misuse_is_told() {
    let (mut a, mut b) = (Node::with(loopback().max_links(2)).await, Node::start().await);
    let ends = connect(&mut a, &mut b, None).await;
    let session = b.engine.offer(new_link(), GROUP).await.unwrap();
    assert_eq!(a.engine.offer(ends.a, GROUP).await, Err(LinkError::Exists(ends.a)));
    assert_eq!(a.engine.complete(ends.a, session.clone()).await, Err(LinkError::NotOffered(ends.a)));
    let nobody = new_link();
    assert_eq!(a.engine.complete(nobody, session.clone()).await, Err(LinkError::Unknown(nobody)));
    let mut bad = session.clone();
    bad.pwd = "a\r\n".repeat(10);
    assert!(matches!(a.engine.answer(new_link(), GROUP, bad).await, Err(LinkError::Session(_))));
    a.engine.offer(new_link(), GROUP).await.unwrap();
    assert_eq!(a.engine.offer(new_link(), GROUP).await, Err(LinkError::TooMany(2)));
    a.engine.close_all().await;
    assert!(a.engine.stats().await.links.is_empty());
    assert!(b.down(ends.b).await.contains("closed"));
    assert!(a.engine.have(GROUP).await.is_empty());
}

#[tokio::test]
async fn addresses_that_cannot_be_bound_are_explained() {
    let taken = Node::start().await;
    let port = taken.engine.local_addresses()[0].port();
    let error = Engine::start(loopback().port(port)).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse(_)));
    assert!(error.to_string().contains("choose another port"));
    let error = Engine::start(loopback().addresses(["192.0.2.1".parse().unwrap()])).await.unwrap_err();
    assert!(matches!(error, StartError::NoSuchAddress(_)));
    let many = (1..=9).map(|n| std::net::IpAddr::from([127, 0, 0, n]));
    assert!(matches!(Engine::start(loopback().addresses(many)).await, Err(StartError::TooManyAddresses(9))));
}

#[tokio::test]
async fn links_connect_over_ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback address");
        return;
    }
    let both = || loopback().addresses(["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]);
    let (mut a, mut b) = (Node::with(both()).await, Node::with(both()).await);
    let (link_a, link_b) = (new_link(), new_link());
    let mut offer = a.engine.offer(link_a, GROUP).await.unwrap();
    offer.candidates.retain(|candidate| candidate.address.is_ipv6());
    let mut answer = b.engine.answer(link_b, GROUP, offer).await.unwrap();
    answer.candidates.retain(|candidate| candidate.address.is_ipv6());
    a.engine.complete(link_a, answer).await.unwrap();
    a.up(link_a).await;
    b.up(link_b).await;
    assert!(a.stats(link_a).await.remote.unwrap().is_ipv6());
}
