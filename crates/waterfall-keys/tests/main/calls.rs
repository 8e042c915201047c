//! Questions, answers and events: who may ask whom what, and how often.

use proptest::prelude::*;
use waterfall_keys::{
    ASK_LIFE, CallError, ComposeError, EpochKey, EventError, MAX_ASK_AHEAD, MAX_EVENT_AGE, Replays, RoomKey,
    UnsealError, check_event, open_ask, open_event, open_reply, seal_ask, seal_event, seal_reply,
};
use waterfall_wire::{
    Ask, AskBody, Epoch, NodeId, PROTOCOL_VERSION, Refusal, Reply, ReplyBody, RoomEvent, RoomEventBody, RoomId,
    RouteId, Routed, Signed, StatementError, UnixMillis, decode, encode,
};

use crate::support::{each_byte_flipped, epoch_key, node, room};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn alice() -> NodeId {
    node(1).node_id()
}

fn bob() -> NodeId {
    node(2).node_id()
}

fn ask() -> Ask {
    Ask {
        version: PROTOCOL_VERSION,
        from: alice(),
        to: bob(),
        epoch: Epoch(7),
        nonce: [5; 16],
        not_after: NOW.plus(ASK_LIFE),
        body: AskBody::Probe,
    }
}

fn reply() -> Reply {
    Reply {
        version: PROTOCOL_VERSION,
        from: bob(),
        to: alice(),
        epoch: Epoch(7),
        nonce: [5; 16],
        body: ReplyBody::Spots(Vec::new()),
    }
}

fn sealed_ask(ask: &Ask) -> Routed {
    seal_ask(&epoch_key(), ask, &node(1)).unwrap()
}

fn opened_ask(routed: &Routed) -> Result<Ask, CallError> {
    open_ask(&epoch_key(), routed, &bob(), NOW, &mut Replays::new())
}

fn opened_reply(reply: &Reply) -> Result<Reply, CallError> {
    let author = if reply.from == bob() { node(2) } else { node(3) };
    open_reply(&epoch_key(), &seal_reply(&epoch_key(), reply, &author).unwrap(), &ask())
}

#[test]
fn a_question_and_its_answer_arrive() {
    assert_eq!(opened_ask(&sealed_ask(&ask())), Ok(ask()));
    assert_eq!(opened_reply(&reply()), Ok(reply()));
    let refused = Reply { body: ReplyBody::Refused { reason: Refusal::Denied, spots: Vec::new() }, ..reply() };
    assert_eq!(opened_reply(&refused), Ok(refused));
}

#[test]
fn a_question_counts_once() {
    let (routed, mut replays) = (sealed_ask(&ask()), Replays::new());
    let mut open = |routed: &Routed, now| open_ask(&epoch_key(), routed, &bob(), now, &mut replays);
    open(&routed, NOW).unwrap();
    assert_eq!(open(&routed, NOW), Err(CallError::Repeated));
    assert_eq!(open(&sealed_ask(&ask()), NOW), Err(CallError::Repeated), "sealed anew by another member");
    assert_eq!(open(&routed, NOW.plus(ASK_LIFE - 1)), Err(CallError::Repeated));
    assert_eq!(open(&routed, NOW.plus(ASK_LIFE)), Err(CallError::Expired));
    open(&sealed_ask(&Ask { nonce: [6; 16], ..ask() }), NOW).unwrap();
}

#[test]
fn one_asker_gets_so_many_questions_in_and_the_next_asker_too() {
    let mut replays = Replays::new();
    let mut open = |ask: &Ask, author: u8| {
        let routed = seal_ask(&epoch_key(), ask, &node(author)).unwrap();
        open_ask(&epoch_key(), &routed, &bob(), NOW, &mut replays).map(|_| ())
    };
    let results: Vec<_> = (0..70).map(|n| open(&Ask { nonce: [n; 16], ..ask() }, 1)).collect();
    assert!(results[..64].iter().all(Result::is_ok));
    assert!(results[64..].iter().all(|result| *result == Err(CallError::TooMany)));
    assert_eq!(open(&Ask { from: node(3).node_id(), ..ask() }, 3), Ok(()));
}

#[test]
fn a_refused_question_is_not_remembered() {
    let mut replays = Replays::new();
    let far = Ask { not_after: NOW.plus(MAX_ASK_AHEAD + 1), ..ask() };
    for (ask, me) in [(&far, bob()), (&ask(), alice())] {
        open_ask(&epoch_key(), &sealed_ask(ask), &me, NOW, &mut replays).unwrap_err();
    }
    assert!(replays.is_empty());
}

#[test]
fn dates_are_held_to() {
    let open = |ahead| opened_ask(&sealed_ask(&Ask { not_after: UnixMillis(NOW.0 + ahead), ..ask() }));
    assert_eq!(open(0), Err(CallError::Expired));
    open(1).unwrap();
    open(MAX_ASK_AHEAD).unwrap();
    assert_eq!(open(MAX_ASK_AHEAD + 1), Err(CallError::LivesTooLong));
    assert_eq!(open(u64::MAX - NOW.0), Err(CallError::LivesTooLong));
}

#[test]
fn a_question_to_someone_else_is_refused() {
    let open = |me| open_ask(&epoch_key(), &sealed_ask(&ask()), &me, NOW, &mut Replays::new());
    assert_eq!(open(node(3).node_id()), Err(CallError::WrongRecipient));
    assert_eq!(open(alice()), Err(CallError::WrongRecipient), "thrown back at its author");
}

#[test]
fn other_rooms_and_epochs_are_refused() {
    let routed = sealed_ask(&ask());
    let room_key = RoomKey::from_bytes([0x11; 32]);
    for other in
        [EpochKey::derive(&room_key, &room(), Epoch(8)), EpochKey::derive(&room_key, &RoomId([1; 32]), Epoch(7))]
    {
        let open = |routed: &Routed| open_ask(&other, routed, &bob(), NOW, &mut Replays::new());
        assert_eq!(open(&routed), Err(CallError::WrongRoute));
        let rerouted = Routed { route: other.route(), ..routed.clone() };
        assert_eq!(open(&rerouted), Err(CallError::Seal(UnsealError)));
        assert_eq!(seal_ask(&other, &Ask { epoch: Epoch(6), ..ask() }, &node(1)), Err(ComposeError::WrongEpoch));
        assert_eq!(seal_reply(&other, &Reply { epoch: Epoch(6), ..reply() }, &node(2)), Err(ComposeError::WrongEpoch));
    }
    // A member seals what was said in an earlier epoch under the key of this one.
    let stale = seal_by_hand(b"waterfall/ask-seal/1", &Signed::new(&Ask { epoch: Epoch(6), ..ask() }, &node(1)));
    assert_eq!(opened_ask(&stale), Err(CallError::WrongEpoch));
    let stale = seal_by_hand(b"waterfall/reply-seal/1", &Signed::new(&Reply { epoch: Epoch(6), ..reply() }, &node(2)));
    assert_eq!(open_reply(&epoch_key(), &stale, &ask()), Err(CallError::WrongEpoch));
}

/// What any member can make: anything at all, under the epoch's seal.
fn seal_by_hand(domain: &[u8], statement: &Signed) -> Routed {
    let key = epoch_key();
    let aad = [domain, &key.route().0].concat();
    Routed { route: key.route(), sealed: key.call_seal().seal(&aad, &encode(statement)) }
}

#[test]
fn a_member_cannot_speak_for_another() {
    let honest = encode(&Signed::new(&ask(), &node(1)));
    let mut refused = 0;
    for (at, altered) in each_byte_flipped(&honest) {
        // Where the framing itself broke there is no statement to seal.
        let Ok(statement) = decode::<Signed>(&altered) else { continue };
        assert!(
            matches!(opened_ask(&seal_by_hand(b"waterfall/ask-seal/1", &statement)), Err(CallError::Statement(_))),
            "byte {at}"
        );
        refused += 1;
    }
    assert!(refused > 150, "nearly all bytes are body or signature");
    assert_eq!(seal_ask(&epoch_key(), &ask(), &node(3)), Err(ComposeError::NotAuthor));
    assert_eq!(seal_reply(&epoch_key(), &reply(), &node(3)), Err(ComposeError::NotAuthor));
}

#[test]
fn questions_and_answers_are_not_taken_for_each_other() {
    let routed = seal_reply(&epoch_key(), &reply(), &node(2)).unwrap();
    assert_eq!(open_ask(&epoch_key(), &routed, &alice(), NOW, &mut Replays::new()), Err(CallError::Seal(UnsealError)));
    assert_eq!(open_reply(&epoch_key(), &sealed_ask(&ask()), &ask()), Err(CallError::Seal(UnsealError)));
    let disguised = seal_by_hand(b"waterfall/ask-seal/1", &Signed::new(&reply(), &node(2)));
    assert!(matches!(opened_ask(&disguised), Err(CallError::Statement(StatementError::Decode(_)))));
}

#[test]
fn only_the_answer_to_the_question_counts() {
    assert_eq!(opened_reply(&Reply { nonce: [6; 16], ..reply() }), Err(CallError::WrongReply));
    assert_eq!(opened_reply(&Reply { from: node(3).node_id(), ..reply() }), Err(CallError::WrongReply));
    assert_eq!(opened_reply(&Reply { to: node(3).node_id(), ..reply() }), Err(CallError::WrongRecipient));
}

#[test]
fn an_altered_call_does_not_open() {
    let routed = sealed_ask(&ask());
    for (at, sealed) in each_byte_flipped(&routed.sealed) {
        let altered = Routed { sealed, ..routed.clone() };
        assert_eq!(opened_ask(&altered), Err(CallError::Seal(UnsealError)), "byte {at}");
    }
    assert_eq!(opened_ask(&Routed { route: RouteId([0; 16]), ..routed }), Err(CallError::WrongRoute));
}

fn event() -> RoomEvent {
    RoomEvent { version: PROTOCOL_VERSION, room: room(), from: alice(), at: NOW, body: RoomEventBody::Ended }
}

#[test]
fn an_event_arrives_and_can_be_passed_on() {
    let signed = Signed::new(&event(), &node(1));
    let (passed_on, opened) = open_event(&epoch_key(), &seal_event(&epoch_key(), &signed), NOW).unwrap();
    assert_eq!((&passed_on, &opened), (&signed, &event()));
    assert_eq!(check_event(&epoch_key(), &passed_on, NOW), Ok(event()));
}

#[test]
fn events_of_other_rooms_or_times_are_refused() {
    let check = |event: &RoomEvent| check_event(&epoch_key(), &Signed::new(event, &node(1)), NOW);
    assert_eq!(check(&RoomEvent { room: RoomId([1; 32]), ..event() }), Err(EventError::WrongRoom));
    for (at, fits) in [
        (NOW.0 - MAX_EVENT_AGE - 1, false),
        (NOW.0 - MAX_EVENT_AGE, true),
        (NOW.0 + MAX_EVENT_AGE, true),
        (NOW.0 + MAX_EVENT_AGE + 1, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let result = check(&RoomEvent { at: UnixMillis(at), ..event() });
        assert!(if fits { result.is_ok() } else { result == Err(EventError::Stale) }, "{at}");
    }
}

#[test]
fn an_altered_event_does_not_open() {
    let sealed = seal_event(&epoch_key(), &Signed::new(&event(), &node(1)));
    for (at, altered) in each_byte_flipped(&sealed) {
        assert_eq!(open_event(&epoch_key(), &altered, NOW), Err(EventError::Seal(UnsealError)), "byte {at}");
    }
    assert_eq!(open_event(&epoch_key(), &[0; 513], NOW), Err(EventError::TooLong));
    let (_, altered) = each_byte_flipped(&encode(&Signed::new(&event(), &node(1)))).nth(60).unwrap();
    let forged = seal_event(&epoch_key(), &decode(&altered).unwrap());
    assert!(matches!(open_event(&epoch_key(), &forged, NOW), Err(EventError::Statement(_))), "a member's forgery");
}

proptest! {
    #[test]
    fn random_bytes_are_no_call(sealed in prop::collection::vec(any::<u8>(), 0..300)) {
        let routed = Routed { route: epoch_key().route(), sealed: sealed.clone() };
        prop_assert!(opened_ask(&routed).is_err());
        prop_assert!(open_reply(&epoch_key(), &routed, &ask()).is_err());
        prop_assert!(open_event(&epoch_key(), &sealed, NOW).is_err());
    }
}
