//! Peers that store, serve and send what they should not.

use waterfall_signal::Refused;
use waterfall_wire::{Header, RecordKind, UnixMillis};

use crate::rogue::Rogue;
use crate::support::{Node, config, find, header, key, now, record, sealed, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_verify_is_not_stored_and_counted() {
    let node = Node::start(config(300)).await;
    let rogue = Rogue::start(false).await;
    let (id, good) = record(301, 1);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let life = RecordKind::Entry.max_life();
    let long_lived = Header { not_after: now().plus(2 * life), ..header(301, 1, now()) };
    let cases = [
        (vec![0xa5; 200], Refused::Malformed),
        (vec![], Refused::Malformed),
        (vec![0; 9_000], Refused::TooLong),
        (sealed(301, &Header { ciphertext: vec![0; 4_000], ..header(301, 1, now()) }).1, Refused::TooLong),
        (forged, Refused::Forged),
        (record(301, 2).1, Refused::ForeignKey),
        (sealed(301, &header(301, 1, UnixMillis(now().0 - 2 * life))).1, Refused::Expired),
        (sealed(301, &header(301, 1, now().plus(600_000))).1, Refused::Future),
        (sealed(301, &long_lived).1, Refused::LivesTooLong),
    ];
    for (value, why) in cases {
        let before = node.signal.stats().records_refused.get(why);
        rogue.put(&node, id.0.to_vec(), value).await;
        until(&format!("{why:?} is counted"), || node.signal.stats().records_refused.get(why) == before + 1).await;
    }
    rogue.put(&node, b"short key".to_vec(), good.clone()).await;
    until("a strange key is counted", || node.signal.stats().records_refused.get(Refused::ForeignKey) == 2).await;
    assert_eq!(node.signal.stats().records_held, 0);
    rogue.put(&node, id.0.to_vec(), good).await;
    until("the good one is stored", || node.signal.stats().records_held == 1).await;
    rogue.provide(&node, id).await;
    until("provider records are refused", || node.signal.stats().providers_refused > 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_records_is_slowed_down() {
    let node = Node::start(config(310)).await;
    let rogue = Rogue::start(false).await;
    for salt in 0..200 {
        let (id, envelope) = record(311, salt);
        rogue.put(&node, id.0.to_vec(), envelope).await;
    }
    until("some are refused", || node.signal.stats().records_refused.get(Refused::TooFast) > 0).await;
    assert!(node.signal.stats().records_held < 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_does_not_hide_a_good_record() {
    let (id, good) = record(320, 1);
    let mut entrances = Vec::new();
    let mut rogues = Vec::new();
    for i in 0..6 {
        let rogue = Rogue::start(false).await;
        let mut junk = good.clone();
        let place = junk.len() - 1 - i;
        junk[place] ^= 0xff;
        rogue.serve(id, if i % 2 == 0 { junk } else { vec![i as u8; 300] }).await;
        entrances.push(rogue.address.clone());
        rogues.push(rogue);
    }
    let reader = Node::start(config(321).bootstrap(entrances.clone())).await;
    until("it knows them all", || reader.signal.stats().routing_table == 6).await;
    assert_eq!(reader.signal.get(id).await, Ok(None), "garbage alone is nothing");
    assert!(reader.signal.stats().answers_refused.total() >= 6);

    let holder = Node::start(config(320)).await;
    holder.signal.put(id, good);
    reader.signal.dial(holder.entrance().remove(0)).await;
    assert_eq!(find(&reader, id).await.write_key, key(320).public());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_version_wins_is_remembered_and_repairs_the_stale() {
    let seq = now();
    let (id, old) = sealed(330, &header(330, 1, seq));
    let (_, new) = sealed(330, &header(330, 1, seq.plus(5)));
    let (learns, stays) = (Rogue::start(true).await, Rogue::start(false).await);
    learns.serve(id, old.clone()).await;
    stays.serve(id, old.clone()).await;
    let holder = Node::start(config(330)).await;
    holder.signal.put(id, new.clone());

    let mut entrances = holder.entrance();
    entrances.extend([learns.address.clone(), stays.address.clone()]);
    // A client, so that nobody hands it the record: it must find it.
    let reader = Node::start(config(331).mode(waterfall_signal::Mode::Client).bootstrap(entrances)).await;
    until("it knows all three", || reader.signal.stats().routing_table == 3).await;
    assert_eq!(find(&reader, id).await.seq, seq.plus(5));
    let repaired = async { while learns.serves(id).await.as_ref() != Some(&new) {} };
    tokio::time::timeout(crate::support::DEADLINE, repaired).await.expect("the stale holder is repaired");

    holder.signal.close().await;
    learns.serve(id, old.clone()).await;
    assert_eq!(stays.serves(id).await, Some(old));
    assert_eq!(find(&reader, id).await.seq, seq.plus(5), "remembered though only old ones are left");
}
