use waterfall_media::forward::identity::{FRAME_END, FRAME_START};
use waterfall_media::forward::{LinkId, Packet};
use waterfall_media::link::{Candidate, CandidateKind, Session};

use super::proxy::{Proxy, Weather};
use super::support::*;

/// Datagrams of every protocol that is spoken here, none of them right.
fn garbage(ufrag: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..=255).map(|first| vec![first; 40]).collect();
    all.extend((0..64).map(|len| vec![0x80; len]));
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.extend_from_slice(&[9; 12]);
    stun.extend_from_slice(&[0, 6, 0, ufrag.len() as u8 + 5]);
    stun.extend_from_slice(ufrag.as_bytes());
    stun.extend_from_slice(b":evil");
    stun.resize(stun.len().next_multiple_of(4), 0);
    stun[3] = (stun.len() - 20) as u8;
    all.extend((0..=stun.len()).map(|cut| stun[..cut].to_vec()));
    // DTLS records: a handshake, an alert, application data, each claiming both epochs, whole and cut.
    for kind in [20, 21, 22, 23] {
        for epoch in [0, 1] {
            let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
            all.push(record.clone());
            record.truncate(13);
            all.push(record);
        }
    }
    // RTP and RTCP with all the extras, and ones that claim more than they hold.
    for first in [0x80, 0x8f, 0x90, 0x9f, 0xb0, 0xbf] {
        for second in [96, 97, 111, 200, 205, 206] {
            for len in [4, 12, 16, 28, 60] {
                let mut packet = vec![0xff; len];
                (packet[0], packet[1]) = (first, second);
                all.push(packet);
            }
        }
    }
    all.push(vec![0x80; 4000]);
    all.push(Vec::new());
    all
}

#[tokio::test]
async fn garbage_from_strangers_and_from_forged_addresses_does_no_harm() {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let proxy = Proxy::start(1, Weather::default()).await;
    let (link_a, link_b) = (LinkId(1), LinkId(1));
    let offer = a.engine.offer(link_a, GROUP).await.unwrap();
    let ufrag = offer.ufrag.clone();
    let answer = b.engine.answer(link_b, GROUP, proxy.offer(offer)).await.unwrap();
    let answer = proxy.answer(answer);
    // While connecting, too.
    for datagram in garbage(&ufrag) {
        proxy.inject(&datagram).await;
    }
    a.engine.complete(link_a, answer).await.unwrap();
    for datagram in garbage(&ufrag) {
        proxy.inject(&datagram).await;
    }
    a.up(link_a).await;
    b.up(link_b).await;
    make_edge(&a, &b, &Ends { a: link_a, b: link_b }).await;
    let mut viewer = Viewer::of(&b);
    let mut speaker = Speaker::new(10, 3);
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for round in 0..10 {
        for datagram in garbage(&ufrag) {
            proxy.inject(&datagram).await;
            for node in [&a, &b] {
                let _ = stranger.send_to(&datagram, node.engine.local_addresses()[0]).await;
            }
        }
        speaker.frame(&a).await;
        viewer.complete(0..speaker.video, 0..speaker.audio).await;
        assert!(a.stats(link_a).await.up, "round {round}");
    }
    let stats = a.engine.stats().await;
    assert!(stats.datagrams.unknown > 100 && stats.datagrams.unknown_stun > 100);
    assert!(stats.links[0].dropped.refused > 1000);
}

#[tokio::test]
async fn a_certificate_that_was_not_announced_ends_the_link() {
    let (mut a, b) = (Node::start().await, Node::start().await);
    let (link_a, link_b) = (new_link(), new_link());
    let offer = a.engine.offer(link_a, GROUP).await.unwrap();
    let mut answer = b.engine.answer(link_b, GROUP, offer).await.unwrap();
    answer.fingerprint[0] ^= 1;
    a.engine.complete(link_a, answer).await.unwrap();
    assert!(a.down(link_a).await.contains("certificate"));
}

#[tokio::test]
async fn half_open_links_end() {
    let mut a = Node::start().await;
    let link = new_link();
    let nowhere = Session {
        ufrag: "nobody".into(),
        pwd: "x".repeat(24),
        fingerprint: [7; 32],
        ssrc_base: u32::MAX,
        audio_slots: 5,
        video_slots: 5,
        candidates: vec![Candidate { kind: CandidateKind::ServerReflexive, address: "127.0.0.1:9".parse().unwrap() }],
    };
    a.engine.answer(link, GROUP, nowhere).await.unwrap();
    assert!(a.down(link).await.contains("in time"));
    let stats = a.engine.stats().await;
    assert!(stats.datagrams.sent < 100, "an address that never answers is not flooded: {}", stats.datagrams.sent);
}

#[tokio::test]
async fn packets_that_are_not_what_they_claim_are_not_published() {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let ends = connect(&mut a, &mut b, None).await;
    make_edge(&a, &b, &ends).await;
    let mut viewer = Viewer::of(&b);
    let flags = FRAME_START | FRAME_END;
    let bad = [
        (VIDEO, 5, payload(VIDEO, 6, flags, 50)),
        (AUDIO, 5, payload(VIDEO, 5, flags, 50)),
        (77, 5, payload(77, 5, flags, 50)),
        (AUDIO, 5, Vec::new()),
        (AUDIO, 5, payload(AUDIO, 5, flags, 1401)),
    ];
    let count = bad.len() as u64;
    for (kid, ctr, payload) in bad {
        let packet = Packet { kid, ctr, timestamp: 0, marker: false, payload: payload.into(), from: None };
        a.engine.publish_wait(GROUP, packet).await.unwrap();
    }
    publish(&a, AUDIO, 0, flags, 60, 0).await;
    viewer.complete(0..0, 0..1).await;
    assert_eq!(a.engine.stats().await.datagrams.unpublished, count);
}

#[tokio::test]
async fn slots_are_bounded_and_given_back() {
    let mut a = Node::with(loopback().slots(1, 1)).await;
    let mut b = Node::start().await;
    for node in [&a, &b] {
        node.add_tracks();
        let config =
            waterfall_media::forward::TrackConfig { kind: waterfall_media::forward::Kind::Audio, clock_rate: 48_000 };
        node.engine.add_track(GROUP, 9, config);
    }
    let ends = connect(&mut a, &mut b, None).await;
    make_edge(&a, &b, &ends).await;
    let (mut viewer, mut other) = (b.engine.subscribe(GROUP, AUDIO), b.engine.subscribe(GROUP, 9));
    let flags = FRAME_START | FRAME_END;
    publish(&a, AUDIO, 0, flags, 60, 0).await;
    publish(&a, 9, 0, flags, 60, 0).await;
    publish(&a, AUDIO, 1, flags, 60, 0).await;
    for ctr in [0, 1] {
        let packet = tokio::time::timeout(DEADLINE, viewer.recv()).await.unwrap().unwrap();
        assert_eq!((packet.kid, packet.ctr), (AUDIO, ctr));
    }
    a.until(|stats| stats.links[0].dropped.no_slot == 1).await;
    a.engine.remove_track(GROUP, AUDIO);
    for ctr in 1.. {
        publish(&a, 9, ctr, flags, 60, 0).await;
        let waited = tokio::time::timeout(std::time::Duration::from_millis(50), other.recv()).await;
        if let Ok(packet) = waited {
            assert_eq!(packet.unwrap().kid, 9, "the freed slot is used again");
            break;
        }
        assert!(ctr < 1000, "the slot was never given back");
    }
}
