//! Reads Matroska and WebM (RFC 9559) as a stream.
//!
//! Segment, clusters and block groups are entered, whatever size they claim or do not; small elements are
//! taken whole up to a limit; all else is passed over without being held.

use std::collections::VecDeque;

use bytes::Bytes;

use super::demuxer::{Event, Input, Progress, ReadError, malformed};
use super::ebml::{self, Header, Parsed};
use super::frames::{Clock, Found};
use super::tracks::{Layout, Tracks};
use super::{block, ids, info, tracks};
use crate::frame::MAX_FRAME_LEN;

/// Room for a block's header and its lacing.
const MAX_BLOCK_LEN: usize = MAX_FRAME_LEN + 1024;
/// Room for the private data of a few dozen tracks, subtitle styles included.
const MAX_TRACKS_LEN: usize = 4 * 1024 * 1024;
/// The EBML header, Info and single values are far smaller.
const MAX_SMALL_LEN: usize = 64 * 1024;
const ANOTHER_FILE: &str = "another file begins here, and only one at a time is read";

#[derive(Debug)]
pub(super) struct Matroska {
    seen_header: bool,
    segment: Option<Span>,
    cluster: Option<Cluster>,
    group: Option<Group>,
    /// Nanoseconds per tick.
    scale: u64,
    layouts: Option<Vec<Layout>>,
    /// Behind the end of the segment: nothing more is read.
    done: bool,
}

/// Where an element that was entered ends, if it says so.
#[derive(Debug, Clone, Copy)]
struct Span {
    end: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Cluster {
    span: Span,
    time: u64,
}

#[derive(Debug)]
struct Group {
    end: u64,
    block: Option<(u64, Bytes)>,
    duration: u64,
    keyframe: bool,
}

impl Default for Matroska {
    fn default() -> Self {
        Self {
            seen_header: false,
            segment: None,
            cluster: None,
            group: None,
            scale: info::DEFAULT_SCALE,
            layouts: None,
            done: false,
        }
    }
}

impl Matroska {
    pub(super) fn step(&mut self, input: &mut Input, events: &mut VecDeque<Event>) -> Result<Progress, ReadError> {
        if self.close_ended(input.at(), events)? {
            return Ok(Progress::Made);
        }
        if self.done {
            return pass_over_rest(input);
        }
        let at = input.at();
        let header = match ebml::header(input.data()) {
            Parsed::Done(header) => header,
            Parsed::NeedMore => return Ok(Progress::NeedMore),
            Parsed::Invalid(what) => return Err(malformed(at, what)),
        };
        let end = header.size.map(|size| at.saturating_add(header.len as u64).saturating_add(size));
        if self.cluster.is_some_and(|cluster| cluster.span.end.is_none()) && ids::is_segment_level(header.id) {
            self.cluster = None;
        }
        let parent = match (&self.group, self.cluster, self.segment) {
            (Some(group), _, _) => Some(group.end),
            (None, Some(cluster), segment) => cluster.span.end.or(segment.and_then(|span| span.end)),
            (None, None, segment) => segment.and_then(|span| span.end),
        };
        if let (Some(end), Some(parent)) = (end, parent)
            && end > parent
        {
            return Err(malformed(at, "an element overruns the one it is in"));
        }
        match (&self.group, self.cluster, self.segment) {
            (Some(_), _, _) => self.in_group(header, input),
            (None, Some(_), _) => self.in_cluster(header, input, events),
            (None, None, Some(_)) => self.in_segment(header, input, events),
            (None, None, None) => self.at_top(header, input),
        }
    }

    /// Between two elements of the segment, and inside nothing that says it goes on.
    pub(super) fn may_end(&self, at: u64) -> bool {
        let open = [self.segment.and_then(|span| span.end), self.cluster.and_then(|cluster| cluster.span.end)];
        self.layouts.is_some() && self.group.is_none() && open.into_iter().flatten().all(|end| end <= at)
    }

    /// The segment is over, and whatever follows is of no interest.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Leaves what ends here.
    fn close_ended(&mut self, at: u64, events: &mut VecDeque<Event>) -> Result<bool, ReadError> {
        if let Some(group) = self.group.take_if(|group| group.end <= at) {
            if let Some((at, data)) = group.block {
                let keyframe = Some(group.keyframe);
                self.emit(Found { at, data, duration: group.duration, keyframe }, events)?;
            }
            return Ok(true);
        }
        let over = |span: Span| span.end.is_some_and(|end| end <= at);
        if self.cluster.take_if(|cluster| over(cluster.span)).is_some() {
            return Ok(true);
        }
        if self.segment.take_if(|span| over(*span)).is_some() {
            if self.layouts.is_none() {
                return Err(ReadError::NothingToCarry(Vec::new()));
            }
            self.cluster = None;
            self.done = true;
            return Ok(true);
        }
        Ok(false)
    }

    fn at_top(&mut self, header: Header, input: &mut Input) -> Result<Progress, ReadError> {
        match header.id {
            ids::EBML if !self.seen_header => {
                let Some(content) = whole(header, input, "the EBML header", MAX_SMALL_LEN)? else {
                    return Ok(Progress::NeedMore);
                };
                info::check_header(&content).map_err(|what| malformed(0, what))?;
                self.seen_header = true;
            }
            ids::SEGMENT if self.seen_header => {
                input.take(header.len);
                self.segment = Some(Span { end: header.size.map(|size| input.at().saturating_add(size)) });
            }
            ids::VOID => pass_over(header, input)?,
            _ => return Err(malformed(input.at(), "no segment where one must be")),
        }
        Ok(Progress::Made)
    }

    fn in_segment(
        &mut self,
        header: Header,
        input: &mut Input,
        events: &mut VecDeque<Event>,
    ) -> Result<Progress, ReadError> {
        let at = input.at();
        match header.id {
            ids::INFO if self.layouts.is_none() => {
                let Some(content) = whole(header, input, "Info", MAX_SMALL_LEN)? else {
                    return Ok(Progress::NeedMore);
                };
                self.scale = info::timestamp_scale(&content).map_err(|what| malformed(at, what))?;
            }
            ids::TRACKS if self.layouts.is_none() => {
                let Some(content) = whole(header, input, "Tracks", MAX_TRACKS_LEN)? else {
                    return Ok(Progress::NeedMore);
                };
                let Tracks { carried, layouts, unsupported } =
                    tracks::parse(&content).map_err(|what| malformed(at, what))?;
                if carried.is_empty() {
                    return Err(ReadError::NothingToCarry(unsupported));
                }
                self.layouts = Some(layouts);
                events.push_back(Event::Tracks { carried, unsupported });
            }
            ids::CLUSTER => {
                if self.layouts.is_none() {
                    return Err(malformed(at, "frames before the list of tracks"));
                }
                input.take(header.len);
                let end = header.size.map(|size| input.at().saturating_add(size));
                self.cluster = Some(Cluster { span: Span { end }, time: 0 });
            }
            ids::EBML | ids::SEGMENT => {
                return Err(malformed(at, ANOTHER_FILE));
            }
            _ => pass_over(header, input)?,
        }
        Ok(Progress::Made)
    }

    fn in_cluster(
        &mut self,
        header: Header,
        input: &mut Input,
        events: &mut VecDeque<Event>,
    ) -> Result<Progress, ReadError> {
        let at = input.at();
        match header.id {
            ids::TIMESTAMP => {
                let Some(content) = whole(header, input, "a timestamp", 8)? else { return Ok(Progress::NeedMore) };
                let time = ebml::uint(&content).map_err(|what| malformed(at, what))?;
                if let Some(cluster) = &mut self.cluster {
                    cluster.time = time;
                }
            }
            ids::SIMPLE_BLOCK => match self.block(header, input)? {
                Taken::NeedMore => return Ok(Progress::NeedMore),
                Taken::NotCarried => {}
                Taken::Block(data) => self.emit(Found { at, data, duration: 0, keyframe: None }, events)?,
            },
            ids::BLOCK_GROUP => {
                let size = header.size.ok_or(malformed(at, "a block group of unknown size"))?;
                input.take(header.len);
                let end = input.at().saturating_add(size);
                self.group = Some(Group { end, block: None, duration: 0, keyframe: true });
            }
            ids::EBML | ids::SEGMENT => {
                return Err(malformed(at, ANOTHER_FILE));
            }
            id if ids::is_segment_level(id) && id != ids::TAGS => {
                return Err(malformed(at, "a cluster inside which another part of the segment begins"));
            }
            _ => pass_over(header, input)?,
        }
        Ok(Progress::Made)
    }

    fn in_group(&mut self, header: Header, input: &mut Input) -> Result<Progress, ReadError> {
        let at = input.at();
        match header.id {
            ids::BLOCK => {
                let taken = self.block(header, input)?;
                match (taken, &mut self.group) {
                    (Taken::NeedMore, _) => return Ok(Progress::NeedMore),
                    (Taken::Block(data), Some(group)) => group.block = Some((at, data)),
                    _ => {}
                }
            }
            ids::BLOCK_DURATION => {
                let Some(content) = whole(header, input, "a duration", 8)? else { return Ok(Progress::NeedMore) };
                let duration = ebml::uint(&content).map_err(|what| malformed(at, what))?;
                if let Some(group) = &mut self.group {
                    group.duration = duration;
                }
            }
            id => {
                if let (ids::REFERENCE_BLOCK, Some(group)) = (id, &mut self.group) {
                    group.keyframe = false;
                }
                pass_over(header, input)?;
            }
        }
        Ok(Progress::Made)
    }

    /// Takes a block's content if its track is carried, and passes over it otherwise.
    fn block(&self, header: Header, input: &mut Input) -> Result<Taken, ReadError> {
        let at = input.at();
        let size = header.size.ok_or(malformed(at, "a block of unknown size"))?;
        let content = &input.data()[header.len..];
        let content = &content[..usize::try_from(size).unwrap_or(usize::MAX).min(content.len())];
        let number = match block::track_number(content) {
            Parsed::Done(number) => number,
            Parsed::NeedMore if size > content.len() as u64 => return Ok(Taken::NeedMore),
            Parsed::NeedMore => return Err(malformed(at, "a block without a track number")),
            Parsed::Invalid(what) => return Err(malformed(at, what)),
        };
        if self.layout(number).is_none() {
            pass_over(header, input)?;
            return Ok(Taken::NotCarried);
        }
        Ok(whole(header, input, "a block", MAX_BLOCK_LEN)?.map_or(Taken::NeedMore, Taken::Block))
    }

    fn layout(&self, number: u64) -> Option<(usize, &Layout)> {
        self.layouts.iter().flatten().enumerate().find(|(_, layout)| layout.number == number)
    }

    /// Hands out the frames of a block.
    fn emit(&self, found: Found, events: &mut VecDeque<Event>) -> Result<(), ReadError> {
        let Parsed::Done(number) = block::track_number(&found.data) else {
            return Err(malformed(found.at, "a block without a track number"));
        };
        let Some((track, layout)) = self.layout(number) else { return Ok(()) };
        let clock = Clock { scale: self.scale, cluster: self.cluster.map_or(0, |cluster| cluster.time) };
        let frames = layout.frames(found, clock)?;
        events.extend(frames.into_iter().map(|frame| Event::Frame { track, frame }));
        Ok(())
    }
}

enum Taken {
    NeedMore,
    NotCarried,
    Block(Bytes),
}

/// Takes an element whole, once it is there; `None` before that.
fn whole(header: Header, input: &mut Input, what: &'static str, limit: usize) -> Result<Option<Bytes>, ReadError> {
    let at = input.at();
    let size = header.size.ok_or(malformed(at, "an element of unknown size where none may be"))?;
    let len = match usize::try_from(size) {
        Ok(len) if len <= limit => len,
        _ => return Err(ReadError::TooLarge { what, at, len: size, limit: limit as u64 }),
    };
    if input.data().len() < header.len + len {
        return Ok(None);
    }
    input.take(header.len);
    Ok(Some(input.take(len)))
}

fn pass_over(header: Header, input: &mut Input) -> Result<(), ReadError> {
    let size = header.size.ok_or(malformed(input.at(), "an element of unknown size where none may be"))?;
    input.take(header.len);
    input.skip(size);
    Ok(())
}

/// What lies behind the segment means nothing, unless it is another file.
fn pass_over_rest(input: &mut Input) -> Result<Progress, ReadError> {
    let data = input.data();
    if data.len() < 4 {
        return Ok(Progress::NeedMore);
    }
    if data.starts_with(&ids::EBML.to_be_bytes()) {
        return Err(malformed(input.at(), ANOTHER_FILE));
    }
    input.skip(u64::MAX);
    Ok(Progress::Made)
}
