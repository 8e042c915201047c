//! Callers whose letters nobody gossips of, and members who ring for nothing. Both need what no user
//! of the library gets, a room's secrets and signalling, so they stand inside the crate.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use waterfall_keys::letter::{self, DOORBELLS};
use waterfall_keys::random;
use waterfall_wire::{Doorbell, MAX_RINGS, NodeId, Ring};

use crate::clock::unix_now;
use crate::{Access, Credentials, Node, Room, SignalPath, parse_address};

const DEADLINE: Duration = Duration::from_secs(90);

async fn node(known: Option<&Node>) -> Node {
    let addresses = known.map(Node::addresses).unwrap_or_default();
    let addresses = addresses.iter().flat_map(|text| parse_address(text).unwrap());
    let builder = Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false);
    builder.signal_path(SignalPath::Letter).bootstrap(addresses).start().await.unwrap()
}

/// A room whose root hears no gossip, as those deeper in the tree.
async fn deaf_room(root: &Node) -> Room {
    let room = root.create(Access::Open).await.unwrap();
    let seat = room.seat();
    seat.shared.signal.leave_topic(seat.secrets.epoch_key.topic()).await;
    room
}

async fn join_by_doorbell(root: &Node, room: &Room) {
    let node = node(Some(root)).await;
    let seat = timeout(DEADLINE, async { node.join(&room.ticket(), Credentials::Open).await }).await.unwrap().unwrap();
    let answered = seat.status().borrow().answered.unwrap();
    assert_eq!((answered.peer, answered.path), (root.id(), SignalPath::Letter));
    assert_eq!(root.signal_stats().gossip_received, 0, "nobody told by gossip");
    drop(seat);
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hears_no_gossip_hears_the_doorbell() {
    let root = node(None).await;
    let room = deaf_room(&root).await;
    join_by_doorbell(&root, &room).await;
    drop(room);
    root.close().await;
}

/// Fills every doorbell of a node with callers that do not exist.
fn ring_for_nothing(ringer: &Room, room: &Room, owner: &NodeId) {
    for which in 0..DOORBELLS {
        let rings = (0..MAX_RINGS).map(|_| Ring { from: NodeId(random()), at: unix_now() }).collect();
        let (key, epoch_key) = (unix_now(), &room.seat().secrets.epoch_key);
        let (place, envelope) = letter::seal_doorbell(epoch_key, owner, which, &Doorbell { rings }, key).unwrap();
        ringer.seat().shared.signal.put(place, envelope);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ringing_for_nothing_costs_little_and_keeps_no_caller_out() {
    let began = Instant::now();
    let root = node(None).await;
    let room = deaf_room(&root).await;
    let mallory = node(Some(&root)).await;
    let own = mallory.create(Access::Open).await.unwrap();
    ring_for_nothing(&own, &room, &root.id());
    join_by_doorbell(&root, &room).await;
    let seconds = began.elapsed().as_secs() + 1;
    // A look at each doorbell every two seconds, and two attempts at each letter that the bounds let
    // through; Mallory rang for 32.
    let most = u64::from(DOORBELLS) * (seconds / 2 + 1) + 2 * (16 + 4 * seconds);
    let gets = root.signal_stats().gets;
    assert!(gets <= most, "{gets} look-ups in {seconds} s");
    drop((room, own));
    mallory.close().await;
    root.close().await;
}
