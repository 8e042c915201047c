//! What `watch` does with frames: count them, log them, write them to a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use waterfall::media::container::{Format, WriteError, Writer, WriterOptions};
use waterfall::{Frame, TrackInfo};

use crate::exit::Failure;

type Sink = BufWriter<Box<dyn Write + Send>>;

/// Where frames are to be written.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    format: Format,
    /// The file under its working name; it takes its own when it is finished.
    file: Option<(PathBuf, File)>,
}

impl Target {
    /// Checks that the output can be written, before anything is joined. A file is written under
    /// a working name beside its own, so that nothing half-written is ever found under that.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Failure> {
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("webm") => Format::WebM,
            _ => Format::Matroska,
        };
        let file = if path == Path::new("-") {
            None
        } else {
            let name = path.file_name().ok_or_else(|| cannot(path, &"that is no file name"))?;
            let mut working = name.to_owned();
            working.push(".part");
            let working = path.with_file_name(working);
            let file = File::create(&working).map_err(|error| cannot(path, &error))?;
            Some((working, file))
        };
        Ok(Self { path: path.to_owned(), format, file })
    }

    /// Starts the file with these tracks.
    pub(crate) fn start(mut self, tracks: &[TrackInfo]) -> Result<Recorder, Failure> {
        let infos: Option<Vec<_>> = tracks.iter().map(TrackInfo::to_container).collect();
        let infos = infos.ok_or_else(|| cannot(&self.path, &"it would hold a codec that this version does not know"))?;
        let (working, sink): (_, Box<dyn Write + Send>) = match self.file.take() {
            Some((working, file)) => (Some(working), Box::new(file)),
            None => (None, Box::new(std::io::stdout())),
        };
        let path = std::mem::take(&mut self.path);
        match Writer::new(BufWriter::new(sink), &infos, WriterOptions::new(self.format)) {
            Ok(writer) => Ok(Recorder { path, working, writer }),
            Err(error) => Err(cannot(&path, &error)),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some((working, _)) = self.file.take() {
            // Never started: leave nothing behind.
            let _ = std::fs::remove_file(working);
        }
    }
}

fn cannot(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let name = if path == Path::new("-") { "standard output".to_owned() } else { path.display().to_string() };
    Failure::sentence(format_args!("{name} cannot be written: {error}"))
}

/// A file that is being written.
pub(crate) struct Recorder {
    path: PathBuf,
    working: Option<PathBuf>,
    writer: Writer<Sink>,
}

impl Recorder {
    /// Adds a frame of the track with this index.
    pub(crate) fn write(&mut self, track: usize, frame: &Frame) -> Result<(), Failure> {
        self.writer.write(track, frame).map_err(|error: WriteError| cannot(&self.path, &error))
    }

    /// Finishes the file and gives it its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let mut sink = self.writer.finish().map_err(|error| cannot(&self.path, &error))?;
        sink.flush().map_err(|error| cannot(&self.path, &error))?;
        drop(sink);
        match self.working {
            Some(working) => std::fs::rename(&working, &self.path).map_err(|error| cannot(&self.path, &error)),
            None => Ok(()),
        }
    }
}
