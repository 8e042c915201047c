//! GnuPG itself reads what is written here, and the other way round.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use waterfall_keys::openpgp::{
    Certificate, Reason, SecretKey, certify_owner, generate, members, owner_statement, verify_owner,
};
use waterfall_keys::{Password, RoomKey};
use waterfall_wire::{Certified, Epoch, Owner, UnixMillis};

use crate::fixtures::{MEMBERS, PASSPHRASE, file, key, members as everyone};
use crate::support::room;

/// A GnuPG with a home of its own, which ends with it.
struct GnuPg(TempDir);

impl GnuPg {
    fn new() -> Option<Self> {
        let found = Command::new("gpg").arg("--version").output().is_ok_and(|output| output.status.success());
        let required = std::env::var_os("WATERFALL_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(found || !required, "gpg is missing and WATERFALL_REQUIRE_TOOLS is set");
        if !found {
            eprintln!("skipped, install gnupg");
            return None;
        }
        // Its agent's socket lies in there, so the path is short, and readable to us alone.
        let home = tempfile::Builder::new().prefix("wf").tempdir_in("/tmp").unwrap();
        Some(Self(home))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("GNUPGHOME", self.0.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command("gpg");
        command.args([
            "--batch",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            PASSPHRASE,
            "--status-fd",
            "2",
        ]);
        let mut child = command.args(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // It may answer before it has read everything, or not read at all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Runs it, and wants it to succeed.
    fn ok(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn path(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for GnuPg {
    fn drop(&mut self) {
        let _ = self.command("gpgconf").args(["--kill", "all"]).output();
    }
}

fn now() -> UnixMillis {
    UnixMillis(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

#[test]
fn gpg_decrypt_opens_a_key_chunk() {
    let room_key = RoomKey::from_bytes([0x5a; 32]);
    let chunk = members::seal(&room_key, &room(), Epoch(3), &everyone(), now()).unwrap().remove(0);
    let content = [b"waterfall/room-key/1".as_slice(), &[0x5a; 32]].concat();
    for name in MEMBERS {
        let Some(gpg) = GnuPg::new() else { return };
        gpg.ok(&["--import"], &file(&format!("{name}.key.asc")));
        let output = gpg.run(&["--decrypt"], &chunk.message);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert_eq!(output.stdout, content, "{name}: {said}");
        assert!(said.contains("DECRYPTION_OKAY") && said.contains("GOODMDC"), "{name}: {said}");
    }
}

#[test]
fn gpg_verify_takes_a_statement() {
    let Some(gpg) = GnuPg::new() else { return };
    for name in MEMBERS.into_iter().chain(["grace"]) {
        let key = match name {
            "grace" => SecretKey::read_all(&file("grace.subkeys.asc")).unwrap().remove(0),
            _ => key(name),
        };
        let owner = certify_owner(&room(), &key, now()).unwrap().certified;
        gpg.ok(&["--import"], &owner.certificate);
        let (statement, signature) = (owner_statement(&room()), gpg.path("signature", &owner.signature));
        let verify = |text: &str| gpg.run(&["--verify", &signature, &gpg.path("statement", text.as_bytes())], b"");
        let output = verify(&statement);
        let said = String::from_utf8_lossy(&output.stderr);
        let primary = key.certificate().fingerprint().to_string();
        let valid = said.lines().find(|line| line.contains("VALIDSIG")).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(valid.ends_with(&primary), "{valid}");
        assert!(!verify(&statement.replace("version: 1", "version: 2")).status.success());
    }
}

/// An owner whose secret key is on a card can sign the statement by hand.
#[test]
fn a_statement_signed_by_gpg_counts() {
    let Some(gpg) = GnuPg::new() else { return };
    for name in ["alice", "bob", "frank", "carol"] {
        gpg.ok(&["--import"], &file(&format!("{name}.key.asc")));
        let statement = owner_statement(&room());
        let signature = gpg.ok(&["--local-user", name, "--detach-sign"], statement.as_bytes());
        let certificate = gpg.ok(&["--export-options", "export-minimal", "--export", name], b"");
        let owner = Owner { certified: Certified { certificate, signature } };
        let found = verify_owner(&owner, &room(), now()).unwrap();
        assert_eq!(found.fingerprint(), key(name).certificate().fingerprint());
    }
}

#[test]
fn gpg_uses_a_generated_key() {
    let Some(gpg) = GnuPg::new() else { return };
    let year = now().plus(365 * 86_400_000);
    let made = generate("Nél <nel@example.org>", now(), Some(year), Some(&PASSPHRASE.into())).unwrap();
    gpg.ok(&["--import"], made.secret.as_bytes());
    let listed = String::from_utf8(gpg.ok(&["--with-colons", "--list-secret-keys"], b"")).unwrap();
    assert!(listed.contains(&made.fingerprint.to_string()) && listed.contains("Nél <nel@example.org>"), "{listed}");

    let message = gpg.ok(&["--trust-model", "always", "--recipient", "nel", "--encrypt"], b"hello");
    assert_eq!(gpg.ok(&["--decrypt"], &message), b"hello");
    let statement = owner_statement(&room());
    let signature = gpg.ok(&["--detach-sign"], statement.as_bytes());
    let certificate = gpg.ok(&["--export-options", "export-minimal", "--export", "nel"], b"");
    verify_owner(&Owner { certified: Certified { certificate, signature } }, &room(), now()).unwrap();

    // As GnuPG locks it, it is unlocked here; and what GnuPG revokes is revoked.
    let exported = gpg.ok(&["--export-secret-keys", "nel"], b"");
    let mut again = SecretKey::read_all(&exported).unwrap().remove(0);
    again.unlock(&Password::from(PASSPHRASE)).unwrap();
    again.check_member(now()).unwrap();
    gpg.ok(&["--import"], made.revocation.as_bytes());
    let revoked = Certificate::read_all(&gpg.ok(&["--export", "nel"], b"")).unwrap().remove(0);
    assert_eq!(revoked.check_recipient(now()).unwrap_err().reason, Reason::Revoked);
}

/// The walk-through of the manual: keys made a moment ago, in the ways that GnuPG offers by itself.
#[test]
fn keys_made_by_gpg_a_moment_ago_serve() {
    let Some(gpg) = GnuPg::new() else { return };
    for (name, algorithm) in [("ann", "default"), ("ben", "future-default")] {
        gpg.ok(&["--quick-generate-key", &format!("{name} <{name}@example.org>"), algorithm, "default", "1y"], b"");
        let certificate = Certificate::read_all(&gpg.ok(&["--armor", "--export", name], b"")).unwrap().remove(0);
        let exported = gpg.ok(&["--armor", "--export-secret-keys", name], b"");
        let mut key = SecretKey::read_all(&exported).unwrap().remove(0);
        key.unlock(&Password::from(PASSPHRASE)).unwrap();
        key.check_member(now()).unwrap();
        let room_key = RoomKey::generate();
        let chunk = members::seal(&room_key, &room(), Epoch(0), &[certificate], now()).unwrap().remove(0);
        assert_eq!(members::open(&chunk.message, &key, now()), Ok(room_key));
    }
    assert!(Path::new(&gpg.path("unused", b"")).exists(), "its home is still there");
}
