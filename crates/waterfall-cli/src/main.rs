//! The command `waterfall`.
fn main() {}
