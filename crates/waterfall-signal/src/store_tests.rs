#![allow(clippy::unwrap_used)]

use waterfall_wire::{Header, PROTOCOL_VERSION, SigningKey, encode};

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn envelope_of(writer: u8, salt: u16, kind: RecordKind, seq: UnixMillis, len: usize) -> (RecordKey, Vec<u8>) {
    let key = SigningKey::from_bytes(&[writer; 32]);
    let mut long_salt = [0; 16];
    long_salt[..2].copy_from_slice(&salt.to_be_bytes());
    let header = Header {
        version: PROTOCOL_VERSION,
        kind,
        write_key: key.public(),
        salt: long_salt,
        seq,
        not_after: seq.plus(kind.max_life()),
        ciphertext: vec![7; len],
    };
    (header.record_key(), encode(&Envelope::sign(&header, &key)))
}

fn source(last: u8) -> Source {
    IpAddr::from([10, 0, last, 1]).into()
}

fn store(capacity: usize) -> Store {
    Store::new(PeerId::random(), capacity)
}

#[test]
fn highest_seq_wins_and_the_same_is_known() {
    let mut store = store(1 << 20);
    let (key, old) = envelope_of(1, 1, RecordKind::Entry, NOW, 10);
    let (_, new) = envelope_of(1, 1, RecordKind::Entry, NOW.plus(1), 10);
    assert_eq!(store.offer(NOW, key, old.clone(), source(1)), Ok(Stored::New { evicted: 0 }));
    assert_eq!(store.offer(NOW, key, old.clone(), source(1)), Ok(Stored::Known));
    assert_eq!(store.offer(NOW, key, new.clone(), source(1)), Ok(Stored::New { evicted: 0 }));
    assert_eq!(store.offer(NOW, key, old, source(1)), Err(Refused::Stale));
    assert_eq!(store.newest(&key, NOW), Some(new.as_slice()));
    assert_eq!(store.held_size().0, 1);
}

#[test]
fn what_does_not_verify_is_not_stored() {
    let mut store = store(1 << 20);
    let (key, good) = envelope_of(1, 1, RecordKind::Entry, NOW, 10);
    let (other, _) = envelope_of(1, 2, RecordKind::Entry, NOW, 10);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let life = RecordKind::Entry.max_life();
    for (at, now, bytes, why) in [
        (key, NOW, vec![0xff; 100], Refused::Malformed),
        (key, NOW, vec![], Refused::Malformed),
        (key, NOW, vec![0; 9000], Refused::TooLong),
        (key, NOW, envelope_of(1, 1, RecordKind::Entry, NOW, 3000).1, Refused::TooLong),
        (key, NOW, forged, Refused::Forged),
        (other, NOW, good.clone(), Refused::ForeignKey),
        (key, NOW.plus(life), good.clone(), Refused::Expired),
        (key, UnixMillis(NOW.0 - 600_000), good.clone(), Refused::Future),
    ] {
        assert_eq!(store.offer(now, at, bytes, source(1)), Err(why));
    }
    assert_eq!(store.held_size(), (0, 0));
}

#[test]
fn junk_never_evicts_the_good() {
    let mut store = store(400_000);
    let good: Vec<_> = (0..20).map(|i| envelope_of(1, i, RecordKind::Node, NOW, 100)).collect();
    for (i, (key, bytes)) in good.iter().enumerate() {
        store.offer(NOW, *key, bytes.clone(), source(i as u8)).unwrap();
    }
    // One prefix sends far more than fits, from two addresses.
    let mut refused = 0;
    for i in 0..300 {
        let (key, bytes) = envelope_of(2, i, RecordKind::Node, NOW, 1000);
        let from = IpAddr::from([192, 168, 0, (i % 2) as u8]).into();
        refused += u32::from(store.offer(NOW, key, bytes, from).is_err());
    }
    assert!(refused > 0);
    assert!(store.held_size().1 <= 160_000, "node records have 40 %");
    for (key, bytes) in &good {
        assert_eq!(store.newest(key, NOW), Some(bytes.as_slice()));
    }
}

#[test]
fn the_farthest_of_the_largest_source_goes_first() {
    let mut store = store(100_000);
    let records: Vec<_> = (0..200).map(|i| envelope_of(3, i, RecordKind::Letter, NOW, 300)).collect();
    for (key, bytes) in &records {
        let _ = store.offer(NOW, *key, bytes.clone(), source(1));
    }
    let distance = |key: &RecordKey| KBucketKey::new(key.0.to_vec()).distance(&store.local);
    let kept = records.iter().filter(|(k, _)| store.newest(k, NOW).is_some()).map(|(k, _)| distance(k)).max();
    let gone = records.iter().filter(|(k, _)| store.newest(k, NOW).is_none()).map(|(k, _)| distance(k)).min();
    assert!(kept.unwrap() < gone.unwrap(), "the nearest are kept");
}

#[test]
fn a_full_kind_leaves_the_others_alone() {
    let mut store = store(100_000);
    for i in 0..300 {
        let (key, bytes) = envelope_of(2, i, RecordKind::Node, NOW, 500);
        let _ = store.offer(NOW, key, bytes, source(1));
    }
    let (key, bytes) = envelope_of(1, 0, RecordKind::Charter, NOW, 500);
    assert_eq!(store.offer(NOW, key, bytes, source(1)), Ok(Stored::New { evicted: 0 }));
}

#[test]
fn own_records_are_pinned_until_they_expire() {
    let mut store = store(0);
    let (key, bytes) = envelope_of(1, 0, RecordKind::Entry, NOW, 10);
    store.pin(key, bytes.clone(), NOW, NOW.plus(600_000)).unwrap();
    assert_eq!(store.newest(&key, NOW), Some(bytes.as_slice()));
    assert_eq!(store.pin(key, bytes.clone(), UnixMillis(NOW.0 - 1), NOW), Err(Refused::Stale));
    assert_eq!(store.offer(NOW, key, bytes, source(1)), Ok(Stored::Known));
    assert_eq!(store.newest(&key, NOW.plus(600_000)), None);
    assert_eq!(store.expire(NOW.plus(600_000)), [key]);
    assert_eq!(store.own_len(), 0);
}

#[test]
fn own_records_are_bounded() {
    let mut store = store(0);
    for i in 0..MAX_OWN {
        let mut key = [0xee; 32];
        key[..8].copy_from_slice(&i.to_be_bytes());
        store.pin(RecordKey(key), vec![], NOW, NOW).unwrap();
    }
    assert_eq!(store.pin(RecordKey([0xdd; 32]), vec![], NOW, NOW), Err(Refused::Full));
}

#[test]
fn expired_records_give_their_room_back() {
    let mut store = store(1 << 20);
    let (key, bytes) = envelope_of(1, 0, RecordKind::Letter, NOW, 10);
    store.offer(NOW, key, bytes, source(1)).unwrap();
    assert_eq!(store.newest(&key, NOW.plus(120_000)), None, "not served after its time");
    assert!(store.expire(NOW.plus(120_000)).is_empty());
    assert_eq!(store.held_size(), (0, 0));
}

#[test]
fn sources_are_prefixes() {
    let of = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.200"));
    assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
}
