//! What the examples share.

use std::net::Ipv4Addr;

use waterfall::{Node, StartError};

/// The password of the example room. Real ones come from a prompt, a file or
/// [`waterfall::passphrase`], never from source code.
pub const PASSWORD: &str = "correct horse battery staple";

/// A node that stays on this machine. Leave `listen` and `lan_discovery` out to be found by others.
///
/// # Errors
/// [`StartError`] when there is no loopback interface.
pub async fn local_node() -> Result<Node, StartError> {
    Node::builder().listen([Ipv4Addr::LOCALHOST.into()]).lan_discovery(false).start().await
}
