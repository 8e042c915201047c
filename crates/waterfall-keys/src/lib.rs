//! Room keys: OpenPGP messages, epochs, derivations, record sealing and the media cipher.
//!
//! Reads no clock and opens no socket; callers pass the time in. Randomness comes from the
//! operating system through one function (and, for the OpenPGP message's own session data, from
//! the OpenPGP library, which asks the same source).
//!
//! # Key schedule
//!
//! All integers are big endian, `‖` joins bytes, texts are ASCII without a terminator.
//!
//! `derive(secret, label, context, n) = HKDF-Expand(HKDF-Extract("waterfall/keys/1", secret),
//! label ‖ 0x00 ‖ context, n)` with HKDF-SHA256 (RFC 5869); every secret has 32 bytes.
//!
//! | from | label | context | bytes | is |
//! | --- | --- | --- | --- | --- |
//! | locator | `charter salt` | | 16 | salt of the charter |
//! | locator | `chunk salt` | epoch (4) ‖ index (2) | 16 | salt of a key chunk |
//! | locator | `entry salt` | | 16 | salt of entry records |
//! | locator | `owner salt` | | 16 | salt of the owner record |
//! | locator | `record seal` | record kind (1) | 32 | seal of charters (1), entries (2), key chunks (3), owner records (6) |
//! | locator | `open room key` | room (32) ‖ epoch (4) | 32 | room key of an open room |
//! | room key | `epoch key` | room (32) ‖ epoch (4) | 32 | epoch key |
//! | epoch key | `route` | | 16 | names the room in calls |
//! | epoch key | `topic` | | 32 | gossip topic |
//! | epoch key | `node salt` | | 16 | salt of node records |
//! | epoch key | `node seal` | | 32 | seal of node records |
//! | epoch key | `call seal` | | 32 | seal of questions and answers |
//! | epoch key | `event seal` | | 32 | seal of gossiped events |
//! | epoch key | `recipients seal` | | 32 | seal of key chunks' lists of recipients |
//! | epoch key | `letter salt` | recipient (32) ‖ letter kind (1) | 16 | salt of letters |
//! | epoch key | `letter seal` | recipient (32) | 32 | seal of letters |
//! | epoch key | `doorbell key` | owner (32) ‖ number (1) | 32 | Ed25519 secret key that writes a doorbell |
//! | epoch key | `doorbell salt` | | 16 | salt of doorbells |
//! | epoch key | `doorbell seal` | owner (32) | 32 | seal of doorbells |
//! | epoch key | `media` | speaker (32) ‖ KID (4) ‖ start (16) | 32 | SFrame base key of one start of a track |
//!
//! The locator is drawn at random by the room's creator and stands in the ticket. The room key is
//! drawn at random for each epoch and stands in the key chunks, under a password ([`chunk`]) or
//! under members' OpenPGP keys ([`openpgp::members`]), or follows from the locator in an open room.
//!
//! # Seals
//!
//! `sealed = nonce (24, random) ‖ XChaCha20-Poly1305(key, nonce, AAD, plaintext)`, tag (16) last.
//!
//! | what | AAD | plaintext |
//! | --- | --- | --- |
//! | record | `waterfall/record-seal/1` ‖ version (1) ‖ kind (1) ‖ write key (32) ‖ salt (16) ‖ seq (8) ‖ not_after (8) | the record |
//! | question | `waterfall/ask-seal/1` ‖ route (16) | signed statement with an `Ask` |
//! | answer | `waterfall/reply-seal/1` ‖ route (16) | signed statement with a `Reply` |
//! | event | `waterfall/event-seal/1` | signed statement with a `RoomEvent` |
//! | recipients | `waterfall/recipients-seal/1` ‖ index (2) | `Recipients` |
//!
//! # Media
//!
//! SFrame (RFC 9605), suite 4 (AES_128_GCM_SHA256_128), one packet per SFrame ciphertext, CTR from
//! 0 per start, never wrapping. From the base key on, keys, salt and nonces are the RFC's (§4.4.2).
//!
//! `payload = flags (1) ‖ SFrame header ‖ ciphertext ‖ tag (16) [‖ count (2) ‖ signature (64)]`,
//! the bracket present if flags has bit 0x08. SFrame metadata, which the tag covers after the
//! header: `flags (1) ‖ RTP timestamp (4) ‖ RTP marker (1)`.
//!
//! The signature is the speaker's, Ed25519 (RFC 8032, strict verification), over
//! `waterfall/media/1` ‖ room (32) ‖ epoch (4) ‖ start (16) ‖ KID (4) ‖ first CTR (8) ‖ last CTR (8)
//! and then, for each of the `count` packets that end with this one, in order, flags (1) ‖
//! timestamp (4) ‖ marker (1) ‖ SHA-256(SFrame header ‖ ciphertext ‖ tag) (32). The tags alone
//! would not do: GHASH is linear, and whoever holds the track's key can make other packets with
//! the same tags.

mod call;
pub mod chunk;
mod content;
mod derive;
mod event;
pub mod letter;
pub mod media;
pub mod openpgp;
mod password;
mod random;
mod record;
mod replays;
mod seal;
mod secret;

pub use call::{ASK_LIFE, CallError, MAX_ASK_AHEAD, open_ask, open_reply, reopen_ask, seal_ask, seal_reply};
pub use event::{EventError, MAX_EVENT_AGE, MAX_SEALED_EVENT, check_event, open_event, seal_event};
pub use media::{OVERHEAD, OpenError, Opened, SealError, Sealed, TrackOpener, TrackSealer};
pub use password::{PASSPHRASE_BITS, Password, passphrase};
pub use random::random;
pub use record::{RecordError, open_record, seal_record};
pub use replays::Replays;
pub use seal::{ComposeError, SealKey, UnsealError};
pub use secret::{EpochKey, Locator, RoomKey};
