//! An app makes its own frames; a viewer receives them, byte for byte.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin publish_frames
//! frame 0 at 0 ms: hello 0
//! …
//! frame 9 at 360 ms: hello 9
//! sent 10 frames, received 10
//! ```
//!
//! Nothing here looks into the frames, so they may hold anything; a player would want real VP8.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use waterfall::{Access, Codec, Credentials, Frame, Item, Kind, TrackSpec};
use waterfall_examples::local_node;

const FRAMES: u32 = 10;
const FRAME_TIME: Duration = Duration::from_millis(40);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (speaker, viewer) = (local_node().await?, local_node().await?);
    let room = speaker.create(Access::Open).await?;
    let seat = viewer.join(&room.ticket(), Credentials::Open).await?;

    let mut publisher = room.publish(TrackSpec::video(Codec::Vp8, 320, 180)).await?;
    let mut video = seat.subscribe(Kind::Video).await?.frames();
    let receiving = tokio::spawn(async move {
        let mut received = 0;
        while let Some(item) = video.next().await {
            match item {
                Item::Frame(frame) => {
                    let text = String::from_utf8_lossy(&frame.data);
                    println!("frame {received} at {} ms: {text}", frame.timestamp.as_millis());
                    received += 1;
                }
                Item::Gap { frames, .. } => println!("{frames} frames are missing"),
            }
        }
        received
    });

    for n in 0..FRAMES {
        let data = Bytes::from(format!("hello {n}"));
        publisher.send(Frame { timestamp: FRAME_TIME * n, keyframe: n == 0, data }).await?;
        tokio::time::sleep(FRAME_TIME).await;
    }
    let sent = publisher.finish().await.frames;
    println!("sent {sent} frames, received {}", receiving.await?);

    seat.leave().await;
    room.leave().await;
    viewer.close().await;
    speaker.close().await;
    Ok(())
}
