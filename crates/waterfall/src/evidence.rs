//! What the DHT holds of a room of members, for looking at with other OpenPGP programs.

use waterfall_keys::openpgp;
use waterfall_wire::{Fingerprint, Ticket};

use crate::JoinError;
use crate::driver::Lookup;
use crate::node::Shared;

/// One key chunk of a room of members and what binds the room to its owner, as they lie in the DHT.
/// Nothing of it is secret to holders of the ticket, and nothing of it was checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// An OpenPGP message (RFC 9580), binary, that holds the room key; empty if the chunk is for nobody.
    pub message: Vec<u8>,
    /// The owner's certificate, binary.
    pub certificate: Vec<u8>,
    /// What the owner certifies: a text that names the room.
    pub statement: String,
    /// The owner's detached signature over the statement, binary.
    pub signature: Vec<u8>,
}

/// Reads it, with the chunk that this member falls into, or else the first.
pub(crate) async fn of_ticket(
    shared: &Shared,
    ticket: &Ticket,
    member: Option<&Fingerprint>,
) -> Result<Evidence, JoinError> {
    let lookup = Lookup::find_room(&shared.signal, ticket).await;
    let (owner, chunk) = lookup.records_of_members(member).await?;
    Ok(Evidence {
        message: chunk.message,
        certificate: owner.certified.certificate,
        statement: openpgp::owner_statement(&ticket.room),
        signature: owner.certified.signature,
    })
}
