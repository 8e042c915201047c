use std::time::Duration;

use waterfall_media::engine::Event;
use waterfall_media::forward::LinkId;

use super::proxy::{Proxy, Weather};
use super::support::*;

/// A parent, its child and the proxy between them; the child knows that it is fed over the link.
async fn fed(weather: Weather) -> (Node, Node, Ends, Proxy) {
    let (mut a, mut b) = (Node::with_tracks().await, Node::with_tracks().await);
    let proxy = Proxy::start(17, weather).await;
    let ends = connect(&mut a, &mut b, Some(&proxy)).await;
    b.engine.set_feeder(ends.b, true);
    make_edge(&a, &b, &ends).await;
    (a, b, ends, proxy)
}

async fn silent(node: &mut Node, wanted: LinkId) {
    node.event(|event| matches!(event, Event::Silent { link } if link == wanted).then_some(())).await;
}

#[tokio::test]
async fn a_feeder_is_listened_to_closely_and_a_child_is_not() {
    let (mut a, mut b, ends, proxy) = fed(Weather::default()).await;
    // What the other end says of itself has to come first.
    b.until(|stats| stats.links[0].silence < Duration::from_millis(200)).await;
    assert_eq!(a.stats(ends.a).await.silence, Duration::from_millis(500));
    proxy.cut(true);
    silent(&mut b, ends.b).await;
    silent(&mut a, ends.a).await;
    b.engine.set_edge(ends.b, false);
    b.until(|stats| stats.links[0].silence > Duration::from_secs(3)).await;
}

#[tokio::test]
async fn on_a_bad_way_more_is_borne() {
    let bumpy = Weather { jitter: Duration::from_millis(150), ..Weather::default() };
    let (_a, b, _, proxy) = fed(bumpy).await;
    let borne = Duration::from_millis(120)..=Duration::from_millis(500);
    b.until(|stats| borne.contains(&stats.links[0].silence)).await;
    // It stays so for a while on a better one.
    proxy.set_weather(Weather::default());
    assert!(borne.contains(&b.engine.stats().await.links[0].silence));
}

#[tokio::test]
async fn a_machine_that_is_busy_is_no_dead_neighbour() {
    let (_a, mut b, _, _proxy) = fed(Weather::default()).await;
    b.until(|stats| stats.links[0].silence < Duration::from_millis(200)).await;
    for _ in 0..10 {
        // Both ends live on this thread and sleep meanwhile.
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(250) {
            std::hint::spin_loop();
        }
        let told = tokio::time::timeout(Duration::from_millis(40), b.events.recv()).await;
        assert!(!matches!(told, Ok(Some(Event::Silent { .. }))), "{told:?}");
    }
}

#[tokio::test]
async fn hunger_is_told_at_once_also_while_media_flows() {
    let (a, mut b, ends, _proxy) = fed(Weather::default()).await;
    let mut speaker = Speaker::new(30, 2);
    for fed in [true, false, true] {
        a.engine.set_fed(GROUP, fed);
        let told = b.event(|event| match event {
            Event::Fed { link, fed: now } if now == fed => Some(link),
            _ => None,
        });
        let link = tokio::select! {
            link = told => link,
            () = speaker.speak(&a, 600) => panic!("never told"),
        };
        assert_eq!(link, ends.b);
        assert_eq!(b.stats(ends.b).await.fed, Some(fed));
    }
}

#[tokio::test]
async fn who_withholds_packets_is_told_and_who_loses_some_is_not() {
    let mut a = Node::patient().await;
    let (mut robbed, mut unlucky) = (Node::with_tracks().await, Node::with_tracks().await);
    let thief = Proxy::start(1, Weather { sieve: 16, ..Weather::default() }).await;
    let rain = Proxy::start(2, Weather { loss: 50, jitter: Duration::from_millis(3), ..Weather::default() }).await;
    let to_robbed = connect(&mut a, &mut robbed, Some(&thief)).await;
    let to_unlucky = connect(&mut a, &mut unlucky, Some(&rain)).await;
    make_edge(&a, &robbed, &to_robbed).await;
    make_edge(&a, &unlucky, &to_unlucky).await;
    let mut viewer = Viewer::of(&unlucky);
    let mut speaker = Speaker::new(30, 4);
    let withheld = robbed.event(|event| match event {
        Event::Withheld { link, packets } => Some((link, packets)),
        _ => None,
    });
    let (link, packets) = tokio::select! {
        withheld = withheld => withheld,
        () = speaker.speak(&a, 2_000) => panic!("never told"),
    };
    assert_eq!(link, to_robbed.b);
    assert!(packets >= 4, "{packets}");
    viewer.complete(0..speaker.video, 0..speaker.audio).await;
    while let Ok(event) = unlucky.events.try_recv() {
        assert!(!matches!(event, Event::Withheld { .. }), "{event:?}: it was only lost");
    }
    let lossy = a.stats(to_unlucky.a).await;
    assert!(lossy.loss > 0.01 && lossy.loss < 0.12, "of 0.05: {}", lossy.loss);
    // 30 frames of five packets and 50 of sound a second, the fourth part more in key frames.
    let rate = lossy.delivered_rate;
    assert!((100_000..=200_000).contains(&rate), "{rate}");
}

/// A speaker, two relays below it and a viewer that is fed by the first; the proxy is between those two.
struct Room {
    a: Node,
    b: Node,
    c: Node,
    viewer: Node,
    parent: Ends,
    standby: Ends,
    proxy: Proxy,
    speaker: Speaker,
}

impl Room {
    async fn new() -> Self {
        let (mut a, mut b, mut c) = (Node::with_tracks().await, Node::with_tracks().await, Node::with_tracks().await);
        let mut viewer = Node::with_tracks().await;
        let (ab, ac) = (connect(&mut a, &mut b, None).await, connect(&mut a, &mut c, None).await);
        make_edge(&a, &b, &ab).await;
        make_edge(&a, &c, &ac).await;
        let proxy = Proxy::start(5, Weather::default()).await;
        let parent = connect(&mut b, &mut viewer, Some(&proxy)).await;
        let standby = connect(&mut c, &mut viewer, None).await;
        viewer.engine.set_feeder(parent.b, true);
        make_edge(&b, &viewer, &parent).await;
        Self { a, b, c, viewer, parent, standby, proxy, speaker: Speaker::new(30, 4) }
    }

    /// Cuts the link to the parent, and speaks until the viewer has noticed.
    async fn lose_parent(&mut self) {
        self.proxy.cut(true);
        let noticed = silent(&mut self.viewer, self.parent.b);
        tokio::select! {
            () = noticed => {}
            () = self.speaker.speak(&self.a, 600) => panic!("the cut was not noticed"),
        }
    }

    async fn switched(&mut self) -> (LinkId, LinkId, Duration, u64) {
        self.viewer
            .event(|event| match event {
                Event::Switched { group: GROUP, from, to, gap, lost } => Some((from, to, gap, lost)),
                _ => None,
            })
            .await
    }
}

#[tokio::test]
async fn what_was_missed_comes_oldest_first_and_the_gap_is_told() {
    let mut room = Room::new().await;
    let mut video = room.viewer.engine.subscribe(GROUP, VIDEO);
    let mut viewer = Viewer::of(&room.viewer);
    room.speaker.speak(&room.a, 40).await;
    viewer.complete(0..room.speaker.video, 0..room.speaker.audio).await;
    room.lose_parent().await;
    room.speaker.speak(&room.a, 20).await;
    make_edge(&room.c, &room.viewer, &room.standby).await;
    room.speaker.speak(&room.a, 30).await;
    viewer.complete(0..room.speaker.video, 0..room.speaker.audio).await;

    let mut over_standby = Vec::new();
    while let Some(packet) = video.try_recv() {
        if packet.from == Some(room.standby.b) {
            over_standby.push(packet.ctr);
        }
    }
    assert!(over_standby.is_sorted(), "{over_standby:?}");
    assert_eq!(over_standby.last(), Some(&(room.speaker.video - 1)));
    let stats = room.viewer.stats(room.standby.b).await;
    assert_eq!(stats.duplicates, 0, "what was there is not sent again");

    let (from, to, gap, lost) = room.switched().await;
    assert_eq!((from, to, lost), (room.parent.b, room.standby.b, 0));
    assert!(gap >= Duration::from_millis(60), "it was noticed only then: {gap:?}");
}

#[tokio::test]
async fn while_two_links_feed_the_first_copy_counts() {
    let mut room = Room::new().await;
    let mut viewer = Viewer::of(&room.viewer);
    room.speaker.speak(&room.a, 40).await;
    room.lose_parent().await;
    make_edge(&room.c, &room.viewer, &room.standby).await;
    room.speaker.speak(&room.a, 15).await;
    // The old feed is back, and sends what it still owes.
    room.proxy.cut(false);
    room.speaker.speak(&room.a, 60).await;
    viewer.complete(0..room.speaker.video, 0..room.speaker.audio).await;
    let (old, new) = (room.viewer.stats(room.parent.b).await, room.viewer.stats(room.standby.b).await);
    assert!(old.duplicates + new.duplicates > 100, "{} and {}", old.duplicates, new.duplicates);
    assert_eq!(old.first_copy_packets + new.first_copy_packets, room.speaker.video + room.speaker.audio);
    room.viewer.engine.set_edge(room.parent.b, false);
    room.b.engine.set_edge(room.parent.a, false);
    let standby = room.viewer.engine.stats().await.links.iter().find(|link| link.link == room.standby.b).unwrap().edge;
    assert!(standby);
    room.speaker.speak(&room.a, 15).await;
    viewer.complete(0..room.speaker.video, 0..room.speaker.audio).await;
}

#[tokio::test]
async fn what_one_end_has_is_said_exactly_also_with_holes() {
    let (a, b, ends, proxy) = fed(Weather::default()).await;
    let mut viewer = Viewer::of(&b);
    let mut speaker = Speaker::new(30, 4);
    speaker.speak(&a, 10).await;
    viewer.complete(0..speaker.video, 0..speaker.audio).await;
    let whole = [(VIDEO, speaker.video), (AUDIO, speaker.audio)];
    assert_eq!(b.engine.have(GROUP).await, whole);
    // Every second packet is lost for good: the first hole counts, not the last packet.
    proxy.set_weather(Weather { sieve: 2, ..Weather::default() });
    let before = b.stats(ends.b).await.first_copy_packets;
    speaker.speak(&a, 10).await;
    b.until(|stats| stats.links[0].first_copy_packets > before + 10).await;
    let have = b.engine.have(GROUP).await;
    for ((kid, next), (_, complete)) in have.into_iter().zip(whole) {
        assert!(next <= complete + 1, "of track {kid} {next} instead of {complete} is said to be there");
    }
}
