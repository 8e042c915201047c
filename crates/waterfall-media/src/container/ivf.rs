//! IVF: a 32-byte header, then frames of 12 bytes of header each. Little endian; never specified but by
//! the tools of libvpx.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Buf;

use super::demuxer::{Event, Input, Progress, ReadError, malformed};
use super::frames::check_len;
use super::track::TrackInfo;
use crate::codec::{Codec, NalFraming};
use crate::frame::{Frame, MAX_FRAME_LEN};

const HEADER_LEN: usize = 32;
const FRAME_HEADER_LEN: usize = 12;

#[derive(Debug, Default)]
pub(super) struct Ivf {
    header: Option<Header>,
    /// Held back until the first frame has told the codec's private data.
    tracks: Option<TrackInfo>,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    codec: Codec,
    /// A tick of the timestamps is `scale / rate` seconds.
    rate: u32,
    scale: u32,
}

impl Ivf {
    pub(super) fn step(&mut self, input: &mut Input, events: &mut VecDeque<Event>) -> Result<Progress, ReadError> {
        match self.header {
            None => self.read_header(input, events),
            Some(header) => self.read_frame(header, input, events),
        }
    }

    /// Between two frames.
    pub(super) fn may_end(&self) -> bool {
        self.header.is_some() && self.tracks.is_none()
    }

    fn read_header(&mut self, input: &mut Input, events: &mut VecDeque<Event>) -> Result<Progress, ReadError> {
        if input.data().len() < HEADER_LEN {
            return Ok(Progress::NeedMore);
        }
        let mut header = input.take(HEADER_LEN);
        header.advance(4);
        if header.get_u16_le() != 0 {
            return Err(malformed(4, "an IVF version other than 0"));
        }
        let len = u64::from(header.get_u16_le());
        input.skip(len.checked_sub(HEADER_LEN as u64).ok_or(malformed(6, "an IVF header shorter than 32 bytes"))?);
        let mut fourcc = [0; 4];
        header.copy_to_slice(&mut fourcc);
        let codec =
            Codec::from_fourcc(fourcc).ok_or_else(|| ReadError::UnsupportedIvf(super::ebml::text(&fourcc, 4)))?;
        let (width, height) = (u32::from(header.get_u16_le()), u32::from(header.get_u16_le()));
        let (rate, scale) = (header.get_u32_le(), header.get_u32_le());
        if rate == 0 || scale == 0 {
            return Err(malformed(16, "an IVF time base of zero"));
        }
        self.header = Some(Header { codec, rate, scale });
        let info = TrackInfo { width, height, ..TrackInfo::new(codec) };
        match codec {
            // These need what their first frame says.
            Codec::Av1 | Codec::H264 => self.tracks = Some(info),
            _ => events.push_back(tracks_of(info)),
        }
        Ok(Progress::Made)
    }

    fn read_frame(
        &mut self,
        header: Header,
        input: &mut Input,
        events: &mut VecDeque<Event>,
    ) -> Result<Progress, ReadError> {
        let mut data = input.data();
        if data.len() < FRAME_HEADER_LEN {
            return Ok(Progress::NeedMore);
        }
        let len = data.get_u32_le() as usize;
        let ticks = data.get_u64_le();
        if len > MAX_FRAME_LEN {
            let limit = MAX_FRAME_LEN as u64;
            return Err(ReadError::TooLarge { what: "a frame", at: input.at(), len: len as u64, limit });
        }
        if data.len() < len {
            return Ok(Progress::NeedMore);
        }
        let at = input.at();
        input.take(FRAME_HEADER_LEN);
        let data = input.take(len);
        if data.is_empty() {
            // A frame that the encoder dropped.
            return Ok(Progress::Made);
        }
        let data = header.codec.canonical(data, NalFraming::Unknown);
        if let Some(mut info) = self.tracks.take() {
            info.private = header.codec.private_from_keyframe(&data).unwrap_or_default();
            events.push_back(tracks_of(info));
        }
        let keyframe = header.codec.is_keyframe(&data);
        let frame = Frame { timestamp: header.time(ticks), keyframe, data };
        check_len(&frame, at)?;
        events.push_back(Event::Frame { track: 0, frame });
        Ok(Progress::Made)
    }
}

impl Header {
    /// Times beyond 584 years stop there.
    fn time(self, ticks: u64) -> Duration {
        let nanos = u128::from(ticks) * u128::from(self.scale) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn tracks_of(info: TrackInfo) -> Event {
    Event::Tracks { carried: vec![info], unsupported: Vec::new() }
}
