//! Keys and certificates made by GnuPG (`tests/fixtures/make.sh`).

use std::path::Path;

use waterfall_keys::Password;
use waterfall_keys::openpgp::{Certificate, SecretKey};
use waterfall_wire::UnixMillis;

/// 2026-06-01: after everything in the fixtures but one.
pub(crate) const NOW: UnixMillis = UnixMillis(1_780_272_000_000);
pub(crate) const PASSPHRASE: &str = "tako-mivu";
/// Names of the keys that serve; the last three are under the passphrase.
pub(crate) const MEMBERS: [&str; 6] = ["alice", "bob", "frank", "carol", "dave", "erin"];

pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// A key as its file has it.
pub(crate) fn locked_key(name: &str) -> SecretKey {
    let mut keys = SecretKey::read_all(&file(&format!("{name}.key.asc"))).unwrap();
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

/// A key that can be used.
pub(crate) fn key(name: &str) -> SecretKey {
    let mut key = locked_key(name);
    key.unlock(&Password::from(PASSPHRASE)).unwrap();
    key
}

pub(crate) fn certificate(name: &str) -> Certificate {
    let mut all = Certificate::read_all(&file(&format!("{name}.pub.asc"))).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub(crate) fn members() -> Vec<Certificate> {
    MEMBERS.iter().map(|name| locked_key(name).certificate().clone()).collect()
}
