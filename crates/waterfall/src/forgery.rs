//! A relay that turns on those below it. It needs what no user of the library gets, a room's
//! secrets and engine, so it stands inside the crate.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::time::timeout;
use waterfall_keys::TrackSealer;
use waterfall_media::forward::Packet;
use waterfall_media::forward::identity::Head;
use waterfall_media::frame::{FRAME_END, FRAME_START, KEY_FRAME_START};

use crate::{Access, Codec, Credentials, Frame, Item, Kind, Node, Room, TrackInfo, TrackSpec};

const DEADLINE: Duration = Duration::from_secs(60);
const GENUINE: &[u8] = b"genuine";

async fn node() -> Node {
    Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false).start().await.unwrap()
}

fn genuine(n: u32) -> Frame {
    let data = [GENUINE, &n.to_be_bytes()].concat().into();
    Frame { timestamp: Duration::from_millis(40) * n, keyframe: n.is_multiple_of(5), data }
}

/// A packet as the relay would pass it on.
async fn inject(relay: &Room, track: &TrackInfo, ctr: u64, payload: Bytes) {
    let packet = Packet { kid: track.id.0, ctr, timestamp: 0, marker: true, payload, from: None };
    relay.seat().shared.engine.publish_wait(relay.seat().group, packet).await.unwrap();
}

/// Members hold the track's key, so a relay can seal packets; it cannot sign them as the speaker.
async fn forge(relay: &Room, track: &TrackInfo, ctrs: std::ops::Range<u64>) {
    let own_key = &relay.seat().shared.identity;
    let mut sealer = TrackSealer::new(&relay.seat().secrets.epoch_key, own_key, track.id, track.start);
    while sealer.next_ctr() < ctrs.end {
        let flags = KEY_FRAME_START | FRAME_START | FRAME_END;
        let sealed = sealer.seal(flags, 0, true, b"\0\0\0\0\0\0\0\0forged", true).unwrap();
        if sealed.ctr >= ctrs.start {
            inject(relay, track, sealed.ctr, sealed.payload).await;
        }
    }
}

/// Genuine bytes under counters that are not theirs, and with a bit flipped.
async fn alter(relay: &Room, track: &TrackInfo, genuine: &Packet, ctrs: std::ops::Range<u64>) {
    let flags = genuine.payload[0];
    let head = |ctr: u64| {
        let mut head = Vec::new();
        Head::write(flags, track.id.0, ctr, &mut head);
        head
    };
    for ctr in ctrs {
        let mut payload = head(ctr);
        payload.extend_from_slice(&genuine.payload[head(genuine.ctr).len()..]);
        let last = payload.len() - 1;
        payload[last] ^= 1;
        inject(relay, track, ctr, payload.into()).await;
    }
}

/// Waits until the viewer has counted what it refused.
async fn until_refused(seat: &Room) {
    let mut status = seat.status();
    timeout(DEADLINE, status.wait_for(|status| status.packets_refused > 0)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_relay_makes_or_alters_reaches_a_viewer() {
    let (speaker, middle, end) = (node().await, node().await, node().await);
    let room = speaker.create(Access::Open).fan_out(1).await.unwrap();
    let relay = middle.join(&room.ticket(), Credentials::Open).await.unwrap();
    let seat = end.join(&room.ticket(), Credentials::Open).await.unwrap();
    assert_eq!(seat.status().borrow().parent, Some(middle.id()), "the viewer hangs from the relay");

    let mut publisher = room.publish(TrackSpec::video(Codec::Vp8, 16, 16)).await.unwrap();
    let mut frames = seat.subscribe(Kind::Video).await.unwrap().frames();
    let track = relay.subscribe(Kind::Video).await.unwrap().info().clone();
    let mut through_relay = relay.seat().shared.engine.subscribe(relay.seat().group, track.id.0);
    // A frame is a packet here, so counters and frames go together.
    for n in 0..10 {
        publisher.send(genuine(n)).await.unwrap();
    }
    for n in 0..10 {
        assert_eq!(timeout(DEADLINE, frames.next()).await.unwrap(), Some(Item::Frame(genuine(n))));
    }
    let copied = timeout(DEADLINE, through_relay.recv()).await.unwrap().unwrap();

    forge(&relay, &track, 10..20).await;
    alter(&relay, &track, &copied, 20..30).await;
    // The forgeries took the places of these; nothing of either may come out.
    for n in 10..40 {
        publisher.send(genuine(n)).await.unwrap();
    }
    let mut received = Vec::new();
    while let Some(item) = timeout(DEADLINE, frames.next()).await.unwrap() {
        match item {
            Item::Frame(frame) => {
                assert!(frame.data.starts_with(GENUINE), "a forged frame came out");
                received.push(frame);
            }
            Item::Gap { .. } => {}
        }
        if received.last().is_some_and(|last| *last == genuine(39)) {
            break;
        }
    }
    until_refused(&seat).await;
    let expected: Vec<Frame> = (30..40).map(genuine).collect();
    assert!(received.ends_with(&expected), "the stream goes on after the attack: {received:?}");

    publisher.finish().await;
    drop((seat, relay));
    room.leave().await;
    for node in [end, middle, speaker] {
        node.close().await;
    }
}
