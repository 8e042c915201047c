//! The command as its users run it: real processes, real files, real sockets.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod bad_keys;
mod camera;
mod demo;
mod doctor;
mod gnupg;
#[cfg(unix)]
mod healing;
mod keys;
#[cfg(unix)]
mod live_view;
mod process;
mod processes;
mod state;
mod stream_and_watch;
mod support;
#[cfg(unix)]
mod terminal;
mod tools;
