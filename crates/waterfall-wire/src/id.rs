//! Names of things: nodes, rooms, records, tracks' keys, moments.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use minicbor::{Decode, Encode};

/// Lower-case base32 without padding (RFC 4648 alphabet), read in either case.
pub(crate) fn base32() -> &'static Encoding {
    static ENCODING: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    ENCODING.get_or_init(|| {
        let mut spec = Specification::new();
        spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        spec.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        spec.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
        spec.encoding().expect("a constant specification that is known to be valid")
    })
}

/// An id was not 52 base32 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 52 characters of base32 (a-z, 2-7)")]
pub struct ParseIdError;

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

        impl $name {
            /// The first eight characters of the text form: enough for a person to tell apart.
            #[must_use]
            pub fn short(&self) -> String {
                base32().encode(&self.0[..5])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base32().encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(s: &str) -> Result<Self, ParseIdError> {
                let bytes = base32().decode(s.as_bytes()).map_err(|_| ParseIdError)?;
                bytes.try_into().map(Self).map_err(|_| ParseIdError)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id32! {
    /// A participant's node: its Ed25519 public key, which is also its libp2p identity.
    NodeId
}
id32! {
    /// A room: the Ed25519 public half of the room key pair.
    RoomId
}
id32! {
    /// Where a record lies in the DHT: `SHA-256(domain ‖ write key ‖ salt)`.
    RecordKey
}

/// Which room a call is for, told only to those who hold the room's epoch key (16 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RouteId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// One generation of a room's key; grows by one with each re-keying, starting at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Epoch(#[n(0)] pub u32);

/// SFrame's key id (RFC 9605 §4.3), 32-bit here: one per track and start of a speaker.
///
/// The upper 24 bits are the first three bytes of the speaker's [`NodeId`] and the lower 8 count
/// the speaker's starts, so a node cannot claim another's ids.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Kid(#[n(0)] pub u32);

impl Kid {
    /// The id of a speaker's `index`-th start of a track.
    #[must_use]
    pub fn new(speaker: &NodeId, index: u8) -> Self {
        let [a, b, c, ..] = speaker.0;
        Self(u32::from_be_bytes([a, b, c, index]))
    }

    /// Whether this id lies in the range of this speaker.
    #[must_use]
    pub fn belongs_to(&self, speaker: &NodeId) -> bool {
        self.0.to_be_bytes()[..3] == speaker.0[..3]
    }
}

/// SFrame's counter (RFC 9605 §4.3): numbers a track's packets from 0, never wraps.
pub type Ctr = u64;

/// A moment: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct UnixMillis(#[n(0)] pub u64);

impl UnixMillis {
    /// This moment plus a number of milliseconds, saturating.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}
