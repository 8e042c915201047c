//! Every legal value survives the wire, within its type's length.

use std::fmt::Debug;

use proptest::prelude::*;
use waterfall_wire::{
    Envelope, Header, RecordKey, RecordKind, RoomId, Signed, Ticket, UnixMillis, Wire, decode, encode,
};

use crate::samples::{header, key};
use crate::strategies as any_legal;

fn assert_round_trip<T: Wire + PartialEq + Debug>(value: &T) {
    let bytes = encode(value);
    assert!(bytes.len() <= T::MAX_LEN, "{}: {} bytes are more than MAX_LEN", T::NAME, bytes.len());
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
}

proptest! {
    #[test]
    fn charters(value in any_legal::charter()) { assert_round_trip(&value); }

    #[test]
    fn entries(value in any_legal::entry()) { assert_round_trip(&value); }

    #[test]
    fn key_chunks(value in any_legal::key_chunk()) { assert_round_trip(&value); }

    #[test]
    fn recipients(value in any_legal::recipients()) { assert_round_trip(&value); }

    #[test]
    fn owners(value in any_legal::owner()) { assert_round_trip(&value); }

    #[test]
    fn node_records(value in any_legal::node_record()) { assert_round_trip(&value); }

    #[test]
    fn headers_and_envelopes(value in any_legal::header()) {
        assert_round_trip(&value);
        assert_round_trip(&Envelope::sign(&value, &key(1)));
    }

    #[test]
    fn asks(value in any_legal::ask()) { assert_round_trip(&value); }

    #[test]
    fn replies(value in any_legal::reply()) { assert_round_trip(&value); }

    #[test]
    fn routed_calls(value in any_legal::routed()) { assert_round_trip(&value); }

    #[test]
    fn catalogues_plain_and_signed(value in any_legal::catalogue()) {
        assert_round_trip(&value);
        let signed = Signed::new(&value, &key(1));
        assert_round_trip(&signed);
        let verified = signed.verify().unwrap();
        assert_eq!((verified.by, verified.body), (value.speaker, value));
    }

    #[test]
    fn room_events(value in any_legal::room_event()) { assert_round_trip(&value); }

    #[test]
    fn letters(value in any_legal::letter()) { assert_round_trip(&value); }

    #[test]
    fn doorbells(value in any_legal::doorbell()) { assert_round_trip(&value); }

    #[test]
    fn link_messages(value in any_legal::link_message()) { assert_round_trip(&value); }

    #[test]
    fn tree_messages(value in any_legal::tree_message()) { assert_round_trip(&value); }

    #[test]
    fn summaries(value in any_legal::summary()) { assert_round_trip(&value); }

    #[test]
    fn tickets_as_bytes_text_and_json(value in any_legal::ticket()) {
        assert_round_trip(&value);
        assert_eq!(&value.to_string().parse::<Ticket>().unwrap(), &value);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Ticket>(&json).unwrap(), value);
    }

    #[test]
    fn ids_as_text_and_json(bytes in any::<[u8; 32]>()) {
        let id = RoomId(bytes);
        assert_eq!(id.to_string().parse::<RoomId>().unwrap(), id);
        assert_eq!(id.to_string().to_uppercase().parse::<RoomId>().unwrap(), id);
        assert_eq!(serde_json::from_str::<RoomId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        assert!(id.to_string().starts_with(&id.short()));
    }

    #[test]
    fn texts_that_are_no_ids_are_refused(text in "[a-z2-7]{0,51}|[a-z2-7]{53,60}|[01890!é]{1,60}") {
        text.parse::<RecordKey>().unwrap_err();
    }
}

#[test]
fn moments_saturate() {
    assert_eq!(UnixMillis(u64::MAX - 1).plus(5), UnixMillis(u64::MAX));
}

#[test]
fn record_kinds_have_the_number_that_travels() {
    for kind in RecordKind::ALL {
        // [version, kind, …
        assert_eq!(encode(&Header { kind, ..header() })[2], kind.number());
    }
}
