//! WebRTC links, forwarding and media containers; moves opaque packets.

pub mod clip;
pub mod codec;
pub mod container;
pub mod frame;
