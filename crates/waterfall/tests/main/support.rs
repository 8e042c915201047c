//! Nodes on loopback that know one of them, and frames to tell apart.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;
use waterfall::{
    Codec, Credentials, Frame, Item, Kind, Multiaddr, Node, NodeBuilder, Publisher, Room, SignalPath, TrackSpec,
    parse_address,
};

/// Generous: only a hang takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Fails instead of hanging.
pub(crate) async fn within<F: IntoFuture>(what: F) -> F::Output {
    timeout(PATIENCE, what.into_future()).await.expect("it took far too long")
}

fn builder(path: SignalPath) -> NodeBuilder {
    Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false).signal_path(path)
}

/// A node that knows nobody.
pub(crate) async fn lone_node(path: SignalPath) -> Node {
    builder(path).start().await.unwrap()
}

/// A node that knows another one.
pub(crate) async fn node(path: SignalPath, known: &Node) -> Node {
    let addresses: Vec<Multiaddr> = known.addresses().iter().flat_map(|text| parse_address(text).unwrap()).collect();
    builder(path).bootstrap(addresses).start().await.unwrap()
}

/// A viewer on a node of its own.
pub(crate) struct Viewer {
    pub(crate) node: Node,
    pub(crate) room: Room,
}

impl Viewer {
    pub(crate) async fn join(path: SignalPath, known: &Node, room: &Room, fan_out: u8) -> Self {
        let node = node(path, known).await;
        let room = within(node.join(&room.ticket(), Credentials::Open).fan_out(fan_out)).await.unwrap();
        Self { node, room }
    }

    pub(crate) async fn leave(self) {
        drop(self.room);
        self.node.close().await;
    }
}

/// A track of frames that are told apart by their numbers.
pub(crate) async fn speak(room: &Room) -> Publisher {
    room.publish(TrackSpec::video(Codec::Vp8, 16, 16)).await.unwrap()
}

fn frame(n: u32) -> Frame {
    Frame {
        timestamp: Duration::from_millis(40) * n,
        keyframe: n.is_multiple_of(5),
        data: n.to_be_bytes().to_vec().into(),
    }
}

/// Publishes some frames and sees that they reach every viewer: from some key frame on, every one.
pub(crate) async fn assert_all_watch(publisher: &mut Publisher, viewers: &[Viewer], frames: std::ops::Range<u32>) {
    let mut receiving = Vec::new();
    for viewer in viewers {
        receiving.push(within(viewer.room.subscribe(Kind::Video)).await.unwrap().frames());
    }
    for n in frames.clone() {
        publisher.send(frame(n)).await.unwrap();
    }
    for received in &mut receiving {
        let Some(Item::Frame(first)) = within(received.next()).await else { panic!("no frame comes first") };
        let begins = frames.clone().find(|n| frame(*n) == first).expect("it is one of ours");
        for n in begins + 1..frames.end {
            assert_eq!(within(received.next()).await, Some(Item::Frame(frame(n))));
        }
    }
}
