//! Whole rooms in memory, by seed: every message goes through the wire format, every event is
//! followed by a check of what must always hold.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod balance;
mod calls;
mod constants;
mod failover;
mod hostile;
mod join;
mod leave;
mod liars;
mod overfull;
mod promotion;
mod random;
mod relay_loss;
mod root_loss;
mod successor;
mod world;
