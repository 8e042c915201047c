//! Replays the fuzzers' corpora (`fuzz/corpus`), so that what was found once is never lost again.

use std::path::Path;

use waterfall_keys::chunk::open_password;
use waterfall_keys::media::{TrackOpener, parse};
use waterfall_keys::{EpochKey, Locator, Password, Replays, RoomKey, open_ask, open_event};
use waterfall_wire::{Epoch, Kid, RoomId, RouteId, Routed, SigningKey, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

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
