//! Rooms through the public API, over real sockets on loopback.
#![allow(clippy::unwrap_used)]

mod letters;
mod support;
