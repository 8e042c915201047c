use std::time::Duration;

use waterfall_media::engine::Event;
use waterfall_media::forward::identity::{FRAME_END, FRAME_START, KEY_FRAME};
use waterfall_media::forward::{GroupId, Kind, Packet, RingLimits, TrackConfig};
use waterfall_media::link::QueueLimits;

use super::proxy::{Proxy, Weather};
use super::support::*;

const STORM: Weather = Weather {
    loss: 50,
    duplicates: 20,
    corruption: 5,
    delay: Duration::from_millis(2),
    jitter: Duration::from_millis(12),
    rate: 0,
    sieve: 0,
};

#[tokio::test]
async fn every_packet_crosses_two_bad_hops_unchanged() {
    let (mut a, mut b, mut c) = (Node::patient().await, Node::patient().await, Node::with_tracks().await);
    let (first, second) = (Proxy::start(11, STORM).await, Proxy::start(22, STORM).await);
    let ab = connect(&mut a, &mut b, Some(&first)).await;
    let bc = connect(&mut b, &mut c, Some(&second)).await;
    make_edge(&a, &b, &ab).await;
    make_edge(&b, &c, &bc).await;
    let (mut at_b, mut at_c) = (Viewer::of(&b), Viewer::of(&c));
    let mut speaker = Speaker::new(30, 5);
    speaker.speak(&a, 120).await;
    at_c.complete(0..speaker.video, 0..speaker.audio).await;
    at_b.complete(0..speaker.video, 0..speaker.audio).await;
    let stats = c.stats(bc.b).await;
    assert!(stats.repair_packets_received > 0, "the weather was too good");
    assert_eq!(stats.first_copy_packets, speaker.video + speaker.audio);
    assert_eq!(stats.lost, 0);
    let back = a.stats(ab.a).await;
    assert_eq!(back.media_packets_received, 0, "nothing goes back where it came from");
    assert_eq!(back.media_packets_sent, speaker.video + speaker.audio, "each packet is sent once");
}

#[tokio::test]
async fn a_late_joiner_starts_at_the_last_key_frame() {
    let (mut a, mut b, mut c) = (Node::with_tracks().await, Node::with_tracks().await, Node::with_tracks().await);
    let ab = connect(&mut a, &mut b, None).await;
    make_edge(&a, &b, &ab).await;
    let mut at_b = Viewer::of(&b);
    let mut speaker = Speaker::new(20, 4);
    speaker.speak(&a, 50).await;
    at_b.complete(0..speaker.video, 0..speaker.audio).await;
    let bc = connect(&mut b, &mut c, None).await;
    let mut at_c = Viewer::of(&c);
    make_edge(&b, &c, &bc).await;
    let (key_frame, sound) = (speaker.key_frame, speaker.audio - 5);
    at_c.complete(key_frame..speaker.video, sound..speaker.audio).await;
    speaker.speak(&a, 15).await;
    at_c.complete(key_frame..speaker.video, sound..speaker.audio).await;
    assert_eq!(at_c.video.first(), Some(&key_frame), "nothing before the last key frame");
    assert!(*at_c.audio.first().unwrap() > 0, "no sound from long before it");
}

#[tokio::test]
async fn a_child_that_loses_its_parent_goes_on_elsewhere_without_a_gap() {
    let (mut a, mut b, mut c) = (Node::with_tracks().await, Node::with_tracks().await, Node::with_tracks().await);
    let mut viewer = Node::with_tracks().await;
    let (ab, ac) = (connect(&mut a, &mut b, None).await, connect(&mut a, &mut c, None).await);
    make_edge(&a, &b, &ab).await;
    make_edge(&a, &c, &ac).await;
    let proxy = Proxy::start(5, Weather::default()).await;
    let parent = connect(&mut b, &mut viewer, Some(&proxy)).await;
    let standby = connect(&mut c, &mut viewer, None).await;
    make_edge(&b, &viewer, &parent).await;
    let mut at_viewer = Viewer::of(&viewer);
    let mut speaker = Speaker::new(30, 4);
    speaker.speak(&a, 40).await;
    at_viewer.complete(0..speaker.video, 0..speaker.audio).await;
    assert_eq!(viewer.stats(standby.b).await.media_packets_received, 0, "a standby link carries no media");

    proxy.cut(true);
    let silence = viewer.event(|event| match event {
        Event::Silent { link } if link == parent.b => Some(()),
        _ => None,
    });
    tokio::select! {
        () = silence => {}
        () = speaker.speak(&a, 600) => panic!("the cut was not noticed"),
    }
    viewer.engine.set_edge(parent.b, false);
    make_edge(&c, &viewer, &standby).await;
    speaker.speak(&a, 30).await;
    at_viewer.complete(0..speaker.video, 0..speaker.audio).await;
    assert!(viewer.stats(standby.b).await.first_copy_packets > 0);
}

#[tokio::test]
async fn a_slow_child_costs_its_sibling_nothing_and_loses_whole_frames() {
    let limits = QueueLimits { time: Duration::from_millis(500), ..QueueLimits::default() };
    let mut a = Node::with(loopback().queue(limits)).await;
    a.add_tracks();
    let (mut slow, mut quick) = (Node::with_tracks().await, Node::with_tracks().await);
    let narrow = Weather { rate: 40_000, ..Weather::default() };
    let proxy = Proxy::start(3, Weather::default()).await;
    let to_slow = connect(&mut a, &mut slow, Some(&proxy)).await;
    let to_quick = connect(&mut a, &mut quick, None).await;
    make_edge(&a, &slow, &to_slow).await;
    make_edge(&a, &quick, &to_quick).await;
    proxy.set_weather(narrow);
    let (mut at_slow, mut at_quick) = (Viewer::of(&slow), Viewer::of(&quick));
    let mut speaker = Speaker::new(30, 5);
    // As fast as the quick one takes it: how many frames a second that makes does not matter.
    let overflow = async {
        loop {
            let (video, audio) = (speaker.video, speaker.audio);
            speaker.frame(&a).await;
            at_quick.complete(video..speaker.video, audio..speaker.audio).await;
            at_slow.drain();
            while let Ok(event) = a.events.try_recv() {
                if let Event::QueueOverflow { link, frames, packets, .. } = event {
                    return (link, frames, packets);
                }
            }
        }
    };
    let overflowed = tokio::time::timeout(DEADLINE, overflow).await;
    let (link, frames, packets) = overflowed.expect("the slow child's queue never overflowed");
    assert_eq!(link, to_slow.a, "only the slow one");
    assert!(frames > 0 && packets >= frames);
    let quick_stats = a.stats(to_quick.a).await;
    assert_eq!(quick_stats.dropped.overflow, 0);
    assert_eq!(quick_stats.estimate, None);
    assert!(a.stats(to_slow.a).await.dropped.overflow > 0);
    assert!((at_slow.video.len() as u64) < speaker.video);
}

#[tokio::test]
async fn unknown_tracks_and_links_that_are_no_edges_carry_nothing() {
    let (mut a, mut b, mut c) = (Node::with_tracks().await, Node::start().await, Node::with_tracks().await);
    let (ab, bc) = (connect(&mut a, &mut b, None).await, connect(&mut b, &mut c, None).await);
    make_edge(&a, &b, &ab).await;
    make_edge(&b, &c, &bc).await;
    let mut speaker = Speaker::new(10, 2);
    speaker.speak(&a, 10).await;
    let sent = speaker.video + speaker.audio;
    b.until(|stats| stats.links.iter().any(|link| link.dropped.unknown_kid == sent)).await;
    assert_eq!(b.stats(bc.a).await.media_packets_sent, 0);
    assert_eq!(b.stats(ab.b).await.first_copy_packets, 0);

    // With the tracks known, what had come is taken in; the second link being an edge no longer, it stays here.
    b.engine.set_edge(bc.a, false);
    b.add_tracks();
    let mut at_b = Viewer::of(&b);
    speaker.speak(&a, 10).await;
    at_b.complete(0..speaker.video, 0..speaker.audio).await;
    assert_eq!(b.stats(bc.a).await.media_packets_sent, 0);

    // One that only its other end takes for an edge is none either.
    c.engine.set_edge(bc.b, true);
    publish(&c, AUDIO, 1_000, FRAME_START | FRAME_END, 50, 0).await;
    b.until(|stats| stats.links.iter().any(|link| link.link == bc.a && link.dropped.not_edge == 1)).await;
}

#[tokio::test]
async fn sequence_numbers_wrap_under_repairs() {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let drizzle = Weather { loss: 5, jitter: Duration::from_millis(1), ..Weather::default() };
    let proxy = Proxy::start(7, drizzle).await;
    let ends = connect(&mut a, &mut b, Some(&proxy)).await;
    make_edge(&a, &b, &ends).await;
    let mut viewer = Viewer::of(&b);
    let total = 110_000;
    for batch in (0..total).step_by(1000) {
        for ctr in batch..batch + 1000 {
            let key = if ctr % 1000 == 0 { KEY_FRAME } else { 0 };
            publish(&a, VIDEO, ctr, FRAME_START | FRAME_END | key, 40, ctr as u32).await;
        }
        viewer.complete(batch..batch + 1000, 0..0).await;
    }
    let stats = b.stats(ends.b).await;
    assert_eq!(stats.first_copy_packets, total);
    assert!(stats.repair_packets_received > 100 && stats.lost == 0);
}

#[tokio::test]
async fn two_rooms_between_the_same_nodes_do_not_mix() {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let other = GroupId(2);
    for node in [&a, &b] {
        node.engine.add_track(other, AUDIO, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 });
    }
    let first = connect(&mut a, &mut b, None).await;
    let second = connect_in(other, &mut a, &mut b).await;
    make_edge(&a, &b, &first).await;
    a.engine.set_edge(second.a, true);
    b.engine.set_edge(second.b, true);
    a.engine.resume(second.a, Vec::new());
    let mut in_other = b.engine.subscribe(other, AUDIO);
    let mut viewer = Viewer::of(&b);
    let mut speaker = Speaker::new(10, 2);
    for ctr in 0..10 {
        let bytes = payload(AUDIO, ctr, FRAME_START | FRAME_END, 77).into();
        let packet = Packet { kid: AUDIO, ctr, timestamp: 0, marker: true, payload: bytes, from: None };
        a.engine.publish_wait(other, packet).await.unwrap();
    }
    speaker.speak(&a, 20).await;
    viewer.complete(0..speaker.video, 0..speaker.audio).await;
    for ctr in 0..10 {
        let packet = tokio::time::timeout(DEADLINE, in_other.recv()).await.unwrap().unwrap();
        assert_eq!((packet.ctr, packet.payload.len(), packet.from), (ctr, 77, Some(second.b)));
    }
    assert_ne!(a.stats(first.a).await.remote, a.stats(second.a).await.remote, "each has addresses of its own");
}

#[tokio::test]
async fn when_the_key_frame_fell_out_one_is_asked_for_up_to_the_speaker() {
    let small = RingLimits { bytes: 30_000, ..RingLimits::default() };
    let mut a = Node::with_tracks().await;
    let mut b = Node::with(loopback().ring(small)).await;
    b.add_tracks();
    let mut c = Node::with_tracks().await;
    let ab = connect(&mut a, &mut b, None).await;
    make_edge(&a, &b, &ab).await;
    let mut at_b = Viewer::of(&b);
    let mut speaker = Speaker::new(1000, 4);
    speaker.speak(&a, 20).await;
    at_b.complete(0..speaker.video, 0..speaker.audio).await;
    let bc = connect(&mut b, &mut c, None).await;
    make_edge(&b, &c, &bc).await;
    let wanted = a.event(|event| match event {
        Event::KeyFrameWanted { group, kid } => Some((group, kid)),
        _ => None,
    });
    assert_eq!(wanted.await, (GROUP, VIDEO));
    // A viewer that cannot decode may ask too, through the relay; within a second it is asked once.
    c.engine.ask_key_frame(GROUP, VIDEO);
    let mut at_c = Viewer::of(&c);
    speaker.gop = 1;
    let from = speaker.video;
    // One after the other has arrived: the relay keeps no two of them.
    for _ in 0..3 {
        speaker.frame(&a).await;
        at_c.complete(from..speaker.video, 0..0).await;
    }
    assert_eq!(at_c.video.first(), Some(&from));
}
