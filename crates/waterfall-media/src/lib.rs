//! WebRTC links, forwarding and media containers; moves opaque packets.

pub mod clip;
pub mod codec;
pub mod container;
pub mod engine;
pub mod forward;
pub mod frame;
pub mod link;
