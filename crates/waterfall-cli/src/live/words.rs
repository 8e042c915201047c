//! Figures as people read them.

use std::time::Duration;

/// `1:02:03`, or `02:03` within the first hour.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

/// `1.2 Mbit/s`; a dash for what is not known yet.
pub(crate) fn rate(bits: Option<u64>) -> String {
    bits.map_or_else(|| "– kbit/s".into(), |bits| scaled(bits, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]))
}

/// `3.4 MB`; decimal, as disks and networks are sold.
pub(crate) fn bytes(bytes: u64) -> String {
    scaled(bytes, ["B", "kB", "MB", "GB"])
}

fn scaled(value: u64, units: [&str; 4]) -> String {
    let power = match value {
        0..1_000 => 0,
        1_000..1_000_000 => 1,
        1_000_000..1_000_000_000 => 2,
        _ => 3,
    };
    let unit = units[power as usize];
    let divisor = 1000_u64.pow(power);
    let whole = value / divisor;
    // Two digits say enough; whole numbers from ten on.
    if power == 0 || whole >= 10 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{} {unit}", value % divisor * 10 / divisor)
    }
}

/// `2026-11-22`, of milliseconds since 1970; in UTC.
pub(crate) fn day(millis: u64) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // OpenPGP's times end in 2106; whatever says more is cut there.
    let mut day = millis.min(u64::from(u32::MAX) * 1000) / 86_400_000;
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

/// `12 345 678`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 viewer`, `2 viewers`.
pub(crate) fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(clock(Duration::from_millis(61_900)), "01:01");
        assert_eq!(clock(Duration::from_secs(3 * 3600 + 62)), "3:01:02");
        assert_eq!(rate(None), "– kbit/s");
        assert_eq!(rate(Some(999)), "999 bit/s");
        assert_eq!(rate(Some(9_990)), "9.9 kbit/s");
        assert_eq!(rate(Some(12_345_678)), "12 Mbit/s");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1_250_000), "1.2 MB");
        assert_eq!(bytes(u64::MAX), "18446744073 GB");
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_399_999), "2000-02-28");
        assert_eq!(day(951_782_400_000), "2000-02-29");
        assert_eq!(day(1_798_761_599_000), "2026-12-31");
        assert_eq!(day(4_102_444_800_000), "2100-01-01");
        assert_eq!(day(u64::MAX), "2106-02-07");
        assert_eq!(number(7), "7");
        assert_eq!(number(1_234_567), "1 234 567");
        assert_eq!(count(1, "viewer", "viewers"), "1 viewer");
        assert_eq!(count(1000, "viewer", "viewers"), "1 000 viewers");
    }
}
