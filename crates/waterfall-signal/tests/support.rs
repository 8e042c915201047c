//! Networks of local nodes, records to put in them, and waiting with a deadline.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use waterfall_signal::{Config, Event, Mode, Multiaddr, Signal, address_to_multiaddr, peer_id};
use waterfall_wire::{Envelope, Header, PROTOCOL_VERSION, RecordKey, RecordKind, SigningKey, UnixMillis, encode};

/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A key of its own for each number.
pub(crate) fn key(number: u64) -> SigningKey {
    let mut secret = [0x5a; 32];
    secret[..8].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&secret)
}

pub(crate) fn loopback() -> Vec<Multiaddr> {
    ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"].map(|a| a.parse().unwrap()).to_vec()
}

/// A node on loopback without mDNS.
pub(crate) fn config(number: u64) -> Config {
    Config::new(key(number)).listen(loopback()).mdns(false).mode(Mode::Auto)
}

pub(crate) struct Node {
    pub(crate) signal: Signal,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Node {
    pub(crate) async fn start(config: Config) -> Self {
        // RUST_LOG shows what happens; an error means that another test has set it up.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let (signal, events) = Signal::start(config).await.unwrap();
        Self { signal, events }
    }

    /// Its addresses, each ending in its name.
    pub(crate) fn entrance(&self) -> Vec<Multiaddr> {
        let name: Multiaddr = format!("/p2p/{}", peer_id(&self.signal.node_id()).unwrap()).parse().unwrap();
        let addresses = self.signal.addresses();
        let addresses = addresses.borrow();
        addresses
            .iter()
            .map(|a| {
                let mut address = address_to_multiaddr(a).unwrap();
                name.iter().for_each(|part| address.push(part));
                address
            })
            .collect()
    }
}

/// `count` nodes, numbered from `first`, that know the same entrance.
pub(crate) async fn nodes(first: u64, count: u64, entrance: &[Multiaddr]) -> Vec<Node> {
    let start = (first..first + count).map(|i| Node::start(config(i).bootstrap(entrance.to_vec())));
    futures::future::join_all(start).await
}

/// Waits for something to become true.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(DEADLINE, wait).await.is_ok(), "waited in vain until {what}");
}

pub(crate) fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis() as u64)
}

/// A record of a writer; `salt` tells its records apart.
pub(crate) fn header(writer: u64, salt: u8, seq: UnixMillis) -> Header {
    Header {
        version: PROTOCOL_VERSION,
        kind: RecordKind::Entry,
        write_key: key(writer).public(),
        salt: [salt; 16],
        seq,
        not_after: seq.plus(RecordKind::Entry.max_life()),
        ciphertext: vec![salt; 200],
    }
}

pub(crate) fn sealed(writer: u64, header: &Header) -> (RecordKey, Vec<u8>) {
    (header.record_key(), encode(&Envelope::sign(header, &key(writer))))
}

/// A good record written now.
pub(crate) fn record(writer: u64, salt: u8) -> (RecordKey, Vec<u8>) {
    sealed(writer, &header(writer, salt, now()))
}

/// Looks a record up until it is found.
pub(crate) async fn find(node: &Node, key: RecordKey) -> Header {
    let search = async {
        loop {
            if let Some(header) = node.signal.get(key).await.unwrap() {
                return header;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    match timeout(DEADLINE, search).await {
        Ok(header) => header,
        Err(_) => panic!("the record is not found in time by {} {:?}", node.signal.node_id(), node.signal.stats()),
    }
}
