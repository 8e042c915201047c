//! The two ways out: data to standard output, words for people to standard error.

use std::io::Write;

use serde::Serialize;

pub(crate) use crate::screen::say;

/// Prints a line of data. An error means that the reader is gone.
pub(crate) fn print(line: impl std::fmt::Display) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints a value as one line of JSON.
pub(crate) fn print_json(value: &impl Serialize) -> std::io::Result<()> {
    print(serde_json::to_string(value).map_err(std::io::Error::other)?)
}

/// Prints a text as it is.
pub(crate) fn print_bytes(text: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}
