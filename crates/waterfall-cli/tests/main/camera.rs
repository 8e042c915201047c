//! A source that runs until it is told to stop, so that a test's length follows what it waits for.

use std::io::{PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinHandle;
use waterfall::media::bundled_clip;
use waterfall::media::container::{Format, Reader, Writer, WriterOptions};
use waterfall::media::frame::Rounds;

/// The clip over and over as one stream, for as long as it is wanted.
pub(crate) struct Camera {
    seen: Arc<Seen>,
    filming: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    off: AtomicBool,
    frames: AtomicUsize,
}

impl Camera {
    /// Begins to film, in Matroska, into the pipe that is to be the speaker's standard input.
    pub(crate) fn switch_on() -> (Self, PipeReader) {
        let (film, sink) = std::io::pipe().unwrap();
        let seen = Arc::new(Seen::default());
        let filming = tokio::task::spawn_blocking({
            let seen = seen.clone();
            move || seen.film(sink)
        });
        (Self { seen, filming }, film)
    }

    /// How many frames were written so far: at least as many as have been read.
    pub(crate) fn frames(&self) -> usize {
        self.seen.frames.load(Ordering::SeqCst)
    }

    /// Ends the stream; how many frames it has.
    pub(crate) async fn switch_off(self) -> usize {
        self.seen.off.store(true, Ordering::SeqCst);
        self.filming.await.unwrap();
        self.seen.frames.load(Ordering::SeqCst)
    }
}

impl Seen {
    fn film(&self, sink: PipeWriter) {
        let clip = || Reader::open(std::io::Cursor::new(bundled_clip())).unwrap();
        let mut writer = Writer::new(sink, clip().tracks(), WriterOptions::new(Format::Matroska)).unwrap();
        let mut rounds = Rounds::new();
        loop {
            let mut reader = clip();
            while let Some((track, frame)) = reader.next().unwrap() {
                if self.off.load(Ordering::SeqCst) {
                    writer.finish().unwrap();
                    return;
                }
                writer.write(track, &rounds.shift(track, frame)).unwrap();
                self.frames.fetch_add(1, Ordering::SeqCst);
            }
            rounds.restart();
        }
    }
}
