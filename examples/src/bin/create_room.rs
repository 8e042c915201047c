//! Creates a room under a password and waits for one visitor.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin create_room
//! ticket: waterfall:…
//! joined: kq2h6x3v
//! left: kq2h6x3v
//! ```
//!
//! Give the ticket to `join_password` in another terminal.

use futures::StreamExt;
use waterfall::{Access, Event, Password};
use waterfall_examples::{PASSWORD, local_node};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = local_node().await?;
    let room = node.create(Access::Password(Password::from(PASSWORD.to_owned()))).title("example").await?;
    let mut events = room.events();
    println!("ticket: {}", room.ticket());
    while let Some(event) = events.next().await {
        match event {
            Event::Joined(peer) => println!("joined: {}", peer.short()),
            Event::Left(peer) => {
                println!("left: {}", peer.short());
                break;
            }
            _ => {}
        }
    }
    room.leave().await;
    node.close().await;
    Ok(())
}
