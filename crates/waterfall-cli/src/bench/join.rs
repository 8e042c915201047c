//! From the call for a room to the first frame in hand.

use std::time::Instant;

use serde::Serialize;
use waterfall::Credentials;

use super::{Quantiles, Stage, new_node};
use crate::demo::speak_until;
use crate::exit::Failure;
use crate::view::{Seen, View};

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    joins: u16,
    /// Deepest viewer at the end.
    height: u16,
    /// From the start of the node to a parent.
    joined_ms: Quantiles,
    /// From the start of the node to the first frame, whichever track it is of.
    first_frame_ms: Quantiles,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} joins one after the other, tree of height {}", self.joins, self.height)?;
        writeln!(f, "to a parent:      {}", self.joined_ms)?;
        write!(f, "to a first frame: {}", self.first_frame_ms)
    }
}

/// Joins so many viewers, each with a fresh node, while the clip is streamed; all of them stay.
pub(super) async fn measure(count: u16) -> Result<Figures, Failure> {
    let stage = Stage::set(4).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let speaking = tokio::spawn(speak_until(stage.room.clone(), async {
        let _stop = stopped.await;
    }));
    let (mut joined, mut first_frame, mut seats) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let began = Instant::now();
        let node = new_node(&stage.bootstrap).await?;
        let room = node.join(&stage.room.ticket(), Credentials::Open).await?;
        joined.push(began.elapsed());
        let mut view = View::open(&room, began).await?;
        while let Some(seen) = view.next().await {
            if matches!(seen, Seen::Frame { .. }) {
                break;
            }
        }
        first_frame.push(began.elapsed());
        seats.push((room, node));
    }
    let height = seats.iter().filter_map(|(room, _)| room.status().borrow().depth).max().unwrap_or(0);
    let _ended = stop.send(());
    for (room, node) in seats {
        drop(room);
        node.close().await;
    }
    speaking.await??;
    stage.clear().await;
    let none = || Failure::sentence("no join was measured");
    Ok(Figures {
        joins: count,
        height,
        joined_ms: Quantiles::of(joined).ok_or_else(none)?,
        first_frame_ms: Quantiles::of(first_frame).ok_or_else(none)?,
    })
}
