//! Behaviour of nodes over real sockets on 127.0.0.1.
#![allow(clippy::unwrap_used)]

mod calls;
mod gossip;
mod hostile;
mod records;
mod rogue;
mod scale;
mod start;
mod support;
