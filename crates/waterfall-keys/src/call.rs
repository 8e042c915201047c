//! Questions and answers: signed by their author, sealed under the epoch key.

use waterfall_wire::{
    Ask, AskBody, Authored, DecodeError, Epoch, NodeId, Reply, ReplyBody, Routed, Signed, SigningKey, StatementError,
    UnixMillis, Wire, decode, encode,
};

use crate::{ComposeError, EpochKey, Replays, UnsealError};

const ASK_DOMAIN: &[u8] = b"waterfall/ask-seal/1";
const REPLY_DOMAIN: &[u8] = b"waterfall/reply-seal/1";

/// How far ahead of now a question's `not_after` may lie: two minutes in milliseconds, as long as
/// a letter may lie. What it bounds is how long questions must be remembered ([`Replays`]).
pub const MAX_ASK_AHEAD: u64 = 120_000;

/// The life that a question should be given which is asked directly: 15 s in milliseconds, so that
/// clocks may be that much apart. One that may travel by letter lives longer: [`crate::letter::ASK_LIFE`].
pub const ASK_LIFE: u64 = 15_000;

/// Why a question or an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// It is for another room, or another epoch of this one.
    #[error("the call is for another room or epoch")]
    WrongRoute,
    /// It was not sealed under this epoch's key.
    #[error(transparent)]
    Seal(#[from] UnsealError),
    /// What was sealed is no signed statement.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The statement in it does not decode or is not signed by its author.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It is addressed to someone else.
    #[error("the call is addressed to another node")]
    WrongRecipient,
    /// It names another epoch than the key it was sealed under.
    #[error("the call names another epoch")]
    WrongEpoch,
    /// The question's time is over.
    #[error("the question has expired")]
    Expired,
    /// The question claims to live longer than [`MAX_ASK_AHEAD`].
    #[error("the question claims too long a life")]
    LivesTooLong,
    /// The question was asked before.
    #[error("the question is a repetition")]
    Repeated,
    /// The asker has too many questions open.
    #[error("the asker asks too much")]
    TooMany,
    /// The answer is to another question, or not from the one who was asked, or not of a sort
    /// that the question allows.
    #[error("the answer does not belong to the question")]
    WrongReply,
}

/// Signs and seals a question. Give it a life of [`ASK_LIFE`] and a fresh nonce.
///
/// # Errors
/// [`ComposeError`] when a field is out of range, the author is not the signer, the epoch is not the
/// key's, or the result would be too long.
pub fn seal_ask(key: &EpochKey, ask: &Ask, author: &SigningKey) -> Result<Routed, ComposeError> {
    seal(key, ASK_DOMAIN, ask.epoch, ask, author)
}

/// Opens a question that came to `me`, and remembers it in `replays` so that it counts once.
///
/// # Errors
/// The first [`CallError`] found; only a question that is authentic in all else is remembered.
/// Never panics.
pub fn open_ask(
    key: &EpochKey,
    routed: &Routed,
    me: &NodeId,
    now: UnixMillis,
    replays: &mut Replays,
) -> Result<Ask, CallError> {
    let ask = reopen_ask(key, routed, me, now)?;
    replays.take_in(&ask, now)?;
    Ok(ask)
}

/// Opens a question as [`open_ask`] does but for the check that it is no repetition: the same
/// question may have come by letter, and its answer be wanted by this way.
///
/// # Errors
/// As [`open_ask`], but never [`CallError::Repeated`] or [`CallError::TooMany`].
pub fn reopen_ask(key: &EpochKey, routed: &Routed, me: &NodeId, now: UnixMillis) -> Result<Ask, CallError> {
    check_ask(key, &open(key, ASK_DOMAIN, routed)?, me, now)
}

/// Checks a question wherever it came from: signature, recipient, epoch, dates.
pub(crate) fn check_ask(key: &EpochKey, statement: &Signed, me: &NodeId, now: UnixMillis) -> Result<Ask, CallError> {
    let ask = statement.verify::<Ask>()?.body;
    if ask.to != *me {
        return Err(CallError::WrongRecipient);
    }
    if ask.epoch != key.epoch() {
        return Err(CallError::WrongEpoch);
    }
    if ask.not_after <= now {
        return Err(CallError::Expired);
    }
    if ask.not_after > now.plus(MAX_ASK_AHEAD) {
        return Err(CallError::LivesTooLong);
    }
    Ok(ask)
}

/// Signs and seals an answer.
///
/// # Errors
/// As [`seal_ask`].
pub fn seal_reply(key: &EpochKey, reply: &Reply, author: &SigningKey) -> Result<Routed, ComposeError> {
    seal(key, REPLY_DOMAIN, reply.epoch, reply, author)
}

/// Opens the answer to `ask`: from the one who was asked, to the asker, to this very question, and
/// of a sort that it allows (a probe gives spots, an offer an answer, either may be refused).
///
/// An answer has no date of its own: it counts as long as its asker waits for it.
///
/// # Errors
/// The first [`CallError`] found. Never panics.
pub fn open_reply(key: &EpochKey, routed: &Routed, ask: &Ask) -> Result<Reply, CallError> {
    check_reply(key, &open(key, REPLY_DOMAIN, routed)?, ask)
}

/// Checks an answer wherever it came from: signature, recipient, epoch, and that it fits the question.
pub(crate) fn check_reply(key: &EpochKey, statement: &Signed, ask: &Ask) -> Result<Reply, CallError> {
    let reply = statement.verify::<Reply>()?.body;
    if reply.to != ask.from {
        return Err(CallError::WrongRecipient);
    }
    if reply.epoch != key.epoch() {
        return Err(CallError::WrongEpoch);
    }
    let fits = match ask.body {
        AskBody::Probe => matches!(reply.body, ReplyBody::Spots(_) | ReplyBody::Refused { .. }),
        AskBody::Offer(_) => matches!(reply.body, ReplyBody::Answer(_) | ReplyBody::Refused { .. }),
    };
    if reply.from != ask.to || reply.nonce != ask.nonce || !fits {
        return Err(CallError::WrongReply);
    }
    Ok(reply)
}

/// What the seal binds besides the statement: `domain ‖ route (16)`.
fn aad(key: &EpochKey, domain: &[u8]) -> Vec<u8> {
    [domain, &key.route().0].concat()
}

/// Signs a question or an answer, however it is to travel.
pub(crate) fn compose<T: Authored>(
    key: &EpochKey,
    epoch: Epoch,
    body: &T,
    author: &SigningKey,
) -> Result<Signed, ComposeError> {
    if epoch != key.epoch() {
        return Err(ComposeError::WrongEpoch);
    }
    body.check()?;
    if body.author() != author.node_id() {
        return Err(ComposeError::NotAuthor);
    }
    Ok(Signed::new(body, author))
}

fn seal<T: Authored>(
    key: &EpochKey,
    domain: &[u8],
    epoch: Epoch,
    body: &T,
    author: &SigningKey,
) -> Result<Routed, ComposeError> {
    let statement = encode(&compose(key, epoch, body, author)?);
    let routed = Routed { route: key.route(), sealed: key.call_seal().seal(&aad(key, domain), &statement) };
    let len = encode(&routed).len();
    if len > Routed::MAX_LEN {
        return Err(ComposeError::TooLong { len, max: Routed::MAX_LEN });
    }
    Ok(routed)
}

fn open(key: &EpochKey, domain: &[u8], routed: &Routed) -> Result<Signed, CallError> {
    if routed.route != key.route() {
        return Err(CallError::WrongRoute);
    }
    Ok(decode(&key.call_seal().open(&aad(key, domain), &routed.sealed)?)?)
}
