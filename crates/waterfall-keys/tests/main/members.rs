//! Room keys for members, and who can read what.

use std::collections::BTreeSet;

use sequoia_openpgp as openpgp;

use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::crypto::SessionKey;
use openpgp::packet::pkesk::PKESK3;
use openpgp::packet::{Any, PKESK};
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto;
use openpgp::types::{KeyFlags, SymmetricAlgorithm};
use openpgp::{Packet, PacketPile, Profile};
use proptest::prelude::*;
use waterfall_keys::openpgp::members::{
    OpenMembersError, RecipientsError, SealMembersError, chunk_index, open, recipients, seal,
};
use waterfall_keys::openpgp::{Certificate, KeyError, Reason, SecretKey};
use waterfall_keys::{EpochKey, RoomKey};
use waterfall_wire::{Epoch, Fingerprint, KeyChunk, MAX_CHUNK_MESSAGE, Wire, encode};

use crate::fixtures::{MEMBERS, NOW, certificate, key, locked_key, members};
use crate::support::{each_byte_flipped, room};

const EPOCH: Epoch = Epoch(3);

fn room_key() -> RoomKey {
    RoomKey::from_bytes([0x5a; 32])
}

fn sealed(to: &[Certificate]) -> Vec<KeyChunk> {
    seal(&room_key(), &room(), EPOCH, to, NOW).unwrap()
}

fn epoch_key() -> EpochKey {
    EpochKey::derive(&room_key(), &room(), EPOCH)
}

#[test]
fn every_member_opens_its_chunk() {
    let chunks = sealed(&members());
    assert_eq!(chunks.len(), 1, "six members fit one chunk");
    assert_eq!((chunks[0].epoch, chunks[0].index), (EPOCH, 0));
    for name in MEMBERS {
        assert_eq!(open(&chunks[0].message, &key(name), NOW), Ok(room_key()), "{name}");
    }
}

#[test]
fn nobody_else_opens_it() {
    let all = members();
    for (left_out, name) in MEMBERS.iter().enumerate() {
        let mut others = all.clone();
        others.remove(left_out);
        let chunks = sealed(&others);
        assert_eq!(open(&chunks[0].message, &key(name), NOW), Err(OpenMembersError::NotForThisKey), "{name}");
    }
    let message = &sealed(&all)[0].message;
    assert_eq!(open(message, &locked_key("dave"), NOW), Err(OpenMembersError::Key(KeyError::Locked)));
    let Err(OpenMembersError::Key(KeyError::Unfit(signer))) = open(message, &locked_key("signer"), NOW) else {
        panic!("a key that cannot decrypt")
    };
    assert_eq!(signer.reason, Reason::NoEncryptionKey);
    assert_eq!(open(b"", &key("alice"), NOW), Err(OpenMembersError::NotForThisKey), "a chunk for nobody");
}

/// So that GnuPG and others know at once which of their keys to try.
#[test]
fn a_message_names_the_keys_it_is_for_and_the_list_is_for_members() {
    let all = members();
    let chunk = sealed(&all).remove(0);
    for certificate in &all {
        let listed = certificate.fingerprint();
        let clear = chunk.recipients.windows(listed.as_bytes().len()).any(|window| window == listed.as_bytes());
        assert!(!clear, "the list is sealed");
    }
    let pile = PacketPile::from_bytes(&chunk.message).unwrap();
    let locks: Vec<&PKESK> = pile.children().filter_map(|packet| packet.downcast_ref()).collect();
    assert_eq!(locks.len(), all.len());
    for (certificate, lock) in all.iter().zip(0..) {
        let keys = certificate.details(NOW).keys;
        let named = locks.iter().filter_map(|lock| lock.recipient());
        let named = named.filter(|named| {
            let id = named.as_bytes();
            keys.iter().any(|key| key.fingerprint.as_bytes().ends_with(id))
        });
        assert_eq!(named.count(), 1, "member {lock}");
    }
}

#[test]
fn members_know_each_other() {
    let all = members();
    let chunk = sealed(&all).remove(0);
    let expected: BTreeSet<Fingerprint> = all.iter().map(Certificate::fingerprint).collect();
    let listed = recipients(&chunk, &epoch_key()).unwrap();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert!(listed.is_sorted());
    // Of another epoch, another room, another chunk; altered.
    let others =
        [EpochKey::derive(&room_key(), &room(), Epoch(4)), EpochKey::derive(&RoomKey::generate(), &room(), EPOCH)];
    assert!(others.iter().all(|other| matches!(recipients(&chunk, other), Err(RecipientsError::Seal(_)))));
    assert!(recipients(&KeyChunk { index: 1, ..chunk.clone() }, &epoch_key()).is_err());
    for (_, altered) in each_byte_flipped(&chunk.recipients) {
        assert!(recipients(&KeyChunk { recipients: altered, ..chunk.clone() }, &epoch_key()).is_err());
    }
}

#[test]
fn named_twice_counts_once() {
    let twice = [members(), members()].concat();
    assert_eq!(recipients(&sealed(&twice)[0], &epoch_key()).unwrap().len(), MEMBERS.len());
}

#[test]
fn one_that_does_not_serve_is_named() {
    let everyone = |name: &str| [members(), vec![certificate(name)]].concat();
    let refused = |name: &str| match seal(&room_key(), &room(), EPOCH, &everyone(name), NOW) {
        Err(SealMembersError::Unfit(unfit)) => unfit,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("revoked").reason, Reason::Revoked);
    assert_eq!(refused("revoked").holder.fingerprint(), certificate("revoked").fingerprint());
    assert!(matches!(refused("expired").reason, Reason::Expired { .. }));
    assert_eq!(seal(&room_key(), &room(), EPOCH, &[], NOW), Err(SealMembersError::NoMembers));
}

#[test]
fn a_chunk_is_the_first_bits_of_a_hash() {
    let fingerprint = Fingerprint::new(&[0x11; 20]).unwrap();
    let ten = chunk_index(&fingerprint, 1_024);
    for bits in 0..=10 {
        assert_eq!(chunk_index(&fingerprint, 1 << bits), ten >> (10 - bits));
    }
    assert_eq!(chunk_index(&fingerprint, 0), 0);
}

fn modern(profile: Profile, suite: CipherSuite) -> SecretKey {
    let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0);
    let (cert, _) = CertBuilder::new()
        .set_profile(profile)
        .unwrap()
        .set_cipher_suite(suite)
        .set_creation_time(at)
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .add_userid("Modern <modern@example.org>")
        .add_subkey(KeyFlags::empty().set_transport_encryption(), None, None)
        .generate()
        .unwrap();
    SecretKey::read_all(&cert.as_tsk().to_vec().unwrap()).unwrap().remove(0)
}

#[test]
fn version_6_is_for_those_who_all_announce_it() {
    let new: Vec<SecretKey> = [CipherSuite::Cv25519, CipherSuite::Cv448, CipherSuite::P256]
        .map(|suite| modern(Profile::RFC9580, suite))
        .into();
    let version = |chunk: &KeyChunk| {
        let pile = PacketPile::from_bytes(&chunk.message).unwrap();
        pile.children().filter_map(Packet::version).collect::<BTreeSet<_>>()
    };
    let mut to: Vec<Certificate> = new.iter().map(|key| key.certificate().clone()).collect();
    let chunk = sealed(&to).remove(0);
    assert_eq!(version(&chunk), BTreeSet::from([2, 6]));
    for key in &new {
        assert_eq!(open(&chunk.message, key, NOW), Ok(room_key()));
    }
    to.extend(members());
    let chunk = sealed(&to).remove(0);
    assert_eq!(version(&chunk), BTreeSet::from([1, 3]), "GnuPG knows no other");
    for key in new.iter().chain([&key("bob"), &key("carol")]) {
        assert_eq!(open(&chunk.message, key, NOW), Ok(room_key()));
    }
    assert_eq!(recipients(&chunk, &epoch_key()).unwrap().len(), 9);
}

/// Fills chunks with certificates of all sorts of sizes.
#[test]
fn many_members_are_spread_over_chunks_that_fit() {
    let keys: Vec<SecretKey> = (0..150).map(|_| modern(Profile::RFC4880, CipherSuite::Cv25519)).collect();
    let to: Vec<Certificate> = keys.iter().map(|key| key.certificate().clone()).chain(members()).collect();
    let chunks = sealed(&to);
    let count = u16::try_from(chunks.len()).unwrap();
    assert!(count.is_power_of_two() && count > 1);
    let mut listed = Vec::new();
    for (chunk, index) in chunks.iter().zip(0..) {
        assert_eq!(chunk.index, index);
        chunk.check().unwrap();
        assert!(encode(chunk).len() <= KeyChunk::MAX_LEN);
        let here = recipients(chunk, &epoch_key()).unwrap();
        assert!(here.iter().all(|one| chunk_index(one, count) == index));
        assert_eq!(here.is_empty(), chunk.message.is_empty());
        listed.extend(here);
    }
    assert_eq!(listed.len(), to.len());
    for key in &keys {
        let mine = chunk_index(&key.certificate().fingerprint(), count);
        assert_eq!(open(&chunks[usize::from(mine)].message, key, NOW), Ok(room_key()));
    }
    // Half as many chunks would not have been enough.
    let half = chunks.chunks(2).map(|two| two.iter().map(|chunk| chunk.message.len()).sum::<usize>()).max().unwrap();
    assert!(half + 1_000 > MAX_CHUNK_MESSAGE, "{half}");
}

#[test]
fn an_altered_or_cut_message_gives_no_key() {
    let alice = key("alice");
    let message = sealed(&[alice.certificate().clone()]).remove(0).message;
    for len in 0..message.len() {
        open(&message[..len], &alice, NOW).unwrap_err();
    }
    for (at, altered) in each_byte_flipped(&message) {
        // A few bytes say nothing: how lengths are written, and the recipient, which is then another.
        assert!(open(&altered, &alice, NOW).is_err_and(|_| true) || matches!(at, 3..=10), "byte {at}");
    }
    open(&[message.as_slice(), b"\xd4\x00"].concat(), &alice, NOW).unwrap_err();
    assert_eq!(open(&vec![0; MAX_CHUNK_MESSAGE + 1], &alice, NOW), Err(OpenMembersError::Malformed));
}

/// A session key of no bytes at all is honestly encrypted, and would be read from.
#[test]
fn an_empty_session_key_does_no_harm() {
    let policy = StandardPolicy::new();
    for name in ["alice", "bob", "frank"] {
        let key = key(name);
        let cert = openpgp::Cert::from_bytes(&key.certificate().to_bytes()).unwrap();
        let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0);
        let subkey = cert.keys().with_policy(&policy, at).for_transport_encryption().next().unwrap().key().clone();
        for session in [vec![], vec![9], vec![9, 0], vec![9, 0, 9]] {
            let esk = subkey.encrypt(&SessionKey::from(session)).unwrap();
            let lock = Packet::from(PKESK3::new(None, subkey.pk_algo(), esk).unwrap());
            let honest = sealed(&[key.certificate().clone()]).remove(0).message;
            let message = [lock.to_vec().unwrap(), honest].concat();
            assert_eq!(open(&message, &key, NOW), Ok(room_key()), "{name}: passed over");
        }
    }
}

/// What is no room key is not taken for one: text, a signed message, a compressed one.
#[test]
fn contents_of_another_form_are_malformed() {
    use openpgp::serialize::stream::{Compressor, Encryptor, LiteralWriter, Message};
    use std::io::Write;
    let alice = key("alice");
    let cert = openpgp::Cert::from_bytes(&alice.certificate().to_bytes()).unwrap();
    let policy = StandardPolicy::new();
    let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(NOW.0);
    let encrypt = |content: &[u8], compress: bool| {
        let to = cert.keys().with_policy(&policy, at).for_transport_encryption();
        let mut bytes = Vec::new();
        let message = Encryptor::for_recipients(Message::new(&mut bytes), to)
            .symmetric_algo(SymmetricAlgorithm::AES256)
            .build()
            .unwrap();
        let message = if compress { Compressor::new(message).build().unwrap() } else { message };
        let mut literal = LiteralWriter::new(message).build().unwrap();
        literal.write_all(content).unwrap();
        literal.finalize().unwrap();
        bytes
    };
    let good = [b"waterfall/room-key/1".as_slice(), &[0x5a; 32]].concat();
    assert_eq!(open(&encrypt(&good, false), &alice, NOW), Ok(room_key()), "named, as programs do of themselves");
    assert_eq!(open(&encrypt(&good, true), &alice, NOW), Err(OpenMembersError::Malformed));
    for content in [&b""[..], &good[..51], &[good.as_slice(), b"x"].concat(), &[0; 6_000]] {
        assert_eq!(open(&encrypt(content, false), &alice, NOW), Err(OpenMembersError::Malformed));
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(open(&bytes, &key("alice"), NOW).is_err());
    }
}
