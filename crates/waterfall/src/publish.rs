//! Publishing tracks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use waterfall_keys::TrackSealer;
use waterfall_keys::media::SealError;
use waterfall_media::forward::{GroupId, Packet};
use waterfall_media::frame::{self, Frame};
use waterfall_wire::{Codec, Epoch, Kid, MAX_PRIVATE, MAX_TITLE, TrackKind};

use crate::driver::Command;
use crate::node::Shared;
use crate::status::Counters;
use crate::{PublishError, convert};

/// Most packets under one signature for audio: three Opus frames wait at most 60 ms for their check.
const AUDIO_GROUP: u8 = 3;

/// What a track is, told to everyone before its first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackSpec {
    pub(crate) codec: Codec,
    pub(crate) clock_rate: u32,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) channels: u8,
    pub(crate) private: Vec<u8>,
    pub(crate) title: String,
}

impl TrackSpec {
    /// A video track of so many pixels.
    #[must_use]
    pub fn video(codec: Codec, width: u16, height: u16) -> Self {
        Self { codec, clock_rate: 90_000, width, height, channels: 0, private: Vec::new(), title: String::new() }
    }

    /// An Opus track with so many channels.
    #[must_use]
    pub fn opus(channels: u8) -> Self {
        Self {
            codec: Codec::Opus,
            clock_rate: 48_000,
            width: 0,
            height: 0,
            channels,
            private: Vec::new(),
            title: String::new(),
        }
    }

    pub(crate) fn is_too_long(&self) -> bool {
        self.private.len() > MAX_PRIVATE || self.title.len() > MAX_TITLE
    }

    /// As a catalogue lists it; its id is given there.
    pub(crate) fn track(&self, epoch: Epoch, start: [u8; 16]) -> waterfall_wire::Track {
        waterfall_wire::Track {
            kid: Kid(0),
            epoch,
            start,
            codec: self.codec,
            clock_rate: self.clock_rate,
            width: self.width,
            height: self.height,
            channels: self.channels,
            private: self.private.clone(),
            title: self.title.clone(),
            ended: None,
        }
    }

    /// Codec private data as Matroska keeps it (avcC, av1C, OpusHead), at most 1 KiB.
    #[must_use]
    pub fn private(mut self, private: impl Into<Vec<u8>>) -> Self {
        self.private = private.into();
        self
    }

    /// What the track is called, for people; at most 200 bytes.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }
}

/// What a finished track amounted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackSummary {
    /// Frames sent.
    pub frames: u64,
    /// Packets they took.
    pub packets: u64,
    /// Bytes of their payloads, as encrypted.
    pub bytes: u64,
}

/// A track of ours. Dropping it ends the track as [`Publisher::finish`] does, without waiting.
#[derive(Debug)]
pub struct Publisher {
    id: Kid,
    clock_rate: u32,
    kind: TrackKind,
    sealer: TrackSealer,
    shared: Arc<Shared>,
    group: GroupId,
    commands: mpsc::Sender<Command>,
    counters: Arc<Counters>,
    unsigned: u8,
    summary: TrackSummary,
    finished: bool,
}

impl Publisher {
    pub(crate) fn new(
        id: Kid,
        spec: &TrackSpec,
        sealer: TrackSealer,
        shared: Arc<Shared>,
        group: GroupId,
        commands: mpsc::Sender<Command>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            id,
            clock_rate: spec.clock_rate,
            kind: spec.codec.kind(),
            sealer,
            shared,
            group,
            commands,
            counters,
            unsigned: 0,
            summary: TrackSummary { frames: 0, packets: 0, bytes: 0 },
            finished: false,
        }
    }

    /// The track's name in its room.
    #[must_use]
    pub fn id(&self) -> Kid {
        self.id
    }

    /// Sound or picture.
    #[must_use]
    pub fn kind(&self) -> TrackKind {
        self.kind
    }

    /// Encrypts, signs and sends a frame to everyone. Frames go out as they come; pacing by
    /// timestamp is the caller's. The first video frame should be a key frame: viewers start there.
    ///
    /// # Errors
    /// [`PublishError::FrameTooLarge`], [`PublishError::Exhausted`], or [`PublishError::Closed`]
    /// after the room was left.
    pub async fn send(&mut self, frame: Frame) -> Result<(), PublishError> {
        if self.commands.is_closed() {
            return Err(PublishError::Closed);
        }
        if frame.data.len() > frame::MAX_FRAME_LEN {
            return Err(PublishError::FrameTooLarge(frame.data.len()));
        }
        let timestamp = frame::rtp_timestamp(frame.timestamp, self.clock_rate);
        for fragment in frame::fragment(&frame, MAX_FRAGMENT) {
            let last = fragment.flags & frame::FRAME_END != 0;
            let marker = fragment.marker(convert::kind_to_media(self.kind));
            let sign = last && (self.kind == TrackKind::Video || self.unsigned + 1 >= AUDIO_GROUP);
            self.seal_and_send(fragment.flags, timestamp, marker, &fragment.data, sign).await?;
        }
        self.summary.frames += 1;
        Ok(())
    }

    async fn seal_and_send(
        &mut self,
        flags: u8,
        timestamp: u32,
        marker: bool,
        data: &[u8],
        sign: bool,
    ) -> Result<(), PublishError> {
        let sealed = self.sealer.seal(flags, timestamp, marker, data, sign).map_err(|error| match error {
            SealError::Exhausted => PublishError::Exhausted,
            _ => PublishError::FrameTooLarge(data.len()),
        })?;
        self.unsigned = if sealed.signed { 0 } else { self.unsigned.saturating_add(1) };
        self.summary.packets += 1;
        self.summary.bytes += sealed.payload.len() as u64;
        self.counters.published.fetch_add(sealed.payload.len() as u64, Ordering::Relaxed);
        let packet = Packet { kid: self.id.0, ctr: sealed.ctr, timestamp, marker, payload: sealed.payload, from: None };
        self.shared.engine.publish_wait(self.group, packet).await.map_err(|_| PublishError::Closed)
    }

    /// Ends the track: everyone is told after how many packets.
    pub async fn finish(mut self) -> TrackSummary {
        if self.unsigned > 0 {
            // The last audio packets have no signature yet; an empty packet that belongs to no
            // frame brings it.
            let _closed = self.seal_and_send(0, 0, false, &[], true).await;
        }
        self.finished = true;
        let command = Command::FinishTrack { id: self.id, packets: self.summary.packets };
        let _closed = self.commands.send(command).await;
        self.summary
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if !self.finished {
            let command = Command::FinishTrack { id: self.id, packets: self.summary.packets };
            // A full queue: the track then ends with the room.
            let _full = self.commands.try_send(command);
        }
    }
}

/// Most bytes of a fragment: with SFrame, signature, RTP, SRTP, UDP and IPv6 around it a packet
/// stays under 1 280 bytes, which every IPv6 path carries (RFC 8200 §5).
const MAX_FRAGMENT: usize = 1_200 - 12 - 16 - 2 - waterfall_keys::media::OVERHEAD;
