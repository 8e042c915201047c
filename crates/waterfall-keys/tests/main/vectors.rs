//! Fixed inputs and outputs: ours, made by `tests/vectors/make.py` from the documentation alone,
//! and RFC 9605's own.

use data_encoding::HEXLOWER;
use serde_json::Value;
use waterfall_keys::chunk::open_password;
use waterfall_keys::openpgp::members::{self, chunk_index};
use waterfall_keys::{
    EpochKey, Locator, Replays, RoomKey, TrackOpener, TrackSealer, letter, open_ask, open_event, open_record,
    open_reply,
};
use waterfall_wire::{
    AskBody, Entry, Envelope, Epoch, KeyChunk, Kid, LetterKind, NodeId, RecordKey, RecordKind, ReplyBody, Ring,
    RoomEventBody, RoomId, SigningKey, UnixMillis, decode,
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/keys.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn epoch(v: &Value) -> Epoch {
    Epoch(u32::try_from(v["epoch"].as_u64().unwrap()).unwrap())
}

fn epoch_key(v: &Value) -> EpochKey {
    EpochKey::derive(&RoomKey::from_bytes(array(&v["room_key"])), &RoomId(array(&v["room"])), epoch(v))
}

#[test]
fn derivations() {
    let v = vectors();
    let locator = Locator::from_bytes(array(&v["locator"]));
    assert_eq!(locator.charter_salt(), array(&v["charter_salt"]));
    let chunk = &v["chunk_salt"];
    let index = u16::try_from(chunk["index"].as_u64().unwrap()).unwrap();
    assert_eq!(locator.chunk_salt(epoch(&v), index), array(&chunk["salt"]));
    assert_eq!(locator.entry_salt(), array(&v["entry_salt"]));
    assert_eq!(locator.owner_salt(), array(&v["owner_salt"]));
    let open = locator.open_room_key(&RoomId(array(&v["room"])), epoch(&v));
    assert_eq!(*open.to_bytes(), array(&v["open_room_key"]));
    let key = epoch_key(&v);
    assert_eq!(key.route().0, array(&v["route"]));
    assert_eq!(key.topic(), array(&v["topic"]));
    assert_eq!(key.node_salt(), array(&v["node_salt"]));
    let seal = &v["node_seal"];
    assert_eq!(
        *key.node_seal().open(&bytes(&seal["aad"]), &bytes(&seal["sealed"])).unwrap(),
        bytes(&seal["plaintext"])
    );
}

#[test]
fn a_record() {
    let v = vectors();
    let record = &v["record"];
    let date = |name: &str| UnixMillis(record[name].as_u64().unwrap());
    let header = Envelope::open(&bytes(&record["envelope"]), &RecordKey(array(&record["key"])), date("seq")).unwrap();
    assert_eq!((header.write_key, header.not_after), (array(&record["writer"]), date("not_after")));
    let seal = Locator::from_bytes(array(&v["locator"])).record_seal(RecordKind::Entry);
    let entry: Entry = open_record(&header, RecordKind::Entry, &seal).unwrap();
    assert_eq!(entry, Entry { participants: Vec::new(), ended: true });
}

#[test]
fn a_question_an_answer_and_an_event() {
    let v = vectors();
    let key = epoch_key(&v);
    let (from, to) = (NodeId(array(&v["ask"]["from"])), NodeId(array(&v["ask"]["to"])));
    let not_after = v["ask"]["not_after"].as_u64().unwrap();
    let routed = decode(&bytes(&v["ask"]["routed"])).unwrap();
    let ask = open_ask(&key, &routed, &to, UnixMillis(not_after - 1), &mut Replays::new()).unwrap();
    assert_eq!((ask.from, ask.nonce, &ask.body), (from, array(&v["ask"]["nonce"]), &AskBody::Probe));
    let reply = open_reply(&key, &decode(&bytes(&v["reply"]["routed"])).unwrap(), &ask).unwrap();
    assert_eq!(reply.body, ReplyBody::Spots(Vec::new()));
    let at = UnixMillis(v["event"]["at"].as_u64().unwrap());
    let (_, event) = open_event(&key, &bytes(&v["event"]["sealed"]), at).unwrap();
    assert_eq!((event.from, event.body), (from, RoomEventBody::Ended));
}

#[test]
fn recipients_and_their_chunks() {
    let v = vectors();
    let list = &v["recipients"];
    let index = u16::try_from(list["index"].as_u64().unwrap()).unwrap();
    let chunk = KeyChunk { epoch: epoch(&v), index, message: Vec::new(), recipients: bytes(&list["sealed"]) };
    let opened = members::recipients(&chunk, &epoch_key(&v)).unwrap();
    let members: Vec<_> = list["members"].as_array().unwrap().iter().collect();
    assert_eq!(opened.len(), members.len());
    for (fingerprint, member) in opened.iter().zip(members) {
        assert_eq!(fingerprint.as_bytes(), bytes(&member["fingerprint"]));
        assert_eq!(u64::from(chunk_index(fingerprint, 1_024)), member["chunk_of_1024"]);
        assert_eq!(u64::from(chunk_index(fingerprint, 8)), member["chunk_of_8"]);
    }
}

#[test]
fn a_letter_and_a_doorbell() {
    let v = vectors();
    let (key, at) = (epoch_key(&v), UnixMillis(v["event"]["at"].as_u64().unwrap()));
    let (from, to) = (NodeId(array(&v["ask"]["from"])), NodeId(array(&v["ask"]["to"])));
    let not_after = v["ask"]["not_after"].as_u64().unwrap();
    let routed = decode(&bytes(&v["ask"]["routed"])).unwrap();
    let ask = open_ask(&key, &routed, &to, UnixMillis(not_after - 1), &mut Replays::new()).unwrap();
    let place = letter::key(&key, &to, &from, LetterKind::Reply);
    assert_eq!(place.0, array(&v["letter"]["key"]));
    let header = Envelope::open(&bytes(&v["letter"]["envelope"]), &place, at).unwrap();
    assert_eq!(letter::open_reply(&key, &header, &ask).unwrap().body, ReplyBody::Spots(Vec::new()));

    let number = u8::try_from(v["doorbell"]["number"].as_u64().unwrap()).unwrap();
    let place = letter::doorbell(&key, &from, number);
    assert_eq!(place.0, array(&v["doorbell"]["key"]));
    let header = Envelope::open(&bytes(&v["doorbell"]["envelope"]), &place, at).unwrap();
    let doorbell = letter::open_doorbell(&key, &from, &header).unwrap();
    assert_eq!(doorbell.rings, [Ring { from: to, at }]);
}

#[test]
fn media_packets_both_ways() {
    let v = vectors();
    let (key, media) = (epoch_key(&v), &v["media"]);
    let speaker = SigningKey::from_bytes(&array(&media["speaker_secret"]));
    let kid = Kid(u32::try_from(media["kid"].as_u64().unwrap()).unwrap());
    let start = array(&media["start"]);
    let mut sealer = TrackSealer::new(&key, &speaker, kid, start);
    let mut opener = TrackOpener::new(&key, speaker.node_id(), kid, start);
    let packets = media["packets"].as_array().unwrap();
    let mut opened = Vec::new();
    for (i, packet) in packets.iter().enumerate() {
        let flags = u8::try_from(packet["flags"].as_u64().unwrap()).unwrap();
        let timestamp = u32::try_from(packet["timestamp"].as_u64().unwrap()).unwrap();
        let marker = packet["marker"].as_bool().unwrap();
        let payload = bytes(&packet["payload"]);
        let last = i + 1 == packets.len();
        let sealed = sealer.seal(flags, timestamp, marker, &bytes(&packet["data"]), last).unwrap();
        assert_eq!((sealed.ctr, &sealed.payload[..]), (i as u64, &payload[..]));
        opened.extend(opener.open(timestamp, marker, payload).unwrap());
    }
    let data: Vec<_> = opened.iter().map(|packet| packet.data.to_vec()).collect();
    assert_eq!(data, packets.iter().map(|packet| bytes(&packet["data"])).collect::<Vec<_>>());
}

#[test]
fn a_key_chunk() {
    let v = vectors();
    let password = v["chunk"]["password"].as_str().unwrap().into();
    let key = open_password(&bytes(&v["chunk"]["message"]), &password).unwrap();
    assert_eq!(*key.to_bytes(), array(&v["room_key"]));
}

/// RFC 9605, appendix C.3, suite 4: proves the header, key derivation, nonce and AAD of the SFrame
/// library, on which the packets above are built.
#[test]
fn rfc_9605_appendix_c() {
    use sframe::CipherSuite::AesGcm128Sha256;
    use sframe::frame::{EncryptedFrameView, FrameCounter, MediaFrameView};
    use sframe::key::{DecryptionKey, EncryptionKey};

    struct Counter;
    impl FrameCounter for Counter {
        type Error = std::convert::Infallible;
        fn try_next(&mut self) -> Result<u64, Self::Error> {
            Ok(0x4567)
        }
    }
    let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
    let base_key = hex("000102030405060708090a0b0c0d0e0f");
    let metadata = hex("4945544620534672616d65205747");
    let plaintext = hex("64726166742d696574662d736672616d652d656e63");
    let ciphertext = hex("9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb");

    let key = EncryptionKey::derive_from(AesGcm128Sha256, 0x123_u64, &base_key).unwrap();
    let mut sealed = Vec::new();
    MediaFrameView::with_meta_data(&mut Counter, &plaintext, &metadata).encrypt_into(&key, &mut sealed).unwrap();
    assert_eq!(sealed, [metadata.clone(), ciphertext.clone()].concat());

    let key = DecryptionKey::derive_from(AesGcm128Sha256, 0x123_u64, &base_key).unwrap();
    let mut opened = Vec::new();
    EncryptedFrameView::try_with_meta_data(&ciphertext, &metadata).unwrap().decrypt_into(&key, &mut opened).unwrap();
    assert_eq!(opened, [metadata, plaintext].concat());
}

/// RFC 9605, appendix C.1, the ends of each length.
#[test]
fn rfc_9605_headers() {
    use waterfall_keys::media::parse;
    for (kid, ctr, header) in [
        (0_u32, 0_u64, "00"),
        (0, 1, "01"),
        (0, 255, "08ff"),
        (0, 256, "090100"),
        (0, 65_535, "09ffff"),
        (0, 65_536, "0a010000"),
        (1, 0, "10"),
        (255, 0, "80ff"),
        (255, 255, "88ffff"),
        (256, 4_294_967_295, "9b0100ffffffff"),
        (65_536, 1_099_511_627_776, "ad010000010000000000"),
        (4_294_967_295, 72_057_594_037_927_935, "beffffffffffffffffffffff"),
    ] {
        let payload = [vec![0], HEXLOWER.decode(header.as_bytes()).unwrap(), vec![0; 16]].concat();
        let packet = parse(&payload).unwrap();
        assert_eq!((packet.kid, packet.ctr), (Kid(kid), ctr), "{header}");
    }
}
