//! A media file or pipe, read in a thread of its own and handed out frame by frame.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use tokio::sync::mpsc;
use waterfall::media::container::{ReadError, Reader, TrackInfo};
use waterfall::media::frame::Rounds;
use waterfall::{Frame, TrackSpec};

use crate::exit::Failure;
use crate::output::say;

/// Frames that are read ahead.
const AHEAD: usize = 64;

/// What a reading thread hands over.
type Chunk = Result<(usize, Frame), Failure>;

/// An opened source.
#[derive(Debug)]
pub(crate) struct Source {
    tracks: Vec<TrackInfo>,
    frames: mpsc::Receiver<Chunk>,
}

type Input = Box<dyn Read + Send>;

impl Source {
    /// Opens a file, or standard input for '-', and reads its head.
    pub(crate) async fn open(path: &Path, repeat: bool) -> Result<Self, Failure> {
        let owned = path.to_owned();
        let piped = path == Path::new("-");
        if piped && repeat {
            return Err(Failure::Usage("--loop needs a file; a pipe cannot begin again".into()));
        }
        let reader = tokio::task::spawn_blocking(move || open_reader(&owned)).await??;
        let tracks = reader.tracks().to_vec();
        for refused in reader.unsupported() {
            say(format_args!("{}: {refused}; left out", path.display()));
        }
        if tracks.is_empty() {
            return Err(Failure::sentence(format_args!(
                "{} has no track that waterfall carries (VP8, VP9, AV1, H.264, Opus); \
                 convert it: ffmpeg -i {} -c:v libvpx -c:a libopus out.webm",
                path.display(),
                path.display()
            )));
        }
        let (out, frames) = mpsc::channel(AHEAD);
        let path = path.to_owned();
        // A thread rather than a blocking task: a pipe may never end, and must not hold up the exit.
        std::thread::Builder::new().name("source".into()).spawn(move || read_all(reader, &path, repeat, &out))?;
        Ok(Self { tracks, frames })
    }

    /// What tracks there are, as they should be published.
    pub(crate) fn specs(&self) -> Vec<TrackSpec> {
        self.tracks.iter().map(TrackSpec::from).collect()
    }

    /// The next frame and the index of its track; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Chunk> {
        self.frames.recv().await
    }
}

fn open_input(path: &Path) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(BufReader::with_capacity(1 << 16, file))),
        Err(error) => Err(Failure::sentence(format_args!("{} cannot be opened: {error}", path.display()))),
    }
}

fn open_reader(path: &Path) -> Result<Reader<Input>, Failure> {
    Reader::open(open_input(path)?).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &ReadError) -> Failure {
    Failure::sentence(format_args!("{}: {error}", path.display()))
}

fn read_all(mut reader: Reader<Input>, path: &Path, repeat: bool, out: &mpsc::Sender<Chunk>) {
    let mut rounds = Rounds::new();
    loop {
        let mut frames = 0_u64;
        loop {
            match reader.next() {
                Ok(Some((track, frame))) => {
                    frames += 1;
                    if out.blocking_send(Ok((track, rounds.shift(track, frame)))).is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let _gone = out.blocking_send(Err(failed(path, &error)));
                    return;
                }
            }
        }
        if !repeat || frames == 0 {
            return;
        }
        rounds.restart();
        match open_reader(path) {
            Ok(again) => reader = again,
            Err(failure) => {
                let _gone = out.blocking_send(Err(failure));
                return;
            }
        }
    }
}
