//! Joins a room of members with an OpenPGP key, says who made it, and leaves.
//!
//! ```text
//! $ cargo run -p waterfall-examples --bin join_openpgp -- waterfall:… bob.asc
//! in 'example' of Alice <alice@example.org>
//! ```
//!
//! `bob.asc` is what `gpg --export-secret-keys` writes, or `waterfall key generate`. To have a room to
//! join: `waterfall stream FILE --key alice.asc --to bob-certificate.asc`.

use anyhow::Context;
use waterfall::openpgp::SecretKey;
use waterfall::{Password, Ticket};
use waterfall_examples::local_node;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let ticket: Ticket = args.next().context("give the ticket as the first argument")?.parse()?;
    let file = args.next().context("give the key file as the second argument")?;
    let keys = SecretKey::read_all(&std::fs::read(&file)?)?;
    let mut key = keys.into_iter().next().context("the file holds no secret key")?;
    if key.is_locked() {
        // A real app asks for the passphrase; it never takes it as an argument.
        let passphrase = std::env::var("PASSPHRASE").context("the key is locked: set PASSPHRASE")?;
        key.unlock(&Password::from(passphrase))?;
    }
    let node = local_node().await?;
    let room = node.join(&ticket, key).await?;
    let owner = room.owner().context("a room of members has an owner")?;
    println!("in '{}' of {owner}", room.title());
    room.leave().await;
    node.close().await;
    Ok(())
}
