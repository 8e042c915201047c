//! What names and proves the holder of an OpenPGP key.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXUPPER_PERMISSIVE;
use minicbor::{Decode, Encode};

use crate::{DecodeError, Wire};

/// Most bytes of a certificate on the wire: RSA-4096 with one user id and a signing subkey takes
/// about 3 KiB.
pub const MAX_CERTIFICATE: usize = 6 * 1024;
/// Most bytes of a detached signature on the wire: RSA-8192 takes about 1.1 KiB.
pub const MAX_CERTIFICATION: usize = 1_280;

/// The fingerprint of an OpenPGP certificate's primary key (RFC 9580 §5.5.4): 20 bytes in version 4,
/// 32 in version 6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    version_6: bool,
    // Of a version 4 fingerprint the last twelve are zero.
    bytes: [u8; 32],
}

impl Fingerprint {
    /// A fingerprint of 20 or 32 bytes; `None` for any other length.
    #[must_use]
    pub fn new(fingerprint: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes.get_mut(..fingerprint.len())?.copy_from_slice(fingerprint);
        matches!(fingerprint.len(), 20 | 32).then_some(Self { version_6: fingerprint.len() == 32, bytes })
    }

    /// Its 20 or 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        if self.version_6 { &self.bytes } else { &self.bytes[..20] }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXUPPER_PERMISSIVE.encode(self.as_bytes()))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text was not 40 or 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 40 or 64 hexadecimal digits")]
pub struct ParseFingerprintError;

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Reads hexadecimal digits in either case, without spaces.
    fn from_str(text: &str) -> Result<Self, ParseFingerprintError> {
        let bytes = HEXUPPER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| ParseFingerprintError)?;
        Self::new(&bytes).ok_or(ParseFingerprintError)
    }
}

impl<'de> serde::Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<C> Encode<C> for Fingerprint {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Fingerprint {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.bytes()?).ok_or_else(|| minicbor::decode::Error::message("a fingerprint has 20 or 32 bytes"))
    }
}

/// A statement that the reader can write down itself, signed with an OpenPGP key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Certified {
    /// The signer's certificate (RFC 9580 §10.1), binary; at most [`MAX_CERTIFICATE`] bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// A detached signature (RFC 9580 §10.4) over the statement; at most [`MAX_CERTIFICATION`] bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

impl Certified {
    pub(crate) const MAX_LEN: usize = MAX_CERTIFICATE + MAX_CERTIFICATION + 8;

    pub(crate) fn check<T: Wire>(&self) -> Result<(), DecodeError> {
        if self.certificate.len() > MAX_CERTIFICATE {
            return Err(DecodeError::invalid::<T>("the certificate is too long"));
        }
        if self.signature.len() > MAX_CERTIFICATION {
            return Err(DecodeError::invalid::<T>("the certification is too long"));
        }
        Ok(())
    }
}
