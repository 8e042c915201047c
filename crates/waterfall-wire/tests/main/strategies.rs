//! Any legal value of every wire type.

use std::net::{IpAddr, SocketAddr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use waterfall_wire::{
    AccessKind, Address, Answer, Ask, AskBody, Candidate, CandidateKind, Catalogue, Certified, Charter, Climber, Codec,
    Contact, Doorbell, Down, Entry, Epoch, Fingerprint, Have, Header, KeyChunk, Kid, Letter, LetterKind, LinkMessage,
    MAX_CANDIDATES, MAX_CERTIFICATE, MAX_CERTIFICATION, MAX_CHUNK_MESSAGE, MAX_FAN_OUT, MAX_PATH, MAX_RINGS,
    MAX_SPEAKERS, MAX_SPOTS, MAX_TRACKS_PER_SPEAKER, MAX_WARDS, Mark, NodeId, NodeRecord, Offer, Owner,
    PROTOCOL_VERSION, Recipients, RecordKind, Refusal, Reply, ReplyBody, Ring, Role, RoomEvent, RoomEventBody, RoomId,
    RouteId, Routed, Session, Signed, Speakers, Spot, Summary, Ticket, Track, TreeMessage, UnixMillis,
};

use crate::samples::key;

pub(crate) fn nodes(max: usize) -> impl Strategy<Value = Vec<NodeId>> {
    vec(node(), 0..=max)
}

pub(crate) fn node() -> impl Strategy<Value = NodeId> {
    any::<[u8; 32]>().prop_map(NodeId)
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Child), Just(Role::Standby), Just(Role::Orphan)]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Full),
        Just(Refusal::NotFeasible),
        Just(Refusal::NoRoute),
        Just(Refusal::Leaving),
        Just(Refusal::Busy),
        Just(Refusal::Denied),
    ]
}

fn access() -> impl Strategy<Value = AccessKind> {
    prop_oneof![Just(AccessKind::Open), Just(AccessKind::Password), Just(AccessKind::Members)]
}

/// Addresses as a careless caller might hand them over: empty ones and too many.
pub(crate) fn addresses() -> impl Strategy<Value = Vec<Address>> {
    vec(vec(any::<u8>(), 0..=150).prop_map(Address), 0..=10)
}

/// [`Contact::new`] keeps what the limits allow.
pub(crate) fn contact() -> impl Strategy<Value = Contact> {
    (node(), addresses()).prop_map(|(node, addresses)| Contact::new(node, addresses))
}

pub(crate) fn spot() -> impl Strategy<Value = Spot> {
    (contact(), any::<u16>(), 0..=MAX_FAN_OUT, 0..=MAX_FAN_OUT).prop_map(|(contact, depth, free, proven)| Spot {
        contact,
        depth,
        free,
        proven: proven.min(free),
    })
}

fn spots() -> impl Strategy<Value = Vec<Spot>> {
    vec(spot(), 0..=MAX_SPOTS)
}

fn mark() -> impl Strategy<Value = Mark> {
    (any::<u64>(), any::<u16>()).prop_map(|(counter, depth)| Mark { counter, depth })
}

pub(crate) fn summary() -> impl Strategy<Value = Summary> {
    let climber = (contact(), any::<u16>(), any::<u32>(), any::<u16>());
    let climber = climber.prop_map(|(contact, strength, size, staying)| Climber { contact, strength, size, staying });
    (1..=u32::MAX, any::<u16>(), spots(), any::<u32>(), wards(), any::<u16>(), option::of(climber)).prop_map(
        |(size, height, spots, open, wards, strength, climber)| Summary {
            size,
            height,
            spots,
            open,
            wards,
            strength,
            climber,
        },
    )
}

fn wards() -> impl Strategy<Value = Vec<Spot>> {
    vec(spot(), 0..=MAX_WARDS)
}

fn down() -> impl Strategy<Value = Down> {
    (mark(), nodes(MAX_PATH), any::<bool>(), spots(), spots(), wards(), any::<u16>()).prop_map(
        |(mark, path, starving, outside, beside, stand, lag)| Down {
            mark,
            path,
            starving,
            outside,
            beside,
            stand,
            lag,
        },
    )
}

pub(crate) fn tree_message() -> impl Strategy<Value = TreeMessage> {
    prop_oneof![
        (role(), option::of(mark()), summary()).prop_map(|(role, advertised, summary)| TreeMessage::Attach {
            role,
            advertised,
            summary
        }),
        down().prop_map(TreeMessage::Attached),
        (refusal(), spots()).prop_map(|(reason, spots)| TreeMessage::Refused { reason, spots }),
        summary().prop_map(TreeMessage::Summary),
        down().prop_map(TreeMessage::Down),
        mark().prop_map(TreeMessage::Mark),
        spots().prop_map(|spots| TreeMessage::Leaving { spots }),
        Just(TreeMessage::Detach),
        any::<u64>().prop_map(TreeMessage::Count),
        Just(TreeMessage::Starving),
        spots().prop_map(|spots| TreeMessage::Move { spots }),
        (option::of(node()), spot()).prop_map(|(node, to)| TreeMessage::Rise { node, to }),
    ]
}

fn title() -> impl Strategy<Value = String> {
    "[a-zäöü€🎥 ]{0,50}"
}

fn access_and_chunks() -> impl Strategy<Value = (AccessKind, u16)> {
    let members = (0..=10_u32).prop_map(|bits| (AccessKind::Members, 1 << bits));
    prop_oneof![Just((AccessKind::Open, 0)), Just((AccessKind::Password, 1)), members]
}

pub(crate) fn charter() -> impl Strategy<Value = Charter> {
    let speakers = prop_oneof![Just(Speakers::Everyone), nodes(MAX_SPEAKERS).prop_map(Speakers::Only)];
    (any::<u32>(), access_and_chunks(), speakers, nodes(64), vec(node(), 1..=5), title()).prop_map(
        |(epoch, (access, chunk_count), speakers, expelled, delegates, title)| Charter {
            epoch: Epoch(epoch),
            access,
            chunk_count,
            speakers,
            expelled,
            delegates,
            title,
        },
    )
}

pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    (vec(contact(), 0..=5), any::<bool>()).prop_map(|(participants, ended)| Entry { participants, ended })
}

pub(crate) fn key_chunk() -> impl Strategy<Value = KeyChunk> {
    // A long message leaves room for few recipients.
    let sizes = prop_oneof![(0..300_usize, 0..=7_000_usize), (Just(MAX_CHUNK_MESSAGE), 0..=300_usize)];
    (any::<u32>(), any::<u16>(), sizes, any::<u8>()).prop_map(|(epoch, index, (length, recipients), fill)| KeyChunk {
        epoch: Epoch(epoch),
        index,
        message: vec![fill; length],
        recipients: vec![fill; recipients],
    })
}

pub(crate) fn recipients() -> impl Strategy<Value = Recipients> {
    vec(fingerprint(), 0..=200).prop_map(|fingerprints| Recipients { fingerprints })
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    prop_oneof![vec(any::<u8>(), 20), vec(any::<u8>(), 32)].prop_map(|bytes| Fingerprint::new(&bytes).unwrap())
}

fn certified() -> impl Strategy<Value = Certified> {
    (vec(any::<u8>(), 0..=MAX_CERTIFICATE), vec(any::<u8>(), 0..=MAX_CERTIFICATION))
        .prop_map(|(certificate, signature)| Certified { certificate, signature })
}

pub(crate) fn owner() -> impl Strategy<Value = Owner> {
    certified().prop_map(|certified| Owner { certified })
}

pub(crate) fn node_record() -> impl Strategy<Value = NodeRecord> {
    let place = (any::<u16>(), option::of(node()), nodes(MAX_FAN_OUT.into()), 0..=MAX_FAN_OUT);
    (place, any::<u32>(), any::<u16>(), spots(), contact()).prop_map(
        |((depth, parent, children, fan_out), size, height, spots, contact)| NodeRecord {
            depth,
            parent,
            children,
            fan_out,
            size,
            height,
            spots,
            contact,
        },
    )
}

/// A header that [`key`]`(1)` may sign.
pub(crate) fn header() -> impl Strategy<Value = Header> {
    let kind = (0..RecordKind::ALL.len()).prop_map(|i| RecordKind::ALL[i]);
    (kind, any::<[u8; 16]>(), any::<u64>(), any::<u64>(), vec(any::<u8>(), 0..2_000)).prop_map(
        |(kind, salt, seq, not_after, ciphertext)| Header {
            version: PROTOCOL_VERSION,
            kind,
            write_key: key(1).public(),
            salt,
            seq: UnixMillis(seq),
            not_after: UnixMillis(not_after),
            ciphertext,
        },
    )
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let kind = prop_oneof![Just(CandidateKind::Host), Just(CandidateKind::ServerReflexive)];
    (kind, any::<IpAddr>(), 1..=u16::MAX)
        .prop_map(|(kind, ip, port)| Candidate { kind, address: SocketAddr::new(ip, port) })
        .prop_filter("names a host", Candidate::is_callable)
}

fn session() -> impl Strategy<Value = Session> {
    let credentials = ("[a-zA-Z0-9+/]{4,32}", "[a-zA-Z0-9+/]{22,64}", any::<[u8; 32]>());
    (credentials, any::<u32>(), 1..=16_u8, 1..=16_u8, vec(candidate(), 0..=MAX_CANDIDATES)).prop_map(
        |((ufrag, pwd, fingerprint), ssrc_base, audio_slots, video_slots, candidates)| Session {
            ufrag,
            pwd,
            fingerprint,
            ssrc_base,
            audio_slots,
            video_slots,
            candidates,
        },
    )
}

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    let offer = (role(), option::of(mark()), session())
        .prop_map(|(role, advertised, session)| AskBody::Offer(Offer { role, advertised, session }));
    let body = prop_oneof![Just(AskBody::Probe), offer];
    (node(), node(), any::<u32>(), any::<[u8; 16]>(), any::<u64>(), body).prop_map(
        |(from, to, epoch, nonce, not_after, body)| Ask {
            version: PROTOCOL_VERSION,
            from,
            to,
            epoch: Epoch(epoch),
            nonce,
            not_after: UnixMillis(not_after),
            body,
        },
    )
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    let body = prop_oneof![
        spots().prop_map(ReplyBody::Spots),
        session().prop_map(|session| ReplyBody::Answer(Answer { session })),
        (refusal(), spots()).prop_map(|(reason, spots)| ReplyBody::Refused { reason, spots }),
    ];
    (node(), node(), any::<u32>(), any::<[u8; 16]>(), body).prop_map(|(from, to, epoch, nonce, body)| Reply {
        version: PROTOCOL_VERSION,
        from,
        to,
        epoch: Epoch(epoch),
        nonce,
        body,
    })
}

pub(crate) fn routed() -> impl Strategy<Value = Routed> {
    (any::<[u8; 16]>(), vec(any::<u8>(), 0..3_000)).prop_map(|(route, sealed)| Routed { route: RouteId(route), sealed })
}

fn track() -> impl Strategy<Value = Track> {
    let codec = prop_oneof![Just(Codec::Vp8), Just(Codec::Vp9), Just(Codec::Av1), Just(Codec::H264), Just(Codec::Opus)];
    let shape = (1_000..=1_000_000_u32, any::<u16>(), any::<u16>(), any::<u8>());
    let rest = (vec(any::<u8>(), 0..=1_024), title(), option::of(any::<u64>()));
    (any::<u32>(), any::<[u8; 16]>(), codec, shape, rest).prop_map(
        |(epoch, start, codec, (clock_rate, width, height, channels), (private, title, ended))| Track {
            kid: Kid(0),
            epoch: Epoch(epoch),
            start,
            codec,
            clock_rate,
            width,
            height,
            channels,
            private,
            title,
            ended,
        },
    )
}

/// A catalogue that [`key`]`(1)` may sign.
pub(crate) fn catalogue() -> impl Strategy<Value = Catalogue> {
    (any::<u64>(), any::<u64>(), vec(track(), 0..=MAX_TRACKS_PER_SPEAKER)).prop_map(|(revision, origin, mut tracks)| {
        let speaker = key(1).node_id();
        for (i, track) in tracks.iter_mut().enumerate() {
            track.kid = Kid::new(&speaker, i as u8);
        }
        Catalogue { version: PROTOCOL_VERSION, speaker, revision, origin: UnixMillis(origin), tracks }
    })
}

fn letter_kind() -> impl Strategy<Value = LetterKind> {
    prop_oneof![Just(LetterKind::Ask), Just(LetterKind::Reply)]
}

/// Letters that say anything signed at all: what is in them is checked by whoever opens them.
pub(crate) fn letter() -> impl Strategy<Value = Letter> {
    (letter_kind(), room_event()).prop_map(|(kind, event)| {
        let signed = Signed::new(&RoomEvent { from: key(1).node_id(), ..event }, &key(1));
        match kind {
            LetterKind::Ask => Letter::Ask(signed),
            LetterKind::Reply => Letter::Reply(signed),
        }
    })
}

pub(crate) fn doorbell() -> impl Strategy<Value = Doorbell> {
    vec((node(), any::<u64>()), 0..=MAX_RINGS).prop_map(|rings| Doorbell {
        rings: rings.into_iter().map(|(from, at)| Ring { from, at: UnixMillis(at) }).collect(),
    })
}

/// An event that [`key`]`(1)` may sign.
pub(crate) fn room_event() -> impl Strategy<Value = RoomEvent> {
    let letter = (node(), letter_kind()).prop_map(|(to, kind)| RoomEventBody::Letter { to, kind });
    let body = prop_oneof![Just(RoomEventBody::Ended), letter];
    (any::<[u8; 32]>(), any::<u64>(), body).prop_map(|(room, at, body)| RoomEvent {
        version: PROTOCOL_VERSION,
        room: RoomId(room),
        from: key(1).node_id(),
        at: UnixMillis(at),
        body,
    })
}

pub(crate) fn link_message() -> impl Strategy<Value = LinkMessage> {
    let have = (any::<u32>(), any::<u64>()).prop_map(|(kid, next)| Have { kid: Kid(kid), next });
    prop_oneof![
        tree_message().prop_map(LinkMessage::Tree),
        catalogue().prop_map(|c| LinkMessage::Catalogue(Signed::new(&c, &key(1)))),
        room_event().prop_map(|e| LinkMessage::Event(Signed::new(&e, &key(1)))),
        vec(have, 0..=MAX_SPEAKERS * MAX_TRACKS_PER_SPEAKER).prop_map(LinkMessage::Resume),
        certified().prop_map(LinkMessage::Credential),
    ]
}

pub(crate) fn ticket() -> impl Strategy<Value = Ticket> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), access(), addresses(), vec(contact(), 0..=5)).prop_map(
        |(room, locator, access, bootstrap, entries)| Ticket::new(RoomId(room), locator, access, bootstrap, entries),
    )
}
