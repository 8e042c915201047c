//! From bytes to certificates, within bounds.
//!
//! What is left out on the way: certifications by third parties (a popular certificate has
//! thousands, and anybody can add more), pictures, trust packets. What remains is what a
//! certificate says of itself.

use std::collections::BTreeMap;

use openpgp::packet::{Signature, Tag};
use openpgp::parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse};
use openpgp::serialize::SerializeInto;
use openpgp::{Cert, Fingerprint, KeyHandle, Packet};
use sequoia_openpgp as openpgp;

use super::armor;

/// Longest file with keys or certificates, in bytes: some 10 000 of GnuPG's in ASCII armor.
pub(super) const MAX_FILE: usize = 16 * 1024 * 1024;
/// Most certificates in one file.
const MAX_CERTIFICATES: usize = 10_000;
/// Most user ids and subkeys of one certificate.
const MAX_COMPONENTS: usize = 100;
/// Most signatures that one certificate has from itself: ten user ids, extended every year for 25
/// years, have 250. Out of place, each costs a hash for each component.
const MAX_SIGNATURES: usize = 500;
/// Longest packet in bytes; what is longer is a picture.
const MAX_PACKET: u32 = 16 * 1024;
/// Longest user id in bytes, as in GnuPG.
const MAX_USER_ID: usize = 2_048;

/// What a file is that holds no OpenPGP key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Nothing that is known here.
    Unknown,
    /// GnuPG's own key ring (`pubring.kbx`).
    Keybox,
    /// A file of GnuPG's agent (`private-keys-v1.d`).
    Agent,
    /// A key for SSH.
    Ssh,
    /// A PEM file, such as TLS uses.
    Pem,
    /// An OpenPGP message.
    Message,
    /// An OpenPGP signature without a key, such as a revocation.
    Signature,
}

impl Format {
    fn describe(self) -> &'static str {
        match self {
            Self::Unknown => "this is no OpenPGP key or certificate",
            Self::Keybox | Self::Agent => {
                "this is GnuPG's own storage; 'gpg --armor --export NAME' writes a certificate, \
                 'gpg --armor --export-secret-keys NAME' a key"
            }
            Self::Ssh => "this is an SSH key, not an OpenPGP key",
            Self::Pem => "this is a PEM file, not an OpenPGP key",
            Self::Message => "this is an OpenPGP message, not a key or certificate",
            Self::Signature => "this is an OpenPGP signature or revocation, without a key",
        }
    }
}

/// Why a file gives no certificates or keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// More than 16 MiB.
    #[error("files of more than {} MiB are not read", MAX_FILE / 1024 / 1024)]
    TooLong,
    /// No OpenPGP certificate in it; what it may be instead.
    #[error("{}", .0.describe())]
    NotOpenPgp(Format),
    /// The ASCII armor is broken.
    #[error("the file is damaged: its ASCII armor does not decode")]
    Damaged,
    /// It breaks off, or is not made of packets, or is of a version that is not known.
    #[error("certificate number {number} in the file is damaged, or of a version that is not supported")]
    Unreadable {
        /// Which one, from 1.
        number: usize,
    },
    /// More names, subkeys or signatures than any honest certificate has.
    #[error("certificate number {number} in the file has too many parts")]
    TooManyParts {
        /// Which one, from 1.
        number: usize,
    },
    /// More than 10 000 certificates.
    #[error("more than {MAX_CERTIFICATES} certificates in one file")]
    TooMany,
    /// A key was asked for, and there are certificates only.
    #[error("this is a certificate without its secret key; 'gpg --armor --export-secret-keys NAME' writes one with it")]
    NoSecretKey,
    /// Where the secret key should be is a note that it is elsewhere.
    #[error("{}", .0.describe())]
    Elsewhere(super::Stub),
}

/// Reads every certificate of a file, with secret keys where it has them. Two of one fingerprint
/// become one.
pub(super) fn read(file: &[u8]) -> Result<Vec<Cert>, ReadError> {
    let mut certs: Vec<Cert> = Vec::new();
    let mut places: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    let mut number = 0;
    for block in armor::blocks(file)? {
        for packets in split(&block, &mut number)? {
            let (number, packets) = packets;
            let cert = Cert::from_packets(packets.into_iter()).ok().filter(can_be_written);
            let cert = cert.ok_or(ReadError::Unreadable { number })?;
            match places.get(&cert.fingerprint()) {
                Some(&place) => {
                    let merged = certs[place].clone().merge_public_and_secret(cert);
                    certs[place] = merged.map_err(|_| ReadError::Unreadable { number })?;
                }
                None => {
                    places.insert(cert.fingerprint(), certs.len());
                    certs.push(cert);
                }
            }
        }
    }
    if certs.is_empty() { Err(ReadError::NotOpenPgp(Format::Signature)) } else { Ok(certs) }
}

/// Whether it can be written again. What names a fingerprint of an unknown version is read by the
/// library, but not written.
pub(super) fn can_be_written(cert: &Cert) -> bool {
    cert.to_vec().is_ok()
}

/// One certificate on its way: what was kept of its packets.
struct Group {
    number: usize,
    primary: KeyHandle,
    packets: Vec<Packet>,
    components: usize,
    signatures: usize,
}

impl Group {
    fn keep(&mut self, packet: Packet) -> Result<(), ReadError> {
        match &packet {
            Packet::Signature(signature) if self.is_own(signature) => self.signatures += 1,
            Packet::UserID(name) if name.value().len() <= MAX_USER_ID => self.components += 1,
            Packet::PublicSubkey(_) | Packet::SecretSubkey(_) => self.components += 1,
            _ => return Ok(()),
        }
        if self.components > MAX_COMPONENTS || self.signatures > MAX_SIGNATURES {
            return Err(ReadError::TooManyParts { number: self.number });
        }
        self.packets.push(packet);
        Ok(())
    }

    /// Whether the certificate's primary key is said to have made it. One that names no issuer may
    /// be its own.
    fn is_own(&self, signature: &Signature) -> bool {
        let issuers = signature.get_issuers();
        issuers.is_empty() || issuers.iter().any(|issuer| issuer.aliases(&self.primary))
    }
}

/// Splits packets into certificates; each with its number in the file.
fn split(block: &[u8], number: &mut usize) -> Result<Vec<(usize, Vec<Packet>)>, ReadError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut next = parser(block).map_err(|_| ReadError::NotOpenPgp(Format::Unknown))?;
    while let PacketParserResult::Some(parser) = next {
        let (packet, rest) = parser.next().map_err(|_| ReadError::Unreadable { number: (*number).max(1) })?;
        next = rest;
        let primary = match &packet {
            Packet::PublicKey(key) => Some(key.key_handle()),
            Packet::SecretKey(key) => Some(key.key_handle()),
            // A version that is not known, or rubbish.
            Packet::Unknown(unknown) if matches!(unknown.tag(), Tag::PublicKey | Tag::SecretKey) => {
                return Err(ReadError::Unreadable { number: *number + 1 });
            }
            _ => None,
        };
        if let Some(primary) = primary {
            *number += 1;
            if *number > MAX_CERTIFICATES {
                return Err(ReadError::TooMany);
            }
            let packets = vec![packet];
            groups.push(Group { number: *number, primary, packets, components: 0, signatures: 0 });
        } else if let Some(group) = groups.last_mut() {
            group.keep(packet)?;
        } else if !matches!(packet, Packet::Marker(_) | Packet::Trust(_)) {
            return Err(ReadError::NotOpenPgp(match packet {
                Packet::Signature(_) => Format::Signature,
                Packet::PKESK(_) | Packet::SKESK(_) | Packet::SEIP(_) | Packet::OnePassSig(_) => Format::Message,
                Packet::CompressedData(_) | Packet::Literal(_) => Format::Message,
                _ => Format::Unknown,
            }));
        }
    }
    Ok(groups.into_iter().map(|group| (group.number, group.packets)).collect())
}

/// Packets one by one, none of them opened: what is compressed stays so.
pub(super) fn parser(bytes: &[u8]) -> openpgp::Result<PacketParserResult<'_>> {
    PacketParserBuilder::from_bytes(bytes)?
        .dearmor(Dearmor::Disabled)
        .automatic_hashing(false)
        .max_recursion_depth(0)
        .max_packet_size(MAX_PACKET)
        .build()
}
