//! Whole runs by seed, traces, and the command as its users run it.
#![allow(clippy::unwrap_used)]

mod baselines;
mod command;
mod replay;
mod scenarios;
mod support;
mod trace;
