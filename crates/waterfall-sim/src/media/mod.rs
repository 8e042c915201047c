//! The stream, without its packets: who has it up to where at which moment.
//!
//! Between two faults a participant's stream follows its parent's, so nothing need happen. Only when a
//! feed begins or ends is it worked out anew, for the subtree below.

pub(crate) mod feed;
pub(crate) mod timeline;
pub(crate) mod watch;

pub(crate) use feed::Feed;
pub(crate) use timeline::Timeline;
pub(crate) use watch::Watch;

/// A packet each so many microseconds.
pub(crate) const PACKET: u64 = 10_000;
/// A frame each so many microseconds.
pub(crate) const FRAME: u64 = 40_000;
/// Microseconds between key frames: with them a new viewer begins.
pub(crate) const KEY_FRAME: u64 = 2_000_000;
/// A relay keeps so many microseconds of the stream.
pub(crate) const RING: u64 = 10_000_000;
/// A relay sends what a child lacks at so many times the stream's rate.
pub(crate) const PACE: u8 = 2;
/// What a relay adds on the way, in microseconds; see `docs/benchmarks.md`.
pub(crate) const HOP: u64 = 400;
/// What came while a process stood still waits in the socket's buffer, and what came above a hole waits until that is
/// filled; then it is taken in at so many times the stream's rate.
pub(crate) const BURST: u8 = 16;
/// Rounding where two feeds meet may look like a jump of some microseconds; a packet is far more.
pub(crate) const NO_JUMP: u64 = PACKET / 2;
