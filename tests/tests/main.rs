//! Many nodes on one machine, through the public API, over real sockets.
#![allow(clippy::unwrap_used)]

mod access;
mod joining;
mod leaving;
mod members;
mod remembered;
mod rooms;
mod speakers;
mod support;
mod watching;
