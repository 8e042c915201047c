//! Letters and doorbells: who may write what to whom, and what a reader makes of anything else.

use std::path::Path;

use waterfall_keys::letter::{
    self, ASK_LIFE, DOORBELLS, LetterError, doorbell_for, open_ask, open_doorbell, open_reply, reopen_ask, seal_ask,
    seal_doorbell, seal_reply,
};
use waterfall_keys::{CallError, ComposeError, EpochKey, RecordError, Replays, SealKey, open_record, seal_record};
use waterfall_wire::{
    Answer, Ask, AskBody, Candidate, CandidateKind, Doorbell, Envelope, EnvelopeError, Epoch, Header, Letter,
    LetterKind, MAX_RINGS, NodeId, Offer, PROTOCOL_VERSION, RecordKey, RecordKind, Refusal, Reply, ReplyBody, Ring,
    Role, Session, Signed, SigningKey, UnixMillis, record_key,
};

use crate::support::{each_byte_flipped, epoch_key, node};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const TWO_MINUTES: u64 = 120_000;

fn alice() -> NodeId {
    node(1).node_id()
}

fn bob() -> NodeId {
    node(2).node_id()
}

fn session() -> Session {
    let candidate = Candidate { kind: CandidateKind::Host, address: "192.0.2.7:5000".parse().unwrap() };
    Session {
        ufrag: "abcd".into(),
        pwd: "p".repeat(22),
        fingerprint: [7; 32],
        ssrc_base: 1,
        audio_slots: 5,
        video_slots: 5,
        candidates: vec![candidate],
    }
}

fn ask() -> Ask {
    Ask {
        version: PROTOCOL_VERSION,
        from: alice(),
        to: bob(),
        epoch: Epoch(7),
        nonce: [5; 16],
        not_after: NOW.plus(ASK_LIFE),
        body: AskBody::Offer(Offer { role: Role::Child, advertised: None, session: session() }),
    }
}

fn reply() -> Reply {
    Reply {
        version: PROTOCOL_VERSION,
        from: bob(),
        to: alice(),
        epoch: Epoch(7),
        nonce: [5; 16],
        body: ReplyBody::Answer(Answer { session: session() }),
    }
}

/// As the DHT hands it out.
fn fetched((key, envelope): (RecordKey, Vec<u8>)) -> Header {
    Envelope::open(&envelope, &key, NOW).unwrap()
}

fn asked(ask: &Ask, author: u8) -> Header {
    fetched(seal_ask(&epoch_key(), ask, &node(author), NOW).unwrap())
}

fn opened(header: &Header) -> Result<Ask, LetterError> {
    open_ask(&epoch_key(), header, &bob(), NOW, &mut Replays::new())
}

/// Puts anything under the seal of letters to a node, at the place of a letter of `writer`: what any
/// member can do with a key of its own.
fn planted(letter: &Letter, to: &NodeId, kind: LetterKind, writer: &SigningKey) -> Header {
    let place = letter::key(&epoch_key(), &writer.node_id(), to, kind);
    let (seal, salt) = (letter::seal_key(&epoch_key(), to), salt(to, kind));
    let not_after = NOW.plus(TWO_MINUTES);
    let (key, bytes) = seal_record(letter, RecordKind::Letter, &seal, salt, writer, NOW, not_after).unwrap();
    assert_eq!(key, place);
    fetched((key, bytes))
}

/// The salt of letters to a node, as a member reads it off one of its own.
fn salt(to: &NodeId, kind: LetterKind) -> [u8; 16] {
    let from = node(9);
    let letter = match kind {
        LetterKind::Ask => seal_ask(&epoch_key(), &Ask { from: from.node_id(), to: *to, ..ask() }, &from, NOW),
        LetterKind::Reply => seal_reply(&epoch_key(), &Reply { from: from.node_id(), to: *to, ..reply() }, &from, NOW),
    };
    fetched(letter.unwrap()).salt
}

#[test]
fn an_offer_and_its_answer_lie_where_both_know() {
    let key = epoch_key();
    let (place, envelope) = seal_ask(&key, &ask(), &node(1), NOW).unwrap();
    assert_eq!(place, letter::key(&key, &alice(), &bob(), LetterKind::Ask));
    assert_eq!(opened(&fetched((place, envelope))), Ok(ask()));
    let (place, envelope) = seal_reply(&key, &reply(), &node(2), NOW).unwrap();
    assert_eq!(place, letter::key(&key, &bob(), &alice(), LetterKind::Reply));
    assert_eq!(open_reply(&key, &fetched((place, envelope)), &ask()), Ok(reply()));
    let refused = Reply { body: ReplyBody::Refused { reason: Refusal::Full, spots: Vec::new() }, ..reply() };
    let letter = fetched(seal_reply(&key, &refused, &node(2), NOW).unwrap());
    assert_eq!(open_reply(&key, &letter, &ask()), Ok(refused));
}

#[test]
fn an_offer_counts_once_whichever_way_it_comes() {
    let (key, mut replays) = (epoch_key(), Replays::new());
    let letter = asked(&ask(), 1);
    open_ask(&key, &letter, &bob(), NOW, &mut replays).unwrap();
    let again = open_ask(&key, &letter, &bob(), NOW, &mut replays);
    assert_eq!(again, Err(LetterError::Call(CallError::Repeated)));
    assert_eq!(reopen_ask(&key, &letter, &bob(), NOW), Ok(ask()), "its answer may still be wanted");
    let direct = waterfall_keys::seal_ask(&key, &ask(), &node(1)).unwrap();
    let again = waterfall_keys::open_ask(&key, &direct, &bob(), NOW, &mut replays);
    assert_eq!(again, Err(CallError::Repeated));
    assert_eq!(waterfall_keys::reopen_ask(&key, &direct, &bob(), NOW), Ok(ask()));
}

#[test]
fn a_letter_to_another_or_past_its_time_is_refused() {
    let letter = asked(&ask(), 1);
    let me_too = open_ask(&epoch_key(), &letter, &node(3).node_id(), NOW, &mut Replays::new());
    assert!(matches!(me_too, Err(LetterError::Record(RecordError::Seal(_)))), "it is sealed to its recipient");
    let late = open_ask(&epoch_key(), &letter, &bob(), NOW.plus(ASK_LIFE), &mut Replays::new());
    assert_eq!(late, Err(LetterError::Call(CallError::Expired)));
    let misdirected = Letter::Ask(Signed::new(&Ask { to: node(3).node_id(), ..ask() }, &node(1)));
    let misdirected = planted(&misdirected, &bob(), LetterKind::Ask, &node(1));
    assert_eq!(opened(&misdirected), Err(LetterError::Call(CallError::WrongRecipient)));
    let long = Ask { not_after: NOW.plus(TWO_MINUTES + 1), ..ask() };
    assert_eq!(opened(&asked(&long, 1)), Err(LetterError::Call(CallError::LivesTooLong)));
    let (place, envelope) = seal_ask(&epoch_key(), &ask(), &node(1), NOW).unwrap();
    assert_eq!(Envelope::open(&envelope, &place, NOW.plus(TWO_MINUTES)), Err(EnvelopeError::Expired));
}

#[test]
fn a_member_cannot_pass_on_anothers_letter_as_its_own() {
    let stolen = Letter::Ask(Signed::new(&ask(), &node(1)));
    let planted_ask = planted(&stolen, &bob(), LetterKind::Ask, &node(3));
    assert_eq!(opened(&planted_ask), Err(LetterError::WrongWriter));
    let stolen = Letter::Reply(Signed::new(&reply(), &node(2)));
    let planted_reply = planted(&stolen, &alice(), LetterKind::Reply, &node(3));
    assert_eq!(open_reply(&epoch_key(), &planted_reply, &ask()), Err(LetterError::WrongWriter));
    assert_eq!(seal_ask(&epoch_key(), &ask(), &node(3), NOW), Err(ComposeError::NotAuthor));
    assert_eq!(seal_reply(&epoch_key(), &reply(), &node(3), NOW), Err(ComposeError::NotAuthor));
}

#[test]
fn a_letter_is_what_its_place_says() {
    let answer = Letter::Reply(Signed::new(&reply(), &node(2)));
    let answer = planted(&answer, &bob(), LetterKind::Ask, &node(2));
    assert_eq!(opened(&answer), Err(LetterError::WrongKind));
    let question = Letter::Ask(Signed::new(&ask(), &node(1)));
    let question = planted(&question, &alice(), LetterKind::Reply, &node(1));
    assert_eq!(open_reply(&epoch_key(), &question, &ask()), Err(LetterError::WrongKind));
    let probe = Ask { body: AskBody::Probe, ..ask() };
    assert_eq!(opened(&asked(&probe, 1)), Err(LetterError::WrongKind), "spots are read from node records");
    let disguised = Letter::Ask(Signed::new(&reply(), &node(2)));
    let disguised = planted(&disguised, &bob(), LetterKind::Ask, &node(2));
    assert!(matches!(opened(&disguised), Err(LetterError::Call(CallError::Statement(_)))));
}

#[test]
fn an_answer_to_an_earlier_offer_does_not_count() {
    let earlier = Reply { nonce: [4; 16], ..reply() };
    let letter = fetched(seal_reply(&epoch_key(), &earlier, &node(2), NOW).unwrap());
    assert_eq!(open_reply(&epoch_key(), &letter, &ask()), Err(LetterError::Call(CallError::WrongReply)));
}

#[test]
fn other_epochs_do_not_find_it_or_open_it() {
    let other = EpochKey::derive(&waterfall_keys::RoomKey::from_bytes([0x11; 32]), &crate::support::room(), Epoch(8));
    let place = |key: &EpochKey| letter::key(key, &alice(), &bob(), LetterKind::Ask);
    assert_ne!(place(&epoch_key()), place(&other));
    assert_ne!(letter::doorbell(&epoch_key(), &bob(), 0), letter::doorbell(&other, &bob(), 0));
    let opened = open_ask(&other, &asked(&ask(), 1), &bob(), NOW, &mut Replays::new());
    assert!(matches!(opened, Err(LetterError::Record(RecordError::Seal(_)))));
    let stale = Ask { epoch: Epoch(6), ..ask() };
    assert_eq!(seal_ask(&epoch_key(), &stale, &node(1), NOW), Err(ComposeError::WrongEpoch));
}

#[test]
fn an_altered_letter_does_not_open() {
    let letter = asked(&ask(), 1);
    for (at, ciphertext) in each_byte_flipped(&letter.ciphertext) {
        let altered = Header { ciphertext, ..letter.clone() };
        assert!(matches!(opened(&altered), Err(LetterError::Record(RecordError::Seal(_)))), "byte {at}");
    }
}

#[test]
fn every_member_can_ring_and_none_can_write_anothers_letter() {
    let (key, ring) = (epoch_key(), Ring { from: alice(), at: NOW });
    let mut doorbell = Doorbell::default();
    doorbell.ring(ring, UnixMillis(0));
    for which in 0..DOORBELLS {
        let (place, envelope) = seal_doorbell(&key, &bob(), which, &doorbell, NOW).unwrap();
        assert_eq!(place, letter::doorbell(&key, &bob(), which));
        let header = fetched((place, envelope));
        assert_eq!(open_doorbell(&key, &bob(), &header), Ok(doorbell.clone()));
        assert!(open_doorbell(&key, &alice(), &header).is_err());
        // Whoever can ring holds this write key and no other; letters lie under node keys.
        assert_ne!(header.write_key, alice().0);
        assert_ne!(record_key(&header.write_key, &header.salt), letter::key(&key, &alice(), &bob(), LetterKind::Ask));
        assert!(open_record::<Letter>(&header, RecordKind::Letter, &letter::seal_key(&epoch_key(), &bob())).is_err());
    }
    let crowded = Doorbell { rings: (0..=MAX_RINGS as u8).map(|n| Ring { from: NodeId([n; 32]), at: NOW }).collect() };
    assert!(matches!(seal_doorbell(&key, &bob(), 0, &crowded, NOW), Err(ComposeError::Invalid(_))));
}

#[test]
fn callers_are_spread_over_the_doorbells_and_try_all() {
    let from = NodeId([2; 32]);
    let tried: Vec<u8> = (0..5).map(|attempt| doorbell_for(&from, attempt)).collect();
    assert_eq!(tried, [2, 3, 0, 1, 2]);
    assert!(doorbell_for(&NodeId([0xff; 32]), u32::MAX) < DOORBELLS);
}

/// What the fuzzer of letters has found (`fuzz/corpus/letter`), behind a good seal.
#[test]
fn the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/letter");
    let key = epoch_key();
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for (to, kind) in [(bob(), LetterKind::Ask), (alice(), LetterKind::Reply)] {
            let header = behind(RecordKind::Letter, &letter::seal_key(&key, &to), salt(&to, kind), &bytes);
            if let Ok(ask) = opened(&header) {
                assert_eq!((ask.from.0, ask.to), (header.write_key, bob()));
            }
            if let Ok(reply) = open_reply(&key, &header, &ask()) {
                assert_eq!((reply.from.0, reply.to), (header.write_key, alice()));
            }
        }
        let header = behind(RecordKind::Doorbell, &letter::doorbell_seal(&key, &bob()), [0; 16], &bytes);
        if let Ok(doorbell) = open_doorbell(&key, &bob(), &header) {
            assert!(doorbell.rings.len() <= MAX_RINGS);
        }
        files += 1;
    }
    assert!(files > 3, "the corpus is gone");
}

/// Any bytes at all as the plaintext of a record.
fn behind(kind: RecordKind, seal: &SealKey, salt: [u8; 16], plaintext: &[u8]) -> Header {
    let (write_key, not_after) = (node(1).public(), NOW.plus(1_000));
    let dates = [NOW.0.to_be_bytes(), not_after.0.to_be_bytes()].concat();
    let aad = [&b"waterfall/record-seal/1"[..], &[PROTOCOL_VERSION, kind.number()], &write_key, &salt, &dates].concat();
    let ciphertext = seal.seal(&aad, plaintext);
    Header { version: PROTOCOL_VERSION, kind, write_key, salt, seq: NOW, not_after, ciphertext }
}
