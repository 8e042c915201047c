//! Records in a network of honest nodes.

use waterfall_signal::{Config, Limits, Mode};
use waterfall_wire::{Header, RecordKind, UnixMillis};

use crate::support::{Node, config, find, header, key, nodes, now, record, sealed, until};

fn well_known(number: u64) -> Config {
    config(number).mode(Mode::Server).records_only(true).limits(Limits::well_known())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_nodes_read_what_one_wrote_even_when_it_is_gone() {
    let bootstrap = Node::start(well_known(100)).await;
    let mut nodes = nodes(101, 20, &bootstrap.entrance()).await;
    let writer = nodes.remove(0);
    let (id, envelope) = record(101, 1);
    writer.signal.put(id, envelope);
    for node in &nodes {
        assert_eq!(find(node, id).await.write_key, key(101).public());
    }
    until("the record is placed", || writer.signal.stats().records_placed == 1).await;
    until("they know each other", || nodes.iter().all(|n| n.signal.stats().routing_table >= 10)).await;
    writer.signal.close().await;
    bootstrap.signal.close().await;
    let newcomer = Node::start(config(199).bootstrap(nodes[7].entrance())).await;
    assert_eq!(find(&newcomer, id).await.write_key, key(101).public());
    for node in &nodes {
        assert_eq!(node.signal.get(id).await.unwrap().unwrap().write_key, key(101).public());
    }
    assert_eq!(newcomer.signal.get(record(101, 9).0).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_reach_nodes_that_come_later() {
    let writer = Node::start(config(200)).await;
    let written: Vec<_> = (0..5).map(|salt| record(200, salt)).collect();
    for (id, envelope) in &written {
        writer.signal.put(*id, envelope.clone());
    }
    let nodes = nodes(201, 6, &writer.entrance()).await;
    // Fewer nodes than replicas: everyone should come to hold everything.
    until("all hold all", || nodes.iter().all(|n| n.signal.stats().records_held == written.len())).await;
    assert_eq!(writer.signal.stats().records_placed, written.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_version_replaces_an_earlier_one() {
    let writer = Node::start(config(220)).await;
    let nodes = nodes(221, 4, &writer.entrance()).await;
    let seq = now();
    let (id, first) = sealed(220, &header(220, 1, seq));
    let (_, second) = sealed(220, &header(220, 1, seq.plus(1)));
    writer.signal.put(id, first.clone());
    for node in &nodes {
        assert!(find(node, id).await.seq >= seq);
    }
    writer.signal.put(id, second);
    for node in &nodes {
        while find(node, id).await.seq != seq.plus(1) {}
    }
    writer.signal.put(id, first);
    until("the older one is refused", || writer.signal.stats().puts_refused.total() == 1).await;
    assert_eq!(find(&writer, id).await.seq, seq.plus(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_and_expired_records_are_gone() {
    let node = Node::start(config(240)).await;
    let (id, envelope) = record(240, 1);
    node.signal.put(id, envelope);
    find(&node, id).await;
    node.signal.forget(id);
    until("it is forgotten", || node.signal.stats().records_own == 0).await;

    let short = Header { not_after: now().plus(1500), ..header(240, 2, now()) };
    let (id, envelope) = sealed(240, &short);
    node.signal.put(id, envelope);
    find(&node, id).await;
    let gone = async { while node.signal.get(id).await.unwrap().is_some() {} };
    tokio::time::timeout(crate::support::DEADLINE, gone).await.expect("it expires");
    until("it is thrown out", || node.signal.stats().records_own == 0).await;
}

#[tokio::test]
async fn own_records_that_do_not_count_are_refused() {
    let node = Node::start(config(250)).await;
    let (id, envelope) = record(250, 1);
    let expired = header(250, 1, UnixMillis(now().0 - 2 * RecordKind::Entry.max_life()));
    node.signal.put(id, vec![1, 2, 3]);
    until("garbage is refused", || node.signal.stats().puts_refused.total() == 1).await;
    node.signal.put(record(250, 2).0, envelope);
    until("a foreign key is refused", || node.signal.stats().puts_refused.total() == 2).await;
    node.signal.put(id, sealed(250, &expired).1);
    until("what has expired is refused", || node.signal.stats().puts_refused.total() == 3).await;
    assert_eq!(node.signal.get(id).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_uses_the_dht_and_holds_nothing() {
    let server = Node::start(config(260)).await;
    let client = Node::start(config(261).mode(Mode::Client).bootstrap(server.entrance())).await;
    let (id, envelope) = record(261, 1);
    client.signal.put(id, envelope);
    until("its record is placed", || client.signal.stats().records_placed == 1).await;
    let (id, envelope) = record(260, 1);
    server.signal.put(id, envelope);
    assert_eq!(find(&client, id).await.write_key, key(260).public());
    assert_eq!(server.signal.stats().routing_table, 0);
    assert!(server.signal.stats().is_server && !client.signal.stats().is_server);
    assert_eq!(client.signal.stats().records_held, 0);
}
