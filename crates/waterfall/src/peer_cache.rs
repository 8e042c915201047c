//! Peers of earlier runs, kept on disk: a node that starts when its bootstrap nodes are gone still finds the network.
//!
//! The file `peers` in the state folder has a line for each peer, the latest first: when it was last heard of (Unix
//! seconds), a space, and its multiaddr ending in `/p2p/…`. Lines that begin with `#` are for people. Whoever reads it
//! learns with which peers this user was connected in the last 30 days; of rooms, keys and streams it says nothing.
//!
//! Processes of one user share the file. Who writes holds `peers.lock`, adds to what is there, and renames the
//! whole into place, so that readers need no lock and a crash leaves the old file.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use waterfall_signal::{Multiaddr, Reached, parse_address};

use crate::clock::unix_now;

/// Most peers in the file; those heard of longest ago go first.
const MAX_PEERS: usize = 64;
/// Longest file that is read. 64 lines of the longest addresses are a quarter of it.
const MAX_FILE: u64 = 64 * 1024;
/// Who was not heard of for so long is forgotten: by then hardly any address is still good.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// From the first peer to the first writing: others follow at once.
const SETTLE: Duration = Duration::from_secs(2);
/// Between later writings; the end of the node is written at once.
const PAUSE: Duration = Duration::from_secs(60);
/// How often, and how far apart, a lock that another process holds is tried. It is held for one small file's writing.
const LOCK_TRIES: usize = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

const HEADER: &str = "# Peers that waterfall met, to find the network again. Safe to delete.\n";

/// Why the file is not used.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is no file")]
    NoFile,
    #[error("it is longer than 64 KiB")]
    TooLong,
    #[error("it is no text")]
    NoText,
    #[error("line {0} is not a time and a peer's address")]
    Line(usize),
}

/// A peer as the file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// Unix seconds.
    at: u64,
    address: Multiaddr,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct PeerCache {
    folder: PathBuf,
}

impl PeerCache {
    /// Reads the peers of earlier runs, the latest first, and makes the folder if it is missing. `None`, and a warning,
    /// when the folder cannot be used: a node works without.
    pub(crate) async fn open(folder: PathBuf) -> Option<(Self, Vec<Multiaddr>)> {
        let blocking = tokio::task::spawn_blocking(move || {
            if let Err(error) = make_folder(&folder).and_then(|()| lock_file(&folder)) {
                tracing::warn!(
                    "no peers are remembered, for the state folder {} cannot be used: {error}; \
                     choose one that this user can write to",
                    folder.display()
                );
                return None;
            }
            let peers = load(&folder).into_iter().map(|seen| seen.address).collect();
            Some((Self { folder }, peers))
        });
        blocking.await.ok()?
    }

    /// Writes down who is reached, until the node ends.
    pub(crate) async fn keep(self, mut reached: watch::Receiver<Vec<Reached>>) {
        let mut gather = SETTLE;
        let mut warned = false;
        loop {
            let mut ended = reached.changed().await.is_err();
            let deadline = Instant::now() + gather;
            while !ended {
                match timeout_at(deadline, reached.changed()).await {
                    Ok(changed) => ended = changed.is_err(),
                    Err(_) => break,
                }
            }
            let peers = reached.borrow().clone();
            if !peers.is_empty()
                && let Err(error) = self.save(peers).await
                && !std::mem::replace(&mut warned, true)
            {
                let file = self.folder.join("peers");
                tracing::warn!("the peers met could not be written to {}: {error}", file.display());
            }
            if ended {
                return;
            }
            gather = PAUSE;
        }
    }

    async fn save(&self, reached: Vec<Reached>) -> io::Result<()> {
        let fresh: Vec<Seen> =
            reached.into_iter().map(|Reached { address, at, .. }| Seen { at: at.0 / 1000, address }).collect();
        for _ in 0..LOCK_TRIES {
            let (folder, fresh) = (self.folder.clone(), fresh.clone());
            let saved = tokio::task::spawn_blocking(move || add(&folder, fresh)).await.map_err(io::Error::other)?;
            if saved? {
                return Ok(());
            }
            sleep(LOCK_PAUSE).await;
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "another process holds peers.lock"))
    }
}

/// Makes a folder for this user alone, with those above it.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Options for a file of this user alone.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn lock_file(folder: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(folder.join("peers.lock"))
}

/// Adds peers to the file; false if another process is writing it.
fn add(folder: &Path, fresh: Vec<Seen>) -> io::Result<bool> {
    let lock = lock_file(folder)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let now = unix_now().0 / 1000;
    let mut text = HEADER.to_owned();
    // What cannot be read was warned of at the start and is replaced.
    let known = read(&folder.join("peers")).unwrap_or_default();
    for seen in merge(fresh, known, now) {
        text.push_str(&format!("{} {}\n", seen.at, seen.address));
    }
    let new = folder.join("peers.new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    private().create_new(true).open(&new)?.write_all(text.as_bytes())?;
    std::fs::rename(&new, folder.join("peers"))?;
    Ok(true)
}

/// What the file holds; nothing, and a warning, if it is not as this program writes it.
fn load(folder: &Path) -> Vec<Seen> {
    let file = folder.join("peers");
    match read(&file) {
        Ok(peers) => peers,
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            tracing::warn!(
                "the peers of earlier runs are not used, and will be written anew: {}: {error}",
                file.display()
            );
            Vec::new()
        }
    }
}

fn read(file: &Path) -> Result<Vec<Seen>, ReadError> {
    // Opening a pipe would wait for somebody to write to it.
    if !std::fs::metadata(file)?.is_file() {
        return Err(ReadError::NoFile);
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ReadError::TooLong);
    }
    parse(std::str::from_utf8(&bytes).map_err(|_| ReadError::NoText)?, unix_now().0 / 1000)
}

fn parse(text: &str, now: u64) -> Result<Vec<Seen>, ReadError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let peers = lines.map(|(index, line)| seen(line).ok_or(ReadError::Line(index + 1)));
    Ok(merge(peers.collect::<Result<_, _>>()?, Vec::new(), now))
}

fn seen(line: &str) -> Option<Seen> {
    let (at, address) = line.split_once(' ')?;
    let [address] = <[Multiaddr; 1]>::try_from(parse_address(address).ok()?).ok()?;
    peer(&address)?;
    Some(Seen { at: at.parse().ok()?, address })
}

/// The peer that an address names at its end.
fn peer(address: &Multiaddr) -> Option<String> {
    address.to_string().rsplit_once("/p2p/").map(|(_, peer)| peer.to_owned())
}

/// Each peer once, the latest first, none too old and none of the future.
fn merge(one: Vec<Seen>, other: Vec<Seen>, now: u64) -> Vec<Seen> {
    let mut all = [one, other].concat();
    for seen in &mut all {
        seen.at = seen.at.min(now);
    }
    all.retain(|seen| now - seen.at <= MAX_AGE.as_secs());
    all.sort_by_key(|seen| std::cmp::Reverse(seen.at));
    let mut peers = HashSet::new();
    all.retain(|seen| peers.insert(peer(&seen.address)));
    all.truncate(MAX_PEERS);
    all
}

#[cfg(test)]
#[path = "peer_cache_tests.rs"]
mod tests;
