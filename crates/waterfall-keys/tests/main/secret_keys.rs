//! Secret keys as GnuPG exports them.

use proptest::prelude::*;
use waterfall_keys::openpgp::{ReadError, SecretKey, SecretPart, Stub, UnlockError};
use waterfall_keys::{Password, openpgp};

use crate::fixtures::{MEMBERS, NOW, PASSPHRASE, file, locked_key};

#[test]
fn a_passphrase_unlocks() {
    for name in MEMBERS {
        let mut key = locked_key(name);
        let under_passphrase = ["carol", "dave", "erin"].contains(&name);
        assert_eq!(key.is_locked(), under_passphrase, "{name}");
        let parts = |key: &SecretKey| -> Vec<SecretPart> {
            key.certificate().details(NOW).keys.iter().map(|one| key.part(&one.fingerprint)).collect()
        };
        if under_passphrase {
            assert_eq!(parts(&key), [SecretPart::Locked, SecretPart::Locked]);
            assert_eq!(key.unlock(&"tako-mivv".into()), Err(UnlockError::WrongPassphrase));
            assert!(key.is_locked());
        }
        key.unlock(&Password::from(PASSPHRASE)).unwrap();
        assert!(!key.is_locked());
        assert_eq!(parts(&key), [SecretPart::Open, SecretPart::Open], "{name}");
    }
}

#[test]
fn subkeys_alone_are_enough() {
    let keys = SecretKey::read_all(&file("grace.subkeys.asc")).unwrap();
    let details = keys[0].certificate().details(NOW);
    let parts: Vec<_> = details.keys.iter().map(|one| keys[0].part(&one.fingerprint)).collect();
    assert_eq!(parts, [SecretPart::Elsewhere(Stub::Offline), SecretPart::Open, SecretPart::Open]);
    assert!(!keys[0].is_locked());
    let room = crate::support::room();
    let owner = openpgp::certify_owner(&room, &keys[0], NOW).unwrap();
    assert_eq!(openpgp::verify_owner(&owner, &room, NOW).as_ref(), Ok(keys[0].certificate()));
}

#[test]
fn files_without_a_secret_key_say_so() {
    let said = |name: &str| SecretKey::read_all(&file(name)).unwrap_err();
    assert_eq!(said("ring.gpg"), ReadError::NoSecretKey);
    assert_eq!(said("expired.pub.asc"), ReadError::NoSecretKey);
    assert_eq!(said("signer.stub.asc"), ReadError::Elsewhere(Stub::Offline));
    // GnuPG's note for a key on a card, with the card's serial number; made from the other one.
    let mut packets = dearmor("signer.stub.asc");
    let note = packets.windows(4).position(|window| window == b"GNU\x01").unwrap();
    packets[note + 3] = 2;
    packets.splice(note + 4..note + 4, [16].into_iter().chain([0xd2; 16]));
    // The packet before grew by that (its length: one byte, as it is below 192).
    packets[1] += 17;
    assert_eq!(SecretKey::read_all(&packets).unwrap_err(), ReadError::Elsewhere(Stub::Card));
    // A usable one beside it is found.
    let both = [packets, dearmor("alice.key.asc")].concat();
    assert_eq!(SecretKey::read_all(&both).unwrap().len(), 1);
}

fn dearmor(name: &str) -> Vec<u8> {
    let mut binary = Vec::new();
    let file = file(name);
    let mut reader = sequoia_openpgp::armor::Reader::from_bytes(&file, None);
    std::io::Read::read_to_end(&mut reader, &mut binary).unwrap();
    binary
}

/// Derivations are affordable, or refused before they begin.
#[test]
fn costs_are_capped() {
    for (exponent, passes, lanes) in [(21, 3, 4), (31, 1, 1), (16, 255, 1), (16, 3, 17), (255, 255, 255)] {
        let mut key =
            SecretKey::read_all(&crate::support::key_under_argon2(exponent, passes, lanes)).unwrap().remove(0);
        assert!(key.is_locked());
        assert_eq!(key.unlock(&Password::from(PASSPHRASE)), Err(UnlockError::TooExpensive));
    }
    let mut key = SecretKey::read_all(&crate::support::key_under_argon2(4, 1, 1)).unwrap().remove(0);
    assert_eq!(key.unlock(&Password::from("x")), Err(UnlockError::WrongPassphrase));
}

#[test]
fn secrets_are_not_printed() {
    let key = locked_key("alice");
    assert_eq!(format!("{key:?}"), format!("SecretKey({}, ..)", key.certificate().fingerprint()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is altered: an error, a wrong passphrase, or a key that signs nothing false.
    #[test]
    fn altered_keys_do_no_harm(at in 0..1_000_usize, bit in 0..8_u8, name in prop::sample::select(vec!["alice", "bob", "frank"])) {
        let mut bytes = dearmor(&format!("{name}.key.asc"));
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        for mut key in SecretKey::read_all(&bytes).unwrap_or_default() {
            let _ = key.unlock(&Password::from(PASSPHRASE));
            let room = crate::support::room();
            if let Ok(owner) = openpgp::certify_owner(&room, &key, NOW) {
                prop_assert!(openpgp::verify_owner(&owner, &room, NOW).is_ok());
            }
        }
    }
}
