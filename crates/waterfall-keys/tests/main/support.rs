//! Fixed keys and small values that the tests share.

use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::crypto::S2K;
use sequoia_openpgp::packet::key::Encrypted;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use sequoia_openpgp::{Packet, Profile};
use waterfall_keys::chunk::Argon2Params;
use waterfall_keys::openpgp::{Certificate, Holder};
use waterfall_keys::{EpochKey, RoomKey, TrackOpener, TrackSealer};
use waterfall_wire::{Epoch, Kid, RoomId, SigningKey};

use crate::fixtures::NOW;

pub(crate) fn room() -> RoomId {
    RoomId([0x52; 32])
}

pub(crate) fn epoch_key() -> EpochKey {
    EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &room(), Epoch(7))
}

pub(crate) fn node(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub(crate) const START: [u8; 16] = [0xa5; 16];

pub(crate) fn kid() -> Kid {
    Kid::new(&node(1).node_id(), 0)
}

/// A speaker's sealer, and an opener of the same track.
pub(crate) fn track() -> (TrackSealer, TrackOpener) {
    let (key, speaker) = (epoch_key(), node(1));
    (TrackSealer::new(&key, &speaker, kid(), START), TrackOpener::new(&key, speaker.node_id(), kid(), START))
}

/// The least that Argon2 allows: the tests are not about how long a derivation takes.
pub(crate) fn cheap() -> Argon2Params {
    Argon2Params::new(3, 1, 1).unwrap()
}

/// The input with one byte changed, for each byte in turn.
pub(crate) fn each_byte_flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).map(|at| {
        let mut altered = bytes.to_vec();
        altered[at] ^= 1 << (at % 8);
        (at, altered)
    })
}

/// The holder of a certificate made under any name whatever.
pub(crate) fn certificate_named(name: &str) -> Holder {
    let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0);
    let (cert, _) = CertBuilder::new().set_creation_time(at).add_userid(name).generate().unwrap();
    Certificate::read_all(&cert.to_vec().unwrap()).unwrap()[0].holder(NOW)
}

/// A key that says what unlocking it costs, and holds nothing: nobody must get as far as to try.
pub(crate) fn key_under_argon2(exponent: u8, passes: u8, lanes: u8) -> Vec<u8> {
    let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0);
    let builder = CertBuilder::new().set_profile(Profile::RFC9580).unwrap().set_creation_time(at);
    let (cert, _) = builder.add_userid("Costly").generate().unwrap();
    let s2k = S2K::Argon2 { salt: [1; 16], t: passes, p: lanes, m: exponent };
    let (cipher, aead) = (SymmetricAlgorithm::AES256, AEADAlgorithm::OCB);
    let secret = Encrypted::new_aead(s2k, cipher, aead, vec![2; 15].into(), vec![3; 48].into());
    let public = cert.primary_key().key().clone();
    let key = Packet::from(public.add_secret(secret.into()).0);
    cert.insert_packets([key]).unwrap().0.as_tsk().to_vec().unwrap()
}
