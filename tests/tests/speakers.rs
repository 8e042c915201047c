//! Several speakers over one tree.

use crate::support::{Clip, LocalNetwork, all_to_the_end, assert_complete, publish_clip, until, within};
use waterfall::{Access, Codec, Credentials, PublishError, Speakers, TrackSpec};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_speakers_reach_everyone_over_the_same_tree() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(2).await;
    let viewers = network.viewers(&room, 6, 2).await;
    until(&room, |status| status.size == 7).await;
    // The root, a participant right below it, and one at the bottom: up, down and across.
    let below = viewers.iter().find(|v| v.room.status().borrow().depth == Some(1)).unwrap().room.clone();
    let bottom = viewers.iter().find(|v| v.room.status().borrow().depth == Some(2)).unwrap().room.clone();
    let published = tokio::join!(
        publish_clip(&room, Clip::first(3)),
        publish_clip(&below, Clip::first(3)),
        publish_clip(&bottom, Clip::first(3)),
    );
    let published = [published.0, published.1, published.2];
    let speakers = [node.id(), below.node_id(), bottom.node_id()];
    let ending = tokio::spawn(room.leave());
    drop((below, bottom));
    for (who, (node, _seat, received)) in all_to_the_end(viewers).await.into_iter().enumerate() {
        for (speaker, published) in speakers.iter().zip(&published) {
            if *speaker != node.id() {
                assert_complete(who, &received, published);
            }
        }
        node.close().await;
    }
    within(ending).await.unwrap();
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_granted_does_not_speak() {
    let network = LocalNetwork::start().await;
    let (owner, guest) = (network.node().await, network.node().await);
    let room = owner.create(Access::Open).speakers(Speakers::Only(Vec::new())).await.unwrap();
    let seat = within(guest.join(&room.ticket(), Credentials::Open)).await.unwrap();
    let spec = TrackSpec::video(Codec::Vp8, 16, 16);
    let refused = seat.publish(spec.clone()).await.unwrap_err();
    assert!(matches!(refused, PublishError::NotGranted), "{refused}");
    room.publish(spec).await.unwrap().finish().await;
    seat.leave().await;
    room.leave().await;
    guest.close().await;
    owner.close().await;
}
