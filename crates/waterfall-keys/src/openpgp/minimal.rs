//! Certificates cut down to what proves one signature.

use std::time::SystemTime;

use openpgp::packet::Tag;
use openpgp::parse::PacketParserResult;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto;
use openpgp::{Cert, Fingerprint, Packet};
use sequoia_openpgp as openpgp;
use waterfall_wire::MAX_CERTIFICATE;

use super::{Certificate, algorithm, packets};

/// Most packets of a certificate from a stranger: a primary key, a user id and a subkey, with a few
/// signatures.
const MAX_PACKETS: usize = 12;

/// The certificate with the primary key, its primary user id and one signing key, each with the
/// signature that binds it now, and nothing else. `None` if that is too long for the wire.
///
/// Revocations need not be carried: a revoked key does not sign, and who signs with it all the
/// same would leave them out.
pub(super) fn write(
    certificate: &Certificate,
    signer: &Fingerprint,
    policy: &StandardPolicy<'_>,
    at: SystemTime,
) -> Option<Vec<u8>> {
    let valid = certificate.cert().with_policy(policy, at).ok()?;
    let primary = valid.primary_key();
    let mut name = Vec::new();
    if let Ok(user_id) = valid.primary_userid() {
        name.push(Packet::from(user_id.userid().clone()));
        name.push(user_id.binding_signature().clone().into());
    }
    let mut subkey = Vec::new();
    if let Some(key) = valid.keys().subkeys().find(|key| key.key().fingerprint() == *signer) {
        subkey.push(Packet::from(key.key().clone()));
        subkey.push(key.binding_signature().clone().into());
    }
    let mut head = vec![Packet::from(primary.key().clone())];
    head.extend(valid.direct_key_signature().ok().map(|signature| signature.clone().into()));
    // A very long name gives way, if what says the same of the key itself is there.
    let attempts = [[&head[..], &name, &subkey].concat(), [head, subkey].concat()];
    attempts.iter().find_map(|packets| {
        let bytes = packets.iter().try_fold(Vec::new(), |mut bytes, packet| {
            bytes.extend(packet.to_vec().ok()?);
            Some(bytes)
        })?;
        let stands = read(&bytes).is_some_and(|copy| copy.valid(policy, at).is_ok());
        (bytes.len() <= MAX_CERTIFICATE && stands).then_some(bytes)
    })
}

/// Reads such a certificate. What has more in it than [`write`] puts there is refused, before any
/// signature is looked at.
pub(super) fn read(bytes: &[u8]) -> Option<Certificate> {
    if bytes.len() > MAX_CERTIFICATE {
        return None;
    }
    let mut found = Vec::new();
    let mut next = packets::parser(bytes).ok()?;
    while let PacketParserResult::Some(parser) = next {
        let (packet, rest) = parser.next().ok()?;
        next = rest;
        let is_first = found.is_empty();
        let is_expected = match &packet {
            Packet::PublicKey(key) => is_first && algorithm::is_supported(key),
            Packet::PublicSubkey(key) => !is_first && algorithm::is_supported(key),
            Packet::UserID(_) | Packet::Signature(_) => !is_first,
            _ => false,
        };
        if !is_expected || found.len() == MAX_PACKETS {
            return None;
        }
        found.push(packet);
    }
    let count = |tag| found.iter().filter(|packet| packet.tag() == tag).count();
    if count(Tag::PublicSubkey) > 1 || count(Tag::UserID) > 1 {
        return None;
    }
    Certificate::new(Cert::from_packets(found.into_iter()).ok().filter(packets::can_be_written)?)
}
