//! The only place in this crate that asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waterfall_wire::UnixMillis;

/// Now, by this machine's clock, as records and calls are dated and as [`crate::openpgp`] wants to be told.
#[must_use]
pub fn unix_now() -> UnixMillis {
    // A clock before 1970 is as wrong as any other; records dated 0 are refused everywhere.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A clock that starts at zero, as the tree wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn instant_at(self, since_start: Duration) -> Instant {
        self.0 + since_start
    }
}
