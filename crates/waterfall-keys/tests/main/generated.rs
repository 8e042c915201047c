//! Keys made here.

use waterfall_keys::Password;
use waterfall_keys::openpgp::{Certificate, GenerateError, Reason, SecretKey, SecretPart, generate};
use waterfall_wire::UnixMillis;

use crate::fixtures::NOW;

#[test]
fn a_new_key_serves_at_once() {
    for passphrase in [None, Some(Password::from("tako-mivu"))] {
        let made = generate("Bob <bob@example.org>", NOW, None, passphrase.as_ref()).unwrap();
        let mut key = SecretKey::read_all(made.secret.as_bytes()).unwrap().remove(0);
        assert_eq!(key.is_locked(), passphrase.is_some());
        if let Some(passphrase) = &passphrase {
            key.unlock(&"tako-mivv".into()).unwrap_err();
            key.unlock(passphrase).unwrap();
        }
        key.check_member(NOW).unwrap();
        let details = key.certificate().details(NOW);
        assert_eq!(details.fingerprint, made.fingerprint);
        assert_eq!(details.user_ids, ["Bob <bob@example.org>"]);
        let keys: Vec<_> =
            details.keys.iter().map(|key| (key.algorithm.as_str(), key.version, key.signs, key.encrypts)).collect();
        assert_eq!(keys, [("Ed25519", 4, true, false), ("Curve25519", 4, false, true)]);
        assert!(details.keys.iter().all(|one| one.expires.is_none() && key.part(&one.fingerprint) == SecretPart::Open));
        assert!(SecretKey::read_all(made.certificate.as_bytes()).is_err(), "nothing secret is given away");
        assert_eq!(Certificate::read_all(made.certificate.as_bytes()), Ok(vec![key.certificate().clone()]));
    }
}

#[test]
fn a_life_ends_when_it_was_said() {
    let end = NOW.plus(86_400_000);
    let made = generate("Bob", NOW, Some(end), None).unwrap();
    let certificate = Certificate::read_all(made.certificate.as_bytes()).unwrap().remove(0);
    certificate.check_recipient(UnixMillis(end.0 - 1_000)).unwrap();
    assert_eq!(certificate.check_recipient(end).unwrap_err().reason, Reason::Expired { since: end });
    assert_eq!(certificate.details(NOW).keys[0].expires, Some(end));
    for end in [UnixMillis(0), NOW] {
        assert_eq!(generate("Bob", NOW, Some(end), None).err(), Some(GenerateError::BadLife));
    }
    // Far beyond what can be said: as late as can be.
    generate("Bob", NOW, Some(UnixMillis(u64::MAX)), None).unwrap();
}

#[test]
fn the_revocation_revokes() {
    let made = generate("Bob <bob@example.org>", NOW, None, None).unwrap();
    assert!(Certificate::read_all(made.revocation.as_bytes()).is_err(), "of itself it is no certificate");
    let decode = |armored: &str| {
        let mut binary = Vec::new();
        let mut reader = sequoia_openpgp::armor::Reader::from_bytes(armored.as_bytes(), None);
        std::io::Read::read_to_end(&mut reader, &mut binary).unwrap();
        binary
    };
    let both = [decode(&made.certificate), decode(&made.revocation)].concat();
    let revoked = Certificate::read_all(&both).unwrap().remove(0);
    assert_eq!(revoked.check_recipient(NOW).unwrap_err().reason, Reason::Revoked);
}

#[test]
fn names_are_one_line() {
    for name in ["", "  ", "Bob\nMallory", "Bob\x1b[2J", &"x".repeat(257)] {
        assert_eq!(generate(name, NOW, None, None).err(), Some(GenerateError::BadName));
    }
}
