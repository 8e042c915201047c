//! Letters: questions and answers that wait in the DHT, and the doorbells that tell of them.
//!
//! A node has one question and one answer lying for each recipient at a time: a newer one takes the
//! place of the older. Where they lie follows from the epoch key and both nodes, so a recipient that
//! hears a name knows where to look, and a stranger does not. A doorbell lies under a key that every
//! member can derive; all it can do is to make its owner look for letters that may not be there.

use waterfall_wire::{
    Ask, AskBody, Doorbell, Header, Letter, LetterKind, NodeId, RecordKey, RecordKind, Reply, Salt, SigningKey,
    UnixMillis, record_key,
};

use crate::call::{check_ask, check_reply, compose};
use crate::{CallError, ComposeError, EpochKey, RecordError, Replays, SealKey, open_record, seal_record};

/// The life that a question should be given which may travel by letter: one minute in milliseconds.
/// Half of [`crate::MAX_ASK_AHEAD`], so that clocks may be a minute apart either way.
pub const ASK_LIFE: u64 = 60_000;

/// How many doorbells a node has. More callers at a time find room on more of them, and each
/// costs the owner a look-up whenever it listens.
pub const DOORBELLS: u8 = 4;

/// Why a letter does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LetterError {
    /// The record is not a letter to this recipient.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What it says does not count.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It answers where it should ask, or the other way round.
    #[error("the letter is of another kind")]
    WrongKind,
    /// Its author is not the node under whose key it lies.
    #[error("the letter was written by another node than the one that sent it")]
    WrongWriter,
}

/// Where the letter of one node to another lies.
#[must_use]
pub fn key(epoch_key: &EpochKey, from: &NodeId, to: &NodeId, kind: LetterKind) -> RecordKey {
    record_key(&from.0, &salt(epoch_key, to, kind))
}

fn salt(epoch_key: &EpochKey, to: &NodeId, kind: LetterKind) -> Salt {
    *epoch_key.branch("letter salt", &[&to.0, &[kind.number()]])
}

/// What seals letters to a node.
#[must_use]
pub fn seal_key(epoch_key: &EpochKey, to: &NodeId) -> SealKey {
    SealKey::new(epoch_key.branch("letter seal", &[&to.0]))
}

/// Writes a question as a letter: where it goes, and the bytes of its envelope. Give the question a
/// life of [`ASK_LIFE`]. `seq` is now; a later one replaces this one.
///
/// # Errors
/// [`ComposeError`], as [`crate::seal_ask`].
pub fn seal_ask(
    epoch_key: &EpochKey,
    ask: &Ask,
    author: &SigningKey,
    seq: UnixMillis,
) -> Result<(RecordKey, Vec<u8>), ComposeError> {
    seal(epoch_key, &Letter::Ask(compose(epoch_key, ask.epoch, ask, author)?), &ask.to, author, seq)
}

/// Writes an answer as a letter, as [`seal_ask`] does a question.
///
/// # Errors
/// [`ComposeError`], as [`crate::seal_reply`].
pub fn seal_reply(
    epoch_key: &EpochKey,
    reply: &Reply,
    author: &SigningKey,
    seq: UnixMillis,
) -> Result<(RecordKey, Vec<u8>), ComposeError> {
    seal(epoch_key, &Letter::Reply(compose(epoch_key, reply.epoch, reply, author)?), &reply.to, author, seq)
}

fn seal(
    epoch_key: &EpochKey,
    letter: &Letter,
    to: &NodeId,
    author: &SigningKey,
    seq: UnixMillis,
) -> Result<(RecordKey, Vec<u8>), ComposeError> {
    let (kind, not_after) = (RecordKind::Letter, seq.plus(RecordKind::Letter.max_life()));
    seal_record(letter, kind, &seal_key(epoch_key, to), salt(epoch_key, to, letter.kind()), author, seq, not_after)
}

/// Opens a letter that asks `me` for a link, in a header that [`waterfall_wire::Envelope::open`] has
/// checked. Remembers the question in `replays`, so that it counts once whichever way it comes.
///
/// # Errors
/// The first [`LetterError`] found. Probes do not travel by letter: they are [`LetterError::WrongKind`].
/// A repetition can be told from anything worse by [`CallError::Repeated`]; see [`reopen_ask`].
pub fn open_ask(
    epoch_key: &EpochKey,
    header: &Header,
    me: &NodeId,
    now: UnixMillis,
    replays: &mut Replays,
) -> Result<Ask, LetterError> {
    let ask = reopen_ask(epoch_key, header, me, now)?;
    replays.take_in(&ask, now)?;
    Ok(ask)
}

/// Opens a letter as [`open_ask`] does but for the check that it is no repetition: the same question
/// may have come by another way, and its answer be wanted by this one.
///
/// # Errors
/// As [`open_ask`].
pub fn reopen_ask(epoch_key: &EpochKey, header: &Header, me: &NodeId, now: UnixMillis) -> Result<Ask, LetterError> {
    let Letter::Ask(statement) = open(epoch_key, header, me)? else { return Err(LetterError::WrongKind) };
    let ask = check_ask(epoch_key, &statement, me, now)?;
    if ask.from.0 != header.write_key {
        return Err(LetterError::WrongWriter);
    }
    match ask.body {
        AskBody::Offer(_) => Ok(ask),
        AskBody::Probe => Err(LetterError::WrongKind),
    }
}

/// Opens the letter that answers `ask`.
///
/// # Errors
/// The first [`LetterError`] found; [`CallError::WrongReply`] when it answers another question of the
/// same asker, an earlier one as a rule.
pub fn open_reply(epoch_key: &EpochKey, header: &Header, ask: &Ask) -> Result<Reply, LetterError> {
    let Letter::Reply(statement) = open(epoch_key, header, &ask.from)? else { return Err(LetterError::WrongKind) };
    let reply = check_reply(epoch_key, &statement, ask)?;
    if reply.from.0 != header.write_key {
        return Err(LetterError::WrongWriter);
    }
    Ok(reply)
}

fn open(epoch_key: &EpochKey, header: &Header, to: &NodeId) -> Result<Letter, RecordError> {
    open_record(header, RecordKind::Letter, &seal_key(epoch_key, to))
}

/// On which of its doorbells somebody should ring who has written to a node. Callers are spread by
/// their names; each further attempt goes to the next one, should the first be crowded or spoilt.
#[must_use]
pub fn doorbell_for(from: &NodeId, attempt: u32) -> u8 {
    let home = from.0[0] % DOORBELLS;
    let step = u8::try_from(attempt % u32::from(DOORBELLS)).unwrap_or(0);
    (home + step) % DOORBELLS
}

/// The key pair of a doorbell.
fn doorbell_key(epoch_key: &EpochKey, owner: &NodeId, which: u8) -> SigningKey {
    SigningKey::from_bytes(&epoch_key.branch::<32>("doorbell key", &[&owner.0, &[which]]))
}

fn doorbell_salt(epoch_key: &EpochKey) -> Salt {
    *epoch_key.branch("doorbell salt", &[])
}

/// What seals a node's doorbells.
#[must_use]
pub fn doorbell_seal(epoch_key: &EpochKey, owner: &NodeId) -> SealKey {
    SealKey::new(epoch_key.branch("doorbell seal", &[&owner.0]))
}

/// Where a node's doorbell lies.
#[must_use]
pub fn doorbell(epoch_key: &EpochKey, owner: &NodeId, which: u8) -> RecordKey {
    record_key(&doorbell_key(epoch_key, owner, which).public(), &doorbell_salt(epoch_key))
}

/// Writes what a doorbell says: where it goes, and the bytes of its envelope. `seq` must be above
/// that of the version that was read before; it lives two minutes from then.
///
/// # Errors
/// [`ComposeError`] when there are too many rings.
pub fn seal_doorbell(
    epoch_key: &EpochKey,
    owner: &NodeId,
    which: u8,
    doorbell: &Doorbell,
    seq: UnixMillis,
) -> Result<(RecordKey, Vec<u8>), ComposeError> {
    let (kind, writer) = (RecordKind::Doorbell, doorbell_key(epoch_key, owner, which));
    let seal = doorbell_seal(epoch_key, owner);
    seal_record(doorbell, kind, &seal, doorbell_salt(epoch_key), &writer, seq, seq.plus(kind.max_life()))
}

/// Opens what a doorbell says, in a header that [`waterfall_wire::Envelope::open`] has checked. Any
/// member may have written it, so it is no more than a hint.
///
/// # Errors
/// [`RecordError`] when it is not this owner's doorbell.
pub fn open_doorbell(epoch_key: &EpochKey, owner: &NodeId, header: &Header) -> Result<Doorbell, RecordError> {
    open_record(header, RecordKind::Doorbell, &doorbell_seal(epoch_key, owner))
}
