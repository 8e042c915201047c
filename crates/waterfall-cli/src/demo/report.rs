//! What every viewer got, held against what was published.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use waterfall::{LinkRole, NodeId, Status, TrackId};

use crate::frame_log::Entry;
use crate::view::{Stall, Tally};

/// What a viewer brought home.
#[derive(Debug, Clone, Default)]
pub(crate) struct ViewerResult {
    /// Who; none if it never got into the room.
    pub id: Option<NodeId>,
    /// Its last status.
    pub status: Status,
    /// Its own count.
    pub tally: Tally,
    /// Every frame it received, in order.
    pub entries: Vec<Entry>,
    /// It was killed on purpose.
    pub killed: bool,
    /// Its process' largest memory, where it had one of its own and the system tells.
    pub peak_memory_kib: Option<u64>,
}

/// A viewer's line in the report.
#[derive(Debug, Serialize)]
struct Row {
    id: Option<NodeId>,
    /// Edges to the speaker, following the links that the packets came over.
    depth: Option<u16>,
    /// Where the packets came from.
    parent: Option<NodeId>,
    first_frame_ms: Option<u64>,
    frames_received: u64,
    frames_missing: u64,
    /// Frames that were never published: altered, or in the wrong place.
    frames_foreign: u64,
    bytes_by_link: Vec<LinkBytes>,
    stalls: Vec<Stall>,
    killed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_kib: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LinkBytes {
    peer: NodeId,
    role: LinkRole,
    received: u64,
    duplicates: u64,
    sent: u64,
    repaired: u64,
}

/// The whole demo's outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    viewers: Vec<Row>,
    height: u16,
    fan_out: u8,
    frames_published: u64,
    speaker: NodeId,
    speaker_bytes_in: u64,
    speaker_bytes_sent: u64,
    speaker_bytes_repaired: u64,
}

impl Report {
    /// Checks each viewer against the log.
    pub(crate) fn new(
        speaker: NodeId,
        fan_out: u8,
        status: &Status,
        published: &[Entry],
        results: Vec<ViewerResult>,
    ) -> Self {
        let by_track = by_track(published);
        let parents: BTreeMap<NodeId, NodeId> =
            results.iter().filter_map(|result| Some((result.id?, result.status.fed_by?))).collect();
        let rows: Vec<Row> = results.into_iter().map(|result| row(result, speaker, &parents, &by_track)).collect();
        Self {
            height: rows.iter().filter(|row| !row.killed).filter_map(|row| row.depth).max().unwrap_or(0),
            viewers: rows,
            fan_out,
            frames_published: published.len() as u64,
            speaker,
            speaker_bytes_in: status.published,
            speaker_bytes_sent: status.links.iter().map(|link| link.media_sent).sum(),
            speaker_bytes_repaired: status.links.iter().map(|link| link.repair_sent).sum(),
        }
    }

    /// Success, or what is wrong.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let blind = self.viewers.iter().filter(|row| !row.killed && row.frames_received == 0).count();
        if blind > 0 {
            return Err(format!("{blind} viewers saw nothing"));
        }
        let foreign: u64 = self.viewers.iter().map(|row| row.frames_foreign).sum();
        if foreign > 0 {
            return Err(format!("{foreign} frames arrived that were never published"));
        }
        // A relay was killed: its descendants may have a gap, which the table shows.
        let killed = self.viewers.iter().any(|row| row.killed);
        let incomplete = self.viewers.iter().filter(|row| !row.killed && row.frames_missing > 0).count();
        if incomplete > 0 && !killed {
            return Err(format!("{incomplete} viewers miss frames"));
        }
        // Whoever took the killed relay's place was sent what it missed, so more than its share.
        if !killed && self.speaker_bytes_sent > self.speaker_bytes_in * u64::from(self.fan_out) {
            return Err("the speaker sent more than fan-out times its input".into());
        }
        Ok(())
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        let _infallible = writeln!(
            out,
            "{:<9} {:>5} {:<9} {:>11} {:>8} {:>8} {:>10} {:>11}  stalls",
            "viewer", "depth", "parent", "first frame", "frames", "missing", "received", "forwarded"
        );
        for row in &self.viewers {
            let received: u64 = row.bytes_by_link.iter().map(|link| link.received).sum();
            let sent: u64 = row.bytes_by_link.iter().map(|link| link.sent).sum();
            let stalls: Vec<String> = row.stalls.iter().map(|stall| format!("{} ms", stall.ms)).collect();
            let _infallible = writeln!(
                out,
                "{:<9} {:>5} {:<9} {:>8} ms {:>8} {:>8} {:>10} {:>11}  {}",
                row.id.map_or_else(|| "-".into(), |id| id.short()),
                row.depth.map_or_else(|| "-".into(), |depth| depth.to_string()),
                row.parent.map_or_else(|| "-".into(), |id| id.short()),
                row.first_frame_ms.map_or_else(|| "-".into(), |ms| ms.to_string()),
                row.frames_received,
                row.frames_missing,
                received,
                sent,
                if row.killed { "killed".into() } else { stalls.join(", ") },
            );
        }
        let complete = self.viewers.iter().filter(|row| row.frames_received > 0 && row.frames_missing == 0).count();
        let _infallible = write!(
            out,
            "{complete} of {} viewers complete; height {}; the speaker put out {} bytes and sent {} ({:.2} times) to {} children.",
            self.viewers.len(),
            self.height,
            self.speaker_bytes_in,
            self.speaker_bytes_sent,
            self.speaker_bytes_sent as f64 / self.speaker_bytes_in.max(1) as f64,
            self.viewers.iter().filter(|row| row.depth == Some(1)).count(),
        );
        out
    }
}

type ByTrack<'a> = BTreeMap<TrackId, Vec<&'a Entry>>;

fn by_track(entries: &[Entry]) -> ByTrack<'_> {
    let mut tracks = ByTrack::new();
    for entry in entries {
        tracks.entry(entry.track).or_default().push(entry);
    }
    tracks
}

fn row(result: ViewerResult, speaker: NodeId, parents: &BTreeMap<NodeId, NodeId>, published: &ByTrack<'_>) -> Row {
    let received = by_track(&result.entries);
    let (mut missing, mut foreign) = (0, 0);
    for (track, published) in published {
        let (m, f) = compare(published, received.get(track).map_or(&[], Vec::as_slice));
        missing += m;
        foreign += f;
    }
    let parent = result.id.and_then(|id| parents.get(&id).copied());
    let bytes_by_link = result.status.links.iter().map(|link| LinkBytes {
        peer: link.peer,
        role: link.role,
        received: link.media_received,
        duplicates: link.duplicates,
        sent: link.media_sent,
        repaired: link.repair_sent,
    });
    Row {
        id: result.id,
        depth: result.id.and_then(|id| depth(id, speaker, parents)),
        parent,
        first_frame_ms: result.tally.first_frame_ms,
        frames_received: result.entries.len() as u64,
        frames_missing: missing,
        frames_foreign: foreign,
        bytes_by_link: bytes_by_link.collect(),
        stalls: result.tally.stalls,
        killed: result.killed,
        peak_memory_kib: result.peak_memory_kib,
    }
}

/// How many frames are missing from the first received on, and how many were never published.
fn compare(published: &[&Entry], received: &[&Entry]) -> (u64, u64) {
    let same = |a: &Entry, b: &Entry| a.timestamp_ns == b.timestamp_ns && a.sha256 == b.sha256;
    let Some(first) = received.first().and_then(|first| published.iter().position(|p| same(p, first))) else {
        return (published.len() as u64, received.len() as u64);
    };
    let (mut missing, mut foreign) = (0, 0);
    let mut rest = received.iter();
    let mut next = rest.next();
    for expected in &published[first..] {
        match next {
            Some(got) if same(expected, got) => next = rest.next(),
            _ => missing += 1,
        }
    }
    // What is left over fitted nowhere in the order in which it was published.
    foreign += next.is_some() as u64 + rest.count() as u64;
    (missing, foreign)
}

/// Edges to the speaker along the links that the packets came over.
fn depth(of: NodeId, speaker: NodeId, parents: &BTreeMap<NodeId, NodeId>) -> Option<u16> {
    let mut at = of;
    for depth in 0..=u16::MAX {
        if at == speaker {
            return Some(depth);
        }
        if usize::from(depth) > parents.len() {
            return None;
        }
        at = *parents.get(&at)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use waterfall::Kind;

    fn entry(index: u64) -> Entry {
        Entry {
            track: waterfall::TrackId(1),
            kind: Kind::Video,
            index,
            timestamp_ns: index * 40_000_000,
            keyframe: index == 0,
            bytes: 1,
            sha256: format!("{index:064x}"),
        }
    }

    #[test]
    fn a_run_to_the_end_is_complete_and_anything_else_is_not() {
        let published: Vec<Entry> = (0..10).map(entry).collect();
        let published: Vec<&Entry> = published.iter().collect();
        assert_eq!(compare(&published, &published[4..]), (0, 0));
        assert_eq!(compare(&published, &[]), (10, 0));
        assert_eq!(compare(&published, &published[4..9]), (1, 0));
        let gap: Vec<&Entry> = published[2..5].iter().chain(&published[7..]).copied().collect();
        assert_eq!(compare(&published, &gap), (2, 0));
        let altered = Entry { sha256: "x".into(), ..entry(5) };
        let with_altered: Vec<&Entry> = published[..5].iter().copied().chain([&altered]).collect();
        assert_eq!(compare(&published, &with_altered), (5, 1));
    }
}
