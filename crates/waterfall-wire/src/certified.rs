//! What names and proves the holder of an OpenPGP key.

use std::fmt;

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
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
