//! What the crate promises, by subject.
#![allow(clippy::unwrap_used)]

mod calls;
mod certificates;
mod chunks;
mod corpus;
mod fixtures;
mod forgery;
mod generated;
mod gnupg;
mod letters;
mod media;
mod members;
mod records;
mod secret_keys;
mod statements;
mod support;
mod vectors;
