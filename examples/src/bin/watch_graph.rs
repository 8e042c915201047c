//! Six viewers in a room whose members serve two each; the graph as the DHT tells it. Those who come in quick
//! succession are spread, so now and then one lies a level lower than here.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin watch_graph
//! depth 0: 1
//! depth 1: 2
//! depth 2: 4
//! ```

use std::time::Duration;

use waterfall::{Access, Credentials};
use waterfall_examples::local_node;

const VIEWERS: usize = 6;
const FAN_OUT: u8 = 2;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let speaker = local_node().await?;
    let room = speaker.create(Access::Open).fan_out(FAN_OUT).await?;
    let mut seats = Vec::new();
    for _ in 0..VIEWERS {
        let node = local_node().await?;
        seats.push((node.join(&room.ticket(), Credentials::Open).fan_out(FAN_OUT).await?, node));
    }

    // Participants write their records about once a second; look until all of them show.
    let look = async {
        loop {
            let snapshot = room.snapshot().await?;
            if snapshot.participants.len() > VIEWERS {
                return anyhow::Ok(snapshot);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let snapshot = tokio::time::timeout(Duration::from_secs(30), look).await??;
    for depth in 0..=snapshot.height() {
        println!("depth {depth}: {}", snapshot.participants.iter().filter(|p| p.depth == depth).count());
    }

    for (seat, node) in seats {
        drop(seat);
        node.close().await;
    }
    room.leave().await;
    speaker.close().await;
    Ok(())
}
