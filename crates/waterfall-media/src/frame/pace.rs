//! When frames of a file are due, and how a file that starts over goes on.

use std::time::{Duration, Instant};

use super::Frame;

/// A step in media time beyond this is a break in the source, not a pause to sit through.
const MAX_STEP: Duration = Duration::from_secs(10);
/// Taken for a track of a single frame, whose rate cannot be known.
const DEFAULT_FRAME_DURATION: Duration = Duration::from_millis(40);

/// Says when each frame is due when a file is to be sent in its own time. The first frame is due
/// at the start.
///
/// Frames of video with B-frames come in decoding order: one whose presentation time lies behind
/// an earlier frame's is due at once. A source that is slower than its own time (a stalled pipe) is
/// due at once until it has caught up.
#[derive(Debug, Clone)]
pub struct Pacer {
    start: Instant,
    /// Media time that is due at `start`.
    base: Option<Duration>,
    latest: Option<Duration>,
}

impl Pacer {
    /// A file whose first frame is due at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, base: None, latest: None }
    }

    /// When a frame with this timestamp is due. A step forward of more than 10 s against the
    /// latest frame is taken out: the frame is due with that one.
    pub fn due(&mut self, timestamp: Duration) -> Instant {
        let base = self.base.get_or_insert(timestamp);
        let latest = self.latest.get_or_insert(timestamp);
        let step = timestamp.saturating_sub(*latest);
        if step > MAX_STEP {
            *base = base.saturating_add(step);
        }
        *latest = timestamp.max(*latest);
        self.start.checked_add(timestamp.saturating_sub(*base)).unwrap_or(self.start)
    }
}

/// Media times of a file that is played over and over: each round begins one frame after the last
/// one ended, so that times never go back and the tracks keep their distance.
#[derive(Debug, Clone, Default)]
pub struct Rounds {
    offset: Duration,
    /// The current round's earliest time, as soon as it is known.
    first: Option<Duration>,
    tracks: Vec<Extent>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    earliest: Duration,
    latest: Duration,
    frames: u32,
}

impl Extent {
    /// Where the next frame would come: one mean frame duration after the latest.
    fn end(self) -> Duration {
        let steps = self.frames.saturating_sub(1);
        let step = if steps == 0 { DEFAULT_FRAME_DURATION } else { (self.latest - self.earliest) / steps };
        self.latest.saturating_add(step)
    }
}

impl Rounds {
    /// The first round, whose times stay as they are in the file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shifts a frame of track `track` (its index in the file) into the current round.
    pub fn shift(&mut self, track: usize, frame: Frame) -> Frame {
        if self.tracks.len() <= track {
            self.tracks.resize(track + 1, Extent::default());
        }
        let extent = &mut self.tracks[track];
        if extent.frames == 0 {
            *extent = Extent { earliest: frame.timestamp, latest: frame.timestamp, frames: 0 };
        }
        extent.frames = extent.frames.saturating_add(1);
        extent.earliest = extent.earliest.min(frame.timestamp);
        extent.latest = extent.latest.max(frame.timestamp);
        let first = *self.first.get_or_insert(frame.timestamp);
        let timestamp = match self.offset {
            Duration::ZERO => frame.timestamp,
            offset => offset.saturating_add(frame.timestamp).saturating_sub(first),
        };
        Frame { timestamp, ..frame }
    }

    /// The file starts over from its beginning.
    pub fn restart(&mut self) {
        let end = self.tracks.iter().filter(|extent| extent.frames > 0).map(|extent| extent.end()).max();
        if let (Some(end), Some(first)) = (end, self.first) {
            self.offset = match self.offset {
                Duration::ZERO => end,
                offset => offset.saturating_add(end).saturating_sub(first),
            };
        }
        self.first = None;
        self.tracks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn due_follows_the_timestamps_from_the_first() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let due: Vec<_> = [5_000, 5_120, 5_040, 5_080].map(|t| pacer.due(ms(t)) - start).into();
        assert_eq!(due, [ms(0), ms(120), ms(40), ms(80)]);
    }

    #[test]
    fn a_break_is_not_waited_for() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        assert_eq!(pacer.due(ms(0)) - start, ms(0));
        assert_eq!(pacer.due(ms(9_000)) - start, ms(9_000));
        assert_eq!(pacer.due(ms(1_000_000)) - start, ms(9_000));
        assert_eq!(pacer.due(ms(1_000_040)) - start, ms(9_040));
        assert_eq!(pacer.due(Duration::from_nanos(u64::MAX)) - start, ms(9_040));
        assert_eq!(pacer.due(ms(3)), start, "and a step back is due at once");
    }

    fn shifted(rounds: &mut Rounds, times: &[(usize, u64)]) -> Vec<u64> {
        let frame = |t| Frame { timestamp: ms(t), keyframe: false, data: bytes::Bytes::new() };
        times.iter().map(|(track, t)| rounds.shift(*track, frame(*t)).timestamp.as_millis() as u64).collect()
    }

    #[test]
    fn rounds_go_on_where_the_longest_track_ended() {
        let file = [(0, 0), (1, 3), (0, 40), (1, 23), (0, 80), (1, 43), (1, 63), (1, 83), (1, 103)];
        let mut rounds = Rounds::new();
        let first = shifted(&mut rounds, &file);
        assert_eq!(first, file.map(|(_, t)| t));
        for round in 1..4 {
            rounds.restart();
            let next = shifted(&mut rounds, &file);
            assert_eq!(next, file.map(|(_, t)| t + 123 * round), "video ends at 120, audio at 123");
        }
    }

    #[test]
    fn rounds_take_out_where_a_file_begins() {
        let mut rounds = Rounds::new();
        assert_eq!(
            shifted(&mut rounds, &[(0, 1_000), (0, 1_120), (0, 1_040), (0, 1_080)]),
            [1_000, 1_120, 1_040, 1_080]
        );
        rounds.restart();
        assert_eq!(shifted(&mut rounds, &[(0, 1_000), (0, 1_120)]), [1_160, 1_280]);
        rounds.restart();
        rounds.restart();
        assert_eq!(shifted(&mut rounds, &[(0, 1_000)]), [1_400], "an empty round takes no time");
    }
}
