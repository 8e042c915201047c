//! Ways into a room.

use std::net::Ipv4Addr;

use waterfall::{Access, Credentials, JoinBy, JoinError, Node};

use crate::support::{LocalNetwork, until, within};

async fn lone_node() -> Node {
    Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_created_alone_is_found_by_its_ticket_without_a_bootstrap_node() {
    let (owner, guest) = (lone_node().await, lone_node().await);
    let room = owner.create(Access::Open).title("alone").await.unwrap();
    let seat = within(guest.join(&room.ticket(), Credentials::Open)).await.unwrap();
    assert_eq!(seat.title(), "alone");
    seat.leave().await;
    room.leave().await;
    guest.close().await;
    owner.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walking_the_records_finds_a_spot_below_a_full_speaker() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(1).await;
    let relay = network.viewer(&room, 1).await;
    until(&room, |status| status.children.len() == 1).await;
    let walker = network.node().await;
    let seat = within(walker.join(&room.ticket(), Credentials::Open).by(JoinBy::Walk)).await.unwrap();
    assert_eq!(seat.status().borrow().parent, Some(relay.node.id()));
    seat.leave().await;
    walker.close().await;
    relay.vanish().await;
    room.leave().await;
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_serves_nobody() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(2).await;
    let leaf_node = network.node().await;
    let leaf = within(leaf_node.join(&room.ticket(), Credentials::Open).leaf()).await.unwrap();
    let relay = network.viewer(&room, 2).await;
    let third = network.viewer(&room, 2).await;
    assert_eq!(third.room.status().borrow().parent, Some(relay.node.id()));
    assert!(leaf.status().borrow().children.is_empty());
    for viewer in [third, relay] {
        viewer.vanish().await;
    }
    leaf.leave().await;
    leaf_node.close().await;
    room.leave().await;
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_whose_peers_are_gone_ends_with_a_clear_word() {
    let owner = lone_node().await;
    let room = owner.create(Access::Open).await.unwrap();
    let ticket = room.ticket();
    drop(room);
    owner.close().await;
    let guest = lone_node().await;
    let refused = within(guest.join(&ticket, Credentials::Open)).await.unwrap_err();
    assert!(matches!(refused, JoinError::NoPeers), "{refused}");
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_shows_everyone() {
    let network = LocalNetwork::start().await;
    let (node, room) = network.open_room(2).await;
    let viewers = network.viewers(&room, 5, 2).await;
    let outsider = network.node().await;
    let snapshot = within(async {
        loop {
            let snapshot = outsider.snapshot(&room.ticket(), Credentials::Open).await.unwrap();
            // They came at once: the room takes a moment to be as low as it can be.
            if snapshot.participants.len() == 6 && snapshot.height() == 2 {
                break snapshot;
            }
            // Records follow within seconds; each look asks the DHT anew.
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(snapshot.participants[0].id, node.id());
    for viewer in viewers {
        assert!(snapshot.participants.iter().any(|p| p.id == viewer.node.id()));
        viewer.vanish().await;
    }
    room.leave().await;
    outsider.close().await;
    node.close().await;
}
