#![allow(clippy::unwrap_used)]

use waterfall_wire::{SigningKey, UnixMillis};

use super::*;

const NOW: u64 = 1_800_000_000;

fn address(name: u8, port: u16) -> Multiaddr {
    let peer = waterfall_signal::peer_id(&SigningKey::from_bytes(&[name; 32]).node_id()).unwrap();
    format!("/ip4/127.0.0.1/udp/{port}/quic-v1/p2p/{peer}").parse().unwrap()
}

fn at(name: u8, port: u16, at: u64) -> Seen {
    Seen { at, address: address(name, port) }
}

fn reached(name: u8, seconds: u64) -> Vec<Reached> {
    vec![Reached { address: address(name, name.into()), at: UnixMillis(seconds * 1000) }]
}

#[test]
fn the_latest_word_on_each_peer_counts() {
    let merged = merge(vec![at(1, 1, NOW - 9), at(2, 2, NOW + 99)], vec![at(1, 5, NOW - 3), at(3, 3, NOW - 5)], NOW);
    assert_eq!(merged, [at(2, 2, NOW), at(1, 5, NOW - 3), at(3, 3, NOW - 5)]);
    let old = MAX_AGE.as_secs() + 1;
    assert_eq!(merge(vec![at(1, 1, NOW - old), at(2, 2, 0)], Vec::new(), NOW), []);
    let many = (0..=u8::MAX).map(|name| at(name, 1, NOW - u64::from(name))).collect();
    let kept = merge(many, Vec::new(), NOW);
    assert_eq!((kept.len(), &kept[63]), (MAX_PEERS, &at(63, 1, NOW - 63)));
}

#[test]
fn what_this_program_did_not_write_is_refused() {
    let good = format!("# for people\n\n{NOW} {}\n", address(1, 1));
    assert_eq!(parse(&good, NOW).unwrap(), [at(1, 1, NOW)]);
    let bare = address(1, 1).to_string().rsplit_once("/p2p/").unwrap().0.to_owned();
    for bad in [
        "hello".to_owned(),
        format!("{NOW}"),
        format!("{NOW} {bare}"),
        format!("{NOW} example.org:4001"),
        format!("{NOW} {bare}/p2p/nobody"),
        format!("-1 {}", address(1, 1)),
        format!("99999999999999999999999 {}", address(1, 1)),
        format!("{NOW} /memory/7/p2p/{}", address(1, 1).to_string().rsplit_once("/p2p/").unwrap().1),
        format!("{NOW} {}\0", address(1, 1)),
    ] {
        let error = parse(&format!("{good}{bad}\n"), NOW).unwrap_err();
        assert!(matches!(error, ReadError::Line(4)), "{bad}: {error}");
    }
}

#[test]
fn hostile_files_are_refused_without_being_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peers");
    assert!(matches!(read(&file).unwrap_err(), ReadError::Io(_)));
    std::fs::write(&file, vec![b'#'; MAX_FILE as usize + 1]).unwrap();
    assert!(matches!(read(&file).unwrap_err(), ReadError::TooLong));
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(matches!(read(&file).unwrap_err(), ReadError::NoText));
    assert_eq!(load(folder.path()), []);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(matches!(read(&file).unwrap_err(), ReadError::NoFile));
}

#[tokio::test]
async fn processes_side_by_side_add_to_each_others_peers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("deep").join("down");
    let now = unix_now().0 / 1000;
    let writers = (1..=8).map(|name| {
        let folder = folder.clone();
        tokio::spawn(async move {
            let (cache, _) = PeerCache::open(folder).await.unwrap();
            let (sender, receiver) = watch::channel(Vec::new());
            sender.send_replace(reached(name, now - u64::from(name)));
            drop(sender);
            cache.keep(receiver).await;
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let (_, peers) = PeerCache::open(folder.clone()).await.unwrap();
    assert_eq!(peers, (1..=8).map(|name| address(name, name.into())).collect::<Vec<_>>());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("peers"))), (0o700, 0o600));
    }
}

#[tokio::test]
async fn a_damaged_file_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("peers"), "no peers at all").unwrap();
    let (cache, peers) = PeerCache::open(folder.path().into()).await.unwrap();
    assert_eq!(peers, []);
    cache.save(reached(1, unix_now().0 / 1000)).await.unwrap();
    let (_, peers) = PeerCache::open(folder.path().into()).await.unwrap();
    assert_eq!(peers, [address(1, 1)]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(PeerCache::open(file.join("below")).await.is_none());
}
