//! Replays the fuzzers' corpora (`fuzz/corpus`), so that what was found once is never lost again.

use std::path::Path;

use waterfall_keys::chunk::open_password;
use waterfall_keys::media::{TrackOpener, parse};
use waterfall_keys::openpgp::{Certificate, SecretKey, certify_owner, members, verify_node, verify_owner};
use waterfall_keys::{EpochKey, Locator, Password, Replays, RoomKey, open_ask, open_event};
use waterfall_wire::{Certified, Epoch, Kid, NodeId, RoomId, RouteId, Routed, SigningKey, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
/// After the keys of the fixtures were made.
const LATER: UnixMillis = crate::fixtures::NOW;

fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<Vec<u8>> =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    files
}

fn key() -> EpochKey {
    EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &RoomId([0x52; 32]), Epoch(7))
}

#[test]
fn what_is_behind_seals() {
    let me = SigningKey::from_bytes(&[2; 32]).node_id();
    for bytes in files("sealed") {
        // Nobody who does not hold the seals has made any of these.
        let routed = Routed { route: RouteId(key().route().0), sealed: bytes.clone() };
        open_ask(&key(), &routed, &me, NOW, &mut Replays::new()).unwrap_err();
        open_event(&key(), &bytes, NOW).unwrap_err();
        let seal = Locator::from_bytes([0x5e; 32]).record_seal(waterfall_wire::RecordKind::Charter);
        seal.open(b"", &bytes).unwrap_err();
    }
}

#[test]
fn key_chunks() {
    let opened =
        files("key_chunk").iter().filter(|bytes| open_password(bytes, &Password::from("password")).is_ok()).count();
    assert!(opened < files("key_chunk").len(), "some of them are hostile");
}

#[test]
fn certificates() {
    let mut read = 0;
    for bytes in files("certificate") {
        for certificate in Certificate::read_all(&bytes).unwrap_or_default() {
            assert_eq!(Certificate::read_all(&certificate.to_bytes()), Ok(vec![certificate.clone()]));
            assert_eq!(certificate.details(LATER).recipient, certificate.check_recipient(LATER));
            read += 1;
        }
    }
    assert!(read > 5, "some of them are certificates");
}

#[test]
fn secret_keys() {
    let room = RoomId([0x52; 32]);
    let mut certified = 0;
    for bytes in files("secret_key") {
        for mut key in SecretKey::read_all(&bytes).unwrap_or_default() {
            let _ = key.unlock(&Password::from("tako-mivu"));
            if let Ok(owner) = certify_owner(&room, &key, LATER) {
                verify_owner(&owner, &room, LATER).unwrap();
                certified += 1;
            }
        }
    }
    assert!(certified > 3, "some of them are keys");
}

#[test]
fn member_chunks() {
    let files = files("member_chunk");
    for name in ["alice", "bob", "frank"] {
        let key = crate::fixtures::key(name);
        let opened = files.iter().filter(|bytes| members::open(bytes, &key, LATER).is_ok()).count();
        assert!(0 < opened && opened < files.len(), "some of them are hostile");
    }
}

#[test]
fn credentials() {
    let (room, node) = (RoomId([0x52; 32]), NodeId([0x11; 32]));
    let mut good = 0;
    for bytes in files("credential") {
        let Some((&[high, low], rest)) = bytes.split_first_chunk() else { continue };
        let (certificate, signature) = rest.split_at(usize::from(u16::from_be_bytes([high, low])).min(rest.len()));
        let certified = Certified { certificate: certificate.to_vec(), signature: signature.to_vec() };
        good += usize::from(verify_node(&certified, &room, Epoch(3), &node, LATER, |_| true).is_ok());
    }
    assert!(0 < good && good < files("credential").len(), "some of them are hostile");
}

#[test]
fn media_packets() {
    let speaker = SigningKey::from_bytes(&[1; 32]).node_id();
    for bytes in files("media_packet") {
        let mut opener = TrackOpener::new(&key(), speaker, Kid::new(&speaker, 0), [0xa5; 16]);
        let mut rest = &bytes[..];
        while let Some((&[t0, t1, t2, t3, marker, high, low], after)) = rest.split_first_chunk() {
            let len = usize::from(u16::from_be_bytes([high, low])).min(after.len());
            let (payload, next) = after.split_at(len);
            rest = next;
            if let Ok(packet) = parse(payload) {
                assert!(packet.ctr < u64::MAX);
            }
            let _ = opener.open(u32::from_be_bytes([t0, t1, t2, t3]), marker != 0, payload);
            assert!(opener.stats().held <= 4_096);
        }
    }
}
