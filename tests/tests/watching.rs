//! Many viewers: everyone gets every frame, through each other.

use std::collections::BTreeMap;

use waterfall::NodeId;

use crate::support::{Clip, LocalNetwork, all_to_the_end, assert_complete, publish_clip, until, within};

const FAN_OUT: u8 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_four_viewers_get_every_frame_through_each_other() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(FAN_OUT).await;
    let viewers = network.viewers(&room, 24, FAN_OUT).await;
    until(&room, |status| status.size == 25).await;

    let published = publish_clip(&room, Clip::first(3)).await;
    let ending = tokio::spawn(room.leave());
    let mut fed_by = BTreeMap::new();
    let mut ends = Vec::new();
    for (who, (node, seat, received)) in all_to_the_end(viewers).await.into_iter().enumerate() {
        assert_complete(who, &received, &published);
        let parent = until(&seat, |status| status.fed_by.is_some()).await.fed_by.unwrap();
        fed_by.insert(node.id(), parent);
        ends.push((node, seat));
    }
    for (node, seat) in ends {
        drop(seat);
        node.close().await;
    }
    let status = within(ending).await.unwrap().status;

    // Who fed whom is counted on the links that the packets came over.
    let depths: Vec<usize> = fed_by.keys().map(|viewer| depth(*viewer, node.id(), &fed_by)).collect();
    let at = |wanted: usize| depths.iter().filter(|depth| **depth == wanted).count();
    assert_eq!((at(1), depths.iter().max()), (4, Some(&3)), "{depths:?}");
    let sent: u64 = status.links.iter().map(|link| link.media_sent).sum();
    assert!(sent > 0 && sent <= u64::from(FAN_OUT) * published.bytes, "{sent} of {}", published.bytes);
    node.close().await;
}

fn depth(of: NodeId, speaker: NodeId, fed_by: &BTreeMap<NodeId, NodeId>) -> usize {
    let mut at = of;
    for depth in 0..=fed_by.len() {
        if at == speaker {
            return depth;
        }
        at = fed_by[&at];
    }
    panic!("a loop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_late_starts_at_the_last_key_frame_and_misses_nothing_after() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(2).await;
    let early = network.viewer(&room, 2).await;
    let speaking = tokio::spawn({
        let room = room.clone();
        async move { publish_clip(&room, Clip::first(6)).await }
    });
    // Past the second key frame, so that the beginning is no longer the place to start.
    early.has_frames(250).await;
    let late = network.viewers(&room, 3, 2).await;
    let published = within(speaking).await.unwrap();
    let ending = tokio::spawn(room.leave());
    let (early_node, _seat, received) = early.watch_to_the_end().await;
    assert_complete(0, &received, &published);
    for (track, _, frames) in &published.tracks {
        assert_eq!(received[track].len(), frames.len(), "the early viewer has everything");
    }
    for (who, (node, _seat, received)) in all_to_the_end(late).await.into_iter().enumerate() {
        assert_complete(who + 1, &received, &published);
        for (track, _, frames) in &published.tracks {
            assert!(received[track].len() < frames.len(), "a late viewer did not see the beginning");
        }
        node.close().await;
    }
    within(ending).await.unwrap();
    early_node.close().await;
    node.close().await;
}
