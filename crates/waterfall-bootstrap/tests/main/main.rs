//! Bootstrap nodes and those who enter by them, over sockets on 127.0.0.1.
#![allow(clippy::unwrap_used)]

mod library;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod program;
