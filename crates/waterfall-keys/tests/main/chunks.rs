//! Key chunks: the room key under a password.

use std::io::{Read, Write};

use proptest::prelude::*;
use sequoia_openpgp as openpgp;

use openpgp::crypto::S2K;
use openpgp::packet::SKESK;
use openpgp::packet::skesk::SKESK6;
use openpgp::parse::Parse;
use openpgp::parse::stream::{DecryptionHelper, DecryptorBuilder, MessageStructure, VerificationHelper};
use openpgp::policy::StandardPolicy;
use openpgp::serialize::Serialize;
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message};
use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use openpgp::{Cert, KeyHandle, Packet};
use waterfall_keys::chunk::{Argon2Params, ChunkError, open_password, seal_password};
use waterfall_keys::{Password, RoomKey, passphrase};
use waterfall_wire::MAX_CHUNK_MESSAGE;

use crate::support::{cheap, each_byte_flipped};

fn key() -> RoomKey {
    RoomKey::from_bytes([0x5a; 32])
}

fn sealed() -> Vec<u8> {
    seal_password(&key(), &"tako-mivu".into(), cheap()).unwrap()
}

#[test]
fn the_password_opens_what_it_locked_at_the_default_cost() {
    let password = passphrase();
    let message = seal_password(&key(), &password, Argon2Params::default()).unwrap();
    assert!(message.len() < 300, "{} bytes", message.len());
    assert_eq!(open_password(&message, &password), Ok(key()));
}

#[test]
fn another_password_is_called_wrong() {
    for password in ["", "tako-mivv", "Tako-mivu", "tako-mivu ", &"x".repeat(100_000)] {
        assert_eq!(open_password(&sealed(), &password.into()), Err(ChunkError::WrongPassword));
    }
}

#[test]
fn the_same_key_and_password_give_other_bytes_each_time() {
    assert_ne!(sealed(), sealed());
}

/// Knows a password, as any OpenPGP program would.
struct Stock(openpgp::crypto::Password);

impl VerificationHelper for Stock {
    fn get_certs(&mut self, _: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(Vec::new())
    }
    fn check(&mut self, _: MessageStructure<'_>) -> openpgp::Result<()> {
        Ok(())
    }
}

impl DecryptionHelper for Stock {
    fn decrypt(
        &mut self,
        _: &[openpgp::packet::PKESK],
        skesks: &[SKESK],
        _: Option<SymmetricAlgorithm>,
        decrypt: &mut dyn FnMut(Option<SymmetricAlgorithm>, &openpgp::crypto::SessionKey) -> bool,
    ) -> openpgp::Result<Option<Cert>> {
        let opened = skesks.iter().any(|skesk| skesk.decrypt(&self.0).is_ok_and(|(cipher, key)| decrypt(cipher, &key)));
        if opened { Ok(None) } else { Err(openpgp::Error::InvalidPassword.into()) }
    }
}

#[test]
fn a_stock_openpgp_implementation_opens_it() {
    let policy = StandardPolicy::new();
    let message = sealed();
    let mut decryptor = DecryptorBuilder::from_bytes(&message)
        .unwrap()
        .with_policy(&policy, std::time::SystemTime::UNIX_EPOCH, Stock("tako-mivu".into()))
        .unwrap();
    let mut content = Vec::new();
    decryptor.read_to_end(&mut content).unwrap();
    assert_eq!(content, [b"waterfall/room-key/1".as_slice(), &[0x5a; 32]].concat());
}

fn argon2(exponent: u8, passes: u8, lanes: u8) -> S2K {
    S2K::Argon2 { salt: [1; 16], t: passes, p: lanes, m: exponent }
}

/// A lock that says what its derivation costs, and holds nothing: nobody must get as far as to try.
fn hollow_lock(s2k: S2K) -> Packet {
    let lock = SKESK6::new(SymmetricAlgorithm::AES256, AEADAlgorithm::OCB, s2k, vec![2; 15].into(), vec![3; 48].into());
    lock.unwrap().into()
}

const SESSION: [u8; 32] = [9; 32];

/// A lock of the cheapest sort that does open.
fn true_lock(password: &str) -> Packet {
    let (cipher, aead) = (SymmetricAlgorithm::AES256, AEADAlgorithm::OCB);
    SKESK6::with_password(cipher, cipher, aead, argon2(3, 1, 1), &SESSION.as_slice().into(), &password.into())
        .unwrap()
        .into()
}

/// A message of these locks over data that the session key opens.
fn message(locks: &[Packet], write: impl FnOnce(Message<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut message = Message::new(&mut bytes);
    for lock in locks {
        lock.serialize(&mut message).unwrap();
    }
    let encryptor =
        Encryptor::with_session_key(message, SymmetricAlgorithm::AES256, SESSION.as_slice().into()).unwrap();
    write(encryptor.aead_algo(AEADAlgorithm::OCB).build().unwrap());
    bytes
}

fn literal(content: &[u8]) -> impl FnOnce(Message<'_>) {
    move |message| {
        let mut literal = LiteralWriter::new(message).build().unwrap();
        literal.write_all(content).unwrap();
        literal.finalize().unwrap();
    }
}

fn good_content() -> Vec<u8> {
    [b"waterfall/room-key/1".as_slice(), &[0x5a; 32]].concat()
}

fn open(message: &[u8]) -> Result<RoomKey, ChunkError> {
    open_password(message, &"tako-mivu".into())
}

#[test]
fn costs_are_refused_before_anything_is_derived() {
    // 2 GiB; 2 TiB, which no machine could even try; too many passes; too many lanes.
    for s2k in
        [argon2(21, 3, 4), argon2(31, 1, 1), argon2(19, 1, 1), argon2(16, 11, 1), argon2(16, 255, 1), argon2(16, 3, 17)]
    {
        let message = message(&[true_lock("tako-mivu"), hollow_lock(s2k)], literal(&good_content()));
        assert_eq!(open(&message), Err(ChunkError::TooExpensive), "even if another lock would have opened");
    }
    // Each within the caps, but not together.
    let locks = [hollow_lock(argon2(18, 10, 4)), hollow_lock(argon2(18, 1, 4))];
    assert_eq!(open(&message(&locks, literal(&good_content()))), Err(ChunkError::TooExpensive));
    let locks = vec![true_lock("tako-mivu"); 5];
    assert_eq!(open(&message(&locks, literal(&good_content()))), Err(ChunkError::TooExpensive));
    for (exponent, passes, lanes) in [(21, 3, 4), (16, 11, 4), (16, 3, 17), (255, 255, 255)] {
        assert_eq!(Argon2Params::new(exponent, passes, lanes), Err(ChunkError::TooExpensive));
    }
}

#[test]
fn impossible_costs_are_malformed() {
    for s2k in [argon2(16, 0, 1), argon2(16, 1, 0), argon2(3, 1, 2), argon2(0, 1, 1)] {
        assert_eq!(open(&message(&[hollow_lock(s2k)], literal(&good_content()))), Err(ChunkError::Malformed));
    }
}

#[test]
fn any_of_a_few_locks_opens_it() {
    let locks = ["one", "two", "tako-mivu", "four"].map(true_lock);
    assert_eq!(open(&message(&locks, literal(&good_content()))), Ok(key()));
}

#[test]
fn other_ways_of_locking_are_called_unsupported() {
    #[allow(deprecated)]
    let simple = S2K::Simple { hash: openpgp::types::HashAlgorithm::SHA256 };
    for s2k in [S2K::default(), simple] {
        assert_eq!(open(&message(&[hollow_lock(s2k)], literal(&good_content()))), Err(ChunkError::Unsupported));
    }
    assert_eq!(open(&message(&[], literal(&good_content()))), Err(ChunkError::Unsupported), "no lock at all");
    // What OpenPGP programs write of themselves: version 4, iterated, SEIPD version 1.
    let mut classic = Vec::new();
    let encryptor = Encryptor::with_passwords(Message::new(&mut classic), Some("tako-mivu")).build().unwrap();
    literal(&good_content())(encryptor);
    assert_eq!(open(&classic), Err(ChunkError::Unsupported));
}

#[test]
fn contents_of_another_form_are_malformed() {
    let locks = [true_lock("tako-mivu")];
    assert_eq!(open(&message(&locks, literal(&good_content()))), Ok(key()), "the others differ from this alone");
    let good = good_content();
    let mut later_version = good.clone();
    later_version[19] = b'2';
    for content in [&[][..], &good[..51], &[good.as_slice(), b"x"].concat(), &later_version, &[0; 6_000]] {
        assert_eq!(open(&message(&locks, literal(content))), Err(ChunkError::Malformed));
    }
    let two = |mut message: Message<'_>| {
        for _ in 0..2 {
            let mut packet = openpgp::packet::Literal::new(openpgp::types::DataFormat::Binary);
            packet.set_body(good_content());
            Packet::from(packet).serialize(&mut message).unwrap();
        }
        message.finalize().unwrap();
    };
    assert_eq!(open(&message(&locks, two)), Err(ChunkError::Malformed), "two literals");
    let nested = |message: Message<'_>| {
        let inner =
            Encryptor::with_session_key(message, SymmetricAlgorithm::AES256, SESSION.as_slice().into()).unwrap();
        literal(&good_content())(inner.aead_algo(AEADAlgorithm::OCB).build().unwrap());
    };
    assert_eq!(open(&message(&locks, nested)), Err(ChunkError::Malformed), "a message in a message");
    let compressed = |mut message: Message<'_>| {
        // A compressed data packet (tag 8), algorithm 0 (uncompressed), around a literal.
        let mut packet = openpgp::packet::Literal::new(openpgp::types::DataFormat::Binary);
        packet.set_body(good_content());
        let mut inside = vec![0];
        Packet::from(packet).serialize(&mut inside).unwrap();
        message.write_all(&[0xc8, u8::try_from(inside.len()).unwrap()]).unwrap();
        message.write_all(&inside).unwrap();
        message.finalize().unwrap();
    };
    assert_eq!(open(&message(&locks, compressed)), Err(ChunkError::Malformed), "compressed");
}

#[test]
fn an_altered_or_cut_message_gives_no_key() {
    let message = sealed();
    for len in 0..message.len() {
        open(&message[..len]).unwrap_err();
    }
    for (at, altered) in each_byte_flipped(&message) {
        assert!(open(&altered).is_err(), "byte {at}");
    }
    open(&[message.as_slice(), b"\xd4\x00"].concat()).unwrap_err();
    assert_eq!(open(&vec![0; MAX_CHUNK_MESSAGE + 1]), Err(ChunkError::Malformed));
}

#[test]
fn armor_is_not_read() {
    let mut armored = openpgp::armor::Writer::new(Vec::new(), openpgp::armor::Kind::Message).unwrap();
    armored.write_all(&sealed()).unwrap();
    assert_eq!(open(&armored.finalize().unwrap()), Err(ChunkError::Malformed));
}

#[test]
fn secrets_are_not_printed() {
    let password = Password::from("tako-mivu");
    assert_eq!(format!("{password:?} {:?}", key()), "Password(..) RoomKey(..)");
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(open(&bytes).is_err());
    }

    /// Bytes behind a true beginning get further into the parser.
    #[test]
    fn a_random_tail_is_refused(keep in 0..200_usize, tail in prop::collection::vec(any::<u8>(), 0..500)) {
        let message = message(&[true_lock("tako-mivu")], literal(&good_content()));
        // The lock itself stays whole or is cut: its costs are not left to chance.
        let lock_len = message.len() - 120;
        let keep = keep.min(message.len() - 1).max(lock_len);
        let altered = [&message[..keep], &tail].concat();
        prop_assert!(altered == message || open(&altered).is_err());
    }
}
