//! Behaviour of nodes over real sockets on 127.0.0.1.
#![allow(clippy::unwrap_used)]

mod start;
mod support;
