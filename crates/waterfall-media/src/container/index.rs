//! What makes a finished file seekable: its duration and where its clusters are.

use bytes::Bytes;

use super::ebml::Builder;
use super::ids;

/// Points kept; beyond that every second one is dropped, so that a day-long recording is indexed more coarsely.
const MAX_POINTS: usize = 16_384;

/// Clusters whose place is kept: weeks of them.
const MAX_CLUSTERS: usize = 1 << 18;

/// Gathered while a file is written.
#[derive(Debug)]
pub(super) struct Index {
    points: Vec<Point>,
    /// Of so many possible points, one is kept.
    every: usize,
    seen: usize,
    tracks: Vec<Extent>,
    /// Where each cluster begins; `None` once there are too many.
    clusters: Option<Vec<u64>>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    /// In ticks.
    time: u64,
    /// From 1.
    track: u64,
    /// From the start of the segment's content.
    cluster: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    latest: i64,
    /// The last step forward: how long the latest frame is taken to last.
    step: i64,
}

impl Index {
    pub(super) fn new(tracks: usize) -> Self {
        Self {
            points: Vec::new(),
            every: 1,
            seen: 0,
            tracks: vec![Extent::default(); tracks],
            clusters: Some(Vec::new()),
        }
    }

    /// A frame of the track at index `track` was written.
    pub(super) fn frame(&mut self, track: usize, time: i64) {
        let extent = &mut self.tracks[track];
        if time > extent.latest {
            extent.step = time - extent.latest;
            extent.latest = time;
        }
    }

    /// A cluster begins at this place in the file.
    pub(super) fn cluster(&mut self, at: u64) {
        if let Some(clusters) = &mut self.clusters {
            clusters.push(at);
            if clusters.len() > MAX_CLUSTERS {
                self.clusters = None;
            }
        }
    }

    /// Where each cluster begins and ends, if `end` is the end of the last; `None` if there were too many to remember.
    pub(super) fn clusters(&self, end: u64) -> Option<impl Iterator<Item = (u64, u64)>> {
        let starts = self.clusters.as_deref()?;
        Some(starts.iter().copied().zip(starts.iter().copied().skip(1).chain([end])))
    }

    /// A cluster begins here with a frame that decoding can start at.
    pub(super) fn point(&mut self, track: usize, time: i64, cluster: u64) {
        if self.seen.is_multiple_of(self.every) {
            self.points.push(Point { time: time as u64, track: track as u64 + 1, cluster });
        }
        self.seen += 1;
        if self.points.len() >= MAX_POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
    }

    /// When the last frame ends, in ticks.
    pub(super) fn duration(&self) -> f64 {
        self.tracks.iter().map(|extent| extent.latest.saturating_add(extent.step)).max().unwrap_or(0) as f64
    }

    /// The Cues element; `None` if there is nothing to find.
    pub(super) fn cues(&self) -> Option<Bytes> {
        if self.points.is_empty() {
            return None;
        }
        let mut file = Builder::default();
        file.master(ids::CUES, |cues| {
            for point in &self.points {
                cues.master(ids::CUE_POINT, |cue| {
                    cue.uint(ids::CUE_TIME, point.time).master(ids::CUE_TRACK_POSITIONS, |position| {
                        position.uint(ids::CUE_TRACK, point.track).uint(ids::CUE_CLUSTER_POSITION, point.cluster);
                    });
                });
            }
        });
        Some(file.out.freeze())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_long_recording_is_indexed_more_coarsely() {
        let mut index = Index::new(1);
        for i in 0..100_000 {
            index.point(0, i, 0);
        }
        assert!(index.points.len() < MAX_POINTS);
        let steps: Vec<_> = index.points.windows(2).map(|pair| pair[1].time - pair[0].time).collect();
        assert!(steps.iter().all(|step| *step == 8), "evenly: {:?}", &steps[..9]);
    }

    #[test]
    fn the_last_frame_lasts_as_long_as_the_one_before() {
        let mut index = Index::new(2);
        for (track, time) in [(0, 0), (0, 120), (0, 40), (0, 80), (0, 160), (1, 20)] {
            index.frame(track, time);
        }
        assert_eq!(index.duration(), 200.0);
    }
}
