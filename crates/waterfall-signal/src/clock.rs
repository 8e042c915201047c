//! The only place of this crate that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use waterfall_wire::UnixMillis;

/// Now, by the system's clock; a clock before 1970 counts as 1970, so that every record is of the future.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
