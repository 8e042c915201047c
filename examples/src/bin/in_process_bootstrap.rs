//! Runs a bootstrap node inside the app: a network of its own, and what happens when its centre goes.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin in_process_bootstrap
//! bob found the room through the bootstrap node
//! the bootstrap node is gone
//! carol found the room through the ticket
//! ```

use waterfall::{Access, Credentials, Node, generate_key, parse_address};
use waterfall_bootstrap::{Bootstrap, Config};
use waterfall_examples::local_node;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // An operator would keep the key and fix the port, so that the addresses stay good.
    let bootstrap = Bootstrap::start(Config::new(generate_key()).listen(parse_address("127.0.0.1:0")?)).await?;
    let mut addresses = Vec::new();
    for text in bootstrap.addresses() {
        addresses.extend(parse_address(&text)?);
    }
    let builder = || Node::builder().listen([[127, 0, 0, 1].into()]).lan_discovery(false).bootstrap(addresses.clone());

    let (alice, bob) = (builder().start().await?, builder().start().await?);
    let room = alice.create(Access::Open).await?;
    // Without the addresses of participants, the ticket leads to the bootstrap node only.
    let mut through_bootstrap = room.ticket();
    through_bootstrap.entries.clear();
    let bobs = bob.join(&through_bootstrap, Credentials::Open).await?;
    println!("bob found the room through the bootstrap node");

    let ticket = room.ticket();
    bootstrap.close().await;
    println!("the bootstrap node is gone");
    let carol = local_node().await?;
    let carols = carol.join(&ticket, Credentials::Open).await?;
    println!("carol found the room through the ticket");

    for room in [carols, bobs, room] {
        room.leave().await;
    }
    for node in [carol, bob, alice] {
        node.close().await;
    }
    Ok(())
}
