//! Signatures bind meaning, writer and place; dates bind time.

use waterfall_wire::{
    Catalogue, Envelope, EnvelopeError, Header, MAX_CLOCK_AHEAD, RecordKey, RecordKind, RoomEvent, RoomEventBody,
    SignatureError, Signed, StatementError, UnixMillis, decode, encode, record_key,
};

use crate::samples::{NOW, catalogue, event, header, key, node};

fn open(header: &Header) -> Result<Header, EnvelopeError> {
    Envelope::open(&encode(&Envelope::sign(header, &key(1))), &header.record_key(), NOW)
}

/// An envelope of these two byte strings, as an attacker would build it.
fn assemble(header: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder.array(2).unwrap().bytes(header).unwrap().bytes(signature).unwrap();
    encoder.into_writer()
}

fn signature_of(envelope: &[u8]) -> [u8; 64] {
    *envelope.last_chunk().unwrap()
}

#[test]
fn an_intact_envelope_opens() {
    assert_eq!(open(&header()), Ok(header()));
}

#[test]
fn a_tampered_header_does_not() {
    let good = signature_of(&encode(&Envelope::sign(&header(), &key(1))));
    let changes: [fn(&mut Header); 4] = [
        |h| h.kind = RecordKind::Node,
        |h| h.seq = h.seq.plus(1),
        |h| h.not_after = h.not_after.plus(1),
        |h| h.ciphertext[0] ^= 1,
    ];
    for change in changes {
        let mut header = header();
        change(&mut header);
        let bytes = assemble(&encode(&header), &good);
        let opened = Envelope::open(&bytes, &header.record_key(), NOW);
        assert_eq!(opened, Err(EnvelopeError::Signature(SignatureError)));
    }
}

#[test]
fn every_flipped_bit_of_an_envelope_is_noticed() {
    let bytes = encode(&Envelope::sign(&header(), &key(1)));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Envelope::open(&flipped, &header().record_key(), NOW).is_err(), "bit {bit}");
    }
}

#[test]
fn a_foreign_writer_is_refused() {
    // Signed by one who does not hold the write key.
    let forged = assemble(&encode(&header()), &key(2).sign(b"waterfall/envelope/1", &encode(&header())));
    let opened = Envelope::open(&forged, &header().record_key(), NOW);
    assert_eq!(opened, Err(EnvelopeError::Signature(SignatureError)));
    // Signed by the right key for another purpose.
    let borrowed = assemble(&encode(&header()), &key(1).sign(b"waterfall/ask/1", &encode(&header())));
    let opened = Envelope::open(&borrowed, &header().record_key(), NOW);
    assert_eq!(opened, Err(EnvelopeError::Signature(SignatureError)));
}

#[test]
fn a_write_key_that_is_none_is_refused() {
    // Of small order: anyone could make signatures that fit. Then one that is not on the curve.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    for write_key in [[0; 32], identity, off_curve, [0xff; 32]] {
        let header = Header { write_key, ..header() };
        let bytes = assemble(&encode(&header), &[0; 64]);
        let opened = Envelope::open(&bytes, &header.record_key(), NOW);
        assert_eq!(opened, Err(EnvelopeError::Signature(SignatureError)));
    }
}

#[test]
fn a_record_lies_only_under_its_own_key() {
    let bytes = encode(&Envelope::sign(&header(), &key(1)));
    let mut other_salt = header().salt;
    other_salt[0] ^= 1;
    for foreign in
        [RecordKey([0; 32]), record_key(&header().write_key, &other_salt), record_key(&key(2).public(), &header().salt)]
    {
        assert_eq!(Envelope::open(&bytes, &foreign, NOW), Err(EnvelopeError::WrongKey));
    }
}

#[test]
fn dates_are_kept() {
    let dated =
        |seq: u64, not_after: u64| open(&Header { seq: UnixMillis(seq), not_after: UnixMillis(not_after), ..header() });
    let (now, life) = (NOW.0, RecordKind::Entry.max_life());
    assert!(dated(now - life + 1, now + 1).is_ok());
    assert!(dated(now + MAX_CLOCK_AHEAD, now + MAX_CLOCK_AHEAD + life).is_ok());
    assert_eq!(dated(now - 1, now), Err(EnvelopeError::Expired));
    assert_eq!(dated(now - 1, 0), Err(EnvelopeError::Expired));
    assert_eq!(dated(now + MAX_CLOCK_AHEAD + 1, now + MAX_CLOCK_AHEAD + 2), Err(EnvelopeError::Future));
    assert_eq!(dated(u64::MAX, u64::MAX), Err(EnvelopeError::Future));
    assert_eq!(dated(now, now + life + 1), Err(EnvelopeError::LivesTooLong));
    assert_eq!(dated(now - life, u64::MAX), Err(EnvelopeError::LivesTooLong));
}

#[test]
fn every_kind_keeps_its_life_and_length() {
    for kind in RecordKind::ALL {
        let fits = |ciphertext: usize, life: u64| {
            let ciphertext = vec![7; ciphertext];
            open(&Header { kind, not_after: NOW.plus(life), ciphertext, ..header() })
        };
        let room = kind.max_len() - Envelope::OVERHEAD;
        assert!(fits(room, kind.max_life()).is_ok(), "{kind:?}");
        assert_eq!(fits(room, kind.max_life() + 1), Err(EnvelopeError::LivesTooLong));
        let longer = fits(room + 1, kind.max_life());
        // The longest kind fills the envelope itself.
        assert!(matches!(longer, Err(EnvelopeError::TooLong | EnvelopeError::Decode(_))), "{kind:?}: {longer:?}");
    }
}

#[test]
fn a_statement_counts_when_its_author_signed_it() {
    let signed = Signed::new(&catalogue(), &key(1));
    let verified = signed.verify::<Catalogue>().unwrap();
    assert_eq!((verified.body, verified.by), (catalogue(), node(1)));
}

#[test]
fn a_statement_of_one_type_is_none_of_another() {
    let signed = Signed::new(&event(RoomEventBody::Ended), &key(1));
    assert!(matches!(signed.verify::<Catalogue>(), Err(StatementError::Decode(_))));
    // The right layout under the wrong domain.
    let body = encode(&event(RoomEventBody::Ended));
    let borrowed: Signed = decode(&assemble(&body, &key(1).sign(b"waterfall/ask/1", &body))).unwrap();
    assert_eq!(borrowed.verify::<RoomEvent>(), Err(StatementError::Signature(SignatureError)));
}

#[test]
fn a_statement_in_the_name_of_another_is_refused() {
    let body = encode(&event(RoomEventBody::Ended));
    let forged: Signed = decode(&assemble(&body, &key(2).sign(b"waterfall/event/1", &body))).unwrap();
    assert_eq!(forged.verify::<RoomEvent>(), Err(StatementError::Signature(SignatureError)));
}

#[test]
fn every_flipped_bit_of_a_statement_is_noticed() {
    let bytes = encode(&Signed::new(&event(RoomEventBody::Ended), &key(1)));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let accepted = decode::<Signed>(&flipped).is_ok_and(|signed| signed.verify::<RoomEvent>().is_ok());
        assert!(!accepted, "bit {bit}");
    }
}

#[test]
fn key_ids_belong_to_their_speaker() {
    use waterfall_wire::Kid;
    for index in [0, 1, 255] {
        assert!(Kid::new(&node(1), index).belongs_to(&node(1)));
        assert!(!Kid::new(&node(1), index).belongs_to(&node(2)));
    }
    let speaker = waterfall_wire::NodeId(std::array::from_fn(|i| 0xa0 + i as u8));
    assert_eq!(Kid::new(&speaker, 0x17).0, 0xa0a1_a217);
}
