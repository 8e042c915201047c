//! Putting frames together from packets that arrive in any order, some of them never.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::bounds::{Config, Stats};
use super::fragment::{FRAME_END, FRAME_START, KEY_FRAME_START, TIMESTAMP_LEN};
use super::held::{Held, Packet};
use super::{Frame, Item};
use crate::codec::Kind;
use crate::forward::identity::SIGNED;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No frame yet.
    Starting,
    /// In step: the next packet begins a frame, or goes on with the open one.
    InStep,
    /// Something was lost: waiting for a frame that decoding can resume at.
    Resuming,
}

/// What was lost since the last frame that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lost {
    /// How many frames, while that can be told.
    frames: Option<u32>,
}

impl Lost {
    fn add(self, frames: Option<u32>) -> Self {
        Self { frames: self.frames.zip(frames).map(|(known, more)| known.saturating_add(more)) }
    }
}

/// Puts one track's frames together. Sans-IO: told the time, as a duration since whenever.
///
/// It starts at the first key frame (audio: first frame) among the packets it has, hands out frames in
/// order of their packets' counters, and waits for missing packets for [`Config::patience`]. After a
/// packet is given up, video resumes at the next key frame and audio at the next frame, behind one
/// [`Item::Gap`].
///
/// Call [`Assembler::poll`] until it returns `None` after each other call and at [`Assembler::timeout`].
/// Packets must be authentic: whoever can forge them can make it skip whatever they like, though
/// never hold more than its bounds.
#[derive(Debug)]
pub struct Assembler {
    kind: Kind,
    config: Config,
    state: State,
    /// The next counter in order; everything below is settled. While starting: nothing below is wanted.
    next: u64,
    held: Held,
    open: Option<Open>,
    /// The gap that comes before the next frame.
    lost: Option<Lost>,
    /// Packets below this counter are known to exist, and since when that is known.
    announced: Option<(u64, Duration)>,
    finishing: bool,
    ready: VecDeque<Item>,
    last_timestamp: Duration,
    stats: Stats,
}

/// A frame whose end has not come yet.
#[derive(Debug)]
struct Open {
    keyframe: bool,
    plaintext: BytesMut,
}

impl Assembler {
    /// An assembler for a track that has not begun.
    #[must_use]
    pub fn new(kind: Kind, config: Config) -> Self {
        Self {
            kind,
            config,
            state: State::Starting,
            next: 0,
            held: Held::default(),
            open: None,
            lost: None,
            announced: None,
            finishing: false,
            ready: VecDeque::new(),
            last_timestamp: Duration::ZERO,
            stats: Stats::default(),
        }
    }

    /// Takes a packet: its counter, its flags and its plaintext.
    ///
    /// When the bounds are reached, the missing packets that everything else waits for are given
    /// up; if that frees nothing because nobody polls, the packet is refused.
    pub fn push(&mut self, now: Duration, ctr: u64, flags: u8, data: Bytes) {
        // The last counter is never used, so that 'the one after' always exists.
        let beyond = self.finishing && ctr >= self.end_known();
        if ctr < self.next || ctr == u64::MAX || beyond || self.held.contains(ctr) {
            self.stats.late += 1;
            return;
        }
        // What everything waits for needs no room: it is settled at once.
        let awaited = ctr == self.next && self.state != State::Starting;
        if self.is_full(data.len()) && !awaited {
            self.give_up_first_hole();
            self.advance();
            if ctr < self.next {
                self.stats.late += 1;
                return;
            }
        }
        if (self.is_full(data.len()) && !awaited) || self.ready.len() >= self.config.max_packets {
            self.stats.overflow += 1;
            return;
        }
        self.held.insert(ctr, Packet { flags, data, arrived: now });
        self.advance();
    }

    /// Says that the track has packets up to but without `end`, as the speaker's heartbeat does: a loss
    /// at the end shows although nothing comes behind it.
    pub fn announce(&mut self, now: Duration, end: u64) {
        if self.announced.is_none_or(|(known, _)| known < end) {
            self.announced = Some((end, now));
        }
    }

    /// Says that the track has ended after `total` packets in all. What is still missing is waited for
    /// as long as ever; see [`Assembler::is_finished`].
    pub fn finish(&mut self, now: Duration, total: u64) {
        self.announce(now, total);
        self.finishing = true;
        self.stats.late += self.held.drop_from(self.end_known());
        self.advance();
    }

    /// Gives up every packet below `ctr` that has not come: nobody has them any more. Does not wait.
    pub fn skip_to(&mut self, ctr: u64) {
        while self.next < ctr && self.state != State::Starting {
            match self.held.first() {
                Some((first, _)) if first < ctr => self.lose_up_to(first),
                _ => self.lose_up_to(ctr),
            }
            self.advance();
        }
    }

    /// The next frame or gap, if there is one by now.
    pub fn poll(&mut self, now: Duration) -> Option<Item> {
        while self.ready.is_empty() && self.timeout().is_some_and(|at| at <= now) {
            self.give_up_first_hole();
            self.advance();
        }
        self.ready.pop_front()
    }

    /// When to poll again if nothing arrives; `None` while nothing is missing.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let since = match (self.held.first(), self.announced) {
            (Some((_, packet)), _) if self.state != State::Starting => packet.arrived,
            (_, Some((end, since))) if end > self.next && (self.state != State::Starting || self.finishing) => since,
            _ => return None,
        };
        Some(since.saturating_add(self.config.patience))
    }

    /// The track was finished and all of it has been handed out or given up.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_over() && self.ready.is_empty()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Packets and bytes held, for measuring.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        let open = self.open.as_ref().map_or(0, |open| open.plaintext.len());
        (self.held.packets(), self.held.bytes() + open)
    }

    /// Packets from here on are not known to exist.
    fn end_known(&self) -> u64 {
        self.announced.map_or(0, |(end, _)| end)
    }

    /// The track has ended and every packet of it is settled.
    fn is_over(&self) -> bool {
        self.finishing && self.next >= self.end_known()
    }

    fn is_full(&self, more: usize) -> bool {
        self.held.packets() >= self.config.max_packets || self.held.bytes() + more > self.config.max_bytes
    }

    fn resumes_at(&self, flags: u8) -> bool {
        let wanted = match self.kind {
            Kind::Video => KEY_FRAME_START | FRAME_START,
            Kind::Audio => FRAME_START,
        };
        flags & wanted == wanted
    }

    /// Settles all packets that are in order.
    fn advance(&mut self) {
        if self.state == State::Starting && !self.start() {
            if self.is_over() && self.end_known() > 0 {
                // It ended without a frame to begin with.
                self.lose(None);
                self.emit_gap();
            }
            return;
        }
        while let Some(packet) = self.held.take(self.next) {
            self.next += 1;
            self.settle(packet);
        }
        if self.is_over() {
            if self.open.is_some() {
                self.lose(Some(1));
            }
            self.emit_gap();
        }
    }

    /// Begins at the earliest packet that can be begun at.
    fn start(&mut self) -> bool {
        let Some(first) = self.held.find(|packet| self.resumes_at(packet.flags)) else { return false };
        self.stats.late += self.held.drop_below(first);
        self.next = first;
        self.state = State::InStep;
        true
    }

    fn settle(&mut self, packet: Packet) {
        let starts = packet.flags & FRAME_START != 0;
        if packet.flags & !SIGNED == 0 && packet.data.is_empty() {
            // It belongs to no frame: it was there for its signature's sake.
            return;
        }
        if self.state == State::InStep && starts == self.open.is_some() {
            // A frame begins inside another, or goes on without having begun: the speaker is at fault.
            self.lose(Some(1));
        }
        if self.state == State::Resuming {
            if !self.resumes_at(packet.flags) {
                self.stats.discarded += 1;
                if starts {
                    self.lost = self.lost.map(|lost| lost.add(Some(1)));
                }
                return;
            }
            self.state = State::InStep;
        }
        self.extend(packet);
    }

    /// Adds a packet to the open frame, or opens one with it, and closes it if that was the last.
    fn extend(&mut self, packet: Packet) {
        let keyframe = packet.flags & KEY_FRAME_START != 0;
        let ends = packet.flags & FRAME_END != 0;
        let open = match self.open.take() {
            // The usual case for audio and small frames: nothing to join, nothing to copy.
            None if ends => return self.close(keyframe, packet.data),
            None => Open { keyframe, plaintext: BytesMut::from(packet.data) },
            Some(mut open) => {
                if open.plaintext.len() + packet.data.len() > self.config.max_frame + TIMESTAMP_LEN {
                    return self.lose(Some(1));
                }
                open.plaintext.extend_from_slice(&packet.data);
                open
            }
        };
        if ends {
            self.close(open.keyframe, open.plaintext.freeze());
        } else {
            self.open = Some(open);
        }
    }

    fn close(&mut self, keyframe: bool, mut plaintext: Bytes) {
        if plaintext.len() < TIMESTAMP_LEN || plaintext.len() - TIMESTAMP_LEN > self.config.max_frame {
            return self.lose(Some(1));
        }
        let timestamp = Duration::from_nanos(plaintext.get_u64());
        self.emit_gap();
        self.last_timestamp = timestamp;
        self.stats.frames += 1;
        self.ready.push_back(Item::Frame(Frame { timestamp, keyframe, data: plaintext }));
    }

    /// Gives up what everything else waits for: up to the first packet held, else up to the announced end.
    fn give_up_first_hole(&mut self) {
        let first = self.held.first().map(|(ctr, _)| ctr);
        match (self.state, first, self.announced) {
            // Nothing to begin with: make room by letting go of the oldest.
            (State::Starting, Some(first), _) => {
                self.held.take(first);
                self.stats.discarded += 1;
                self.next = first + 1;
            }
            (State::Starting, None, Some((end, _))) => self.next = self.next.max(end),
            (_, Some(first), _) => self.lose_up_to(first),
            (_, None, Some((end, _))) => self.lose_up_to(end),
            (_, None, None) => {}
        }
    }

    /// The packets from the next one up to but without `ctr` will not come.
    fn lose_up_to(&mut self, ctr: u64) {
        let count = ctr.saturating_sub(self.next);
        if count == 0 {
            return;
        }
        self.stats.missing = self.stats.missing.saturating_add(count);
        self.next = ctr;
        // A single packet belongs to one frame; several may be any number of them.
        self.lose((count == 1).then_some(1));
    }

    /// Frames are lost here: one, or (`None`) who knows how many.
    fn lose(&mut self, frames: Option<u32>) {
        self.open = None;
        // While resuming, this may be the very frame that is lost already.
        let frames = if self.state == State::Resuming { None } else { frames };
        self.lost = Some(self.lost.unwrap_or(Lost { frames: Some(0) }).add(frames));
        self.state = State::Resuming;
    }

    /// Hands out the gap before the next frame, if there is one.
    fn emit_gap(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.stats.gaps += 1;
            self.ready.push_back(Item::Gap { frames: lost.frames.unwrap_or(0), at: self.last_timestamp });
        }
    }
}
