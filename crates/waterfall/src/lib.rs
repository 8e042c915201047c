//! Live streaming down a tree of WebRTC connections, with no media server and no signalling server.
