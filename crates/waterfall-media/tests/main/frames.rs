//! Cutting frames into packets and putting them together again.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use waterfall_media::codec::Kind;
use waterfall_media::forward::identity::SIGNED;
use waterfall_media::frame::{
    Assembler, Config, FRAME_END, FRAME_START, Fragment, Frame, Item, KEY_FRAME_START, MAX_FRAME_LEN, fragment,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A track of `frames` frames with a key frame every `gop`, of `len(i)` bytes each.
fn track(frames: u64, gop: u64, len: impl Fn(u64) -> usize) -> Vec<Frame> {
    (0..frames)
        .map(|i| Frame { timestamp: ms(40 * i), keyframe: i % gop == 0, data: vec![i as u8; len(i)].into() })
        .collect()
}

/// Its packets, counted from `first`, with the index of the frame of each.
fn packets(frames: &[Frame], first: u64, max: usize) -> Vec<(u64, usize, Fragment)> {
    let parts = frames.iter().enumerate().flat_map(|(i, frame)| fragment(frame, max).map(move |part| (i, part)));
    (first..).zip(parts).map(|(ctr, (i, part))| (ctr, i, part)).collect()
}

fn drain(assembler: &mut Assembler, now: Duration) -> Vec<Item> {
    std::iter::from_fn(|| assembler.poll(now)).collect()
}

fn frame_items(frames: &[Frame]) -> Vec<Item> {
    frames.iter().cloned().map(Item::Frame).collect()
}

#[test]
fn in_order_nothing_waits() {
    let frames = track(10, 5, |i| 100 * i as usize);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    let mut items = Vec::new();
    for (ctr, _, part) in packets(&frames, 700, 256) {
        assembler.push(ms(ctr), ctr, part.flags, part.data);
        items.extend(drain(&mut assembler, ms(ctr)));
        assert_eq!(assembler.timeout(), None);
    }
    assert_eq!(items, frame_items(&frames));
    assert_eq!(assembler.stats().missing, 0);
    assert_eq!(assembler.held(), (0, 0));
}

#[test]
fn it_starts_at_the_first_key_frame() {
    let frames = track(12, 5, |_| 50);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    for (ctr, _, part) in packets(&frames, 0, 20).into_iter().skip(4) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assert_eq!(drain(&mut assembler, ms(0)), frame_items(&frames[5..]));
    assert_eq!(assembler.stats().gaps, 0, "what was before the start is no gap");

    let mut sound = Assembler::new(Kind::Audio, Config::default());
    for (ctr, _, part) in packets(&frames, 0, 20).into_iter().skip(4) {
        sound.push(ms(0), ctr, part.flags, part.data);
    }
    assert_eq!(drain(&mut sound, ms(0)), frame_items(&frames[2..]), "sound starts at any frame");
}

#[test]
fn a_loss_is_waited_for_and_then_given_up() {
    let frames = track(12, 5, |_| 50);
    let mut assembler = Assembler::new(Kind::Video, Config { patience: ms(500), ..Config::default() });
    // Three packets a frame: the middle one of frame 2 is lost.
    for (ctr, _, part) in packets(&frames, 0, 20).into_iter().filter(|(ctr, ..)| *ctr != 7) {
        assembler.push(ms(10 * ctr), ctr, part.flags, part.data);
    }
    assert_eq!(drain(&mut assembler, ms(579)), frame_items(&frames[..2]));
    assert_eq!(assembler.timeout(), Some(ms(580)), "500 ms after the first packet behind the loss");
    let mut expected = vec![Item::Gap { frames: 3, at: ms(40) }];
    expected.extend(frame_items(&frames[5..]));
    assert_eq!(drain(&mut assembler, ms(580)), expected, "frames 2, 3 and 4 cannot be shown");
    let stats = assembler.stats();
    assert_eq!((stats.missing, stats.gaps, stats.frames, stats.discarded), (1, 1, 9, 7));
}

#[test]
fn a_repair_in_time_leaves_no_gap() {
    let frames = track(6, 6, |_| 50);
    let mut all = packets(&frames, 0, 20);
    let late = all.remove(4);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    for (ctr, _, part) in all {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assert_eq!(drain(&mut assembler, ms(1_999)), frame_items(&frames[..1]));
    assembler.push(ms(1_999), late.0, late.2.flags, late.2.data.clone());
    assert_eq!(drain(&mut assembler, ms(1_999)), frame_items(&frames[1..]));
    assembler.push(ms(2_000), late.0, late.2.flags, late.2.data);
    assert_eq!(assembler.stats().late, 1, "twice is once");
}

#[test]
fn sound_resumes_at_the_next_frame() {
    let frames = track(8, 1, |_| 30);
    let mut assembler = Assembler::new(Kind::Audio, Config::default());
    for (ctr, _, part) in packets(&frames, 0, 1_200).into_iter().filter(|(ctr, ..)| ![3, 5, 6].contains(ctr)) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assembler.skip_to(8);
    let mut expected = frame_items(&frames[..3]);
    expected.push(Item::Gap { frames: 1, at: ms(80) });
    expected.extend(frame_items(&frames[4..5]));
    expected.push(Item::Gap { frames: 0, at: ms(160) });
    expected.extend(frame_items(&frames[7..]));
    assert_eq!(drain(&mut assembler, ms(0)), expected);
}

#[test]
fn a_loss_at_the_end_shows_by_what_was_announced() {
    let frames = track(4, 4, |_| 50);
    let all = packets(&frames, 0, 20);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    for (ctr, _, part) in all.iter().take(10).cloned() {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assert_eq!(drain(&mut assembler, ms(9_000)), frame_items(&frames[..3]));
    assembler.announce(ms(10_000), 12);
    assert_eq!(assembler.timeout(), Some(ms(12_000)));
    assembler.finish(ms(11_000), 12);
    assert!(!assembler.is_finished());
    assert_eq!(drain(&mut assembler, ms(11_999)), []);
    assert_eq!(drain(&mut assembler, ms(12_000)), [Item::Gap { frames: 0, at: ms(80) }]);
    assert!(assembler.is_finished());
    assert_eq!(assembler.stats().missing, 2);
}

#[test]
fn a_complete_track_finishes_at_once() {
    let frames = track(4, 4, |_| 50);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    for (ctr, _, part) in packets(&frames, 5, 20) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assembler.finish(ms(0), 17);
    assert!(!assembler.is_finished(), "not before all is handed out");
    assert_eq!(drain(&mut assembler, ms(0)), frame_items(&frames));
    assert!(assembler.is_finished());
    assert_eq!(assembler.timeout(), None);
}

#[test]
fn a_packet_that_belongs_to_no_frame_is_no_gap() {
    let frames = track(4, 1, |_| 50);
    let mut assembler = Assembler::new(Kind::Audio, Config::default());
    for (ctr, _, part) in packets(&frames, 0, 100) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    // As a speaker ends its sound with: a signature over the frames that had none yet.
    assembler.push(ms(0), 4, SIGNED, Bytes::new());
    assembler.finish(ms(0), 5);
    assert_eq!(drain(&mut assembler, ms(0)), frame_items(&frames));
    assert!(assembler.is_finished());
    assert_eq!(assembler.stats().gaps, 0);
}

#[test]
fn a_track_without_a_key_frame_ends_as_a_gap() {
    let frames = track(4, 4, |_| 50);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    for (ctr, _, part) in packets(&frames, 0, 20).into_iter().skip(1) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assembler.finish(ms(100), 12);
    assert_eq!(drain(&mut assembler, ms(2_099)), []);
    assert_eq!(drain(&mut assembler, ms(2_100)), [Item::Gap { frames: 0, at: ms(0) }]);
    assert!(assembler.is_finished());
}

#[test]
fn an_empty_track_finishes() {
    let mut assembler = Assembler::new(Kind::Audio, Config::default());
    assembler.finish(ms(0), 0);
    assert_eq!(drain(&mut assembler, ms(0)).len(), 0);
    assert!(assembler.is_finished());
}

#[test]
fn a_track_that_ends_before_the_packets_it_has_finishes() {
    let mut assembler = Assembler::new(Kind::Video, Config { max_packets: 2, ..Config::default() });
    for ctr in [3, 4, 5] {
        assembler.push(ms(0), ctr, 0, Bytes::from_static(b"no start"));
    }
    assembler.finish(ms(0), 2);
    assert_eq!(drain(&mut assembler, ms(9_000)), [Item::Gap { frames: 0, at: ms(0) }]);
    assembler.push(ms(9_000), 6, 0, Bytes::from_static(b"beyond the end"));
    assert_eq!(assembler.timeout(), None);
    assert_eq!(assembler.held(), (0, 0));
    assert!(assembler.is_finished());
}

#[test]
fn losses_with_no_frame_between_are_one_gap() {
    let frames = track(5, 1, |_| 50);
    let mut assembler = Assembler::new(Kind::Audio, Config::default());
    // Three packets a frame: the end of frame 1, the middle of frame 2.
    for (ctr, _, part) in packets(&frames, 0, 20).into_iter().filter(|(ctr, ..)| ![5, 7].contains(ctr)) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    let items = drain(&mut assembler, ms(2_000));
    assert_eq!(items[1..3], [Item::Gap { frames: 2, at: ms(0) }, Item::Frame(frames[3].clone())]);
    assert_eq!(items.len(), 4);
}

#[test]
fn a_jump_of_counters_holds_nothing() {
    let frames = track(3, 1, |_| 50);
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    for (first, frame) in [0, 1 << 60, u64::MAX - 6].into_iter().zip(&frames) {
        for (ctr, _, part) in packets(std::slice::from_ref(frame), first, 20) {
            assembler.push(ms(0), ctr, part.flags, part.data);
        }
    }
    assembler.push(ms(0), u64::MAX, 7, Bytes::from_static(&[0; 9]));
    let items = drain(&mut assembler, ms(2_000));
    assert_eq!(items.iter().filter(|item| matches!(item, Item::Frame(_))).count(), 3);
    assert_eq!(items.len(), 5);
    assert_eq!(assembler.held(), (0, 0));
    assembler.announce(ms(3_000), u64::MAX);
    drain(&mut assembler, ms(9_000));
    assembler.push(ms(9_000), 4, 7, Bytes::from_static(&[0; 9]));
    assert_eq!(drain(&mut assembler, ms(99_000)), []);
}

#[test]
fn a_full_assembler_gives_up_what_is_missing() {
    let config = Config { max_packets: 10, max_bytes: 1_000, ..Config::default() };
    let frames = track(60, 4, |_| 50);
    for lost in [1u64, 2] {
        let mut assembler = Assembler::new(Kind::Video, config);
        let mut items = Vec::new();
        for (ctr, _, part) in packets(&frames, 0, 40).into_iter().filter(|(ctr, ..)| *ctr != lost) {
            assembler.push(ms(0), ctr, part.flags, part.data);
            items.extend(drain(&mut assembler, ms(0)));
            assert!(assembler.held().0 <= 11);
        }
        assert_eq!(items.iter().filter(|item| matches!(item, Item::Gap { .. })).count(), 1);
        assert_eq!(items.last(), frame_items(&frames).last(), "no time has passed, and yet it goes on");
        assert_eq!(assembler.stats().overflow, 0);
    }
}

#[test]
fn what_a_full_assembler_waits_for_is_taken() {
    let frames = track(6, 6, |_| 50);
    let config = Config { max_packets: 4, ..Config::default() };
    let all = packets(&frames, 0, 100);
    let mut assembler = Assembler::new(Kind::Video, config);
    for i in [0, 2, 3, 4, 5, 1] {
        assembler.push(ms(0), all[i].0, all[i].2.flags, all[i].2.data.clone());
    }
    assert_eq!(drain(&mut assembler, ms(0)), frame_items(&frames), "the last place was free for it");

    // A repair inside a longer hole comes as that hole is given up.
    let mut assembler = Assembler::new(Kind::Video, Config { max_packets: 2, ..config });
    for i in [0, 4, 5, 2] {
        assembler.push(ms(0), all[i].0, all[i].2.flags, all[i].2.data.clone());
    }
    assert_eq!(drain(&mut assembler, ms(9_000)), frame_items(&frames[..1]));
    assert_eq!((assembler.stats().late, assembler.held()), (1, (0, 0)));
}

#[test]
fn an_assembler_nobody_polls_refuses() {
    let config = Config { max_packets: 10, ..Config::default() };
    let frames = track(100, 1, |_| 50);
    let mut assembler = Assembler::new(Kind::Video, config);
    for (ctr, _, part) in packets(&frames, 0, 100) {
        assembler.push(ms(0), ctr, part.flags, part.data);
    }
    assert_eq!(drain(&mut assembler, ms(0)).len(), 10);
    assert_eq!(assembler.stats().overflow, 90);
}

#[test]
fn a_frame_without_an_end_stops_growing() {
    let mut assembler = Assembler::new(Kind::Video, Config::default());
    assembler.push(ms(0), 0, KEY_FRAME_START | FRAME_START, Bytes::from(vec![0; 1 << 20]));
    for ctr in 1..40 {
        assembler.push(ms(0), ctr, 0, Bytes::from(vec![0; 1 << 20]));
        assert!(assembler.held().1 <= MAX_FRAME_LEN + 8);
    }
    assert_eq!(assembler.held(), (0, 0));
    let next = Frame { timestamp: ms(40), keyframe: true, data: Bytes::from_static(b"key") };
    let [part] = &fragment(&next, 100).collect::<Vec<_>>()[..] else { panic!("one packet") };
    assembler.push(ms(0), 40, part.flags, part.data.clone());
    assert_eq!(drain(&mut assembler, ms(0)), [Item::Gap { frames: 1, at: ms(0) }, Item::Frame(next)]);
}

#[test]
fn broken_frames_are_gaps() {
    let good = |i: u64| Frame { timestamp: ms(i), keyframe: true, data: Bytes::from_static(b"good") };
    let whole = |i| fragment(&good(i), 100).next().unwrap();
    for broken in [
        Fragment { flags: 0, data: Bytes::from_static(b"no start") },
        Fragment { flags: KEY_FRAME_START, data: Bytes::from_static(b"key without start") },
        Fragment { flags: FRAME_START | FRAME_END, data: Bytes::from_static(b"short") },
        Fragment { flags: FRAME_START, data: Bytes::from_static(b"no end, then another start") },
        Fragment { flags: 0xf8, data: Bytes::new() },
    ] {
        let mut assembler = Assembler::new(Kind::Video, Config::default());
        for (ctr, part) in [whole(1), broken.clone(), whole(2)].into_iter().enumerate() {
            assembler.push(ms(0), ctr as u64, part.flags, part.data);
        }
        let items = drain(&mut assembler, ms(0));
        let expected = [Item::Frame(good(1)), Item::Gap { frames: 1, at: ms(1) }, Item::Frame(good(2))];
        assert_eq!(items, expected, "{broken:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any order, any duplicates, some losses: frames come in order and whole, exactly those that can be decoded,
    /// with one gap wherever some are missing.
    #[test]
    fn what_arrives_is_what_can_be_decoded(
        video in any::<bool>(),
        lens in proptest::collection::vec(0usize..400, 1..60),
        gop in 1u64..9,
        max in 1usize..300,
        lost in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
        order in any::<u64>(),
        reach in 1usize..50,
    ) {
        let frames = track(lens.len() as u64, gop, |i| lens[i as usize]);
        let all = packets(&frames, 1_000, max);
        let mut lost: BTreeSet<u64> = lost.into_iter().map(|i| all[i.index(all.len())].0).collect();
        // The first frame arrives, so that where it starts does not depend on the order.
        lost.retain(|ctr| all.iter().any(|(other, i, _)| other == ctr && *i > 0));
        let first = all.iter().filter(|(_, i, _)| *i == 0).count();

        let mut arriving: Vec<_> = all.iter().filter(|(ctr, ..)| !lost.contains(ctr)).cloned().collect();
        let mut state = order;
        for at in first..arriving.len() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = at + (state >> 33) as usize % reach.min(arriving.len() - at);
            arriving.swap(at, other);
        }

        let kind = if video { Kind::Video } else { Kind::Audio };
        let mut assembler = Assembler::new(kind, Config { max_packets: 100_000, ..Config::default() });
        let mut items = Vec::new();
        for (ctr, _, part) in arriving {
            assembler.push(ms(0), ctr, part.flags, part.data.clone());
            assembler.push(ms(0), ctr, part.flags, part.data);
            items.extend(drain(&mut assembler, ms(0)));
        }
        assembler.finish(ms(0), 1_000 + all.len() as u64);
        items.extend(drain(&mut assembler, ms(2_000)));
        prop_assert!(assembler.is_finished());
        prop_assert_eq!(assembler.held(), (0, 0));
        prop_assert_eq!(assembler.stats().missing, lost.len() as u64);

        let mut decodable = true;
        let mut expected = Vec::new();
        let mut gaps = Vec::new();
        for (i, frame) in frames.iter().enumerate() {
            let complete = all.iter().filter(|(_, of, _)| *of == i).all(|(ctr, ..)| !lost.contains(ctr));
            decodable = complete && (decodable || !video || frame.keyframe);
            if decodable { expected.push(frame.clone()) } else { gaps.push(i) }
        }
        let received: Vec<_> =
            items.iter().filter_map(|item| if let Item::Frame(frame) = item { Some(frame.clone()) } else { None }).collect();
        prop_assert_eq!(received, expected);
        let runs = gaps.iter().filter(|i| !gaps.contains(&(**i - 1))).count();
        prop_assert_eq!(items.iter().filter(|item| matches!(item, Item::Gap { .. })).count(), runs);
    }

    #[test]
    fn hostile_packets_never_panic_and_stay_within_bounds(
        video in any::<bool>(),
        ops in proptest::collection::vec(
            (0u8..8, prop_oneof![0u64..40, any::<u64>()], any::<u8>(), 0usize..300, 0u64..3_000),
            1..200,
        ),
    ) {
        let config = Config { max_packets: 20, max_bytes: 2_000, max_frame: 500, ..Config::default() };
        let mut assembler = Assembler::new(if video { Kind::Video } else { Kind::Audio }, config);
        let mut now = ms(0);
        for (op, ctr, flags, len, wait) in ops {
            match op {
                0 => assembler.announce(now, ctr),
                1 => assembler.skip_to(ctr),
                2 if ctr % 16 == 0 => assembler.finish(now, ctr),
                3 => now += ms(wait),
                _ => assembler.push(now, ctr, flags, vec![0; len].into()),
            }
            for item in drain(&mut assembler, now) {
                if let Item::Frame(frame) = item {
                    prop_assert!(frame.data.len() <= 500);
                }
            }
            prop_assert!(assembler.timeout().is_none_or(|at| at > now), "nothing is due after a poll");
            let (packets, bytes) = assembler.held();
            prop_assert!(packets <= 20 && bytes <= 2_508, "{packets} packets, {bytes} bytes");
        }
    }
}
