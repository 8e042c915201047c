//! Media packets on their way: loss, disorder, repetition, damage.

use proptest::prelude::*;
use waterfall_keys::media::{MAX_DATA, MAX_GROUP, MAX_GROUP_BYTES, OVERHEAD, ParseError, SIGNED, parse};
use waterfall_keys::{EpochKey, OpenError, Opened, RoomKey, SealError, Sealed, TrackOpener, TrackSealer};
use waterfall_wire::{Epoch, Kid};

use crate::support::{START, each_byte_flipped, epoch_key, kid, node, room, track};

/// A packet as the network carries it.
#[derive(Clone, Debug)]
struct Sent {
    timestamp: u32,
    marker: bool,
    sealed: Sealed,
}

impl Sent {
    fn open(&self, opener: &mut TrackOpener) -> Result<Vec<Opened>, OpenError> {
        opener.open(self.timestamp, self.marker, &self.sealed.payload)
    }
}

/// Video frames of these many packets each, the last of each signed and marked.
fn frames(sealer: &mut TrackSealer, sizes: &[usize]) -> Vec<Sent> {
    let mut sent = Vec::new();
    for (frame, &size) in sizes.iter().enumerate() {
        let timestamp = 3_000 * u32::try_from(frame).unwrap();
        for packet in 0..size {
            let last = packet + 1 == size;
            let data = format!("frame {frame}, packet {packet}");
            let sealed = sealer.seal(u8::from(packet == 0) << 1, timestamp, last, data.as_bytes(), last).unwrap();
            sent.push(Sent { timestamp, marker: last, sealed });
        }
    }
    sent
}

fn ctrs(opened: &[Opened]) -> Vec<u64> {
    opened.iter().map(|packet| packet.ctr).collect()
}

#[test]
fn frames_come_out_whole_with_their_last_packet() {
    let (mut sealer, mut opener) = track();
    let sent = frames(&mut sealer, &[3, 1, 2]);
    let opened: Vec<_> = sent.iter().map(|packet| packet.open(&mut opener).unwrap()).collect();
    assert_eq!(
        opened.iter().map(|group| ctrs(group)).collect::<Vec<_>>(),
        [vec![], vec![], vec![0, 1, 2], vec![3], vec![], vec![4, 5]]
    );
    let last = &opened[5][1];
    assert_eq!((last.flags, last.timestamp, last.marker), (SIGNED, 6_000, true));
    assert_eq!((&last.data[..], opened[5][0].flags), (&b"frame 2, packet 1"[..], 0x02));
    assert_eq!((opener.stats().opened, opener.stats().held, opener.stats().held_bytes), (6, 0, 0));
    assert_eq!((sealer.next_ctr(), sealer.unsigned()), (6, 0));
}

#[test]
fn a_payload_is_no_longer_than_promised() {
    let (mut sealer, mut opener) = track();
    for data in [&[][..], b"x", &[7; MAX_DATA]] {
        let sealed = sealer.seal(0xf7, u32::MAX, true, data, true).unwrap();
        assert!(sealed.payload.len() <= data.len() + OVERHEAD);
        let opened = opener.open(u32::MAX, true, &sealed.payload).unwrap();
        assert_eq!((&opened[0].data[..], opened[0].flags), (data, 0xff));
    }
    assert_eq!(sealer.seal(0, 0, false, &[7; MAX_DATA + 1], true), Err(SealError::TooLong));
    assert_eq!(sealer.seal(SIGNED, 0, false, b"", false), Err(SealError::ReservedFlag));
    assert_eq!(sealer.next_ctr(), 3, "a refusal uses up nothing");
}

#[test]
fn a_lost_packet_costs_its_group_until_it_comes() {
    let (mut sealer, mut opener) = track();
    let sent = frames(&mut sealer, &[3, 3, 3]);
    let mut opened = Vec::new();
    for packet in sent.iter().filter(|packet| packet.sealed.ctr != 4) {
        opened.extend(packet.open(&mut opener).unwrap());
    }
    assert_eq!(ctrs(&opened), [0, 1, 2, 6, 7, 8]);
    assert_eq!(opener.stats().held, 2);
    assert_eq!(ctrs(&sent[4].open(&mut opener).unwrap()), [3, 4, 5]);
    assert_eq!(opener.stats().held, 0);
}

#[test]
fn the_signed_packet_may_come_first() {
    let (mut sealer, mut opener) = track();
    let sent = frames(&mut sealer, &[4]);
    for packet in sent.iter().rev().take(3) {
        assert_eq!(packet.open(&mut opener), Ok(Vec::new()));
    }
    assert_eq!(ctrs(&sent[0].open(&mut opener).unwrap()), [0, 1, 2, 3]);
}

#[test]
fn a_packet_counts_once() {
    let (mut sealer, mut opener) = track();
    let sent = frames(&mut sealer, &[2]);
    sent[0].open(&mut opener).unwrap();
    assert_eq!(sent[0].open(&mut opener), Err(OpenError::Duplicate), "while it is held");
    sent[1].open(&mut opener).unwrap();
    for packet in &sent {
        assert_eq!(packet.open(&mut opener), Err(OpenError::Duplicate), "after it was yielded");
    }
    assert_eq!((opener.stats().opened, opener.stats().repeated), (2, 3));
}

#[test]
fn a_viewer_may_begin_anywhere() {
    let (mut sealer, mut opener) = track();
    let sent = frames(&mut sealer, &[5; 20]);
    let opened: Vec<_> = sent[52..].iter().flat_map(|packet| packet.open(&mut opener).unwrap()).collect();
    assert_eq!(ctrs(&opened), (55..100).collect::<Vec<_>>(), "from the first whole frame on");
}

/// Seals a group of this many packets that nobody receives.
fn skip(sealer: &mut TrackSealer, packets: usize) {
    for n in 1..=packets {
        sealer.seal(0, 0, false, b"", n == packets).unwrap();
    }
}

#[test]
fn what_comes_far_too_late_is_refused() {
    let (mut sealer, mut opener) = track();
    skip(&mut sealer, 231);
    let [late, last_in_time]: [Sent; 2] = frames(&mut sealer, &[1, 1]).try_into().unwrap();
    skip(&mut sealer, 32_766);
    frames(&mut sealer, &[1])[0].open(&mut opener).unwrap();
    assert_eq!(sealer.next_ctr() - late.sealed.ctr, 32_769, "one more than the window is long");
    assert_eq!(late.open(&mut opener), Err(OpenError::TooLate));
    assert_eq!(ctrs(&last_in_time.open(&mut opener).unwrap()), [232]);
}

#[test]
fn a_group_left_behind_by_the_window_is_dropped() {
    let (mut sealer, mut opener) = track();
    frames(&mut sealer, &[2])[0].open(&mut opener).unwrap();
    skip(&mut sealer, 32_767);
    frames(&mut sealer, &[1])[0].open(&mut opener).unwrap();
    assert_eq!((opener.stats().held, opener.stats().dropped), (0, 1));
}

#[test]
fn what_is_never_signed_is_held_within_bounds() {
    let (mut sealer, mut opener) = track();
    // Groups whose signed packet is lost.
    let mut most = (0, 0);
    for n in 0..20_000 {
        let sealed = sealer.seal(0, 0, false, &[0; 4_000], n % 100 == 99).unwrap();
        if !sealed.signed {
            assert_eq!(opener.open(0, false, &sealed.payload), Ok(Vec::new()));
        }
        let stats = opener.stats();
        most = (most.0.max(stats.held), most.1.max(stats.held_bytes));
    }
    assert!(most.0 <= 4_096 && most.1 <= 8 * 1024 * 1024, "{most:?}");
    assert!(most.1 > 8 * 1024 * 1024 - 4_000, "nor is less held than there is room for: {most:?}");
    let stats = opener.stats();
    assert_eq!(stats.dropped + stats.held as u64, 20_000 / 100 * 99);
    let sealed = sealer.seal(0, 0, false, b"signed at once", true).unwrap();
    assert_eq!(opener.open(0, false, &sealed.payload).unwrap().len(), 1, "and all goes on");
}

#[test]
fn small_packets_are_bounded_by_number() {
    let (mut sealer, mut opener) = track();
    for _ in 0..10_000 {
        let sealed = sealer.seal(0, 0, false, b"", false).unwrap();
        if !sealed.signed {
            opener.open(0, false, &sealed.payload).unwrap();
        }
    }
    assert_eq!(opener.stats().held, 4_096);
}

#[test]
fn a_group_that_grows_too_large_is_signed_unasked() {
    let (mut sealer, mut opener) = track();
    let mut opened = Vec::new();
    for _ in 0..1_100 {
        let sealed = sealer.seal(0, 9, false, b"part of one large frame", false).unwrap();
        opened.extend(opener.open(9, false, &sealed.payload).unwrap());
    }
    assert_eq!(opened.len(), 2 * usize::from(MAX_GROUP));
    assert_eq!(sealer.unsigned(), 1_100 - 2 * usize::from(MAX_GROUP));

    let (mut sealer, _) = track();
    let groups = (0..256).filter(|_| sealer.seal(0, 9, false, &[1; MAX_DATA], false).unwrap().signed).count();
    assert!(groups >= 256 * MAX_DATA / MAX_GROUP_BYTES, "{groups} groups");
}

#[test]
fn other_tracks_do_not_open() {
    let (mut sealer, _) = track();
    let payload = sealer.seal(0, 0, false, b"data", true).unwrap().payload;
    let (key, speaker) = (epoch_key(), node(1).node_id());
    let next_epoch = EpochKey::derive(&RoomKey::from_bytes([0x11; 32]), &room(), Epoch(8));
    for (mut opener, error) in [
        (TrackOpener::new(&key, speaker, Kid(kid().0 + 1), START), OpenError::WrongTrack),
        (TrackOpener::new(&key, speaker, kid(), [0; 16]), OpenError::Forged),
        (TrackOpener::new(&key, node(2).node_id(), kid(), START), OpenError::Forged),
        (TrackOpener::new(&next_epoch, speaker, kid(), START), OpenError::Forged),
    ] {
        assert_eq!(opener.open(0, false, &payload), Err(error));
        assert_eq!(opener.stats().refused, 1);
    }
}

/// A group of two: an unsigned packet and the signed one, both longer than an AES block.
fn pair() -> (Vec<Sent>, TrackOpener) {
    let (mut sealer, opener) = track();
    (frames(&mut sealer, &[2]), opener)
}

#[test]
fn no_altered_byte_gets_through() {
    for altered_packet in 0..2 {
        let (sent, _) = pair();
        for (at, payload) in each_byte_flipped(&sent[altered_packet].sealed.payload) {
            let (_, mut opener) = pair();
            let mut altered = sent.clone();
            altered[altered_packet].sealed.payload = payload.into();
            for packet in &altered {
                assert!(
                    packet.open(&mut opener).map_or(true, |group| group.is_empty()),
                    "byte {at} of {altered_packet}"
                );
            }
            // Whatever was refused, the true packets are still taken.
            let opened: Vec<_> = sent.iter().filter_map(|packet| packet.open(&mut opener).ok()).flatten().collect();
            assert_eq!(ctrs(&opened), [0, 1], "byte {at} of {altered_packet}");
        }
    }
}

#[test]
fn timestamp_and_marker_are_sealed_too() {
    let (sent, mut opener) = pair();
    for bit in 0..32 {
        assert_eq!(opener.open(1 << bit, false, &sent[0].sealed.payload), Err(OpenError::Forged));
    }
    assert_eq!(opener.open(0, true, &sent[0].sealed.payload), Err(OpenError::Forged));
    assert_eq!(opener.stats().refused, 33);
}

#[test]
fn a_cut_packet_is_refused() {
    let (sent, mut opener) = pair();
    for packet in &sent {
        for len in 0..packet.sealed.payload.len() {
            let cut = packet.sealed.payload.slice(..len);
            assert!(
                matches!(
                    opener.open(packet.timestamp, packet.marker, cut),
                    Err(OpenError::Malformed(_) | OpenError::Forged | OpenError::WrongTrack)
                ),
                "{len} bytes"
            );
        }
    }
    let signed = &sent[1].sealed.payload;
    let mut stripped = signed[..signed.len() - 66].to_vec();
    stripped[0] &= !SIGNED;
    assert_eq!(opener.open(0, true, stripped), Err(OpenError::Forged), "the signature taken off");
}

#[test]
fn a_wrong_count_or_signature_drops_the_group() {
    let (sent, mut opener) = pair();
    let payload = &sent[1].sealed.payload;
    let count_at = payload.len() - 66;
    for (count, error) in [
        (0, OpenError::Malformed(ParseError)),
        (1, OpenError::BadSignature),
        (3, OpenError::Malformed(ParseError)),
        (513, OpenError::Malformed(ParseError)),
        (u16::MAX, OpenError::Malformed(ParseError)),
    ] {
        let mut altered = payload.to_vec();
        altered[count_at..count_at + 2].copy_from_slice(&count.to_be_bytes());
        assert_eq!(opener.open(0, true, altered), Err(error), "{count}");
    }
    sent[0].open(&mut opener).unwrap();
    let mut altered = payload.to_vec();
    altered[count_at + 2] ^= 1;
    assert_eq!(opener.open(0, true, altered), Err(OpenError::BadSignature));
    let stats = opener.stats();
    assert_eq!((stats.bad_groups, stats.dropped, stats.held, stats.held_bytes), (2, 3, 0, 0));
    sent[0].open(&mut opener).unwrap();
    assert_eq!(ctrs(&sent[1].open(&mut opener).unwrap()), [0, 1], "the true ones may come again");
}

#[test]
fn only_the_shortest_header_is_read() {
    // KID 5 and CTR 3 in one byte; then the same with a byte, then two, for each number.
    let payload = |header: &[u8]| [&[0], header, &[0; 16]].concat();
    let packet = |header: &[u8]| parse(&payload(header)).map(|packet| (packet.kid, packet.ctr));
    assert_eq!(packet(&[0x53]), Ok((Kid(5), 3)));
    for header in [&[0xd0, 5, 3][..], &[0x58, 3], &[0x83, 5], &[0x99, 0, 5, 0, 3]] {
        assert_eq!(packet(header), Err(ParseError), "{header:?}");
    }
    assert_eq!(packet(&[0xc0, 1, 0, 0, 0, 0]), Err(ParseError), "a KID of 33 bits");
    assert_eq!(packet(&[[0x5f].as_slice(), &[0xff; 8]].concat()), Err(ParseError), "the counter that is never sent");
    assert_eq!(packet(&[[0x5f].as_slice(), &[0xff; 7], &[0xfe]].concat()), Ok((Kid(5), u64::MAX - 1)));
}

#[test]
fn an_endless_packet_is_refused() {
    let (mut sealer, mut opener) = track();
    let payload = sealer.seal(0, 0, false, b"data", false).unwrap().payload;
    let long = [&payload[..], &vec![0; 1 << 20]].concat();
    assert_eq!(opener.open(0, false, long), Err(OpenError::Malformed(ParseError)));
}

proptest! {
    #[test]
    fn random_bytes_are_refused(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&payload);
        let (_, mut opener) = track();
        prop_assert!(opener.open(0, false, &payload).is_err());
        prop_assert_eq!(opener.stats().held, 0);
    }

    /// Random bytes behind a true header, so that more of the code is reached.
    #[test]
    fn random_ciphertexts_are_refused(flags: u8, ctr in 0..8_u8, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let kid = kid().0.to_be_bytes();
        let payload = [&[flags, 0xb0 | ctr], &kid[..], &body].concat();
        let (_, mut opener) = track();
        prop_assert!(opener.open(0, false, &payload).is_err());
        prop_assert_eq!(opener.stats().held, 0);
    }

    /// Whatever the order, with whatever repetitions: every packet once, its frame in order.
    #[test]
    fn any_order_gives_every_frame_once(
        sizes in prop::collection::vec(1..12_usize, 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
    ) {
        let (mut sealer, mut opener) = track();
        let sent = frames(&mut sealer, &sizes);
        let shuffled = order.iter().map(|index| index.get(&sent)).chain(&sent);
        let mut opened = Vec::new();
        for packet in shuffled {
            match packet.open(&mut opener) {
                Ok(group) => {
                    prop_assert!(group.windows(2).all(|pair| pair[0].ctr + 1 == pair[1].ctr));
                    opened.extend(group);
                }
                Err(error) => prop_assert_eq!(error, OpenError::Duplicate),
            }
        }
        opened.sort_by_key(|packet| packet.ctr);
        prop_assert_eq!(ctrs(&opened), (0..sent.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(opener.stats().held, 0);
    }

    /// With loss, exactly the groups that arrived whole come out.
    #[test]
    fn loss_costs_exactly_the_groups_it_hits(
        sizes in prop::collection::vec(1..6_usize, 1..20),
        lost in prop::collection::btree_set(0..60_u64, 0..10),
    ) {
        let (mut sealer, mut opener) = track();
        let sent = frames(&mut sealer, &sizes);
        let arrived = sent.iter().filter(|packet| !lost.contains(&packet.sealed.ctr));
        let opened: Vec<_> = arrived.flat_map(|packet| packet.open(&mut opener).unwrap()).collect();
        let mut expected = Vec::new();
        let mut next = 0;
        for size in sizes {
            let group = next..next + size as u64;
            next = group.end;
            if !lost.iter().any(|ctr| group.contains(ctr)) {
                expected.extend(group);
            }
        }
        prop_assert_eq!(ctrs(&opened), expected);
    }
}
