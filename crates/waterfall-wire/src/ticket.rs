//! The invite string: `waterfall:` and base32, safe to wrap, to shout and to read aloud.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::id::base32;
use crate::{AccessKind, Address, Contact, DecodeError, PROTOCOL_VERSION, RoomId, Wire, decode, encode};

const SCHEME: &str = "waterfall:";
const CHECKSUM: usize = 4;
const MAX_BOOTSTRAP: usize = 4;
const MAX_ENTRIES: usize = 3;
/// Longest text that is looked at, white space included.
const MAX_TEXT: usize = 8 * 1024;

/// All that is needed to find a room, and in an open room to enter it: keep it as you would a key.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ticket {
    #[n(0)]
    version: u8,
    /// The room.
    #[n(1)]
    pub room: RoomId,
    /// The secret under which the room's charter, entry and key chunks are found and read.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub locator: [u8; 32],
    /// What opens the room, so that the right thing can be asked for before anything is looked up.
    #[n(3)]
    pub access: AccessKind,
    /// Well-known peers; at most 4.
    #[n(4)]
    pub bootstrap: Vec<Address>,
    /// Participants to ask first; at most 3.
    #[n(5)]
    pub entries: Vec<Contact>,
}

impl Ticket {
    /// A ticket; lists longer than a ticket holds are cut, addresses that no ticket may hold are
    /// left out.
    #[must_use]
    pub fn new(
        room: RoomId,
        locator: [u8; 32],
        access: AccessKind,
        mut bootstrap: Vec<Address>,
        entries: Vec<Contact>,
    ) -> Self {
        bootstrap.retain(Address::is_acceptable);
        bootstrap.truncate(MAX_BOOTSTRAP);
        let entries =
            entries.into_iter().take(MAX_ENTRIES).map(|e| Contact::new(e.node, e.addresses.iter().cloned())).collect();
        Self { version: PROTOCOL_VERSION, room, locator, access, bootstrap, entries }
    }
}

impl Wire for Ticket {
    const NAME: &'static str = "ticket";
    const MAX_LEN: usize = 2 * 1024;
    const VERSIONED: bool = true;
    fn check(&self) -> Result<(), DecodeError> {
        let invalid = DecodeError::invalid::<Self>;
        if self.bootstrap.len() > MAX_BOOTSTRAP || self.entries.len() > MAX_ENTRIES {
            return Err(invalid("too many addresses"));
        }
        self.bootstrap.iter().try_for_each(Address::check::<Self>)?;
        self.entries.iter().try_for_each(Contact::check::<Self>)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("room", &self.room).field("access", &self.access).finish_non_exhaustive()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = encode(self);
        bytes.extend_from_slice(&checksum(&bytes));
        write!(f, "{SCHEME}{}", base32().encode(&bytes))
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    std::array::from_fn(|i| digest[i])
}

/// Why a text is not a ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTicketError {
    /// It does not begin with `waterfall:`.
    #[error("a ticket begins with 'waterfall:'")]
    Scheme,
    /// It holds a character that is not base32, or is cut.
    #[error("the ticket holds a character that does not belong there, or is cut short; copy it again, whole")]
    Base32,
    /// The checksum does not fit.
    #[error("the ticket has a typing error or is cut short; copy it again, whole")]
    Checksum,
    /// It was intact but does not decode.
    #[error("the ticket cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// It is longer than any ticket.
    #[error("the text is far longer than any ticket")]
    TooLong,
}

impl FromStr for Ticket {
    type Err = ParseTicketError;

    /// Reads a ticket in upper or lower case, with white space anywhere.
    fn from_str(text: &str) -> Result<Self, ParseTicketError> {
        if text.len() > MAX_TEXT {
            return Err(ParseTicketError::TooLong);
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        let body = text.strip_prefix(SCHEME).ok_or(ParseTicketError::Scheme)?;
        let bytes = base32().decode(body.as_bytes()).map_err(|_| ParseTicketError::Base32)?;
        let (payload, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(ParseTicketError::Checksum)?;
        if *sum != checksum(payload) {
            return Err(ParseTicketError::Checksum);
        }
        Ok(decode(payload)?)
    }
}

impl serde::Serialize for Ticket {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Ticket {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
