//! Records: sealed in one step, opened in one, bound to their place and date.

use proptest::prelude::*;
use waterfall_keys::{ComposeError, Locator, RecordError, SealKey, UnsealError, open_record, seal_record};
use waterfall_wire::{
    AccessKind, Charter, Entry, Envelope, Epoch, Header, KeyChunk, MAX_CHUNK_MESSAGE, NodeId, RecordKey, RecordKind,
    Speakers, UnixMillis,
};

use crate::support::{each_byte_flipped, epoch_key, node};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn locator() -> Locator {
    Locator::from_bytes([0x33; 32])
}

fn later(kind: RecordKind) -> UnixMillis {
    NOW.plus(kind.max_life())
}

fn charter() -> Charter {
    Charter {
        epoch: Epoch(7),
        access: AccessKind::Password,
        chunk_count: 1,
        speakers: Speakers::Everyone,
        expelled: Vec::new(),
        delegates: vec![node(1).node_id()],
        title: "A title".into(),
    }
}

fn sealed_charter() -> (RecordKey, Vec<u8>) {
    let (kind, locator) = (RecordKind::Charter, locator());
    let (seal, salt) = (locator.record_seal(kind), locator.charter_salt());
    seal_record(&charter(), kind, &seal, salt, &node(9), NOW, later(kind)).unwrap()
}

fn header() -> Header {
    let (key, bytes) = sealed_charter();
    Envelope::open(&bytes, &key, NOW).unwrap()
}

#[test]
fn a_record_comes_back() {
    let header = header();
    assert_eq!(header.write_key, node(9).public());
    let opened: Charter =
        open_record(&header, RecordKind::Charter, &locator().record_seal(RecordKind::Charter)).unwrap();
    assert_eq!(opened, charter());
}

#[test]
fn the_largest_key_chunk_fits() {
    let kind = RecordKind::KeyChunk;
    let chunk = KeyChunk {
        epoch: Epoch(u32::MAX),
        index: u16::MAX,
        message: vec![0xff; MAX_CHUNK_MESSAGE],
        recipients: Vec::new(),
    };
    let (seal, salt) = (locator().record_seal(kind), locator().chunk_salt(chunk.epoch, chunk.index));
    let (key, bytes) = seal_record(&chunk, kind, &seal, salt, &node(9), NOW, later(kind)).unwrap();
    let header = Envelope::open(&bytes, &key, NOW).unwrap();
    assert_eq!(open_record::<KeyChunk>(&header, kind, &seal), Ok(chunk));
}

#[test]
fn what_readers_would_refuse_is_not_sealed() {
    let seal_it = |record: &Charter| {
        let kind = RecordKind::Charter;
        seal_record(record, kind, &locator().record_seal(kind), [0; 16], &node(9), NOW, later(kind))
    };
    let untitled = Charter { title: "x".repeat(201), ..charter() };
    assert!(matches!(seal_it(&untitled), Err(ComposeError::Invalid(_))));
    // Within the limits of a charter's fields, but an entry's envelope is shorter.
    let crowded = Charter { expelled: vec![NodeId([7; 32]); 64], ..charter() };
    seal_it(&crowded).unwrap();
    let kind = RecordKind::Entry;
    let long = seal_record(&crowded, kind, &locator().record_seal(kind), [0; 16], &node(9), NOW, later(kind));
    assert!(matches!(long, Err(ComposeError::TooLong { max: 2_048, .. })));
}

#[test]
fn a_header_cannot_be_changed_around_its_ciphertext() {
    let (header, kind) = (header(), RecordKind::Charter);
    let seal = locator().record_seal(kind);
    let refused = Err(RecordError::Seal(UnsealError));
    let open = |header: Header| open_record::<Charter>(&header, kind, &seal);
    assert_eq!(open(Header { seq: header.seq.plus(1), ..header.clone() }), refused);
    assert_eq!(open(Header { not_after: header.not_after.plus(1), ..header.clone() }), refused);
    assert_eq!(open(Header { salt: [1; 16], ..header.clone() }), refused);
    assert_eq!(open(Header { write_key: node(8).public(), ..header.clone() }), refused);
    assert_eq!(open(Header { kind: RecordKind::Entry, ..header.clone() }), Err(RecordError::WrongKind));
    let as_entry = Header { kind: RecordKind::Entry, ..header.clone() };
    let entry = open_record::<Entry>(&as_entry, RecordKind::Entry, &seal);
    assert_eq!(entry, Err(RecordError::Seal(UnsealError)), "even with the same key");
}

#[test]
fn each_kind_and_secret_has_a_seal_of_its_own() {
    let header = header();
    let mut others = vec![epoch_key().node_seal(), epoch_key().call_seal(), epoch_key().event_seal()];
    others.extend([RecordKind::Entry, RecordKind::KeyChunk].map(|kind| locator().record_seal(kind)));
    others.push(Locator::from_bytes([0x34; 32]).record_seal(RecordKind::Charter));
    for seal in others {
        let opened = open_record::<Charter>(&header, RecordKind::Charter, &seal);
        assert_eq!(opened, Err(RecordError::Seal(UnsealError)));
    }
}

#[test]
fn a_record_of_another_layout_is_malformed() {
    // The owner seals an entry where a charter belongs.
    let kind = RecordKind::Charter;
    let entry = Entry { participants: Vec::new(), ended: false };
    let seal = locator().record_seal(kind);
    let (key, bytes) = seal_record(&entry, kind, &seal, [0; 16], &node(9), NOW, later(kind)).unwrap();
    let header = Envelope::open(&bytes, &key, NOW).unwrap();
    assert!(matches!(open_record::<Charter>(&header, kind, &seal), Err(RecordError::Decode(_))));
}

#[test]
fn an_altered_seal_does_not_open() {
    let seal = locator().record_seal(RecordKind::Charter);
    let sealed = seal.seal(b"aad", b"a plaintext");
    assert_eq!(sealed.len(), 11 + SealKey::OVERHEAD);
    assert_eq!(*seal.open(b"aad", &sealed).unwrap(), b"a plaintext");
    assert_ne!(sealed, seal.seal(b"aad", b"a plaintext"), "a fresh nonce each time");
    for (at, altered) in each_byte_flipped(&sealed) {
        assert_eq!(seal.open(b"aad", &altered), Err(UnsealError), "byte {at}");
    }
    for len in 0..sealed.len() {
        assert_eq!(seal.open(b"aad", &sealed[..len]), Err(UnsealError), "{len} bytes");
    }
    assert_eq!(seal.open(b"", &sealed), Err(UnsealError));
    assert_eq!(*seal.open(b"", &seal.seal(b"", b"")).unwrap(), b"");
}

#[test]
fn epochs_rooms_and_secrets_give_unrelated_names() {
    use waterfall_keys::{EpochKey, RoomKey};
    use waterfall_wire::RoomId;
    let (room_key, room) = (RoomKey::from_bytes([1; 32]), RoomId([2; 32]));
    let keys = [
        EpochKey::derive(&room_key, &room, Epoch(0)),
        EpochKey::derive(&room_key, &room, Epoch(1)),
        EpochKey::derive(&room_key, &RoomId([3; 32]), Epoch(0)),
        EpochKey::derive(&RoomKey::from_bytes([4; 32]), &room, Epoch(0)),
    ];
    for (i, a) in keys.iter().enumerate() {
        for b in &keys[..i] {
            assert!(a.route() != b.route() && a.topic() != b.topic() && a.node_salt() != b.node_salt());
            assert_eq!(b.node_seal().open(b"", &a.node_seal().seal(b"", b"x")), Err(UnsealError));
        }
    }
    let locator = locator();
    assert_ne!(locator.charter_salt(), locator.entry_salt());
    assert_ne!(locator.chunk_salt(Epoch(0), 1), locator.chunk_salt(Epoch(1), 0));
    assert!(locator.open_room_key(&room, Epoch(0)) != locator.open_room_key(&room, Epoch(1)));
    assert!(Locator::generate() != Locator::generate() && RoomKey::generate() != RoomKey::generate());
}

#[test]
fn secrets_are_not_printed() {
    let key = epoch_key();
    let printed = format!("{:?} {:?} {:?}", locator(), key.node_seal(), key);
    assert!(printed.starts_with("Locator(..) SealKey(..) EpochKey { room:"), "{printed}");
    assert!(printed.ends_with("epoch: Epoch(7), .. }"), "{printed}");
}

proptest! {
    #[test]
    fn random_bytes_are_no_record(ciphertext in prop::collection::vec(any::<u8>(), 0..500)) {
        let header = Header { ciphertext, ..header() };
        let seal = locator().record_seal(RecordKind::Charter);
        prop_assert_eq!(open_record::<Charter>(&header, RecordKind::Charter, &seal), Err(RecordError::Seal(UnsealError)));
    }
}
