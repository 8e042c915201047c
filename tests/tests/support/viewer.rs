//! A viewer that receives every track it hears of and remembers all frames.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use waterfall::media::frame::digest;
use waterfall::{Item, Node, Room, TrackId};

use super::clip::{Print, Published};
use super::within;

pub(crate) type Received = BTreeMap<TrackId, Vec<Print>>;

/// A viewer in a room.
pub(crate) struct Viewer {
    pub(crate) node: Node,
    pub(crate) room: Room,
    received: Arc<Mutex<Received>>,
    frames: watch::Receiver<usize>,
    watching: JoinHandle<()>,
}

impl Viewer {
    /// Subscribes to every track until the room ends.
    pub(crate) fn watch(node: Node, room: Room) -> Self {
        let received = Arc::new(Mutex::new(Received::new()));
        let (count, frames) = watch::channel(0);
        let watching = tokio::spawn(receive_all(room.clone(), received.clone(), count));
        Self { node, room, received, frames, watching }
    }

    /// Waits until so many frames have come.
    pub(crate) async fn has_frames(&self, wanted: usize) {
        within(self.frames.clone().wait_for(|count| *count >= wanted)).await.unwrap();
    }

    /// How many frames have come so far.
    pub(crate) fn frame_count(&self) -> usize {
        *self.frames.borrow()
    }

    /// Waits until all tracks have ended; what was received.
    pub(crate) async fn watch_to_the_end(self) -> (Node, Room, Received) {
        within(self.watching).await.unwrap();
        let received = self.received.lock().unwrap().clone();
        (self.node, self.room, received)
    }

    /// Vanishes without a word, as a crash would.
    pub(crate) async fn vanish(self) {
        self.watching.abort();
        let _aborted = self.watching.await;
        drop(self.room);
        self.node.close().await;
    }
}

async fn receive_all(room: Room, received: Arc<Mutex<Received>>, count: watch::Sender<usize>) {
    let mut catalogue = room.catalogue();
    let mut tracks = Vec::new();
    let mut seen = Vec::new();
    loop {
        let news: Vec<TrackId> =
            catalogue.borrow_and_update().iter().map(|t| t.id).filter(|id| !seen.contains(id)).collect();
        for id in news {
            seen.push(id);
            tracks.push(tokio::spawn(receive(room.clone(), id, received.clone(), count.clone())));
        }
        tokio::select! {
            changed = catalogue.changed() => if changed.is_err() { break },
            () = room.ended() => break,
        }
    }
    for track in tracks {
        track.await.unwrap();
    }
}

async fn receive(room: Room, id: TrackId, received: Arc<Mutex<Received>>, count: watch::Sender<usize>) {
    let mut frames = room.subscribe(id).await.unwrap().frames();
    while let Some(item) = frames.next().await {
        if let Item::Frame(frame) = item {
            let print = (frame.timestamp, digest(&frame));
            received.lock().unwrap().entry(id).or_default().push(print);
            count.send_modify(|count| *count += 1);
        }
    }
}

/// Checks that what was received of every track is a run of what was published, from the first
/// frame received to the last one published.
pub(crate) fn assert_complete(who: usize, received: &Received, published: &Published) {
    for (track, kind, published) in &published.tracks {
        let received = received.get(track).unwrap_or_else(|| panic!("viewer {who} has no {kind:?} frames"));
        let first = published.iter().position(|print| *print == received[0]);
        let first = first.unwrap_or_else(|| panic!("viewer {who}: a {kind:?} frame that was never published"));
        let expected = &published[first..];
        let same = expected.iter().zip(received).take_while(|(a, b)| a == b).count();
        assert!(
            expected == received.as_slice(),
            "viewer {who}: {} {kind:?} frames received, {} expected from frame {first} on; they part after {same}",
            received.len(),
            expected.len(),
        );
    }
}

/// Waits until all of them have seen all tracks to the end. Nobody goes before: who has everything may
/// still have to pass some of it on, or be the one who spoke.
pub(crate) async fn all_to_the_end(viewers: impl IntoIterator<Item = Viewer>) -> Vec<(Node, Room, Received)> {
    join_all(viewers.into_iter().map(Viewer::watch_to_the_end)).await
}
