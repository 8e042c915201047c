//! One small, fixed value or more of every wire type: the vectors, and the start of every attack.

use std::net::SocketAddr;

use serde_json::{Value, json};
use waterfall_wire::{
    AccessKind, Address, Answer, Ask, AskBody, Candidate, CandidateKind, Catalogue, Certified, Charter, Climber, Codec,
    Contact, DecodeError, Doorbell, Down, Entry, Envelope, Epoch, Fingerprint, Have, Header, KeyChunk, Kid, Letter,
    LetterKind, LinkMessage, Mark, NodeId, NodeRecord, Offer, Owner, PROTOCOL_VERSION, Recipients, RecordKind, Refusal,
    Reply, ReplyBody, Ring, Role, RoomEvent, RoomEventBody, RoomId, RouteId, Routed, Session, Signed, SigningKey,
    Speakers, Spot, Summary, Ticket, Track, TreeMessage, UnixMillis, Wire, decode, encode,
};

use crate::describe::{Describe, hex};

/// 2026-01-01T00:00:00Z, the moment of every sample.
pub(crate) const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

/// Every wire type.
pub(crate) struct Kind {
    /// Name of its vector file and of its fuzz input.
    pub(crate) file: &'static str,
    /// [`Wire::NAME`].
    pub(crate) name: &'static str,
    /// [`Wire::MAX_LEN`].
    pub(crate) max_len: usize,
    /// Decodes, and encodes what came of it.
    pub(crate) reencode: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
    pub(crate) cases: Vec<Case>,
}

/// A question about bytes.
type Predicate = Box<dyn Fn(&[u8]) -> bool>;

/// One value of a type.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) fields: Value,
    pub(crate) bytes: Vec<u8>,
    /// Whether bytes decode to the value that this case was made of.
    pub(crate) is_decoded_from: Predicate,
}

fn case<T: Wire + PartialEq + 'static>(name: &'static str, fields: Value, value: T) -> Case {
    let bytes = encode(&value);
    Case { name, fields, bytes, is_decoded_from: Box::new(move |bytes| decode::<T>(bytes).is_ok_and(|v| v == value)) }
}

fn plain<T: Wire + PartialEq + Describe + 'static>(name: &'static str, value: T) -> Case {
    case(name, value.describe(), value)
}

fn kind<T: Wire + 'static>(file: &'static str, cases: Vec<Case>) -> Kind {
    Kind {
        file,
        name: T::NAME,
        max_len: T::MAX_LEN,
        reencode: |bytes| decode::<T>(bytes).map(|value| encode(&value)),
        cases,
    }
}

/// The secret key whose 32 bytes are all `n`.
pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

/// The public half of [`key`].
pub(crate) fn node(n: u8) -> NodeId {
    key(n).node_id()
}

/// `/ip4/192.0.2.n/tcp/4001` (RFC 5737) in binary form.
pub(crate) fn address(n: u8) -> Address {
    Address(vec![4, 192, 0, 2, n, 6, 0x0f, 0xa1])
}

pub(crate) fn contact(n: u8) -> Contact {
    Contact { node: node(n), addresses: [address(n)].into() }
}

pub(crate) fn spot(n: u8) -> Spot {
    Spot { contact: contact(n), depth: u16::from(n), free: 4, proven: 3 }
}

pub(crate) fn charter() -> Charter {
    Charter {
        epoch: Epoch(3),
        access: AccessKind::Password,
        chunk_count: 1,
        speakers: Speakers::Only(vec![node(1), node(2)]),
        expelled: vec![node(9)],
        delegates: vec![node(1)],
        title: "Über den Wasserfall".into(),
    }
}

/// A fingerprint of 20 or 32 bytes.
pub(crate) fn fingerprint(len: usize) -> Fingerprint {
    Fingerprint::new(&vec![0xfe; len]).unwrap()
}

pub(crate) fn key_chunk(recipients: Vec<u8>) -> KeyChunk {
    KeyChunk { epoch: Epoch(3), index: 0, message: vec![0xc3; 40], recipients }
}

pub(crate) fn recipients() -> Recipients {
    Recipients { fingerprints: vec![fingerprint(20), fingerprint(32)] }
}

pub(crate) fn certified() -> Certified {
    Certified { certificate: vec![0xc6; 50], signature: vec![0xc2; 30] }
}

pub(crate) fn node_record() -> NodeRecord {
    NodeRecord {
        depth: 1,
        parent: Some(node(1)),
        children: vec![node(5), node(6)],
        fan_out: 4,
        size: 300,
        height: 4,
        spots: vec![spot(2)],
        contact: contact(2),
    }
}

/// A header signed by [`key`]`(1)`, written at [`NOW`], alive for a minute.
pub(crate) fn header() -> Header {
    Header {
        version: PROTOCOL_VERSION,
        kind: RecordKind::Entry,
        write_key: key(1).public(),
        salt: std::array::from_fn(|i| i as u8),
        seq: NOW,
        not_after: NOW.plus(60_000),
        ciphertext: vec![0xee; 48],
    }
}

pub(crate) fn session() -> Session {
    let candidate = |kind, address: &str| Candidate { kind, address: address.parse::<SocketAddr>().unwrap() };
    Session {
        ufrag: "aB3+".into(),
        pwd: "abcdefghijklmnopqrstuv".into(),
        fingerprint: [0xf1; 32],
        ssrc_base: 0x1234_5678,
        audio_slots: 5,
        video_slots: 5,
        candidates: vec![
            candidate(CandidateKind::Host, "192.0.2.7:50000"),
            candidate(CandidateKind::ServerReflexive, "[2001:db8::7]:50001"),
        ],
    }
}

pub(crate) fn ask(body: AskBody) -> Ask {
    Ask {
        version: PROTOCOL_VERSION,
        from: node(1),
        to: node(2),
        epoch: Epoch(3),
        nonce: [0xab; 16],
        not_after: NOW.plus(30_000),
        body,
    }
}

pub(crate) fn offer() -> Offer {
    Offer { role: Role::Child, advertised: Some(Mark { counter: 70_000, depth: 2 }), session: session() }
}

pub(crate) fn reply(body: ReplyBody) -> Reply {
    Reply { version: PROTOCOL_VERSION, from: node(2), to: node(1), epoch: Epoch(3), nonce: [0xab; 16], body }
}

pub(crate) fn track(index: u8, codec: Codec) -> Track {
    Track {
        kid: Kid::new(&node(1), index),
        epoch: Epoch(3),
        start: [index; 16],
        codec,
        clock_rate: 90_000,
        width: 640,
        height: 360,
        channels: 0,
        private: Vec::new(),
        title: "camera".into(),
        ended: None,
    }
}

pub(crate) fn catalogue() -> Catalogue {
    let sound = Track {
        clock_rate: 48_000,
        width: 0,
        height: 0,
        channels: 2,
        private: b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0".to_vec(),
        title: String::new(),
        ended: Some(500),
        ..track(1, Codec::Opus)
    };
    Catalogue {
        version: PROTOCOL_VERSION,
        speaker: node(1),
        revision: 2,
        origin: NOW,
        tracks: vec![track(0, Codec::Vp8), sound],
    }
}

pub(crate) fn event(body: RoomEventBody) -> RoomEvent {
    RoomEvent { version: PROTOCOL_VERSION, room: RoomId(key(7).public()), from: node(1), at: NOW, body }
}

pub(crate) fn notice() -> RoomEventBody {
    RoomEventBody::Letter { to: node(2), kind: LetterKind::Reply }
}

pub(crate) fn doorbell() -> Doorbell {
    Doorbell { rings: vec![Ring { from: node(1), at: NOW }, Ring { from: node(3), at: UnixMillis(NOW.0 - 1_000) }] }
}

pub(crate) fn ticket() -> Ticket {
    let room = RoomId(key(7).public());
    Ticket::new(room, [0x5e; 32], AccessKind::Password, vec![address(1)], vec![contact(1), contact(2)])
}

pub(crate) fn summary() -> Summary {
    Summary {
        size: 21,
        height: 2,
        spots: vec![spot(3), spot(4)],
        open: 9,
        wards: vec![spot(7)],
        strength: 50,
        climber: Some(Climber { contact: contact(8), strength: 40, size: 5, staying: 3 }),
    }
}

pub(crate) fn down() -> Down {
    Down {
        mark: Mark { counter: 70_001, depth: 2 },
        path: vec![node(1), node(2), node(3)],
        starving: false,
        outside: vec![spot(5)],
        beside: vec![spot(6)],
        stand: vec![spot(7)],
        lag: 120,
    }
}

fn records() -> Vec<Kind> {
    let open = Charter {
        epoch: Epoch(0),
        access: AccessKind::Open,
        chunk_count: 0,
        speakers: Speakers::Everyone,
        expelled: vec![],
        title: String::new(),
        ..charter()
    };
    let members = Charter { access: AccessKind::Members, chunk_count: 4, ..charter() };
    let root =
        NodeRecord { depth: 0, parent: None, children: vec![], spots: vec![], size: 1, height: 0, ..node_record() };
    let over = Entry { participants: vec![], ended: true };
    vec![
        kind::<Charter>(
            "charter",
            vec![plain("password room", charter()), plain("open room", open), plain("members", members)],
        ),
        kind::<Entry>(
            "entry",
            vec![
                plain("two participants", Entry { participants: vec![contact(1), contact(2)], ended: false }),
                plain("ended", over),
            ],
        ),
        kind::<KeyChunk>(
            "key_chunk",
            vec![plain("under a password", key_chunk(vec![])), plain("for members", key_chunk(vec![0x5e; 60]))],
        ),
        kind::<Recipients>(
            "recipients",
            vec![plain("two", recipients()), plain("nobody", Recipients { fingerprints: vec![] })],
        ),
        kind::<Owner>("owner", vec![plain("certified", Owner { certified: certified() })]),
        kind::<NodeRecord>("node_record", vec![plain("relay", node_record()), plain("root alone", root)]),
    ]
}

fn envelopes() -> Vec<Kind> {
    let fields = json!({
        "secret_key": hex(&key(1).to_bytes()), "header": hex(&encode(&header())),
        "record_key": hex(&header().record_key().0),
    });
    let signed = json!({ "secret_key": hex(&key(1).to_bytes()), "domain": "waterfall/catalogue/1",
        "body": hex(&encode(&catalogue())) });
    vec![
        kind::<Header>("header", vec![plain("entry", header())]),
        kind::<Envelope>("envelope", vec![case("entry", fields, Envelope::sign(&header(), &key(1)))]),
        kind::<Signed>("signed", vec![case("catalogue", signed, Signed::new(&catalogue(), &key(1)))]),
    ]
}

fn calls() -> Vec<Kind> {
    let first = Offer { role: Role::Standby, advertised: None, session: session() };
    let orphan = Offer { role: Role::Orphan, ..offer() };
    let answer = Answer { session: session() };
    let full = ReplyBody::Refused { reason: Refusal::Full, spots: vec![spot(3)] };
    let routed = Routed { route: RouteId([0x0d; 16]), sealed: vec![0xee; 56] };
    vec![
        kind::<Ask>(
            "ask",
            vec![
                plain("probe", ask(AskBody::Probe)),
                plain("offer", ask(AskBody::Offer(offer()))),
                plain("first offer", ask(AskBody::Offer(first))),
                plain("offer of an orphan", ask(AskBody::Offer(orphan))),
            ],
        ),
        kind::<Reply>(
            "reply",
            vec![
                plain("spots", reply(ReplyBody::Spots(vec![spot(3), spot(4)]))),
                plain("answer", reply(ReplyBody::Answer(answer))),
                plain("refused", reply(full)),
            ],
        ),
        kind::<Routed>("routed", vec![plain("sealed", routed)]),
    ]
}

fn tree_messages() -> Vec<Case> {
    let attach = |advertised| TreeMessage::Attach { role: Role::Child, advertised, summary: summary() };
    let leaf = Summary { wards: vec![], climber: None, strength: 0, ..summary() };
    vec![
        plain("attach", attach(Some(Mark { counter: 70_000, depth: 2 }))),
        plain("first attach", attach(None)),
        plain("attached", TreeMessage::Attached(down())),
        plain("refused", TreeMessage::Refused { reason: Refusal::NotFeasible, spots: vec![spot(3)] }),
        plain("summary", TreeMessage::Summary(summary())),
        plain("summary of a leaf", TreeMessage::Summary(leaf)),
        plain("down", TreeMessage::Down(Down { starving: true, ..down() })),
        plain("mark", TreeMessage::Mark(Mark { counter: u64::MAX, depth: 0 })),
        plain("leaving", TreeMessage::Leaving { spots: vec![spot(3)] }),
        plain("detach", TreeMessage::Detach),
        plain("count", TreeMessage::Count(70_001)),
        plain("starving", TreeMessage::Starving),
        plain("rise of a grandchild", TreeMessage::Rise { node: Some(node(8)), to: spot(3) }),
        plain("move", TreeMessage::Move { spots: vec![spot(3), spot(4)] }),
        plain("rise of the deepest", TreeMessage::Rise { node: None, to: spot(3) }),
    ]
}

fn letters() -> Vec<Kind> {
    let question = Signed::new(&ask(AskBody::Offer(offer())), &key(1));
    let answer = Signed::new(&reply(ReplyBody::Answer(Answer { session: session() })), &key(2));
    vec![
        kind::<Letter>(
            "letter",
            vec![
                case("ask", json!({ "Ask": hex(&encode(&question)) }), Letter::Ask(question)),
                case("reply", json!({ "Reply": hex(&encode(&answer)) }), Letter::Reply(answer)),
            ],
        ),
        kind::<Doorbell>("doorbell", vec![plain("two rings", doorbell()), plain("none", Doorbell::default())]),
    ]
}

fn streams() -> Vec<Kind> {
    let signed = Signed::new(&event(RoomEventBody::Ended), &key(1));
    let have = vec![Have { kid: Kid::new(&node(1), 0), next: 100_000 }];
    let links = vec![
        case("tree", json!({ "Tree": "Detach" }), LinkMessage::Tree(TreeMessage::Detach)),
        case(
            "catalogue",
            json!({ "Catalogue": hex(&encode(&Signed::new(&catalogue(), &key(1)))) }),
            LinkMessage::Catalogue(Signed::new(&catalogue(), &key(1))),
        ),
        case("event", json!({ "Event": hex(&encode(&signed)) }), LinkMessage::Event(signed)),
        case("resume", json!({ "Resume": have.describe() }), LinkMessage::Resume(have)),
        case("credential", json!({ "Credential": certified().describe() }), LinkMessage::Credential(certified())),
    ];
    vec![
        kind::<Catalogue>("catalogue", vec![plain("video and ended audio", catalogue())]),
        kind::<RoomEvent>(
            "room_event",
            vec![plain("ended", event(RoomEventBody::Ended)), plain("letter", event(notice()))],
        ),
        kind::<Summary>("summary", vec![plain("two spots", summary())]),
        kind::<TreeMessage>("tree_message", tree_messages()),
        kind::<LinkMessage>("link_message", links),
        kind::<Ticket>("ticket", vec![plain("password room", ticket())]),
    ]
}

/// Every wire type with its samples.
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = records();
    kinds.extend(envelopes());
    kinds.extend(calls());
    kinds.extend(letters());
    kinds.extend(streams());
    kinds
}
