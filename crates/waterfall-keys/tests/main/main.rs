//! What the crate promises, by subject.
#![allow(clippy::unwrap_used)]

mod calls;
mod chunks;
mod corpus;
mod forgery;
mod letters;
mod media;
mod records;
mod support;
mod vectors;
