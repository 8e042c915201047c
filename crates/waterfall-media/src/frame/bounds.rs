//! What an assembler may hold, and what it counts.

use std::time::Duration;

use super::MAX_FRAME_LEN;

/// Bounds of an [`super::Assembler`].
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// How long a missing packet is waited for once a later one has come. Default 2 s: longer than a
    /// change of parents takes. More delays a live picture after a loss, less gives up packets
    /// that would still be repaired.
    pub patience: Duration,
    /// Packets held behind a missing one. When full, the missing one is given up. Default 8 192.
    pub max_packets: usize,
    /// The same in bytes. Default 16 MiB.
    pub max_bytes: usize,
    /// Largest frame in bytes; a larger one is dropped like a lost one. Default [`MAX_FRAME_LEN`].
    pub max_frame: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(2),
            max_packets: 8_192,
            max_bytes: 16 * 1024 * 1024,
            max_frame: MAX_FRAME_LEN,
        }
    }
}

/// What an [`super::Assembler`] has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames handed out.
    pub frames: u64,
    /// Gaps handed out.
    pub gaps: u64,
    /// Packets given up: never received, though a first frame had begun before them.
    pub missing: u64,
    /// Packets received twice, before the first frame, or after they were given up.
    pub late: u64,
    /// Packets that arrived in vain: part of a broken frame, or needing one to decode.
    pub discarded: u64,
    /// Packets refused because the assembler was full and had not been polled.
    pub overflow: u64,
}
