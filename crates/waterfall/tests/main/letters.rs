//! Calls without a direct path.

use waterfall::{Access, SignalPath};

use crate::support::{Viewer, assert_all_watch, lone_node, speak};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_of_letters_only() {
    let speaker = lone_node(SignalPath::Letter).await;
    let room = speaker.create(Access::Open).fan_out(2).await.unwrap();
    let mut publisher = speak(&room).await;
    let mut viewers = Vec::new();
    for _ in 0..6 {
        viewers.push(Viewer::join(SignalPath::Letter, &speaker, &room, 2).await);
    }
    for viewer in &viewers {
        let answered = viewer.room.status().borrow().answered;
        assert_eq!(answered.map(|answered| answered.path), Some(SignalPath::Letter));
        assert_eq!(viewer.node.signal_stats().asks_sent, 0, "nobody is asked directly");
    }
    assert!(viewers.iter().any(|viewer| viewer.room.status().borrow().depth == Some(2)));
    assert_all_watch(&mut publisher, &viewers, 0..20).await;
    for viewer in viewers {
        viewer.leave().await;
    }
    room.leave().await;
    speaker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_follows_where_direct_offers_are_refused() {
    let speaker = lone_node(SignalPath::Letter).await;
    let room = speaker.create(Access::Open).await.unwrap();
    let mut publisher = speak(&room).await;
    let viewer = Viewer::join(SignalPath::Auto, &speaker, &room, 4).await;
    let answered = viewer.room.status().borrow().answered.unwrap();
    assert_eq!((answered.peer, answered.path), (speaker.id(), SignalPath::Letter));
    assert_all_watch(&mut publisher, &[viewer], 0..5).await;
    room.leave().await;
    speaker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_offers_come_first_where_there_is_a_path() {
    let speaker = lone_node(SignalPath::Auto).await;
    let room = speaker.create(Access::Open).await.unwrap();
    let viewer = Viewer::join(SignalPath::Auto, &speaker, &room, 4).await;
    let answered = viewer.room.status().borrow().answered.unwrap();
    assert_eq!((answered.peer, answered.path), (speaker.id(), SignalPath::Direct));
    viewer.leave().await;
    room.leave().await;
    speaker.close().await;
}
