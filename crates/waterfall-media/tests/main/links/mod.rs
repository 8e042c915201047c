//! Engines on loopback sockets: links, forwarding, repairs, hostile neighbours.

mod engine;
mod forwarding;
mod hostile;
mod proxy;
mod support;
