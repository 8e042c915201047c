//! Every record, message and id that waterfall puts on the network.
//!
//! One type here is one thing on the wire; `docs/protocol.md` describes the same bytes in prose.
//! Everything is CBOR (RFC 8949) in its deterministic form: arrays and integers of fixed meaning,
//! definite lengths, shortest integers. A decoder accepts exactly the bytes that its encoder would
//! write and nothing else ([`decode`]), so a signature over bytes is a signature over a meaning.
//!
//! This crate reads no clock, opens no socket and draws no random number; callers pass all three in.

mod address;
mod call;
mod catalogue;
mod cbor;
mod certified;
mod envelope;
mod event;
mod id;
mod letter;
mod link;
mod record;
mod sign;
mod ticket;
mod tree;

pub use address::{Address, Contact, MAX_ADDRESS_LEN, MAX_ADDRESSES, MAX_CONTACT_LEN};
pub use call::{
    Answer, Ask, AskBody, Candidate, CandidateKind, MAX_CANDIDATES, Offer, Reply, ReplyBody, Role, Routed, Session,
};
pub use catalogue::{Catalogue, Codec, MAX_PRIVATE, MAX_SPEAKERS, MAX_TITLE, MAX_TRACKS_PER_SPEAKER, Track, TrackKind};
pub use cbor::{DecodeError, Wire, decode, encode};
pub use certified::{Certified, Fingerprint, MAX_CERTIFICATE, MAX_CERTIFICATION, ParseFingerprintError};
pub use envelope::{Envelope, EnvelopeError, Header, MAX_CLOCK_AHEAD, RecordKind, Salt, record_key};
pub use event::{RoomEvent, RoomEventBody};
pub use id::{Ctr, Epoch, Kid, NodeId, ParseIdError, RecordKey, RoomId, RouteId, UnixMillis};
pub use letter::{Doorbell, Letter, LetterKind, MAX_RINGS, Ring};
pub use link::{Have, LinkMessage};
pub use record::{AccessKind, Charter, Entry, KeyChunk, MAX_CHUNK_MESSAGE, NodeRecord, Owner, Recipients, Speakers};
pub use sign::{Authored, SignatureError, Signed, SigningKey, StatementError, Verified};
pub use ticket::{ParseTicketError, Ticket};
pub use tree::{Climber, Down, MAX_FAN_OUT, MAX_PATH, MAX_SPOTS, MAX_WARDS, Mark, Refusal, Spot, Summary, TreeMessage};

/// The version of everything in this crate; the first field of every envelope, call and ticket.
///
/// Decoders are strict, so any change to a layout is a new version; a node refuses versions that
/// it does not know with [`DecodeError::Version`].
pub const PROTOCOL_VERSION: u8 = 1;
