//! The program as operators run it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use futures::future::join_all;
use rustix::process::Signal as Kill;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{Duration, sleep, timeout};
use waterfall_signal::{Multiaddr, Signal, parse_address};
use waterfall_wire::{Envelope, Header, PROTOCOL_VERSION, RecordKey, RecordKind, SigningKey, UnixMillis, encode};

use crate::process::{DEADLINE, Process, command, kill, run, stderr};

const LOCAL: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A node that knows nothing but these addresses.
async fn node(number: u8, entrance: &[String]) -> Signal {
    let entrance = entrance.iter().flat_map(|text| parse_address(text).unwrap()).collect();
    let listen: Vec<Multiaddr> = parse_address("127.0.0.1:0").unwrap();
    let key = SigningKey::from_bytes(&[number; 32]);
    Signal::start(waterfall_signal::Config::new(key).listen(listen).mdns(false).bootstrap(entrance)).await.unwrap().0
}

/// A record of a node, written now.
fn record(number: u8) -> (RecordKey, Vec<u8>) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let (key, seq) = (SigningKey::from_bytes(&[number; 32]), UnixMillis(now.as_millis() as u64));
    let header = Header {
        version: PROTOCOL_VERSION,
        kind: RecordKind::Charter,
        write_key: key.public(),
        salt: [0; 16],
        seq,
        not_after: seq.plus(60_000),
        ciphertext: vec![number; 100],
    };
    (header.record_key(), encode(&Envelope::sign(&header, &key)))
}

async fn find(node: &Signal, key: RecordKey) {
    let search = async {
        while node.get(key).await.unwrap().is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(DEADLINE, search).await.expect("the record is found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_pass_through_it_and_a_restart_keeps_its_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("state").join("key");
    let process = Process::start(&identity, &LOCAL).await;
    let addresses = process.addresses();
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    let peer_id = process.ready["peer_id"].as_str().unwrap().to_owned();
    assert!(addresses.iter().all(|a| a.starts_with("/ip4/127.0.0.1/") && a.ends_with(&format!("/p2p/{peer_id}"))));
    assert_eq!(std::fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);

    let writer = node(1, &addresses).await;
    let (key, envelope) = record(1);
    writer.put(key, envelope);
    // Once the writer is gone, only the bootstrap node can have it.
    let placed = async {
        while writer.stats().records_placed == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, placed).await.expect("the record is placed");
    writer.close().await;
    let reader = node(2, &addresses[..1]).await;
    find(&reader, key).await;
    assert_eq!(process.end(Kill::TERM).await["signal"], "SIGTERM");

    let bare: Vec<&str> = addresses.iter().map(|a| a.split("/p2p/").next().unwrap()).collect();
    let again = Process::start(&identity, &["--listen", bare[0], "--listen", bare[1]]).await;
    assert_eq!(again.ready["peer_id"], peer_id.as_str());
    assert_eq!(again.addresses(), addresses);
    // The addresses end in its name: nobody else could have answered there.
    let (key, envelope) = record(2);
    reader.put(key, envelope);
    find(&node(3, &addresses[1..]).await, key).await;
    assert_eq!(again.end(Kill::INT).await["signal"], "SIGINT");
}

#[tokio::test]
async fn peers_that_do_not_answer_are_said_and_a_name_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(&folder.path().join("a"), &LOCAL).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = format!("/ip4/127.0.0.1/tcp/{}", gone.port());
    let good = &first.addresses()[0];
    let args = ["--peer", &peer, "--peer", good, "--external", "bootstrap.example.org:4001", "--stats", "1"];
    let mut second = Process::start(&folder.path().join("b"), &[&LOCAL[..], &args].concat()).await;
    assert!(second.addresses()[0].starts_with("/dns/bootstrap.example.org/udp/4001/quic-v1/p2p/"));
    assert_eq!(second.event("unreachable").await["address"], peer.as_str());
    let met = async { while second.event("stats").await["routing_table"] != 1 {} };
    timeout(DEADLINE, met).await.expect("the two share a network");
    second.end(Kill::TERM).await;
    first.end(Kill::TERM).await;
}

#[tokio::test]
async fn as_text_it_prints_what_one_pastes_into_bootstrap() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&LOCAL);
    command.env("WATERFALL_STATE_DIR", folder.path()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line = timeout(DEADLINE, lines.next_line()).await.expect("it listens").unwrap().unwrap();
        assert_eq!(parse_address(&line).unwrap()[0].to_string(), line);
    }
    kill(&child, Kill::TERM);
    assert_eq!(timeout(DEADLINE, lines.next_line()).await.expect("it ends").unwrap(), None, "nothing else is printed");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert!(folder.path().join("bootstrap.key").is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_holds_no_more_connections_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let args = [&LOCAL[..], &["--max-connections", "16", "--stats", "1"]].concat();
    let mut process = Process::start(&folder.path().join("key"), &args).await;
    let entrance = process.addresses();
    let crowd = join_all((10..34).map(|number| node(number, &entrance))).await;
    let limited = async {
        loop {
            let figures = process.event("stats").await;
            let count = |name: &str| figures[name].as_u64().unwrap();
            assert!(count("connections") <= 16, "{figures}");
            if count("connections_refused") + count("connections_trimmed") > 0 {
                break;
            }
        }
    };
    timeout(DEADLINE, limited).await.expect("some are refused");
    process.end(Kill::TERM).await;
    join_all(crowd.iter().map(Signal::close)).await;
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(&folder.path().join("a"), &LOCAL).await;
    for address in first.addresses() {
        let taken = address.split("/p2p/").next().unwrap();
        let output = run(&["--listen", taken, "--identity", path(&folder.path().join("b"))]).await;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(taken) && said.contains("in use") && said.contains("another port"), "{said}");
        assert!(output.stdout.is_empty());
    }
    first.end(Kill::TERM).await;
}

#[tokio::test]
async fn an_identity_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("key");
    let process = Process::start(&identity, &LOCAL).await;
    let output = run(&[&LOCAL[..], &["--identity", path(&identity)]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("used by another process"), "{}", stderr(&output));
    process.end(Kill::TERM).await;

    std::fs::set_permissions(&identity, PermissionsExt::from_mode(0o644)).unwrap();
    let output = run(&[&LOCAL[..], &["--identity", path(&identity)]].concat()).await;
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("0644") && said.contains(&format!("chmod 600 '{}'", identity.display())), "{said}");
    let secret = std::fs::read_to_string(&identity).unwrap();
    let secret = secret.lines().last().unwrap().strip_prefix("ed25519:").unwrap();
    assert!(!said.contains(secret));
}

#[tokio::test]
async fn a_command_line_without_sense_is_said() {
    for (args, word) in [
        (&["--listen", "nowhere"][..], "the port is missing"),
        (&["--listen", "example.org:1"], "--external"),
        (&["--peer", "/ip4/127.0.0.1"], "TCP and QUIC"),
        (&["--external", "a b:1"], "neither an IP address nor a name"),
        (&["--max-connections", "1"], "16"),
        (&["--store-bytes", "lots"], "128M"),
        (&["--log", "x=y=z"], "try error, warn"),
        (&["--stats", "0"], "1..=86400"),
    ] {
        let output = run(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(word), "{args:?}: {}", stderr(&output));
    }
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("file");
    std::fs::write(&below, "no identity").unwrap();
    std::fs::set_permissions(&below, PermissionsExt::from_mode(0o600)).unwrap();
    let output = run(&[&LOCAL[..], &["--identity", path(&below)]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("holds no identity"), "{}", stderr(&output));
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
