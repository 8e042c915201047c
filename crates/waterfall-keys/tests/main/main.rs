//! What the crate promises, by subject.
#![allow(clippy::unwrap_used)]

mod chunks;
mod support;
