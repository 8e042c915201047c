//! Room events: sealed for gossip, checked wherever they arrive.

use waterfall_wire::{DecodeError, RoomEvent, Signed, StatementError, UnixMillis, decode, encode};

use crate::{EpochKey, UnsealError};

const DOMAIN: &[u8] = b"waterfall/event-seal/1";

/// How far an event's date may be from now, either way: 10 minutes in milliseconds.
pub const MAX_EVENT_AGE: u64 = 10 * 60 * 1000;

/// Most bytes of a sealed event; longer gossip is refused before it is looked at.
pub const MAX_SEALED_EVENT: usize = 512;

/// Why an event does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// It is longer than any event.
    #[error("the event is too long")]
    TooLong,
    /// It was not sealed under this epoch's key.
    #[error(transparent)]
    Seal(#[from] UnsealError),
    /// What was sealed is no signed statement.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The statement in it does not decode or is not signed by its author.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It is another room's.
    #[error("the event is of another room")]
    WrongRoom,
    /// It is more than [`MAX_EVENT_AGE`] off the clock.
    #[error("the event is too old or dated in the future")]
    Stale,
}

/// Seals a signed [`RoomEvent`] for gossip. Each call gives other bytes for the same event.
#[must_use]
pub fn seal_event(key: &EpochKey, event: &Signed) -> Vec<u8> {
    key.event_seal().seal(DOMAIN, &encode(event))
}

/// Opens a gossiped event and checks it as [`check_event`] does. The first part is the statement
/// as it was signed, to be passed on.
///
/// # Errors
/// The first [`EventError`] found. Never panics.
pub fn open_event(key: &EpochKey, sealed: &[u8], now: UnixMillis) -> Result<(Signed, RoomEvent), EventError> {
    if sealed.len() > MAX_SEALED_EVENT {
        return Err(EventError::TooLong);
    }
    let signed: Signed = decode(&key.event_seal().open(DOMAIN, sealed)?)?;
    let event = check_event(key, &signed, now)?;
    Ok((signed, event))
}

/// Checks an event that came down the tree: its signature, room and date. Whether its author may
/// say what it says is for the caller to decide, as is dropping what was heard before.
///
/// # Errors
/// [`EventError`] when it does not count.
pub fn check_event(key: &EpochKey, event: &Signed, now: UnixMillis) -> Result<RoomEvent, EventError> {
    let event = event.verify::<RoomEvent>()?.body;
    if event.room != key.room() {
        return Err(EventError::WrongRoom);
    }
    if event.at.0.abs_diff(now.0) > MAX_EVENT_AGE {
        return Err(EventError::Stale);
    }
    Ok(event)
}
