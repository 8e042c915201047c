use super::*;
use crate::forward::identity::{FRAME_END, FRAME_START, Head};
use crate::forward::{Accepted, Kind, Packet, RingLimits, TrackConfig};

const VIDEO: u32 = 1;
const AUDIO: u32 = 2;
const CHILD: LinkId = LinkId(10);
const PARENT: LinkId = LinkId(11);

fn group() -> Group {
    let mut group = Group::new(RingLimits::default());
    group.add_track(VIDEO, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
    group.add_track(AUDIO, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 });
    group
}

fn push(group: &mut Group, kid: u32, ctr: u64, key_frame: bool, from: Option<LinkId>, now: Instant) {
    let flags = FRAME_START | FRAME_END | if key_frame { KEY_FRAME } else { 0 };
    let mut payload = Vec::new();
    Head::write(flags, kid, ctr, &mut payload);
    payload.resize(1000, 0);
    let head = Head::parse(&payload).unwrap();
    let packet = Packet { kid, ctr, timestamp: 0, marker: true, payload: payload.into(), from };
    assert_eq!(group.accept(&packet, head, now), Accepted::First);
}

fn drain(queue: &mut Queue, group: &Group) -> Vec<(u32, u64)> {
    let mut sent = Vec::new();
    while let Some(next) = queue.next(group) {
        queue.sent(next);
        sent.push((next.kid, group.tracks[&next.kid].ring.at(next.index).unwrap().head.ctr));
    }
    sent
}

#[test]
fn a_late_joiner_gets_pictures_from_the_last_key_frame_and_the_sound_since() {
    let start = Instant::now();
    let mut group = group();
    for (at, kid, ctr, key) in
        [(0, VIDEO, 0, true), (1, AUDIO, 0, false), (2, VIDEO, 1, true), (3, AUDIO, 1, false), (4, VIDEO, 2, false)]
    {
        push(&mut group, kid, ctr, key, None, start + Duration::from_millis(at));
    }
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[], start);
    assert_eq!(drain(&mut queue, &group), [(VIDEO, 1), (AUDIO, 1), (VIDEO, 2)]);
    push(&mut group, VIDEO, 3, false, None, start);
    assert_eq!(drain(&mut queue, &group), [(VIDEO, 3)], "and then what comes");
}

#[test]
fn resume_goes_on_where_the_other_end_is_and_gives_nothing_back() {
    let start = Instant::now();
    let mut group = group();
    for ctr in 0..10 {
        let from = if ctr == 7 { CHILD } else { PARENT };
        push(&mut group, VIDEO, ctr, ctr == 0, Some(from), start);
        push(&mut group, AUDIO, ctr, false, Some(PARENT), start);
    }
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[(VIDEO, 6), (AUDIO, 9)], start);
    assert_eq!(drain(&mut queue, &group), [(VIDEO, 6), (VIDEO, 8), (VIDEO, 9), (AUDIO, 9)]);
    queue.end();
    push(&mut group, VIDEO, 10, false, Some(PARENT), start);
    assert_eq!(drain(&mut queue, &group), []);
}

#[test]
fn without_a_key_frame_nothing_is_sent_until_one_comes() {
    let start = Instant::now();
    let mut group = group();
    push(&mut group, VIDEO, 5, false, None, start);
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[], start);
    assert_eq!(drain(&mut queue, &group), []);
    assert_eq!(queue.awaiting_key_frame().collect::<Vec<_>>(), [VIDEO]);
    push(&mut group, VIDEO, 7, false, None, start);
    push(&mut group, VIDEO, 6, true, None, start);
    push(&mut group, VIDEO, 8, false, None, start);
    assert_eq!(drain(&mut queue, &group), [(VIDEO, 7), (VIDEO, 6), (VIDEO, 8)], "7 overtook it");
    assert_eq!(queue.awaiting_key_frame().count(), 0);
}

#[test]
fn a_full_queue_drops_whole_frames_up_to_the_next_key_frame() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut group = group();
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[], start);
    for n in 0..30 {
        push(&mut group, VIDEO, n, n == 0 || n == 20, None, at(100 * n));
        push(&mut group, AUDIO, n, false, None, at(100 * n));
    }
    assert_eq!(queue.next(&group), Some(Next { kid: VIDEO, index: 0 }));
    assert!(queue.check(&group, at(1900)).is_empty());
    let dropped = queue.check(&group, at(2900));
    assert_eq!(dropped[0], Overflow { kid: VIDEO, frames: 20, packets: 20 });
    assert_eq!(dropped[1].kid, AUDIO);
    assert_eq!(dropped[1].packets, 27, "the last 200 ms of sound stay");
    assert_eq!(drain(&mut queue, &group)[0], (VIDEO, 20));
}

#[test]
fn a_backlog_that_was_asked_for_is_no_overflow_but_must_shrink() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut group = group();
    for n in 0..80 {
        push(&mut group, VIDEO, n, n == 0, None, at(100 * n));
    }
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[(VIDEO, 0)], at(8000));
    assert!(queue.check(&group, at(8500)).is_empty(), "eight seconds wait, as asked");
    for _ in 0..75 {
        let next = queue.next(&group).unwrap();
        queue.sent(next);
    }
    assert!(queue.check(&group, at(8500)).is_empty());
    assert_eq!(queue.check(&group, at(10_600))[0].packets, 5, "no progress for two seconds");
    assert_eq!(queue.awaiting_key_frame().count(), 1);
}

#[test]
fn tracks_come_and_go() {
    let start = Instant::now();
    let mut group = group();
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[], start);
    group.remove_track(AUDIO);
    group.add_track(3, TrackConfig { kind: Kind::Video, clock_rate: 90_000 });
    queue.forget(AUDIO);
    queue.follow(&group);
    push(&mut group, 3, 0, true, None, start);
    group.add_track(AUDIO, TrackConfig { kind: Kind::Audio, clock_rate: 48_000 });
    push(&mut group, AUDIO, 0, false, None, start);
    queue.follow(&group);
    assert_eq!(drain(&mut queue, &group), [(3, 0), (AUDIO, 0)], "one that is added again begins anew");
}

#[test]
fn it_catches_up_until_what_waits_is_young() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut group = group();
    for n in 0..40 {
        push(&mut group, VIDEO, n, n == 0, Some(PARENT), at(25 * n));
        push(&mut group, AUDIO, n, false, Some(PARENT), at(25 * n));
    }
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    queue.begin(&group, &[], at(1_000));
    assert!(!queue.is_catching_up(), "a late joiner is served as fast as it goes");
    queue.begin(&group, &[(VIDEO, 30), (AUDIO, 20)], at(1_000));
    assert!(queue.is_catching_up());
    queue.check(&group, at(1_000));
    let mut sent = Vec::new();
    while queue.is_catching_up() {
        let next = queue.next(&group).unwrap();
        queue.sent(next);
        sent.push(group.tracks[&next.kid].ring.at(next.index).unwrap().order);
        queue.check(&group, at(1_000));
    }
    assert!(sent.is_sorted(), "oldest first, whatever the track: {sent:?}");
    assert_eq!(sent.len(), 26, "all but the two newest of each");
    queue.begin(&group, &[(VIDEO, 40), (AUDIO, 40)], at(1_000));
    assert!(!queue.is_catching_up(), "nothing is missing");
}

#[test]
fn a_track_is_behind_for_a_while_after_any_trouble() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut group = group();
    let mut queue = Queue::new(CHILD, QueueLimits::default());
    push(&mut group, VIDEO, 0, true, Some(PARENT), start);
    queue.begin(&group, &[], start);
    let mut ctr = 0;
    let mut run = |queue: &mut Queue, group: &mut Group, from: u64, to: u64, sends: bool| {
        for ms in (from..to).step_by(50) {
            ctr += 1;
            push(group, VIDEO, ctr, false, Some(PARENT), at(ms));
            if sends {
                drain(queue, group);
            }
            queue.check(group, at(ms));
        }
    };
    assert!(queue.is_behind(VIDEO, start), "a beginning leaves things out");
    run(&mut queue, &mut group, 50, 8_100, true);
    assert!(!queue.is_behind(VIDEO, at(8_100)));
    run(&mut queue, &mut group, 8_100, 9_900, false);
    assert!(queue.is_behind(VIDEO, at(9_900)), "packets wait for more than a second");
    run(&mut queue, &mut group, 9_900, 18_500, true);
    assert!(!queue.is_behind(VIDEO, at(18_500)));
    run(&mut queue, &mut group, 18_500, 21_500, false);
    assert!(queue.is_behind(VIDEO, at(21_500)), "some were dropped");
    assert!(queue.is_behind(77, start), "of a track that is not sent nothing is promised");
}
