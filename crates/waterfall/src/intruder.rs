//! Someone who has the ticket and even the epoch key of a room of members, but no certificate on its
//! list. It needs what no user of the library gets, a room's secrets, so it stands inside the crate.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;
use waterfall_keys::openpgp::{self, Certificate, SecretKey};
use waterfall_wire::Certified;

use crate::clock::unix_now;
use crate::driver::{Secrets, enter};
use crate::node::{JoinBy, JoinOptions};
use crate::{Access, Codec, Frame, Item, Kind, Node, Room, TrackSpec};

const DEADLINE: Duration = Duration::from_secs(60);

async fn node() -> Node {
    Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false).start().await.unwrap()
}

fn key(name: &str) -> (SecretKey, Certificate) {
    let made = openpgp::generate(name, unix_now(), None, None).unwrap();
    let key = SecretKey::read_all(made.secret.as_bytes()).unwrap().remove(0);
    let certificate = Certificate::read_all(made.certificate.as_bytes()).unwrap().remove(0);
    (key, certificate)
}

/// A member's secrets in the hands of someone who shows another credential.
fn stolen(member: &Room, credential: Certified) -> Arc<Secrets> {
    let secrets = &member.seat().secrets;
    let membership = secrets.membership.as_ref().unwrap().showing(credential);
    let charter = secrets.charter.clone();
    Arc::new(Secrets {
        room: secrets.room,
        locator: secrets.locator.clone(),
        epoch: secrets.epoch,
        epoch_key: secrets.epoch_key.clone(),
        charter,
        owner: None,
        membership: Some(membership),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_epoch_key_but_no_listed_certificate_gets_no_packet() {
    let (alice, bob, mallory) = (key("Alice"), key("Bob"), key("Mallory"));
    let (speaker, viewer) = (node().await, node().await);
    let room = speaker.create(Access::Members { owner: alice.0, members: vec![bob.1] }).await.unwrap();
    let seat = viewer.join(&room.ticket(), bob.0).await.unwrap();
    let mut publisher = room.publish(TrackSpec::video(Codec::Vp8, 16, 16)).await.unwrap();
    let mut frames = seat.subscribe(Kind::Video).await.unwrap().frames();

    let (id, epoch) = (seat.seat().secrets.room, seat.seat().secrets.epoch);
    let bobs = seat.seat().secrets.membership.as_ref().unwrap().credential().clone();
    let options = JoinOptions { fan_out: 4, by: JoinBy::Probe, owner: None };
    let mut intruders = Vec::new();
    for attempt in 0..2 {
        let intruder = node().await;
        // Its own node under a certificate that is not on the list; then Bob's credential, which names Bob's node.
        let own = openpgp::certify_node(&id, epoch, &intruder.id(), &mallory.0, unix_now()).unwrap();
        let credential = if attempt == 0 { own } else { bobs.clone() };
        let refused_before = room.status().borrow().messages_refused;
        let place = enter(intruder.shared().clone(), stolen(&seat, credential), room.ticket().entries, &options);
        let place = place.await.unwrap();
        let mut status = room.status();
        timeout(DEADLINE, status.wait_for(|status| status.messages_refused > refused_before)).await.unwrap().unwrap();
        intruders.push((intruder, place));
    }
    let frame = |n: u32| Frame { timestamp: Duration::from_millis(40) * n, keyframe: true, data: vec![7; 50].into() };
    for n in 0..5 {
        publisher.send(frame(n)).await.unwrap();
        assert_eq!(timeout(DEADLINE, frames.next()).await.unwrap(), Some(Item::Frame(frame(n))));
    }
    assert_eq!(room.status().borrow().children, [viewer.id()]);
    for (intruder, place) in intruders {
        assert_eq!(place.status().borrow().parent, None);
        let stats = intruder.shared().engine.stats().await;
        assert!(stats.links.iter().all(|link| link.first_copy_bytes == 0), "an intruder was fed");
        drop(place);
        intruder.close().await;
    }
    publisher.finish().await;
    seat.leave().await;
    room.leave().await;
    viewer.close().await;
    speaker.close().await;
}
