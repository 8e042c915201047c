//! Viewers in this process, each a node of its own with sockets of its own.

use std::time::Instant;

use futures::future::join_all;
use indicatif::ProgressBar;
use waterfall::{Credentials, Multiaddr, Node, Ticket};

use super::report::ViewerResult;
use super::{LOOPBACK, viewer_failed};
use crate::exit::Failure;
use crate::frame_log::Entry;
use crate::view::{Seen, View};

/// Joins so many viewers at once and lets them watch to the end.
pub(crate) async fn watch(
    viewers: usize,
    fan_out: u8,
    ticket: &Ticket,
    bootstrap: &[Multiaddr],
    bar: &ProgressBar,
) -> Result<Vec<ViewerResult>, Failure> {
    let tasks = (0..viewers).map(|index| {
        let (ticket, bootstrap, bar) = (ticket.clone(), bootstrap.to_vec(), bar.clone());
        tokio::spawn(async move {
            let result = Box::pin(view(fan_out, &ticket, bootstrap, &bar)).await;
            result.unwrap_or_else(|failure| {
                viewer_failed(index, &failure.message().unwrap_or_default());
                ViewerResult::default()
            })
        })
    });
    Ok(join_all(tasks).await.into_iter().map(Result::unwrap_or_default).collect())
}

async fn view(
    fan_out: u8,
    ticket: &Ticket,
    bootstrap: Vec<Multiaddr>,
    bar: &ProgressBar,
) -> Result<ViewerResult, Failure> {
    let began = Instant::now();
    let node = Node::builder().listen([LOOPBACK]).lan_discovery(false).bootstrap(bootstrap).start().await?;
    let id = node.id();
    let room = node.join(ticket, Credentials::Open).fan_out(fan_out).await?;
    let mut view = View::open(&room, began).await?;
    let mut entries = Vec::new();
    while let Some(seen) = view.next().await {
        if let Seen::Frame { track, index, frame } = seen {
            if entries.is_empty() {
                bar.inc(1);
            }
            let info = &view.tracks()[track];
            entries.push(Entry::new(info.id, info.kind(), index, &frame));
        }
    }
    let tally = view.tally().clone();
    drop(view);
    let status = room.leave().await.status;
    node.close().await;
    Ok(ViewerResult { id: Some(id), status, tally, entries, killed: false, peak_memory_kib: None })
}
