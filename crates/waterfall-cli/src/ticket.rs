//! Tickets in files and in words.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use waterfall::{AccessKind, NodeId, RoomId, Ticket};
use waterfall_wire::Address;

use crate::cli::{TicketArgs, TicketCommand};
use crate::exit::Failure;
use crate::output::{print, print_json};
use crate::{common, qr};

/// Runs `waterfall ticket`.
pub(crate) fn run(args: &TicketArgs, json: bool) -> Result<(), Failure> {
    let TicketCommand::Show { ticket, qr } = &args.what;
    let ticket = common::ticket(ticket)?;
    if json {
        return Ok(print_json(&Contents::of(&ticket))?);
    }
    print(Contents::of(&ticket).text())?;
    if *qr {
        print(qr::for_stdout(&ticket)?)?;
    }
    Ok(())
}

/// Writes a ticket where only this user can read it, replacing what was there.
pub(crate) fn save(ticket: &Ticket, file: &Path) -> Result<(), Failure> {
    let write = || {
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A new file of our own, mode 0600, that takes the name when it is whole: nobody reads half a
        // ticket, and an older file's permissions do not matter.
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(new, "{ticket}")?;
        new.persist(file).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error: std::io::Error| {
        Failure::sentence(format_args!("the ticket file {} cannot be written: {error}", file.display()))
    })
}

/// What a ticket says, but for its secret.
#[derive(Serialize)]
struct Contents {
    room: RoomId,
    access: AccessKind,
    bootstrap: Vec<String>,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    node: NodeId,
    addresses: Vec<String>,
}

impl Contents {
    fn of(ticket: &Ticket) -> Self {
        let entries =
            ticket.entries.iter().map(|entry| Entry { node: entry.node, addresses: readable(&entry.addresses) });
        Self {
            room: ticket.room,
            access: ticket.access,
            bootstrap: readable(&ticket.bootstrap),
            entries: entries.collect(),
        }
    }

    fn text(&self) -> String {
        let opened = match self.access {
            AccessKind::Open => "the ticket alone",
            AccessKind::Password => "the ticket and a password",
            AccessKind::Members => "the ticket and the OpenPGP key of a member",
            _ => "something that a newer version knows of",
        };
        let mut lines = vec![format!("room       {}", self.room), format!("opened by  {opened}")];
        let mut list = |label: &str, items: &[String], none: &str| {
            let first = items.first().map_or(none, String::as_str);
            lines.push(format!("{label:<9}  {first}"));
            lines.extend(items.iter().skip(1).map(|item| format!("{:<9}  {item}", "")));
        };
        list("bootstrap", &self.bootstrap, "none; found on the local network, or by --bootstrap");
        let entries: Vec<_> =
            self.entries.iter().map(|e| format!("{}  {}", e.node.short(), e.addresses.join("  "))).collect();
        list("ask first", &entries, "nobody");
        lines.join("\n")
    }
}

/// Addresses as people write them. Those of a transport that this version does not know are left out.
fn readable(addresses: &[Address]) -> Vec<String> {
    addresses.iter().filter_map(waterfall_signal::address_to_multiaddr).map(|a| a.to_string()).collect()
}
