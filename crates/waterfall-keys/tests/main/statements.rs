//! Who owns a room, and whose a node is.

use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::PublicKeyAlgorithm;
use sequoia_openpgp::{Cert, Packet};
use waterfall_keys::Password;
use waterfall_keys::openpgp::{
    Certificate, CertifyError, KeyError, MAX_SKEW, Reason, SecretKey, VerifyError, certify_node, certify_owner,
    claimed_by, generate, node_statement, owner_statement, verify_node, verify_owner,
};
use waterfall_wire::{Certified, Epoch, Fingerprint, MAX_CERTIFICATE, NodeId, Owner, RoomId, UnixMillis};

use crate::fixtures::{MEMBERS, NOW, PASSPHRASE, file, key, locked_key};
use crate::support::{each_byte_flipped, node, room};

const EPOCH: Epoch = Epoch(3);

fn me() -> NodeId {
    node(7).node_id()
}

fn credential(key: &SecretKey) -> Certified {
    certify_node(&room(), EPOCH, &me(), key, NOW).unwrap()
}

fn anyone(_: &Fingerprint) -> bool {
    true
}

#[test]
fn statements_are_these_texts() {
    let (room, node) = (RoomId([0x52; 32]), NodeId([0x11; 32]));
    assert_eq!(owner_statement(&room), format!("waterfall room owner\nversion: 1\nroom: {room}\n"));
    assert_eq!(
        node_statement(&room, EPOCH, &node),
        format!("waterfall room member\nversion: 1\nroom: {room}\nepoch: 3\nnode: {node}\n")
    );
}

#[test]
fn every_sort_of_key_certifies() {
    for name in MEMBERS {
        let key = key(name);
        let owner = certify_owner(&room(), &key, NOW).unwrap();
        assert!(owner.certified.certificate.len() <= MAX_CERTIFICATE);
        assert_eq!(verify_owner(&owner, &room(), NOW).as_ref(), Ok(key.certificate()), "{name}");
        let found = verify_node(&credential(&key), &room(), EPOCH, &me(), NOW, anyone).unwrap();
        assert_eq!(found.fingerprint(), key.certificate().fingerprint());
        assert_eq!(found.holder(NOW), key.certificate().holder(NOW));
    }
    certify_owner(&room(), &locked_key("signer"), NOW).unwrap();
}

#[test]
fn a_statement_holds_for_what_it_says_alone() {
    let credential = credential(&key("alice"));
    let (room, other) = (room(), RoomId([0x53; 32]));
    let check = |room: &RoomId, epoch, node: &NodeId| verify_node(&credential, room, epoch, node, NOW, anyone);
    check(&room, EPOCH, &me()).unwrap();
    assert_eq!(check(&other, EPOCH, &me()), Err(VerifyError::BadSignature));
    assert_eq!(check(&room, Epoch(4), &me()), Err(VerifyError::BadSignature));
    assert_eq!(check(&room, EPOCH, &node(8).node_id()), Err(VerifyError::BadSignature));
    let as_owner = Owner { certified: credential.clone() };
    assert_eq!(verify_owner(&as_owner, &room, NOW), Err(VerifyError::BadSignature));
}

#[test]
fn strangers_are_refused_before_signatures_are_checked() {
    let alice = key("alice");
    let forged = Certified { signature: credential(&key("bob")).signature, ..credential(&alice) };
    let refused = verify_node(&forged, &room(), EPOCH, &me(), NOW, |_| false).unwrap_err();
    assert!(matches!(refused, VerifyError::Unfit(unfit) if unfit.reason == Reason::NotMember));
    assert_eq!(claimed_by(&forged), Ok(alice.certificate().fingerprint()));
    let mut asked = None;
    verify_node(&forged, &room(), EPOCH, &me(), NOW, |fingerprint| {
        asked = Some(*fingerprint);
        true
    })
    .unwrap_err();
    assert_eq!(asked, Some(alice.certificate().fingerprint()));
}

#[test]
fn certificates_are_cut_down() {
    // Three user ids, three certifications by others, a subkey for encryption.
    let alice = &Certificate::read_all(&file("ring.gpg")).unwrap()[0];
    let sent = credential(&key("alice")).certificate;
    assert!(sent.len() < 400 && alice.to_bytes().len() > 700, "{} of {}", sent.len(), alice.to_bytes().len());
    let copy = Certificate::read_all(&sent).unwrap().remove(0);
    assert_eq!(copy.details(NOW).keys.len(), 1);
    assert_eq!(copy.check_recipient(NOW).unwrap_err().reason, Reason::NoEncryptionKey);
    // A subkey that signs comes with it.
    let grace = SecretKey::read_all(&file("grace.subkeys.asc")).unwrap().remove(0);
    let copy = Certificate::read_all(&credential(&grace).certificate).unwrap().remove(0);
    assert_eq!(copy.details(NOW).keys.len(), 2);
}

#[test]
fn what_is_longer_than_need_be_is_refused() {
    let good = credential(&key("alice"));
    let verify = |certified: &Certified| verify_node(certified, &room(), EPOCH, &me(), NOW, anyone);
    let with = |certificate: Vec<u8>| Certified { certificate, ..good.clone() };
    assert_eq!(verify(&with(key("bob").certificate().to_bytes())).unwrap_err(), VerifyError::BadSignature);
    assert_eq!(verify(&with(vec![])), Err(VerifyError::Malformed));
    assert_eq!(
        verify(&with([good.certificate.clone(), good.certificate.clone()].concat())),
        Err(VerifyError::Malformed)
    );
    let with_more = |more: &[u8], times: usize| with([good.certificate.clone(), more.repeat(times)].concat());
    let signature = &good.signature[..];
    verify(&with_more(signature, 2)).unwrap();
    assert_eq!(verify(&with_more(signature, 20)), Err(VerifyError::Malformed));
    assert_eq!(verify(&with_more(b"\xcd\x01x", 1)), Err(VerifyError::Malformed), "another user id");
    assert_eq!(verify(&with_more(b"\xd1\x03\x02\x01x", 1)), Err(VerifyError::Malformed), "a picture");
    assert_eq!(verify(&with(file("alice.key.asc"))), Err(VerifyError::Malformed), "armor");
    let two = Certified { signature: signature.repeat(2), ..good.clone() };
    assert_eq!(verify(&two), Err(VerifyError::Malformed));
}

#[test]
fn altered_ones_are_refused() {
    let good = credential(&key("alice"));
    let verify = |certified: &Certified| verify_node(certified, &room(), EPOCH, &me(), NOW, anyone);
    for (at, signature) in each_byte_flipped(&good.signature) {
        // What is not signed may differ: the hash's first bytes, hints about the issuer.
        if let Ok(found) = verify(&Certified { signature, ..good.clone() }) {
            assert_eq!(found.fingerprint(), key("alice").certificate().fingerprint(), "byte {at}");
        }
    }
    for (at, certificate) in each_byte_flipped(&good.certificate) {
        if let Ok(found) = verify(&Certified { certificate, ..good.clone() }) {
            assert_eq!(found.fingerprint(), key("alice").certificate().fingerprint(), "byte {at}");
        }
    }
    for len in 0..good.signature.len() {
        verify(&Certified { signature: good.signature[..len].to_vec(), ..good.clone() }).unwrap_err();
    }
}

#[test]
fn keys_that_do_not_serve_say_why() {
    let locked = locked_key("dave");
    assert_eq!(certify_owner(&room(), &locked, NOW), Err(CertifyError::Key(KeyError::Locked)));
    assert_eq!(locked.check_member(NOW), Err(KeyError::Locked));
    assert_eq!((key("dave").check_member(NOW), key("dave").check_owner(NOW)), (Ok(()), Ok(())));
    // Dates come first: nobody is asked for the passphrase of a key that cannot be used.
    let early = locked.check_owner(UnixMillis(0)).unwrap_err();
    assert!(matches!(early, KeyError::Unfit(unfit) if matches!(unfit.reason, Reason::NotYetValid { .. })));
    let signer = locked_key("signer");
    assert_eq!(signer.check_owner(NOW), Ok(()));
    let Err(KeyError::Unfit(unfit)) = signer.check_member(NOW) else { panic!("it cannot decrypt") };
    assert_eq!(unfit.reason, Reason::NoEncryptionKey);
    // Grace's without the subkey that signs, as somebody may keep it on a telephone.
    let grace = SecretKey::read_all(&file("grace.subkeys.asc")).unwrap().remove(0);
    assert_eq!(grace.check_member(NOW), Ok(()));
    let reader = SecretKey::read_all(&without_signing_subkey(&file("grace.subkeys.asc"))).unwrap().remove(0);
    assert_eq!(reader.check_member(NOW), Err(KeyError::CannotSign));
    assert_eq!(certify_owner(&room(), &reader, NOW), Err(CertifyError::Key(KeyError::CannotSign)));
}

fn without_signing_subkey(file: &[u8]) -> Vec<u8> {
    let cert = Cert::from_bytes(file).unwrap();
    let packets = cert.as_tsk().into_packets().map(|packet| match packet {
        Packet::SecretSubkey(key) if key.pk_algo() == PublicKeyAlgorithm::EdDSA => key.take_secret().0.into(),
        other => other,
    });
    let cert = Cert::from_packets(packets.collect::<Vec<_>>().into_iter()).unwrap();
    cert.as_tsk().to_vec().unwrap()
}

/// A key made a moment ago serves at once, whoever's clock is behind.
#[test]
fn clocks_may_differ_by_minutes() {
    let made = generate("New <new@example.org>", NOW, None, Some(&Password::from(PASSPHRASE))).unwrap();
    let mut key = SecretKey::read_all(made.secret.as_bytes()).unwrap().remove(0);
    key.unlock(&PASSPHRASE.into()).unwrap();
    let behind = |millis: u64| UnixMillis(NOW.0 - millis);
    for signer in [NOW, behind(MAX_SKEW), NOW.plus(MAX_SKEW)] {
        let owner = certify_owner(&room(), &key, signer).unwrap();
        let signed = signer.max(NOW);
        for verifier in [NOW, UnixMillis(signed.0 - MAX_SKEW), signed.plus(86_400_000)] {
            verify_owner(&owner, &room(), verifier).unwrap();
        }
        assert!(verify_owner(&owner, &room(), UnixMillis(signed.0 - MAX_SKEW - 1_000)).is_err());
    }
}

#[test]
fn certificates_are_judged_now_not_when_they_signed() {
    let soon = NOW.plus(60_000);
    let made = generate("Short <short@example.org>", NOW, Some(soon), None).unwrap();
    let key = SecretKey::read_all(made.secret.as_bytes()).unwrap().remove(0);
    let owner = certify_owner(&room(), &key, NOW).unwrap();
    verify_owner(&owner, &room(), NOW.plus(59_000)).unwrap();
    let refused = verify_owner(&owner, &room(), NOW.plus(61_000)).unwrap_err();
    assert!(matches!(refused, VerifyError::Unfit(unfit) if unfit.reason == Reason::Expired { since: soon }));
}
