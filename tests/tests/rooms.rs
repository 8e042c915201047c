//! One node in several rooms.

use crate::support::{Clip, LocalNetwork, Viewer, assert_complete, publish_clip, within};
use waterfall::{Access, Credentials};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rooms_on_one_node_do_not_mix() {
    let network = LocalNetwork::start().await;
    let (speakers, watcher) = (network.node().await, network.node().await);
    let first = speakers.create(Access::Open).await.unwrap();
    let second = speakers.create(Access::Open).await.unwrap();
    let seats = [
        within(watcher.join(&first.ticket(), Credentials::Open)).await.unwrap(),
        within(watcher.join(&second.ticket(), Credentials::Open)).await.unwrap(),
    ];
    let viewers = seats.map(|seat| Viewer::watch(watcher.clone(), seat));
    let (one, two) = tokio::join!(publish_clip(&first, Clip::first(2)), publish_clip(&second, Clip::first(2)));
    let endings = [tokio::spawn(first.leave()), tokio::spawn(second.leave())];
    for ((who, viewer), published) in viewers.into_iter().enumerate().zip([&one, &two]) {
        let (_node, _seat, received) = viewer.watch_to_the_end().await;
        assert_complete(who, &received, published);
        assert_eq!(received.len(), published.tracks.len(), "nothing of the other room");
    }
    for ending in endings {
        within(ending).await.unwrap();
    }
    watcher.close().await;
    speakers.close().await;
}
