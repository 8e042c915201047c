//! What `watch` does with frames: count them, log them, write them to a file.

use std::fs::File;
use std::io::{BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use waterfall::media::container::{Format, WriteError, Writer, WriterOptions};
use waterfall::{Frame, TrackInfo};

use crate::exit::Failure;

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
        let infos =
            infos.ok_or_else(|| cannot(&self.path, &"it would hold a codec that this version does not know"))?;
        let options = WriterOptions::new(self.format);
        let path = std::mem::take(&mut self.path);
        let failed = |error: WriteError| cannot(&path, &error);
        let output = match self.file.take() {
            Some((working, file)) => {
                let writer = Writer::new(BufWriter::new(file), &infos, options).map_err(failed);
                if writer.is_err() {
                    let _ = std::fs::remove_file(&working);
                }
                Output::File(working, writer?)
            }
            None => Output::Pipe(Writer::new(BufWriter::new(std::io::stdout()), &infos, options).map_err(failed)?),
        };
        Ok(Recorder { path, output })
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

/// A file or pipe that is being written.
pub(crate) struct Recorder {
    path: PathBuf,
    output: Output,
}

enum Output {
    /// Under its working name.
    File(PathBuf, Writer<BufWriter<File>>),
    Pipe(Writer<BufWriter<Stdout>>),
}

impl Recorder {
    /// Adds a frame of the track with this index.
    pub(crate) fn write(&mut self, track: usize, frame: &Frame) -> Result<(), Failure> {
        let written = match &mut self.output {
            Output::File(_, writer) => writer.write(track, frame),
            // A player wants each frame now.
            Output::Pipe(writer) => writer.write(track, frame).and_then(|()| writer.flush()),
        };
        written.map_err(|error| cannot(&self.path, &error))
    }

    /// The file's name and how many bytes it has by now; none for a pipe.
    pub(crate) fn size(&self) -> Option<(String, u64)> {
        match &self.output {
            Output::Pipe(_) => None,
            // A size that cannot be read is nothing to stop for.
            Output::File(working, _) => {
                Some((self.path.display().to_string(), std::fs::metadata(working).map_or(0, |file| file.len())))
            }
        }
    }

    /// Finishes the file and gives it its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let path = self.path;
        let flushed = |error: std::io::Error| cannot(&path, &error);
        match self.output {
            Output::Pipe(writer) => writer.finish().map_err(|error| cannot(&path, &error))?.flush().map_err(flushed),
            Output::File(working, writer) => {
                let mut sink = writer.finish_seekable().map_err(|error| cannot(&path, &error))?;
                sink.flush().map_err(flushed)?;
                drop(sink);
                std::fs::rename(&working, &path).map_err(flushed)
            }
        }
    }
}
