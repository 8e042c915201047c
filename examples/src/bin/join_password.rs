//! Joins the room of `create_room`, says where it landed, and leaves.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin join_password -- waterfall:…
//! in 'example' at depth 1 below p4mzk2ra
//! ```

use anyhow::Context;
use waterfall::{Password, Ticket};
use waterfall_examples::{PASSWORD, local_node};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ticket: Ticket = std::env::args().nth(1).context("give the ticket as the first argument")?.parse()?;
    let node = local_node().await?;
    let room = node.join(&ticket, Password::from(PASSWORD.to_owned())).await?;
    let status = room.status().borrow().clone();
    let (depth, parent) = status.depth.zip(status.parent).context("joined without a parent")?;
    println!("in '{}' at depth {depth} below {}", room.title(), parent.short());
    room.leave().await;
    node.close().await;
    Ok(())
}
