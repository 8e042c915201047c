//! A bootstrap node inside another program, and those who enter by it.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use waterfall_bootstrap::{Bootstrap, Config, Event};
use waterfall_signal::{AskError, Multiaddr, Signal, parse_address};
use waterfall_wire::{Contact, Envelope, Header, PROTOCOL_VERSION, RecordKind, SigningKey, UnixMillis, encode};

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn loopback() -> Vec<Multiaddr> {
    ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"].map(|a| a.parse().unwrap()).to_vec()
}

async fn node(number: u8, entrance: &[String]) -> Signal {
    let entrance = entrance.iter().flat_map(|text| parse_address(text).unwrap()).collect();
    let config = waterfall_signal::Config::new(key(number)).listen(loopback()).mdns(false).bootstrap(entrance);
    Signal::start(config).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_find_each_others_records_through_it() {
    let bootstrap = Bootstrap::start(Config::new(key(1)).listen(loopback())).await.unwrap();
    let entrance = bootstrap.addresses();
    assert_eq!(entrance.len(), 2);
    assert!(entrance.iter().all(|a| a.starts_with("/ip4/127.0.0.1/") && a.contains("/p2p/")), "{entrance:?}");

    let writer = node(2, &entrance).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seq = UnixMillis(now.as_millis() as u64);
    let header = Header {
        version: PROTOCOL_VERSION,
        kind: RecordKind::Charter,
        write_key: key(2).public(),
        salt: [0; 16],
        seq,
        not_after: seq.plus(60_000),
        ciphertext: vec![1, 2, 3],
    };
    writer.put(header.record_key(), encode(&Envelope::sign(&header, &key(2))));
    let reader = node(3, &entrance[..1]).await;
    let found = async {
        loop {
            if let Some(found) = reader.get(header.record_key()).await.unwrap() {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(timeout(Duration::from_secs(60), found).await.unwrap(), header);

    let nodes = [writer, reader];
    let contact = Contact { node: bootstrap.node_id(), addresses: nodes[0].addresses().borrow().as_slice().into() };
    assert_eq!(nodes[0].ask(&contact, vec![1]).await, Err(AskError::Refused), "it takes no questions");
    bootstrap.close().await;
    let alone = async {
        for node in &nodes {
            node.peers().wait_for(|peers| *peers <= 1).await.unwrap();
        }
    };
    timeout(Duration::from_secs(60), alone).await.expect("they see it go");
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let first = Bootstrap::start(Config::new(key(4)).listen(loopback())).await.unwrap();
    let taken: Multiaddr = first.addresses()[0].split("/p2p/").next().unwrap().parse().unwrap();
    let error = Bootstrap::start(Config::new(key(5)).listen(vec![taken])).await.err().unwrap();
    assert!(error.to_string().contains("in use"), "{error}");
}

#[tokio::test]
async fn an_unreachable_peer_is_said() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let peers = vec![format!("/ip4/127.0.0.1/tcp/{nobody}").parse().unwrap()];
    let config = Config::new(key(6)).listen(loopback()).peers(peers.clone());
    let mut bootstrap = Bootstrap::start(config).await.unwrap();
    let Some(Event::PeerUnreachable { address, .. }) = bootstrap.event().await else { panic!("no such event") };
    assert_eq!(address, peers[0]);
}
