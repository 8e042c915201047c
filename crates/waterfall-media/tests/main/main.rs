//! Behaviour of the media crate.
#![allow(clippy::unwrap_used)]

mod containers;
mod corpus;
mod frames;
mod links;
