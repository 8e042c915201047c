//! Relays that leave and relays that vanish.

use crate::support::{Clip, LocalNetwork, Viewer, all_to_the_end, assert_complete, publish_clip, until, within};
use waterfall::Room;

/// A chain: everyone serves one.
async fn chain(network: &LocalNetwork, room: &Room, length: usize) -> Vec<Viewer> {
    let mut viewers = Vec::new();
    for _ in 0..length {
        viewers.push(network.viewer(room, 1).await);
    }
    viewers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_leaves_costs_those_below_it_no_frame() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(1).await;
    let mut viewers = chain(&network, &room, 3).await;
    let speaking = tokio::spawn({
        let room = room.clone();
        async move { publish_clip(&room, Clip::first(6)).await }
    });
    viewers[2].has_frames(100).await;
    let relay = viewers.remove(0);
    let below = viewers[0].room.clone();
    let report = within(relay.room.clone().leave()).await;
    assert_eq!(report.children_handed_over, 1);
    let status = until(&below, |status| status.parent == Some(node.id())).await;
    assert_eq!(status.depth, Some(1));

    let published = within(speaking).await.unwrap();
    let ending = tokio::spawn(room.leave());
    for (who, (node, _seat, received)) in all_to_the_end(viewers).await.into_iter().enumerate() {
        assert_complete(who, &received, &published);
        for (track, _, frames) in &published.tracks {
            assert_eq!(received[track].len(), frames.len(), "viewer {who} was there from the beginning");
        }
        node.close().await;
    }
    within(ending).await.unwrap();
    relay.vanish().await;
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_vanishes_is_replaced_and_its_subtree_watches_on() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(1).await;
    let mut viewers = chain(&network, &room, 3).await;
    let speaking = tokio::spawn({
        let room = room.clone();
        async move { publish_clip(&room, Clip::first(9)).await }
    });
    viewers[2].has_frames(50).await;
    let relay = viewers.remove(0);
    relay.vanish().await;
    until(&viewers[0].room, |status| status.parent == Some(node.id())).await;
    let before = viewers[1].frame_count();
    viewers[1].has_frames(before + 50).await;

    within(speaking).await.unwrap();
    let ending = tokio::spawn(room.leave());
    for (node, _seat, _received) in all_to_the_end(viewers).await {
        node.close().await;
    }
    within(ending).await.unwrap();
    node.close().await;
}
