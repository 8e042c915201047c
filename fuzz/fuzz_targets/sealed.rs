//! What is behind the seals: a member can put any bytes there. The fuzzer's bytes are sealed with
//! the right keys and then opened as records, questions, answers and events; and once more as if
//! they were sealed already.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::{EpochKey, Locator, Replays, RoomKey, open_ask, open_event, open_record, open_reply};
use waterfall_wire::{
    Ask, AskBody, Charter, Entry, Epoch, Header, KeyChunk, NodeRecord, PROTOCOL_VERSION, RecordKind, RoomId, Routed,
    SigningKey, UnixMillis, Wire,
};

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

fn record<T: Wire>(kind: RecordKind, plaintext: &[u8]) {
    let locator = Locator::from_bytes([0x5e; 32]);
    let seal = locator.record_seal(kind);
    let writer = SigningKey::from_bytes(&[1; 32]);
    let (salt, not_after) = ([0; 16], NOW.plus(1_000));
    let mut aad = b"waterfall/record-seal/1".to_vec();
    aad.extend_from_slice(&[PROTOCOL_VERSION, kind.number()]);
    aad.extend_from_slice(&writer.public());
    aad.extend_from_slice(&salt);
    aad.extend_from_slice(&NOW.0.to_be_bytes());
    aad.extend_from_slice(&not_after.0.to_be_bytes());
    for ciphertext in [seal.seal(&aad, plaintext), plaintext.to_vec()] {
        let header = Header {
            version: PROTOCOL_VERSION,
            kind,
            write_key: writer.public(),
            salt,
            seq: NOW,
            not_after,
            ciphertext,
        };
        let _ = open_record::<T>(&header, kind, &seal);
    }
}

fuzz_target!(|bytes: &[u8]| {
    record::<Charter>(RecordKind::Charter, bytes);
    record::<Entry>(RecordKind::Entry, bytes);
    record::<KeyChunk>(RecordKind::KeyChunk, bytes);
    record::<NodeRecord>(RecordKind::Node, bytes);

    let key = EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &RoomId([0x52; 32]), Epoch(7));
    let (asker, asked) = (SigningKey::from_bytes(&[1; 32]).node_id(), SigningKey::from_bytes(&[2; 32]).node_id());
    let ask = Ask {
        version: PROTOCOL_VERSION,
        from: asker,
        to: asked,
        epoch: Epoch(7),
        nonce: [0xab; 16],
        not_after: NOW.plus(1_000),
        body: AskBody::Probe,
    };
    let seal = |domain: &[u8]| key.call_seal().seal(&[domain, &key.route().0].concat(), bytes);
    for sealed in [seal(b"waterfall/ask-seal/1"), seal(b"waterfall/reply-seal/1"), bytes.to_vec()] {
        let routed = Routed { route: key.route(), sealed };
        let _ = open_ask(&key, &routed, &asked, NOW, &mut Replays::new());
        let _ = open_reply(&key, &routed, &ask);
    }
    let _ = open_event(&key, &key.event_seal().seal(b"waterfall/event-seal/1", bytes), NOW);
    let _ = open_event(&key, bytes, NOW);
});
