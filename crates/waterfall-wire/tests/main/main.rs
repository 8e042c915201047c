//! What `waterfall-wire` promises: exact bytes, strict decoding, limits that hold, signatures that
//! bind. One binary, a module per promise.

#![allow(clippy::unwrap_used)]

mod corpus;
mod describe;
mod documents;
mod hostile;
mod limits;
mod round_trip;
mod samples;
mod secrets;
mod signatures;
mod strategies;
mod strictness;
mod tickets;
mod vectors;
