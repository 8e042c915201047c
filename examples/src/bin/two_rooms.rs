//! One node, two rooms: it watches in one what it hears, and speaks in the other.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin two_rooms
//! the relay passed on 'news' from the first room to the second
//! ```

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures::StreamExt;
use waterfall::{Access, Codec, Credentials, Frame, Item, Kind, TrackSpec};
use waterfall_examples::local_node;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (alice, relay, bob) = (local_node().await?, local_node().await?, local_node().await?);
    let first = alice.create(Access::Open).title("first").await?;
    let second = relay.create(Access::Open).title("second").await?;
    let heard = relay.join(&first.ticket(), Credentials::Open).await?;
    let seat = bob.join(&second.ticket(), Credentials::Open).await?;

    let spec = TrackSpec::video(Codec::Vp8, 16, 16);
    let mut out_first = first.publish(spec.clone()).await?;
    let mut out_second = second.publish(spec).await?;
    let mut at_relay = heard.subscribe(Kind::Video).await?.frames();
    let mut at_bob = seat.subscribe(Kind::Video).await?.frames();

    let frame = Frame { timestamp: Duration::ZERO, keyframe: true, data: Bytes::from_static(b"news") };
    out_first.send(frame).await?;
    let Item::Frame(frame) = at_relay.next().await.context("the first room fell silent")? else {
        anyhow::bail!("a frame is missing in the first room");
    };
    out_second.send(frame).await?;
    let Item::Frame(frame) = at_bob.next().await.context("the second room fell silent")? else {
        anyhow::bail!("a frame is missing in the second room");
    };
    let text = String::from_utf8_lossy(&frame.data).into_owned();
    println!("the relay passed on '{text}' from the {} room to the {}", first.title(), seat.title());

    for room in [seat, heard, second, first] {
        room.leave().await;
    }
    for node in [bob, relay, alice] {
        node.close().await;
    }
    Ok(())
}
