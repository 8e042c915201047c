//! A local network that reads like prose.

mod clip;
mod viewer;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::timeout;
use waterfall::{Access, Credentials, Multiaddr, Node, Room, Status, generate_key, parse_address};
use waterfall_bootstrap::Bootstrap;

pub(crate) use clip::{Clip, publish_clip};
pub(crate) use viewer::{Viewer, all_to_the_end, assert_complete};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Generous: only a hang takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Viewers that join together.
const AT_ONCE: usize = 4;

/// A bootstrap node and the nodes that know it.
pub(crate) struct LocalNetwork {
    bootstrap: Bootstrap,
}

impl LocalNetwork {
    pub(crate) async fn start() -> Self {
        let listen = parse_address("127.0.0.1:0").unwrap();
        let config = waterfall_bootstrap::Config::new(generate_key()).listen(listen);
        Self { bootstrap: Bootstrap::start(config).await.unwrap() }
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        self.bootstrap.addresses().iter().flat_map(|text| parse_address(text).unwrap()).collect()
    }

    /// A node that knows the bootstrap node and nothing else.
    pub(crate) async fn node(&self) -> Node {
        Node::builder().listen([LOOPBACK]).lan_discovery(false).bootstrap(self.addresses()).start().await.unwrap()
    }

    /// An open room on a node of its own.
    pub(crate) async fn open_room(&self, fan_out: u8) -> (Node, Room) {
        let node = self.node().await;
        let room = node.create(Access::Open).fan_out(fan_out).await.unwrap();
        (node, room)
    }

    /// A viewer in an open room, receiving all tracks.
    pub(crate) async fn viewer(&self, room: &Room, fan_out: u8) -> Viewer {
        let node = self.node().await;
        let seat = within(node.join(&room.ticket(), Credentials::Open).fan_out(fan_out)).await.unwrap();
        Viewer::watch(node, seat)
    }

    /// Viewers that join at the same time, a few at least: a join that takes too long fails, and here all of them
    /// share one processor with the whole room.
    pub(crate) async fn viewers(&self, room: &Room, count: usize, fan_out: u8) -> Vec<Viewer> {
        stream::iter(0..count).map(|_| self.viewer(room, fan_out)).buffered(AT_ONCE).collect().await
    }
}

/// Fails instead of hanging.
pub(crate) async fn within<F: IntoFuture>(what: F) -> F::Output {
    timeout(PATIENCE, what.into_future()).await.expect("it took far too long")
}

/// Waits until a room's status is as wanted.
pub(crate) async fn until(room: &Room, wanted: impl FnMut(&Status) -> bool) -> Status {
    let mut status = room.status();
    within(status.wait_for(wanted)).await.unwrap().clone()
}
