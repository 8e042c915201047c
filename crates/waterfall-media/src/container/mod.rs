//! Files and pipes: reads IVF, Matroska and WebM, writes Matroska and WebM, never seeking.
//!
//! ```no_run
//! use waterfall_media::container::Reader;
//!
//! let mut reader = Reader::open(std::io::stdin().lock())?;
//! for skipped in reader.unsupported() {
//!     eprintln!("{skipped}");
//! }
//! while let Some((track, frame)) = reader.next()? {
//!     println!("{} at {:?}", reader.tracks()[track].codec.name(), frame.timestamp);
//! }
//! # Ok::<_, waterfall_media::container::ReadError>(())
//! ```

mod block;
mod demuxer;
mod ebml;
mod frames;
mod header;
mod ids;
mod index;
mod info;
mod ivf;
mod matroska;
mod reader;
mod track;
mod tracks;
mod writer;

pub use self::demuxer::{Demuxer, Event, ReadError};
pub use self::reader::Reader;
pub use self::track::{TrackInfo, Unsupported, UnsupportedReason};
pub use self::writer::{Format, WriteError, Writer, WriterOptions};
