//! What happens in a room, as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use waterfall_wire::{Kid, NodeId};

use crate::status::Answered;
use crate::subscribe::TrackInfo;

/// Something that happened. Only neighbours and speakers are told of: nobody hears of everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A participant became a child of ours.
    Joined(NodeId),
    /// A child of ours went away or moved elsewhere.
    Left(NodeId),
    /// A track can be subscribed to.
    TrackAdded(TrackInfo),
    /// A track ended. Its last frames may still be on their way.
    TrackEnded(Kid),
    /// Another participant feeds us now. Not sent for the first parent.
    ParentChanged {
        /// Who did before; none after a time without a parent.
        from: Option<NodeId>,
        /// Who does now.
        to: NodeId,
    },
    /// There is a second, warm parent, which feeds us at once when the first is lost.
    StandbyFound(NodeId),
    /// The second parent is gone, and another is looked for. Not sent when it becomes the parent.
    StandbyLost(NodeId),
    /// The stream comes over another link, since two seconds. Sent for each change that lasted.
    Switched {
        /// Who sent it before.
        from: NodeId,
        /// Who sends it now.
        to: NodeId,
        /// Between the last new packet from the one and the first from the other.
        gap: Duration,
        /// Packets that were missing then and have not come since.
        lost: u64,
    },
    /// A viewer cannot go on without a key frame of this track of ours: make one if you can. Sent at
    /// most once a second, only to the track's speaker.
    KeyFrameWanted(Kid),
    /// Somebody we called for a link said yes. Not sent for refusals, nor when the answer came too late.
    Answered(Answered),
    /// The parent is gone and another is looked for; the standby, if there is one, feeds us meanwhile and
    /// becomes the parent. Not sent when the parent leaves in order or has lost its own.
    ParentLost(NodeId),
    /// There has been no way to the root for five seconds; we keep trying. Not sent before the first parent.
    RootLost,
    /// The way to the root is there again, after [`Event::RootLost`].
    RootFound,
    /// The room is over, said by its owner. Its last frames may still be on their way.
    Ended,
    /// This receiver was too slow and missed so many events.
    Lagged(u64),
}

/// The events of one room from the moment of [`crate::Room::events`] on. Holds at most 256 that
/// were not taken; beyond that the oldest are dropped and [`Event::Lagged`] says how many.
#[derive(Debug)]
pub struct Events(BroadcastStream<Event>);

impl Events {
    pub(crate) fn new(receiver: tokio::sync::broadcast::Receiver<Event>) -> Self {
        Self(BroadcastStream::new(receiver))
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.0)
            .poll_next(cx)
            .map(|item| item.map(|event| event.unwrap_or_else(|BroadcastStreamRecvError::Lagged(n)| Event::Lagged(n))))
    }
}
