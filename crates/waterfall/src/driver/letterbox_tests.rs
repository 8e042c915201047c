use super::*;

fn sender(n: u64) -> NodeId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&n.to_be_bytes());
    NodeId(id)
}

#[test]
fn a_flood_of_rings_leaves_room_for_notices() {
    let mut letterbox = Letterbox::default();
    let wanted = (0..10_000).filter(|n| letterbox.want(sender(*n), UnixMillis(0), Word::Ring)).count();
    // The burst, and what a slow machine lets in meanwhile.
    assert!((16..=MAX_WAITING).contains(&wanted), "{wanted}");
    letterbox.waiting.clear();
    assert!(letterbox.want(sender(20_000), UnixMillis(0), Word::Notice));
}

#[test]
fn one_sender_is_read_a_few_times() {
    let mut letterbox = Letterbox::default();
    let read = (0..100).filter(|_| {
        letterbox.waiting.clear();
        letterbox.want(sender(1), UnixMillis(0), Word::Notice)
    });
    assert!((4..=8).contains(&read.count()));
    assert!(letterbox.want(sender(2), UnixMillis(0), Word::Notice), "others are not held back");
}

#[test]
fn the_same_word_is_heard_once_and_an_old_one_never() {
    let (mut heard, now) = (Heard(HashMap::new()), UnixMillis(10_000_000));
    assert!(heard.is_news(&1, now, now));
    heard.note(1, now);
    assert!(!heard.is_news(&1, now, now));
    assert!(heard.is_news(&1, now.plus(1), now));
    assert!(heard.is_news(&2, now, now));
    let life = RecordKind::Letter.max_life();
    assert!(!heard.is_news(&2, UnixMillis(now.0 - life), now));
    assert!(!heard.is_news(&2, now.plus(MAX_CLOCK_AHEAD + 1), now));
    for n in 0..2 * MAX_HEARD {
        heard.note(n, now.plus(n as u64));
    }
    assert_eq!(heard.0.len(), MAX_HEARD);
    assert!(!heard.is_news(&(2 * MAX_HEARD - 1), now, now), "the oldest went first");
}

#[test]
fn it_listens_while_there_is_room_and_some_time_after() {
    let mut letterbox = Letterbox::default();
    assert!(!letterbox.is_due(false), "nobody has reason to call");
    assert!(!letterbox.is_due(true), "not at once");
    letterbox.listen_at = Instant::now();
    assert!(letterbox.is_due(false), "a place was open a moment ago");
    letterbox.listening = true;
    assert!(!letterbox.is_due(true), "one look at a time");
    for pause in [4, 8, 16, 16] {
        letterbox.heard_rings(false);
        assert_eq!(letterbox.pause, Duration::from_secs(pause));
    }
    letterbox.heard_rings(true);
    assert_eq!(letterbox.pause, FIRST_LISTEN);
}

#[test]
fn a_ring_in_anothers_name_hides_none_of_its_own() {
    let (mut heard, now) = (Heard(HashMap::new()), UnixMillis(10_000_000));
    let later = now.plus(MAX_CLOCK_AHEAD);
    heard.note((sender(1), later), later);
    assert!(!heard.is_news(&(sender(1), later), later, now));
    assert!(heard.is_news(&(sender(1), now), now, now));
}
