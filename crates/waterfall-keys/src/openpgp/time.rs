//! Moments as OpenPGP knows them: whole seconds since 1970, in 32 bits.

use std::fmt;
use std::time::{Duration, SystemTime};

use openpgp::Cert;
use openpgp::policy::StandardPolicy;
use sequoia_openpgp as openpgp;
use waterfall_wire::UnixMillis;

/// How far in the future a key or signature may be dated, in milliseconds: clocks of people's
/// computers disagree by this much, and a key made a moment ago on another one must work.
pub const MAX_SKEW: u64 = 5 * 60_000;

pub(super) fn system_time(at: UnixMillis) -> SystemTime {
    let seconds = (at.0 / 1_000).min(u64::from(u32::MAX));
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(super) fn unix_millis(at: SystemTime) -> UnixMillis {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The policy with its own time set: left alone, it asks the system's clock.
pub(super) fn policy(at: SystemTime) -> StandardPolicy<'static> {
    StandardPolicy::at(at)
}

/// The latest moment that is tolerated in a signature or key.
pub(super) fn latest(now: UnixMillis) -> SystemTime {
    system_time(now.plus(MAX_SKEW))
}

/// The moment at which a certificate is judged: now, or the date of its newest part if that lies
/// in the near future. Parts from further ahead do not exist yet.
pub(super) fn reference(cert: &Cert, now: UnixMillis) -> SystemTime {
    let limit = latest(now);
    let keys = cert.keys().map(|key| key.key().creation_time());
    let of_keys = cert.keys().flat_map(|key| key.self_signatures().chain(key.self_revocations()).collect::<Vec<_>>());
    let of_names =
        cert.userids().flat_map(|name| name.self_signatures().chain(name.self_revocations()).collect::<Vec<_>>());
    let signatures = of_keys.chain(of_names).filter_map(|signature| signature.signature_creation_time());
    keys.chain(signatures).filter(|at| *at <= limit).fold(system_time(now), SystemTime::max)
}

/// A day as people write it: `2026-11-22`, in UTC.
pub(super) struct Day(pub(super) UnixMillis);

impl fmt::Display for Day {
    // Days to a date of the Gregorian calendar, counted in years that begin on 1 March, so that the
    // leap day is the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS_TO_1970: u64 = 719_468;
        const DAYS_OF_400_YEARS: u64 = 146_097;
        let days = self.0.0 / 86_400_000 + DAYS_TO_1970;
        let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (1_795_305_600, "2026-11-22"),
            (4_107_542_400, "2100-03-01"),
            (4_294_967_295, "2106-02-07"),
        ] {
            assert_eq!(Day(UnixMillis(seconds * 1_000)).to_string(), day);
        }
    }

    #[test]
    fn no_moment_is_out_of_range() {
        let end = UnixMillis(u64::from(u32::MAX) * 1_000);
        assert_eq!(unix_millis(system_time(UnixMillis(u64::MAX))), end);
        assert_eq!(unix_millis(latest(UnixMillis(u64::MAX))), end);
        assert_eq!(unix_millis(system_time(UnixMillis(1_999))), UnixMillis(1_000));
    }
}
