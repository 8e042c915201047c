//! Every wire type from the same bytes: an error, or a value that encodes to exactly these bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_wire::{
    Ask, Catalogue, Charter, Doorbell, Entry, Envelope, Header, KeyChunk, Letter, LinkMessage, NodeRecord, Owner,
    Recipients, Reply, RoomEvent, Routed, Signed, Summary, Ticket, TreeMessage, Wire, decode, encode,
};

fn check<T: Wire>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        assert_eq!(encode(&value), bytes, "{}: two encodings of one value", T::NAME);
    }
}

fuzz_target!(|bytes: &[u8]| {
    check::<Charter>(bytes);
    check::<Entry>(bytes);
    check::<KeyChunk>(bytes);
    check::<NodeRecord>(bytes);
    check::<Owner>(bytes);
    check::<Recipients>(bytes);
    check::<Header>(bytes);
    check::<Envelope>(bytes);
    check::<Signed>(bytes);
    check::<Ask>(bytes);
    check::<Reply>(bytes);
    check::<Routed>(bytes);
    check::<Letter>(bytes);
    check::<Doorbell>(bytes);
    check::<Catalogue>(bytes);
    check::<RoomEvent>(bytes);
    check::<Summary>(bytes);
    check::<TreeMessage>(bytes);
    check::<LinkMessage>(bytes);
    check::<Ticket>(bytes);
    if let Ok(signed) = decode::<Signed>(bytes) {
        let _ = signed.verify::<Ask>();
        let _ = signed.verify::<Reply>();
        let _ = signed.verify::<Catalogue>();
        let _ = signed.verify::<RoomEvent>();
    }
});
