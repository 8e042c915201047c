//! The two ways out: data to standard output, words for people to standard error.

use std::fmt::Arguments;
use std::io::Write;

use serde::Serialize;

/// Says something to the person at the terminal.
pub(crate) fn say(words: Arguments<'_>) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}

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
