//! Certificates as GnuPG writes them, and files that are none.

use proptest::prelude::*;
use waterfall_keys::openpgp::{Certificate, Format, ReadError, Reason};
use waterfall_wire::UnixMillis;

use crate::fixtures::{MEMBERS, NOW, certificate, file, locked_key};
use crate::support::each_byte_flipped;

fn day(date: u64) -> UnixMillis {
    UnixMillis(date * 1_000)
}

const FEBRUARY: u64 = 1_769_904_000;

fn names(file_name: &str) -> Vec<String> {
    let all = Certificate::read_all(&file(file_name)).unwrap();
    all.iter().map(|one| one.holder(NOW).user_id().unwrap().to_owned()).collect()
}

#[test]
fn those_of_gnupg_serve() {
    for name in MEMBERS {
        let certificate = locked_key(name).certificate().clone();
        certificate.check_recipient(NOW).unwrap();
        certificate.check_signer(NOW).unwrap();
        assert_eq!(certificate.user_ids()[0].to_lowercase(), format!("{name} <{name}@example.org>"));
        let copy = Certificate::read_all(&certificate.to_bytes()).unwrap();
        assert_eq!(copy, [certificate]);
    }
}

#[test]
fn what_does_not_serve_says_why() {
    let recipient = |name: &str| certificate(name).check_recipient(NOW).unwrap_err();
    assert_eq!(recipient("expired").reason, Reason::Expired { since: day(FEBRUARY + 12 * 3_600) });
    assert_eq!(recipient("revoked").reason, Reason::Revoked);
    assert_eq!(recipient("future").reason, Reason::NotYetValid { from: day(1_893_456_000) });
    assert_eq!(recipient("stale").reason, Reason::EncryptionKeyExpired { since: day(FEBRUARY + 12 * 3_600) });
    assert_eq!(recipient("sha1").reason, Reason::Unbound);
    for (name, algorithm) in [("weak", "RSA-1024"), ("foreign", "DSA-2048"), ("brainpool", "ECDSA brainpoolP256r1")] {
        assert_eq!(recipient(name).reason, Reason::Unsupported { algorithm: algorithm.into() });
    }
    let signer = locked_key("signer").certificate().clone();
    assert_eq!(signer.check_recipient(NOW).unwrap_err().reason, Reason::NoEncryptionKey);
    signer.check_signer(NOW).unwrap();
    certificate("stale").check_signer(NOW).unwrap();
    let text = recipient("expired").to_string();
    let fingerprint = certificate("expired").fingerprint().to_string();
    assert_eq!(
        text,
        format!("Expired <expired@example.org> ({}): the certificate expired on 2026-02-01", &fingerprint[24..])
    );
}

#[test]
fn certificates_are_judged_at_the_time_that_is_given() {
    let before = day(FEBRUARY - 86_400);
    certificate("expired").check_recipient(before).unwrap();
    certificate("stale").check_recipient(before).unwrap();
    certificate("future").check_signer(day(1_893_456_000)).unwrap();
    // Made a moment ago on a computer whose clock is ahead, up to five minutes.
    certificate("future").check_signer(day(1_893_456_000 - 300)).unwrap();
    let early = certificate("future").check_signer(day(1_893_456_000 - 301)).unwrap_err();
    assert_eq!(early.reason, Reason::NotYetValid { from: day(1_893_456_000) });
    assert_eq!(certificate("revoked").check_recipient(before).unwrap_err().reason, Reason::Revoked);
    for at in [UnixMillis(0), UnixMillis(u64::MAX)] {
        assert!(locked_key("alice").certificate().check_recipient(at).is_ok() == (at.0 > 0));
    }
}

#[test]
fn files_with_several_are_read_whole() {
    assert_eq!(names("ring.gpg"), ["Alice <alice@example.org>", "Bob <bob@example.org>", "Carol <carol@example.org>"]);
    assert_eq!(
        names("several.asc"),
        [
            "Alice <alice@example.org>",
            "Dave <dave@example.org>",
            "Erin <erin@example.org>",
            "Frank <frank@example.org>"
        ]
    );
    let twice = [file("several.asc"), file("several.asc")].concat();
    assert_eq!(Certificate::read_all(&twice).unwrap().len(), 4);
    // Keys and certificates in one file, text around them.
    let mixed = [b"Dear all,\r\n\r\n".as_slice(), &file("bob.key.asc"), b"\n-- \nBob\n", &file("several.asc")].concat();
    assert_eq!(Certificate::read_all(&mixed).unwrap().len(), 5);
}

#[test]
fn text_is_read_in_the_encodings_of_windows() {
    let text = String::from_utf8(file("several.asc")).unwrap().replace('\n', "\r\n");
    let marked = format!("\u{feff}{text}").into_bytes();
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [text.into_bytes(), marked, utf16] {
        assert_eq!(Certificate::read_all(&bytes).unwrap().len(), 4);
    }
}

#[test]
fn details_tell_what_a_certificate_can_do() {
    let alice = &Certificate::read_all(&file("ring.gpg")).unwrap()[0];
    let details = alice.details(NOW);
    assert_eq!(details.fingerprint, alice.fingerprint());
    assert_eq!(
        details.user_ids,
        ["Alice <alice@example.org>", "Alice at work <alice@work.example>"],
        "none that is revoked"
    );
    assert_eq!((details.recipient, details.signer), (Ok(()), Ok(())));
    let keys: Vec<_> =
        details.keys.iter().map(|key| (key.algorithm.as_str(), key.primary, key.signs, key.encrypts)).collect();
    assert_eq!(keys, [("Ed25519", true, true, false), ("Curve25519", false, false, true)]);
    assert!(details.keys.iter().all(|key| key.version == 4 && key.expires.is_none() && !key.revoked && key.bound));
    assert_eq!(details.keys[0].created, UnixMillis(1_767_225_600_000));

    let stale = certificate("stale").details(NOW);
    assert_eq!(stale.keys[1].expires, Some(day(FEBRUARY + 12 * 3_600)));
    assert!(matches!(stale.recipient.unwrap_err().reason, Reason::EncryptionKeyExpired { .. }));
    assert!(certificate("revoked").details(NOW).keys[0].revoked);
    let foreign = certificate("foreign").details(NOW);
    assert_eq!(foreign.keys.iter().map(|key| key.supported).collect::<Vec<_>>(), [false, false]);
    let algorithms = |name: &str| -> Vec<String> {
        locked_key(name).certificate().details(NOW).keys.into_iter().map(|key| key.algorithm).collect()
    };
    assert_eq!(algorithms("bob"), ["RSA-3072", "RSA-3072"]);
    assert_eq!(algorithms("frank"), ["ECDSA NIST P-384", "ECDH NIST P-521"]);
}

#[test]
fn other_files_are_called_what_they_are() {
    let said = |bytes: &[u8]| Certificate::read_all(bytes).unwrap_err();
    let foreign = |bytes: &[u8]| match said(bytes) {
        ReadError::NotOpenPgp(format) => format,
        other => panic!("{other:?}"),
    };
    assert_eq!(foreign(b""), Format::Unknown);
    assert_eq!(foreign(b"Bob <bob@example.org>\n"), Format::Unknown);
    assert_eq!(foreign(b"\0\0\0 \x01\x01\0\x02KBXf\0\0"), Format::Keybox);
    assert_eq!(foreign(b"Created: 20260101T000000\nKey: (private-key (ecc (curve Ed25519)"), Format::Agent);
    assert_eq!(foreign(b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"), Format::Ssh);
    assert_eq!(foreign(b"ssh-ed25519 AAAA bob@laptop"), Format::Ssh);
    assert_eq!(foreign(b"-----BEGIN CERTIFICATE-----\nMIIB"), Format::Pem);
    assert_eq!(foreign(b"-----BEGIN PGP MESSAGE-----\n\nhQ=="), Format::Message);
    assert_eq!(foreign(b"-----BEGIN PGP SIGNATURE-----\n\nhQ=="), Format::Signature);
    assert_eq!(said(&vec![b'x'; 16 * 1024 * 1024 + 1]), ReadError::TooLong);
    assert_eq!(said(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%%%%\n-----END PGP"), ReadError::Damaged);
}

#[test]
fn one_bad_certificate_spoils_the_file() {
    let good = locked_key("alice").certificate().to_bytes();
    // A public key packet of version 3, and one that claims more than there is.
    for bad in [&[0xc6, 0x05, 3, 0, 0, 0, 0][..], &[0xc6, 0xf0, 4, 0]] {
        let file = [&good, bad].concat();
        assert!(matches!(Certificate::read_all(&file), Err(ReadError::Unreadable { .. })));
    }
}

#[test]
fn parts_without_end_are_refused() {
    let alice = locked_key("alice").certificate().to_bytes();
    let user_id = |n: u32| [&[0xcd, 4][..], &n.to_be_bytes()].concat();
    let many = [alice, (0..200).flat_map(user_id).collect()].concat();
    assert_eq!(Certificate::read_all(&many), Err(ReadError::TooManyParts { number: 1 }));
}

/// A compressed data packet in front, or in between, is never opened.
#[test]
fn nothing_is_decompressed() {
    let bomb = [&[0xc8, 0x08, 1][..], &[0xed, 0xc1, 0x01, 0x01, 0, 0, 0]].concat();
    assert_eq!(Certificate::read_all(&bomb), Err(ReadError::NotOpenPgp(Format::Message)));
    let alice = locked_key("alice").certificate().clone();
    assert_eq!(Certificate::read_all(&[alice.to_bytes(), bomb].concat()), Ok(vec![alice]));
}

#[test]
fn names_are_fit_for_a_terminal() {
    let holder = crate::support::certificate_named("Bob\x1b[2J\r\n\u{202e}gro.live <b@x>");
    assert_eq!(holder.user_id(), Some("Bob\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}gro.live <b@x>"));
    let long = crate::support::certificate_named(&"x".repeat(1_000));
    assert_eq!(long.user_id().unwrap().len(), 80);
}

#[test]
fn altered_certificates_do_no_harm() {
    let bytes = locked_key("alice").certificate().to_bytes();
    for len in 0..bytes.len() {
        look_at(&bytes[..len]);
    }
    for (_, altered) in each_byte_flipped(&bytes) {
        look_at(&altered);
    }
}

fn look_at(bytes: &[u8]) {
    for one in Certificate::read_all(bytes).unwrap_or_default() {
        let details = one.details(NOW);
        assert_eq!(details.recipient, one.check_recipient(NOW));
        assert!(!one.holder(NOW).to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn random_packets_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..1_000)) {
        look_at(&[&[0xc6][..], &bytes].concat());
        look_at(&bytes);
    }
}
