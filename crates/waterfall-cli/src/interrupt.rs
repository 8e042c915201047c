//! Being told to stop: politely the first time, at once the second time.

use std::sync::OnceLock;

use tokio::sync::watch;

use crate::exit::INTERRUPTED;
use crate::screen;

static STOP: OnceLock<watch::Receiver<bool>> = OnceLock::new();

/// Resolves when the user wants to stop: Ctrl-C, or a polite kill. From the first call on a second
/// one, while everything is still being put in order, ends the process at once.
pub(crate) async fn interrupted() {
    let mut stop = STOP.get_or_init(listen).clone();
    // The sender lives as long as the runtime does.
    let _ended = stop.wait_for(|stop| *stop).await;
}

fn listen() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    let mut signals = Signals::new();
    tokio::spawn(async move {
        signals.next().await;
        if screen::is_live() {
            screen::say(format_args!("Leaving; Ctrl-C again to stop at once."));
        }
        stop.send_replace(true);
        signals.next().await;
        screen::clear();
        std::process::exit(i32::from(INTERRUPTED));
    });
    stopped
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // A signal that cannot be listened for keeps its default: to end the process.
        Self(
            [SignalKind::interrupt(), SignalKind::terminate()]
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
        )
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let each = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(each).await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
