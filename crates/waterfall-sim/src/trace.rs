//! Traces: who joined and left when, as a CSV file.

use std::io::BufRead;

use crate::noise::Noise;
use crate::people::{Person, Population};
use crate::scenario::{Plan, traced};

/// The first line, which may be left out.
pub const HEADER: &str = "join_ms,leave_ms,uplink_kbps,leaf_only,x,y";
/// Longer lines are not read to their end.
const MAX_LINE: u64 = 1_024;
/// More participants than that are more than any machine simulates.
const MAX_ROWS: usize = 10_000_000;
/// Times up to a year.
const MAX_MILLIS: u64 = 366 * 24 * 3_600_000;
/// Positions in milliseconds; light needs less than 100 around half the earth.
const MAX_POSITION: f64 = 10_000.0;

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read the trace")]
    Io(#[from] std::io::Error),
    /// A line is not what it must be.
    #[error("line {line}: {what}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// There is nobody in it.
    #[error("the trace has no participants")]
    Empty,
    /// There are too many.
    #[error("the trace has more than {MAX_ROWS} participants")]
    TooLong,
}

struct Row {
    join: u64,
    leave: u64,
    uplink: u32,
    leaf_only: bool,
    at: (f64, f64),
}

/// Reads a trace: a line for each participant, `join_ms,leave_ms,uplink_kbps,leaf_only,x,y`.
///
/// Times are milliseconds from the start; an empty `leave_ms` means that the participant stays. `leaf_only` is 0 or
/// 1 (or `false`, `true`). `x` and `y` are a position in milliseconds of one-way delay, the speaker's is the origin.
/// Half of the departures are without a word, by the seed. Empty lines and those that begin with `#` are passed over.
/// Returns the plan, watched for `after` seconds beyond the last join, and how many participants there are.
///
/// # Errors
/// [`TraceError`], with the line's number where a line is to blame. Memory is bounded: long lines and long files are
/// refused.
pub fn read(
    mut input: impl BufRead,
    seed: u64,
    population: &Population,
    after: u64,
) -> Result<(Plan, u32), TraceError> {
    let mut noise = Noise::new(seed, 0xc57);
    let mut joins: Vec<(u64, Person, u64)> = Vec::new();
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let read = std::io::Read::take(&mut input, MAX_LINE + 1).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            break;
        }
        let wrong = |what: String| TraceError::Line { line: number, what };
        if read as u64 > MAX_LINE {
            return Err(wrong(format!("longer than {MAX_LINE} bytes")));
        }
        // Spreadsheets put a byte order mark first.
        let bytes = if number == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?.trim();
        if text.is_empty() || text.starts_with('#') || (joins.is_empty() && text == HEADER) {
            continue;
        }
        let row = row(text).map_err(wrong)?;
        if joins.len() == MAX_ROWS {
            return Err(TraceError::TooLong);
        }
        let person = population.traced(row.at, row.uplink, row.leaf_only, &mut noise);
        joins.push((row.join * 1_000, person, row.leave.saturating_mul(1_000)));
    }
    if joins.is_empty() {
        return Err(TraceError::Empty);
    }
    let count = u32::try_from(joins.len()).expect("at most ten million");
    Ok((traced(joins, seed, after), count))
}

fn row(text: &str) -> Result<Row, String> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let [join, leave, uplink, leaf_only, x, y] = fields[..] else {
        return Err(format!("{} fields, there must be 6 ({HEADER})", fields.len()));
    };
    let join = millis("join_ms", join)?;
    let leave = if leave.is_empty() { 0 } else { millis("leave_ms", leave)? };
    if !fields[1].is_empty() && leave <= join {
        return Err(format!("leave_ms {leave} is not after join_ms {join}"));
    }
    let uplink = uplink.parse().map_err(|_| format!("uplink_kbps '{}' is no whole number", shown(uplink)))?;
    let leaf_only = match leaf_only {
        "0" | "false" => false,
        "1" | "true" => true,
        other => return Err(format!("leaf_only '{}' is neither 0 nor 1", shown(other))),
    };
    Ok(Row { join, leave, uplink, leaf_only, at: (position("x", x)?, position("y", y)?) })
}

fn millis(name: &str, text: &str) -> Result<u64, String> {
    let value = text.parse().map_err(|_| format!("{name} '{}' is no whole number", shown(text)))?;
    if value > MAX_MILLIS { Err(format!("{name} {value} is more than a year")) } else { Ok(value) }
}

fn position(name: &str, text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{name} '{}' is no number", shown(text)))?;
    let fits = value.abs() <= MAX_POSITION;
    if fits { Ok(value) } else { Err(format!("{name} is not within ±{MAX_POSITION} ms")) }
}

/// As much of a field as an error message should hold, without control characters.
fn shown(text: &str) -> String {
    text.chars().take(24).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
