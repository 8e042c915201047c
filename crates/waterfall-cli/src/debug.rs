//! `waterfall debug`: what lies in the DHT, for other programs to judge.

use std::path::Path;

use data_encoding::BASE64;
use waterfall::Evidence;

use crate::cli::keys::{ChunkArgs, DebugArgs, DebugCommand};
use crate::common::{start_node, ticket};
use crate::exit::Failure;
use crate::interrupt::interrupted;
use crate::keys;
use crate::output::{print, print_json, say};

/// Runs `waterfall debug`.
pub(crate) async fn run(args: DebugArgs, json: bool) -> Result<(), Failure> {
    let DebugCommand::Chunk(args) = args.what;
    let ticket = ticket(&args.ticket)?;
    let certificates = keys::certificates(&args.key)?;
    let member = certificates[0].fingerprint();
    let node = start_node(&args.network).await?;
    let evidence = tokio::select! {
        evidence = node.evidence(&ticket, Some(&member)) => evidence.map_err(Failure::from),
        () = interrupted() => Err(Failure::Interrupted),
    };
    node.close().await;
    show(&args, &evidence?, json)
}

fn show(args: &ChunkArgs, evidence: &Evidence, json: bool) -> Result<(), Failure> {
    let message = armor("MESSAGE", &evidence.message);
    if json {
        print_json(&serde_json::json!({
            "message": message,
            "statement": evidence.statement,
            "signature": armor("SIGNATURE", &evidence.signature),
            "certificate": armor("PUBLIC KEY BLOCK", &evidence.certificate),
        }))?;
    } else {
        print(message.trim_end())?;
    }
    if let Some(folder) = &args.out {
        write(folder, evidence).map_err(|error| {
            Failure::sentence(format_args!("the files cannot be written into {}: {error}", folder.display()))
        })?;
        let path = |name: &str| folder.join(name).display().to_string();
        say(format_args!(
            "gpg --import {} && gpg --verify {} {}",
            path("owner.pgp"),
            path("room.txt.sig"),
            path("room.txt")
        ));
    }
    Ok(())
}

fn write(folder: &Path, evidence: &Evidence) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("room.txt"), &evidence.statement)?;
    std::fs::write(folder.join("room.txt.sig"), &evidence.signature)?;
    std::fs::write(folder.join("owner.pgp"), &evidence.certificate)
}

/// ASCII armor without the checksum, which RFC 9580 §6.1 no longer wants.
fn armor(kind: &str, bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let mut armored = format!("-----BEGIN PGP {kind}-----\n\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        armored.push_str(line);
        armored.push('\n');
        rest = after;
    }
    armored.push_str(&format!("-----END PGP {kind}-----\n"));
    armored
}
