//! The largest legal value of each type fits its length; one more of anything is refused.

use std::net::SocketAddr;

use waterfall_wire::{
    AccessKind, Address, Answer, Ask, AskBody, Candidate, CandidateKind, Catalogue, Certified, Charter, Climber, Codec,
    Contact, Ctr, DecodeError, Doorbell, Down, Entry, Envelope, Epoch, Fingerprint, Have, Header, KeyChunk, Kid,
    Letter, LinkMessage, MAX_ADDRESS_LEN, MAX_ADDRESSES, MAX_CANDIDATES, MAX_CERTIFICATE, MAX_CERTIFICATION,
    MAX_CHUNK_MESSAGE, MAX_CONTACT_LEN, MAX_FAN_OUT, MAX_PATH, MAX_RINGS, MAX_SPEAKERS, MAX_SPOTS,
    MAX_TRACKS_PER_SPEAKER, MAX_WARDS, Mark, NodeRecord, Offer, Owner, Recipients, RecordKind, Refusal, Reply,
    ReplyBody, Ring, Role, RoomEventBody, RouteId, Routed, Session, Signed, Speakers, Spot, Summary, Ticket, Track,
    TreeMessage, UnixMillis, Wire, decode, encode,
};

use crate::samples::{
    address, ask, catalogue, charter, contact, event, fingerprint, header, key, node, node_record, offer, reply,
    session, summary, ticket, track,
};

/// What sealing adds to a plaintext: a 24-byte nonce and a 16-byte tag (XChaCha20-Poly1305).
const SEAL: usize = 40;
const MOMENT: UnixMillis = UnixMillis(u64::MAX);
const MARK: Mark = Mark { counter: u64::MAX, depth: u16::MAX };

/// Six addresses, as many of them as can be with two bytes of head.
fn largest_contact() -> Contact {
    let addresses: Vec<Address> = [24, 24, 24, 24, 24, 8].map(|len| Address(vec![7; len])).into();
    assert_eq!(addresses.iter().map(|a| a.0.len()).sum::<usize>(), MAX_CONTACT_LEN);
    assert_eq!(addresses.len(), MAX_ADDRESSES);
    Contact { node: node(1), addresses: addresses.into() }
}

fn largest_spots() -> Vec<Spot> {
    vec![Spot { contact: largest_contact(), depth: u16::MAX, free: MAX_FAN_OUT, proven: MAX_FAN_OUT }; MAX_SPOTS]
}

fn largest_wards() -> Vec<Spot> {
    let most = 2 * MAX_FAN_OUT;
    vec![Spot { contact: largest_contact(), depth: u16::MAX, free: most, proven: most }; MAX_WARDS]
}

fn largest_summary() -> Summary {
    Summary {
        size: u32::MAX,
        height: u16::MAX,
        spots: largest_spots(),
        open: u32::MAX,
        wards: largest_wards(),
        strength: u16::MAX,
        climber: Some(Climber { contact: largest_contact(), strength: u16::MAX, size: u32::MAX, staying: u16::MAX }),
    }
}

fn largest_charter() -> Charter {
    Charter {
        epoch: Epoch(u32::MAX),
        access: AccessKind::Members,
        chunk_count: 1_024,
        speakers: Speakers::Only(vec![node(1); MAX_SPEAKERS]),
        expelled: vec![node(1); 64],
        delegates: vec![node(1); 5],
        title: "x".repeat(200),
    }
}

fn largest_entry() -> Entry {
    Entry { participants: vec![largest_contact(); 5], ended: true }
}

fn largest_chunk() -> KeyChunk {
    let recipients = vec![7; 300];
    KeyChunk { epoch: Epoch(u32::MAX), index: u16::MAX, message: vec![7; MAX_CHUNK_MESSAGE], recipients }
}

fn largest_certified() -> Certified {
    Certified { certificate: vec![7; MAX_CERTIFICATE], signature: vec![7; MAX_CERTIFICATION] }
}

fn largest_node_record() -> NodeRecord {
    NodeRecord {
        depth: u16::MAX,
        parent: Some(node(1)),
        children: vec![node(1); MAX_FAN_OUT.into()],
        fan_out: MAX_FAN_OUT,
        size: u32::MAX,
        height: u16::MAX,
        spots: largest_spots(),
        contact: largest_contact(),
    }
}

fn largest_session() -> Session {
    let address: SocketAddr = "[2001:db8::1]:65535".parse().unwrap();
    Session {
        ufrag: "u".repeat(32),
        pwd: "p".repeat(64),
        fingerprint: [7; 32],
        ssrc_base: u32::MAX,
        audio_slots: 16,
        video_slots: 16,
        candidates: vec![Candidate { kind: CandidateKind::ServerReflexive, address }; MAX_CANDIDATES],
    }
}

fn largest_ask() -> Ask {
    let offer = Offer { role: Role::Standby, advertised: Some(MARK), session: largest_session() };
    Ask { epoch: Epoch(u32::MAX), not_after: MOMENT, ..ask(AskBody::Offer(offer)) }
}

fn largest_reply() -> Reply {
    Reply { epoch: Epoch(u32::MAX), ..reply(ReplyBody::Refused { reason: Refusal::Denied, spots: largest_spots() }) }
}

fn largest_track(index: u8) -> Track {
    Track {
        epoch: Epoch(u32::MAX),
        clock_rate: 1_000_000,
        width: u16::MAX,
        height: u16::MAX,
        channels: u8::MAX,
        private: vec![7; 1024],
        title: "x".repeat(200),
        ended: Some(Ctr::MAX),
        ..track(index, Codec::Opus)
    }
}

fn largest_catalogue() -> Catalogue {
    // The speaker's id begins with a byte that gives every key id its longest form.
    assert!(Kid::new(&node(1), 0).0 > u32::from(u16::MAX));
    let tracks = (0..MAX_TRACKS_PER_SPEAKER as u8).map(largest_track).collect();
    Catalogue { revision: u64::MAX, origin: MOMENT, tracks, ..catalogue() }
}

fn largest_down() -> Down {
    Down {
        mark: MARK,
        path: vec![node(1); MAX_PATH],
        starving: true,
        outside: largest_spots(),
        beside: largest_spots(),
        stand: largest_wards(),
        lag: u16::MAX,
    }
}

fn assert_fits<T: Wire + PartialEq + std::fmt::Debug>(value: &T) -> Vec<u8> {
    let bytes = encode(value);
    assert!(bytes.len() <= T::MAX_LEN, "{}: {} bytes, MAX_LEN is {}", T::NAME, bytes.len(), T::MAX_LEN);
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
    bytes
}

#[test]
fn the_largest_messages_fit() {
    assert_fits(&largest_summary());
    let attach = TreeMessage::Attach { role: Role::Standby, advertised: Some(MARK), summary: largest_summary() };
    let refused = TreeMessage::Refused { reason: Refusal::Denied, spots: largest_spots() };
    let rise = TreeMessage::Rise { node: Some(node(1)), to: largest_spots()[0].clone() };
    for message in [attach, refused, TreeMessage::Attached(largest_down()), TreeMessage::Down(largest_down()), rise] {
        assert_fits(&message);
        assert_fits(&LinkMessage::Tree(message));
    }
    assert_fits(&largest_catalogue());
    let signed = Signed::new(&largest_catalogue(), &key(1));
    assert_fits(&signed);
    assert_fits(&LinkMessage::Catalogue(signed));
    let have = Have { kid: Kid(u32::MAX), next: Ctr::MAX };
    assert_fits(&LinkMessage::Resume(vec![have; MAX_SPEAKERS * MAX_TRACKS_PER_SPEAKER]));
    assert_fits(&LinkMessage::Credential(largest_certified()));
    assert_fits(&waterfall_wire::RoomEvent { at: MOMENT, ..event(RoomEventBody::Ended) });
}

#[test]
fn the_largest_calls_fit_a_routed_call_and_a_letter() {
    assert_fits(&largest_ask());
    assert_fits(&largest_reply());
    let answer = ReplyBody::Answer(Answer { session: largest_session() });
    assert_fits(&Reply { epoch: Epoch(u32::MAX), ..reply(answer) });
    let (ask, reply) = (Signed::new(&largest_ask(), &key(1)), Signed::new(&largest_reply(), &key(2)));
    for (signed, letter) in [(ask.clone(), Letter::Ask(ask)), (reply.clone(), Letter::Reply(reply))] {
        let sealed = vec![7; encode(&signed).len() + SEAL];
        assert_fits(&Routed { route: RouteId([7; 16]), sealed });
        assert_fits_record(RecordKind::Letter, assert_fits(&letter).len());
    }
    assert_fits_record(RecordKind::Letter, Letter::MAX_LEN);
}

fn doorbell(rings: u8) -> Doorbell {
    Doorbell { rings: (0..rings).map(|n| Ring { from: node(n), at: MOMENT }).collect() }
}

#[test]
fn doorbells_keep_their_limits() {
    let most = u8::try_from(MAX_RINGS).unwrap();
    assert_fits(&doorbell(most));
    assert_fits_record(RecordKind::Doorbell, Doorbell::MAX_LEN);
    assert_eq!(refusal(doorbell(most + 1)), "too many rings");
    let twice = Doorbell { rings: [doorbell(2).rings, doorbell(1).rings].concat() };
    assert_eq!(refusal(twice), "a node that rings twice");
}

#[test]
fn who_rings_takes_the_place_of_the_oldest() {
    let since = UnixMillis(100);
    let mut doorbell = Doorbell { rings: vec![] };
    doorbell.ring(Ring { from: node(0), at: UnixMillis(99) }, UnixMillis(0));
    for n in 1..=7 {
        doorbell.ring(Ring { from: node(n), at: UnixMillis(100 + u64::from(n)) }, since);
    }
    let order = |doorbell: &Doorbell| doorbell.rings.iter().map(|ring| ring.at.0).collect::<Vec<_>>();
    assert_eq!(order(&doorbell), [107, 106, 105, 104, 103, 102, 101], "what is over has gone");
    doorbell.ring(Ring { from: node(3), at: UnixMillis(108) }, since);
    assert_eq!(order(&doorbell), [108, 107, 106, 105, 104, 102, 101], "once for each node");
    doorbell.ring(Ring { from: node(8), at: UnixMillis(109) }, since);
    // The clock of this one is behind everybody's.
    doorbell.ring(Ring { from: node(9), at: UnixMillis(100) }, since);
    assert_eq!(order(&doorbell), [109, 108, 107, 106, 105, 104, 102, 100]);
    assert_fits(&doorbell);
}

#[test]
fn the_largest_records_fit_their_envelopes() {
    assert_fits_record(RecordKind::Charter, assert_fits(&largest_charter()).len());
    assert_fits_record(RecordKind::Entry, assert_fits(&largest_entry()).len());
    assert_fits_record(RecordKind::KeyChunk, assert_fits(&largest_chunk()).len());
    assert_fits_record(RecordKind::Node, assert_fits(&largest_node_record()).len());
    assert_fits_record(RecordKind::Owner, assert_fits(&Owner { certified: largest_certified() }).len());
    // Not just these values: anything up to MAX_LEN, so that what decodes can be published.
    assert_fits_record(RecordKind::Charter, Charter::MAX_LEN);
    assert_fits_record(RecordKind::Entry, Entry::MAX_LEN);
    assert_fits_record(RecordKind::KeyChunk, KeyChunk::MAX_LEN);
    assert_fits_record(RecordKind::Node, NodeRecord::MAX_LEN);
    assert_fits_record(RecordKind::Owner, Owner::MAX_LEN);
}

fn assert_fits_record(kind: RecordKind, plaintext: usize) {
    let ciphertext = vec![7; plaintext + SEAL];
    let header = Header { kind, seq: MOMENT, not_after: MOMENT, ciphertext, ..header() };
    let bytes = assert_fits(&Envelope::sign(&header, &key(1)));
    assert!(bytes.len() <= kind.max_len(), "{kind:?}: {} bytes, {} are allowed", bytes.len(), kind.max_len());
    assert!(bytes.len() - header.ciphertext.len() <= Envelope::OVERHEAD);
}

#[test]
fn the_overhead_of_an_envelope_is_exact() {
    let header = Header { seq: MOMENT, not_after: MOMENT, ciphertext: vec![7; 1_000], ..header() };
    assert_eq!(encode(&Envelope::sign(&header, &key(1))).len(), 1_000 + Envelope::OVERHEAD);
}

#[test]
fn the_largest_ticket_fits_its_text() {
    let bootstrap = vec![Address(vec![7; MAX_ADDRESS_LEN]); 4];
    let ticket = Ticket::new(ticket().room, [7; 32], ticket().access, bootstrap, vec![largest_contact(); 3]);
    assert_eq!((ticket.bootstrap.len(), ticket.entries.len()), (4, 3));
    assert_fits(&ticket);
    assert_eq!(ticket.to_string().parse::<Ticket>().unwrap(), ticket);
}

/// The sentence that a value outside its limits is refused with.
fn refusal<T: Wire + std::fmt::Debug>(value: T) -> &'static str {
    match decode::<T>(&encode(&value)) {
        Err(DecodeError::Invalid { name, what }) => {
            assert_eq!(name, T::NAME);
            what
        }
        other => panic!("{} was not refused as invalid: {other:?}", T::NAME),
    }
}

#[test]
fn charters_keep_their_limits() {
    let refused = |change: fn(&mut Charter)| {
        let mut value = charter();
        change(&mut value);
        refusal(value)
    };
    assert_eq!(refused(|c| c.title = "x".repeat(201)), "the title is too long");
    assert_eq!(refused(|c| c.delegates = vec![]), "a room has 1-5 delegates");
    assert_eq!(refused(|c| c.delegates = vec![node(1); 6]), "a room has 1-5 delegates");
    assert_eq!(refused(|c| c.expelled = vec![node(1); 65]), "too many expelled nodes");
    for (access, count) in [
        (AccessKind::Open, 1),
        (AccessKind::Password, 0),
        (AccessKind::Password, 2),
        (AccessKind::Members, 0),
        (AccessKind::Members, 3),
        (AccessKind::Members, 2_048),
    ] {
        let value = Charter { access, chunk_count: count, ..charter() };
        assert_eq!(refusal(value), "as many key chunks as no such room has", "{access:?}, {count}");
    }
    assert_eq!(refused(|c| c.speakers = Speakers::Only(vec![node(1); MAX_SPEAKERS + 1])), "too many speakers");
}

#[test]
fn contacts_keep_their_limits_wherever_they_are() {
    let contacts = [
        (vec![address(1); MAX_ADDRESSES + 1], "too many addresses"),
        (vec![Address(vec![7; MAX_CONTACT_LEN]), Address(vec![7])], "the addresses of one node are too long"),
        (vec![Address(vec![7; MAX_ADDRESS_LEN + 1])], "the addresses of one node are too long"),
        (vec![Address(vec![])], "an address is empty or too long"),
    ];
    for (addresses, expected) in contacts {
        let contact = Contact { addresses: addresses.into(), ..contact(1) };
        let spot = Spot { contact: contact.clone(), depth: 1, free: 1, proven: 0 };
        let spots = vec![spot];
        let down = Down { path: vec![], outside: spots.clone(), ..largest_down() };
        let beside = Down { path: vec![], beside: spots.clone(), ..largest_down() };
        let summary = Summary { spots: spots.clone(), ..summary() };
        assert_eq!(refusal(Entry { participants: vec![contact.clone()], ended: false }), expected);
        assert_eq!(refusal(NodeRecord { contact, ..node_record() }), expected);
        assert_eq!(refusal(NodeRecord { spots: spots.clone(), ..node_record() }), expected);
        assert_eq!(refusal(reply(ReplyBody::Spots(spots.clone()))), expected);
        assert_eq!(refusal(reply(ReplyBody::Refused { reason: Refusal::Full, spots: spots.clone() })), expected);
        assert_eq!(refusal(TreeMessage::Down(down.clone())), expected);
        assert_eq!(refusal(TreeMessage::Attached(beside)), expected);
        assert_eq!(refusal(TreeMessage::Leaving { spots: spots.clone() }), expected);
        assert_eq!(refusal(TreeMessage::Refused { reason: Refusal::Full, spots }), expected);
        assert_eq!(refusal(summary), expected);
    }
}

#[test]
fn a_contact_is_cut_to_its_limits() {
    let sized = |lengths: &[usize]| lengths.iter().map(|len| Address(vec![7; *len])).collect::<Vec<_>>();
    let kept = |lengths: &[usize]| Contact::new(node(1), sized(lengths)).addresses.to_vec();
    assert_eq!(kept(&[10; 9]), sized(&[10; MAX_ADDRESSES]));
    assert_eq!(kept(&[0, 129, 60, 60, 9, 8, 1]), sized(&[60, 60, 8]));
    assert_eq!(kept(&[128, 1]), sized(&[128]));
}

#[test]
fn entries_and_node_records_keep_their_limits() {
    let six = Entry { participants: vec![contact(1); 6], ended: false };
    assert_eq!(refusal(six), "too many entry participants");
    let children = NodeRecord { children: vec![node(1); usize::from(MAX_FAN_OUT) + 1], spots: vec![], ..node_record() };
    assert_eq!(refusal(children), "more children than the largest fan-out");
    let fan_out = NodeRecord { fan_out: MAX_FAN_OUT + 1, ..node_record() };
    assert_eq!(refusal(fan_out), "more children than the largest fan-out");
    let mut chunk = largest_chunk();
    chunk.message.push(7);
    assert_eq!(refusal(chunk), "the message is too long");
    let long = Certified { certificate: vec![7; MAX_CERTIFICATE + 1], ..largest_certified() };
    assert_eq!(refusal(Owner { certified: long.clone() }), "the certificate is too long");
    assert_eq!(refusal(LinkMessage::Credential(long)), "the certificate is too long");
    let long = Certified { signature: vec![7; MAX_CERTIFICATION + 1], ..largest_certified() };
    assert_eq!(refusal(Owner { certified: long.clone() }), "the certification is too long");
    assert_eq!(refusal(LinkMessage::Credential(long)), "the certification is too long");
    let rest = KeyChunk { message: vec![], recipients: vec![7; KeyChunk::MAX_LEN], ..largest_chunk() };
    assert!(matches!(decode::<KeyChunk>(&encode(&rest)), Err(DecodeError::TooLong { .. })));
    let many = Recipients { fingerprints: vec![fingerprint(32); 300] };
    assert!(matches!(decode::<Recipients>(&encode(&many)), Err(DecodeError::TooLong { .. })));
}

#[test]
fn fingerprints_have_20_or_32_bytes() {
    for len in (0..40).filter(|len| ![20, 32].contains(len)) {
        assert_eq!(Fingerprint::new(&vec![7; len]), None);
    }
    for len in [20, 32] {
        let known = fingerprint(len);
        assert_eq!(known.as_bytes(), vec![0xfe; len]);
        assert_eq!(known.to_string(), "FE".repeat(len));
        assert_eq!("fE".repeat(len).parse::<Fingerprint>(), Ok(known));
    }
    // [[fingerprint of 21 bytes]]
    let odd = [&[0x81, 0x81, 0x55][..], &[7; 21]].concat();
    assert_eq!(decode::<Recipients>(&odd), Err(DecodeError::Malformed { name: Recipients::NAME }));
}

#[test]
fn spots_keep_their_limits() {
    let nine = vec![Spot { contact: contact(1), depth: 1, free: 1, proven: 0 }; MAX_SPOTS + 1];
    assert_eq!(refusal(Summary { spots: nine.clone(), ..summary() }), "too many spots");
    assert_eq!(refusal(NodeRecord { spots: nine, ..node_record() }), "too many spots");
    let generous = vec![Spot { contact: contact(1), depth: 1, free: MAX_FAN_OUT + 1, proven: 0 }];
    let expected = "a spot promises more than the largest fan-out";
    assert_eq!(refusal(TreeMessage::Rise { node: None, to: generous[0].clone() }), expected);
    assert_eq!(refusal(TreeMessage::Move { spots: generous.clone() }), expected);
    assert_eq!(refusal(TreeMessage::Leaving { spots: generous }), expected);
    let boastful = Spot { contact: contact(1), depth: 1, free: 1, proven: 2 };
    assert_eq!(refusal(TreeMessage::Rise { node: None, to: boastful }), "a spot promises more than can be");
    let five = vec![Spot { contact: contact(1), depth: 1, free: 1, proven: 1 }; MAX_WARDS + 1];
    assert_eq!(refusal(Summary { wards: five.clone(), ..summary() }), "too many standby places");
    let down = Down { path: vec![], stand: five, ..largest_down() };
    assert_eq!(refusal(TreeMessage::Down(down)), "too many standby places");
    let most = Spot { contact: contact(1), depth: 1, free: 2 * MAX_FAN_OUT + 1, proven: 1 };
    assert_eq!(refusal(Summary { wards: vec![most], ..summary() }), "a spot promises more than can be");
}

#[test]
fn tree_messages_keep_their_limits() {
    let down = Down { path: vec![node(1); MAX_PATH + 1], outside: vec![], ..largest_down() };
    assert_eq!(refusal(TreeMessage::Down(down.clone())), "the path is too long");
    assert_eq!(refusal(TreeMessage::Attached(down)), "the path is too long");
    let nobody = Summary { size: 0, ..summary() };
    assert_eq!(refusal(nobody.clone()), "a subtree has at least one participant");
    // In a message the summary's own name is told.
    for message in [
        TreeMessage::Summary(nobody.clone()),
        TreeMessage::Attach { role: Role::Child, advertised: None, summary: nobody },
    ] {
        let expected = DecodeError::Invalid { name: Summary::NAME, what: "a subtree has at least one participant" };
        assert_eq!(decode::<TreeMessage>(&encode(&message)), Err(expected.clone()));
        assert_eq!(decode::<LinkMessage>(&encode(&LinkMessage::Tree(message))), Err(expected));
    }
    let have = vec![Have { kid: Kid(1), next: 0 }; MAX_SPEAKERS * MAX_TRACKS_PER_SPEAKER + 1];
    assert_eq!(refusal(LinkMessage::Resume(have)), "too many tracks");
}

#[test]
fn sessions_keep_their_limits_in_offers_and_answers() {
    let refused = |change: &dyn Fn(&mut Session)| {
        let mut session = session();
        change(&mut session);
        let what = refusal(reply(ReplyBody::Answer(Answer { session: session.clone() })));
        assert_eq!(refusal(ask(AskBody::Offer(Offer { session, ..offer() }))), what);
        what
    };
    for ufrag in ["abc", &"u".repeat(33), "ab d", "ab-d", "ab\r\nd", "äbcd"] {
        let what = refused(&|s| s.ufrag = ufrag.into());
        assert_eq!(what, "the ICE user name fragment is not 4-32 ice-chars");
    }
    for pwd in ["p".repeat(21), "p".repeat(65), "p".repeat(22) + "\n"] {
        assert_eq!(refused(&|s| s.pwd.clone_from(&pwd)), "the ICE password is not 22-64 ice-chars");
    }
    for slots in [0, 17] {
        let expected = "a link has 1-16 audio and 1-16 video slots";
        assert_eq!(refused(&|s| s.audio_slots = slots), expected);
        assert_eq!(refused(&|s| s.video_slots = slots), expected);
    }
    assert_eq!(refused(&|s| s.candidates = vec![s.candidates[0]; MAX_CANDIDATES + 1]), "too many candidates");
    for nobody in [
        "192.0.2.1:0",
        "0.0.0.0:4000",
        "[::]:4000",
        "255.255.255.255:4000",
        "224.0.0.251:5353",
        "[ff02::fb]:5353",
        "[::ffff:0.0.0.0]:4000",
        "[::ffff:224.0.0.251]:5353",
    ] {
        let address: SocketAddr = nobody.parse().unwrap();
        let what = refused(&|s| s.candidates[0].address = address);
        assert_eq!(what, "a candidate that nobody can be reached at", "{nobody}");
    }
}

#[test]
fn catalogues_keep_their_limits() {
    let refused = |change: fn(&mut Catalogue)| {
        let mut value = catalogue();
        change(&mut value);
        refusal(value)
    };
    assert_eq!(refused(|c| c.tracks = (0..9).map(|i| track(i, Codec::Vp8)).collect()), "too many tracks");
    assert_eq!(refused(|c| c.tracks[1].kid.0 ^= 1 << 8), "a key id outside the speaker's range");
    assert_eq!(refused(|c| c.tracks[1].kid = c.tracks[0].kid), "two tracks with one key id");
    assert_eq!(refused(|c| c.tracks[0].private = vec![7; 1025]), "codec private data or title too long");
    assert_eq!(refused(|c| c.tracks[0].title = "x".repeat(201)), "codec private data or title too long");
    assert_eq!(refused(|c| c.tracks[0].clock_rate = 999), "clock rate outside 1 kHz - 1 MHz");
    assert_eq!(refused(|c| c.tracks[0].clock_rate = 1_000_001), "clock rate outside 1 kHz - 1 MHz");
}

#[test]
fn tickets_keep_their_limits() {
    let refused = |change: fn(&mut Ticket)| {
        let mut value = ticket();
        change(&mut value);
        refusal(value)
    };
    assert_eq!(refused(|t| t.bootstrap = vec![address(1); 5]), "too many addresses");
    assert_eq!(refused(|t| t.entries = vec![contact(1); 4]), "too many addresses");
    assert_eq!(refused(|t| t.bootstrap[0].0.clear()), "an address is empty or too long");
    assert_eq!(refused(|t| t.bootstrap[0].0 = vec![7; MAX_ADDRESS_LEN + 1]), "an address is empty or too long");
    assert_eq!(refused(|t| t.entries[0].addresses = vec![address(1); 7].into()), "too many addresses");
}

#[test]
fn a_new_ticket_is_within_its_limits() {
    let long = vec![Address(vec![7; MAX_ADDRESS_LEN + 1]), address(1), address(2), address(3), address(4), address(5)];
    let entries = vec![Contact { addresses: vec![address(1); 9].into(), ..contact(1) }; 5];
    let cut = Ticket::new(ticket().room, [7; 32], ticket().access, long, entries);
    assert_eq!(cut.bootstrap, [address(1), address(2), address(3), address(4)]);
    assert_eq!(cut.entries, vec![Contact { addresses: vec![address(1); MAX_ADDRESSES].into(), ..contact(1) }; 3]);
    assert_fits(&cut);
}
