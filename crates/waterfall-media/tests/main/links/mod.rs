//! Engines on loopback sockets: links, forwarding, repairs, hostile neighbours.

mod engine;
mod failover;
mod forwarding;
mod hostile;
mod proxy;
mod support;
