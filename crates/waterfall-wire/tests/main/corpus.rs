//! Replays the fuzzers' corpora (`fuzz/corpus`), so that what was found once is never lost again.

use std::path::{Path, PathBuf};

use waterfall_wire::{Envelope, RecordKey, Ticket, UnixMillis};

use crate::samples::kinds;

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

#[test]
fn wire_types() {
    for (file, bytes) in files("wire") {
        for kind in kinds() {
            if let Ok(again) = (kind.reencode)(&bytes) {
                assert_eq!(again, bytes, "{}: {}", file.display(), kind.file);
            }
        }
    }
}

#[test]
fn envelopes() {
    for (_, bytes) in files("envelope") {
        // Whatever it says, it must not panic; nothing lies under the key of all zeros.
        Envelope::open(&bytes, &RecordKey([0; 32]), UnixMillis(0)).unwrap_err();
    }
}

#[test]
fn tickets() {
    for (file, bytes) in files("ticket") {
        if let Ok(ticket) = String::from_utf8_lossy(&bytes).parse::<Ticket>() {
            assert_eq!(ticket.to_string().parse(), Ok(ticket), "{}", file.display());
        }
    }
}
