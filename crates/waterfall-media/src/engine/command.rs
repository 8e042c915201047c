//! What an engine's handle asks of its task.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{LinkError, Stats};
use crate::forward::{GroupId, LinkId, Subscriber, TrackConfig};
use crate::link::Session;

/// A request, with where its answer goes.
pub(super) enum Command {
    Offer(LinkId, GroupId, oneshot::Sender<Result<Session, LinkError>>),
    Answer(LinkId, GroupId, Box<Session>, oneshot::Sender<Result<Session, LinkError>>),
    Complete(LinkId, Box<Session>, oneshot::Sender<Result<(), LinkError>>),
    Close(LinkId),
    CloseAll(oneshot::Sender<()>),
    Send(LinkId, Bytes),
    AddTrack(GroupId, u32, TrackConfig),
    RemoveTrack(GroupId, u32),
    SetEdge(LinkId, bool),
    SetFeeder(LinkId, bool),
    SetFed(GroupId, bool),
    Have(GroupId, oneshot::Sender<Vec<(u32, u64)>>),
    Resume(LinkId, Vec<(u32, u64)>),
    AskKeyFrame(GroupId, u32),
    Subscribe(GroupId, u32, Subscriber),
    Stats(oneshot::Sender<Stats>),
}
