//! WebRTC links, forwarding and media containers; moves opaque packets.
