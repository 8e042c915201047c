//! What is behind the seals of letters and doorbells: any member can put any bytes there. The fuzzer's
//! bytes are sealed with the right keys and opened as a question, an answer and a doorbell; and once
//! more as if they were sealed already.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::letter::{self, open_ask, open_doorbell, open_reply};
use waterfall_keys::{EpochKey, Replays, RoomKey, SealKey};
use waterfall_wire::{
    Ask, AskBody, Epoch, Header, MAX_RINGS, NodeId, PROTOCOL_VERSION, RecordKind, RoomId, SigningKey, UnixMillis,
};

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

fn headers(kind: RecordKind, seal: &SealKey, plaintext: &[u8]) -> [Header; 2] {
    let writer = SigningKey::from_bytes(&[1; 32]);
    let (salt, not_after) = ([0; 16], NOW.plus(1_000));
    let mut aad = b"waterfall/record-seal/1".to_vec();
    aad.extend_from_slice(&[PROTOCOL_VERSION, kind.number()]);
    aad.extend_from_slice(&writer.public());
    aad.extend_from_slice(&salt);
    aad.extend_from_slice(&NOW.0.to_be_bytes());
    aad.extend_from_slice(&not_after.0.to_be_bytes());
    [seal.seal(&aad, plaintext), plaintext.to_vec()].map(|ciphertext| Header {
        version: PROTOCOL_VERSION,
        kind,
        write_key: writer.public(),
        salt,
        seq: NOW,
        not_after,
        ciphertext,
    })
}

fuzz_target!(|bytes: &[u8]| {
    let key = EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &RoomId([0x52; 32]), Epoch(3));
    let node = |n: u8| -> NodeId { SigningKey::from_bytes(&[n; 32]).node_id() };
    let ask = Ask {
        version: PROTOCOL_VERSION,
        from: node(1),
        to: node(2),
        epoch: Epoch(3),
        nonce: [0xab; 16],
        not_after: NOW.plus(1_000),
        body: AskBody::Probe,
    };
    for header in headers(RecordKind::Letter, &letter::seal_key(&key, &node(2)), bytes) {
        if let Ok(opened) = open_ask(&key, &header, &node(2), NOW, &mut Replays::new()) {
            assert_eq!((opened.from.0, opened.to), (header.write_key, node(2)), "a letter of somebody else");
        }
    }
    for header in headers(RecordKind::Letter, &letter::seal_key(&key, &node(1)), bytes) {
        let _ = open_reply(&key, &header, &ask);
    }
    for header in headers(RecordKind::Doorbell, &letter::doorbell_seal(&key, &node(2)), bytes) {
        if let Ok(doorbell) = open_doorbell(&key, &node(2), &header) {
            assert!(doorbell.rings.len() <= MAX_RINGS);
        }
    }
});
