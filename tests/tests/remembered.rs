//! What a node remembers from one start to the next.

use std::net::Ipv4Addr;

use waterfall::{Access, Credentials, JoinError, Multiaddr, Node, NodeBuilder, generate_key, parse_address};
use waterfall_bootstrap::Bootstrap;

use crate::support::within;

fn builder(bootstrap: &[Multiaddr]) -> NodeBuilder {
    Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false).bootstrap(bootstrap.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_found_again_when_the_bootstrap_node_is_gone() {
    let state = tempfile::tempdir().unwrap();
    let listen = parse_address("127.0.0.1:0").unwrap();
    let config = waterfall_bootstrap::Config::new(generate_key()).listen(listen);
    let bootstrap = Bootstrap::start(config).await.unwrap();
    let entrance: Vec<_> = bootstrap.addresses().iter().flat_map(|text| parse_address(text).unwrap()).collect();

    let owner = builder(&entrance).start().await.unwrap();
    let room = owner.create(Access::Open).title("still here").await.unwrap();
    // A ticket that leads to nobody: what is left is the DHT.
    let mut ticket = room.ticket();
    ticket.bootstrap.clear();
    ticket.entries.clear();
    let viewer = builder(&entrance).state_dir(state.path()).start().await.unwrap();
    within(viewer.join(&ticket, Credentials::Open)).await.unwrap().leave().await;
    viewer.close().await;
    bootstrap.close().await;

    let newcomer = builder(&entrance).start().await.unwrap();
    let viewer = builder(&entrance).state_dir(state.path()).start().await.unwrap();
    let (refused, seat) = within(async {
        tokio::join!(newcomer.join(&ticket, Credentials::Open), viewer.join(&ticket, Credentials::Open))
    })
    .await;
    assert!(matches!(refused, Err(JoinError::NoPeers)), "who remembers nothing has no way in");
    let seat = seat.unwrap();
    assert_eq!(seat.title(), "still here");
    seat.leave().await;
    room.leave().await;
    for node in [newcomer, viewer, owner] {
        node.close().await;
    }
}
