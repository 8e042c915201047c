//! Whether the DHT keeps what it is given: a record of our own goes in by one node and comes out by another.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::{interval, timeout};
use waterfall::{Multiaddr, generate_key};
use waterfall_signal::{Config, Event, Signal};
use waterfall_wire::{Envelope, Header, PROTOCOL_VERSION, RecordKey, RecordKind, SigningKey, UnixMillis, encode};

use super::ANSWER;
use super::report::Finding;

const WHAT: &str = "DHT";
/// How long somebody on the local network has to show up.
const FIND: Duration = Duration::from_secs(4);
/// How often to look whether the record is there.
const LOOK: Duration = Duration::from_millis(50);

/// Puts a record in and takes it out again.
pub(super) async fn examine(bootstrap: &[Multiaddr], lan: bool) -> Finding {
    if bootstrap.is_empty() && !lan {
        return Finding::warning(
            WHAT,
            "not tried: there is nobody to try it with",
            "name a well-known peer (--bootstrap ADDR), or search the local network (without --no-lan)",
        );
    }
    match try_it(bootstrap, lan).await {
        Ok(finding) => finding,
        Err(error) => Finding::problem(WHAT, format!("no node can be started: {error}"), "see 'ports'"),
    }
}

async fn try_it(bootstrap: &[Multiaddr], lan: bool) -> Result<Finding, waterfall_signal::StartError> {
    // Clients keep nothing for each other, so what is read was kept by somebody else.
    let start = || {
        let config = Config::new(generate_key()).listen(Vec::new()).mdns(lan).bootstrap(bootstrap.to_vec());
        Signal::start(config)
    };
    let (writer, mut writer_events) = start().await?;
    let (reader, mut reader_events) = start().await?;
    let finding = tokio::select! {
        finding = round_trip(&writer, &reader, !bootstrap.is_empty()) => finding,
        // Nobody asks these two anything, and what is said about bootstrap nodes was found out before.
        never = drain(&mut writer_events) => match never {},
        never = drain(&mut reader_events) => match never {},
    };
    writer.close().await;
    reader.close().await;
    Ok(finding)
}

async fn drain(events: &mut tokio::sync::mpsc::Receiver<Event>) -> std::convert::Infallible {
    while events.recv().await.is_some() {}
    std::future::pending().await
}

async fn round_trip(writer: &Signal, reader: &Signal, named: bool) -> Finding {
    let (mut writers, mut readers) = (writer.peers(), reader.peers());
    let met = async {
        let _ends = writers.wait_for(|peers| *peers > 0).await;
        let _ends = readers.wait_for(|peers| *peers > 0).await;
    };
    if timeout(if named { ANSWER } else { FIND }, met).await.is_err() {
        return if named {
            Finding::problem(WHAT, "no peer could be reached", "see 'bootstrap'")
        } else {
            let says = "not tried: nobody else runs waterfall on the local network";
            Finding::warning(WHAT, says, "name a well-known peer: --bootstrap ADDR")
        };
    }
    let began = Instant::now();
    let (key, envelope, written) = record();
    writer.put(key, envelope);
    if timeout(ANSWER, placed(writer)).await.is_err() {
        return Finding::problem(
            WHAT,
            "peers are there, but none keeps a record of this machine",
            "check the clock: they take nothing dated more than 5 minutes ahead of theirs, nor 2 minutes behind",
        );
    }
    let stored = began.elapsed();
    let found = timeout(ANSWER, found(reader, key, &written)).await.is_ok();
    writer.forget(key);
    if !found {
        let remedy = "try again; if it stays so, the peers are too few or too busy: name another with --bootstrap ADDR";
        return Finding::problem(WHAT, "a record was stored, but another node does not find it", remedy);
    }
    let read = began.elapsed() - stored;
    Finding::ok(
        WHAT,
        format!(
            "a record was stored in {} ms and found by another node in {} ms; {} connected",
            stored.as_millis(),
            read.as_millis(),
            match *writers.borrow() {
                1 => "1 peer".into(),
                peers => format!("{peers} peers"),
            }
        ),
    )
}

async fn placed(writer: &Signal) {
    let mut look = interval(LOOK);
    while writer.stats().records_placed == 0 {
        look.tick().await;
    }
}

async fn found(reader: &Signal, key: RecordKey, written: &[u8]) {
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        if let Ok(Some(header)) = reader.get(key).await
            && header.ciphertext == written
        {
            return;
        }
    }
}

/// A record that means nothing to anybody, of the kind that lives shortest.
fn record() -> (RecordKey, Vec<u8>, Vec<u8>) {
    let key: SigningKey = generate_key();
    // Fresh keys stand in for random bytes.
    let written = [generate_key().public(), generate_key().public()].concat();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let header = Header {
        version: PROTOCOL_VERSION,
        kind: RecordKind::Letter,
        write_key: key.public(),
        salt: [0; 16],
        seq: now,
        not_after: now.plus(RecordKind::Letter.max_life()),
        ciphertext: written.clone(),
    };
    (header.record_key(), encode(&Envelope::sign(&header, &key)), written)
}
