//! Rooms for people who are named by their OpenPGP certificates, and the files that name them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{LOCAL, Speaker, clip, have, run, stderr, waterfall};

/// A folder with keys and other files in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `NAME.key.asc` and `NAME.asc`, without a passphrase.
    fn generate(&self, name: &str) {
        let (user_id, out) = (format!("{name} <{name}@example.org>"), self.text(&format!("{name}.key.asc")));
        let output = run(&["key", "generate", "--name", &user_id, "--out", &out, "--no-passphrase"]);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    /// A speaker with a room of Alice's for these.
    fn stream(&self, to: &[&str], args: &[&str]) -> Speaker {
        let mut all = vec!["--key".to_owned(), self.text("alice.key.asc")];
        all.extend(to.iter().flat_map(|name| ["--to".to_owned(), self.text(&format!("{name}.asc"))]));
        let mut all: Vec<&str> = all.iter().map(String::as_str).collect();
        all.extend(args);
        Speaker::start(&clip(self.0.path()), &all)
    }

    fn watch(&self, ticket: &str, key: &str, args: &[&str]) -> Output {
        waterfall(&["watch", ticket, "--key"]).arg(self.path(key)).args(LOCAL).args(args).output().unwrap()
    }

    /// GnuPG with a home of its own here.
    fn gpg(&self, args: &[&str]) -> Output {
        let home = self.path("gnupg");
        if !home.exists() {
            std::fs::create_dir(&home).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--homedir"]).arg(home);
        let output = command.args(args).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "gpg {args:?}: {}", stderr(&output));
        output
    }

    fn export(&self, name: &str, file: &str) {
        std::fs::write(self.path(file), self.gpg(&["--armor", "--export", name]).stdout).unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if self.path("gnupg").exists() {
            // GnuPG's agent outlives its callers.
            let _ = Command::new("gpgconf").arg("--homedir").arg(self.path("gnupg")).args(["--kill", "all"]).output();
        }
    }
}

fn gpg() -> bool {
    have("gpg", "--version")
}

pub(crate) fn refused(output: &Output, code: i32, says: &[&str]) {
    let words = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{words}");
    for say in says {
        assert!(words.contains(say), "should say '{say}': {words}");
    }
    let told = words.lines().filter(|line| line.starts_with("waterfall: ")).count();
    assert!(told == 1 && !words.contains("panicked"), "one sentence: {words}");
}

#[test]
fn members_watch_and_others_do_not() {
    let desk = Desk::new();
    ["alice", "bob", "carol", "dave"].iter().for_each(|name| desk.generate(name));
    let published = desk.text("published.jsonl");
    let speaker = desk.stream(&["bob", "carol"], &["--wait", "2", "--frame-log", &published]);
    let ticket = speaker.ticket.clone();
    let alice = desk.text("alice.asc");

    let out = desk.path("dave.webm");
    let words = desk.watch(&ticket, "dave.key.asc", &["--out", out.to_str().unwrap()]);
    refused(&words, 3, &["not open to the key", "owner"]);
    assert!(!out.exists() && !desk.path("dave.webm.part").exists(), "nothing is written");
    let mut args = vec!["watch", &ticket];
    args.extend(LOCAL);
    refused(&run(&args), 3, &["--key"]);
    args.push("--open");
    refused(&run(&args), 3, &["OpenPGP key"]);
    let bob = desk.text("bob.asc");
    refused(&desk.watch(&ticket, "carol.key.asc", &["--owner", &bob]), 3, &["not by the owner"]);

    let watching = ["bob", "carol"].map(|name| {
        let mut command = waterfall(&["watch", &ticket, "--owner", &alice, "--key"]);
        command.arg(desk.path(&format!("{name}.key.asc"))).args(LOCAL);
        command.arg("--frame-log").arg(desk.path(&format!("{name}.jsonl"))).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    for child in watching {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("of alice <alice@example.org>"), "{}", stderr(&output));
    }
    speaker.finish();
    let frames = |file: &str| std::fs::read_to_string(desk.path(file)).unwrap().lines().count();
    assert_eq!((frames("bob.jsonl"), frames("carol.jsonl")), (frames("published.jsonl"), frames("published.jsonl")));
}

#[test]
fn what_gnupg_makes_is_taken_and_what_is_made_here_gnupg_takes() {
    if !gpg() {
        return;
    }
    let desk = Desk::new();
    desk.generate("alice");
    std::fs::write(desk.path("passphrase"), "tako mivu\n").unwrap();
    std::fs::write(desk.path("wrong"), "taco mivu\n").unwrap();
    let passphrase = desk.text("passphrase");
    desk.gpg(&[
        "--passphrase-file",
        &passphrase,
        "--quick-generate-key",
        "Bob <bob@example.org>",
        "default",
        "default",
        "never",
    ]);
    desk.export("bob@example.org", "bob.asc");
    let secret = desk.gpg(&["--passphrase-file", &passphrase, "--armor", "--export-secret-keys", "bob@example.org"]);
    std::fs::write(desk.path("bob.key.asc"), secret.stdout).unwrap();
    let speaker = desk.stream(&["bob"], &["--loop"]);
    let ticket = speaker.ticket.clone();

    let watch = |args: &[&str]| desk.watch(&ticket, "bob.key.asc", &[args, &["--duration", "2"]].concat());
    let output = watch(&["--key-passphrase-file", &passphrase]);
    assert!(output.status.success() && stderr(&output).contains("0 missing"), "{}", stderr(&output));
    refused(&watch(&["--key-passphrase-file", &desk.text("wrong")]), 3, &["bob.key.asc", "passphrase is wrong"]);
    refused(&watch(&[]), 2, &["--key-passphrase-file"]);
    #[cfg(unix)]
    {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 5<\"$PASSPHRASE\""]).env("PASSPHRASE", &passphrase);
        command.arg(env!("CARGO_BIN_EXE_waterfall")).args([
            "watch",
            &ticket,
            "--key-passphrase-fd",
            "5",
            "--duration",
            "1",
            "--key",
        ]);
        let output = command.arg(desk.path("bob.key.asc")).args(LOCAL).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }

    // Bob decrypts the room key's message without us, and checks whose the room is.
    let found = desk.text("found");
    let mut args = vec!["debug", "chunk", &ticket, "--key"];
    let certificate = desk.text("bob.asc");
    args.extend([&*certificate, "--out", &*found]);
    args.extend(LOCAL);
    let output = run(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    std::fs::write(desk.path("chunk.asc"), &output.stdout).unwrap();
    let chunk = desk.text("chunk.asc");
    let plain = desk.gpg(&["--passphrase-file", &passphrase, "--decrypt", &chunk]).stdout;
    assert!(!plain.is_empty());
    let file = |name: &str| desk.path("found").join(name).to_str().unwrap().to_owned();
    desk.gpg(&["--import", &file("owner.pgp")]);
    let verified = desk.gpg(&["--status-fd", "1", "--verify", &file("room.txt.sig"), &file("room.txt")]);
    let shown: Value =
        serde_json::from_slice(&run(&["key", "show", &desk.text("alice.asc"), "--json"]).stdout).unwrap();
    let fingerprint = shown[0]["fingerprint"].as_str().unwrap();
    // Among the lines are the signature's notations, which are no text.
    let verified = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.contains("GOODSIG") && verified.contains(&format!("VALIDSIG {fingerprint}")), "{verified}");
    let ticket: Value = serde_json::from_slice(&run(&["ticket", "show", &ticket, "--json"]).stdout).unwrap();
    assert_eq!(ticket["access"], "members");
    let statement = std::fs::read_to_string(file("room.txt")).unwrap();
    assert!(statement.contains(ticket["room"].as_str().unwrap()), "{statement}");
    speaker.kill();

    // And the other way round: GnuPG imports a secret key that was made here.
    desk.gpg(&["--import", &desk.text("alice.key.asc")]);
    let listed = desk.gpg(&["--with-colons", "--list-secret-keys", fingerprint]).stdout;
    assert!(String::from_utf8(listed).unwrap().contains("alice@example.org"));
}

#[test]
fn certificates_that_do_not_serve() {
    if !gpg() {
        return;
    }
    let desk = Desk::new();
    desk.generate("alice");
    desk.generate("erin");
    let make = |name: &str, algorithm: &str, usage: &str, rest: &[&str]| {
        let user_id = format!("{name} <{name}@example.org>");
        let mut args = rest.to_vec();
        args.extend(["--passphrase", "", "--quick-generate-key", &user_id, algorithm, usage]);
        args.push(if rest.is_empty() { "never" } else { "1d" });
        desk.gpg(&args);
        desk.export(name, &format!("{name}.asc"));
    };
    make("signer", "ed25519", "sign", &[]);
    make("expired", "rsa2048", "default", &["--faked-system-time", "20250101T000000"]);
    desk.gpg(&["--import", &desk.text("erin.asc")]);
    desk.gpg(&["--import", &desk.text("erin.revocation.asc")]);
    desk.export("erin@example.org", "erin-now.asc");
    std::fs::write(desk.path("garbage.asc"), "no key at all").unwrap();

    let clip = clip(desk.0.path());
    let alice = desk.text("alice.key.asc");
    for (file, says) in [
        ("signer.asc", &["signer <signer@example.org>", "signing only", "quick-add-key"][..]),
        ("expired.asc", &["expired on 2025-01-02", "quick-set-expire"]),
        ("erin-now.asc", &["revoked"]),
        ("garbage.asc", &["no OpenPGP key"]),
        ("nothing.asc", &["No such file"]),
    ] {
        let mut command = waterfall(&["stream"]);
        let output =
            command.arg(&clip).args(["--key", &alice, "--to"]).arg(desk.path(file)).args(LOCAL).output().unwrap();
        refused(&output, 1, &[&[file], says].concat());
        assert!(output.stdout.is_empty(), "no ticket");
    }
    // Who can only sign can make a room, but enter none.
    std::fs::write(desk.path("signer.key.asc"), desk.gpg(&["--armor", "--export-secret-keys", "signer"]).stdout)
        .unwrap();
    let signer = desk.text("signer.key.asc");
    let speaker = Speaker::start(&clip, &["--key", &signer, "--to", &desk.text("alice.asc"), "--loop"]);
    let output = desk.watch(&speaker.ticket, "alice.key.asc", &["--duration", "1"]);
    assert!(output.status.success() && stderr(&output).contains("of signer"), "{}", stderr(&output));
    refused(&desk.watch(&speaker.ticket, "signer.key.asc", &[]), 1, &["signer.key.asc", "signing only"]);
    speaker.kill();

    // The same, looked at by the doctor, who finds all of it at once.
    let mut args = vec!["doctor", "--json", "--key", &alice];
    let to = ["alice.asc", "signer.asc", "expired.asc"].map(|file| desk.text(file));
    args.extend(to.iter().flat_map(|file| ["--to", file]));
    args.extend(LOCAL);
    let report: Value = serde_json::from_slice(&run(&args).stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let levels: Vec<_> = findings
        .filter(|f| f["what"] == "members" || f["what"] == "key")
        .map(|f| f["level"].as_str().unwrap())
        .collect();
    assert_eq!(levels, ["ok", "ok", "problem", "problem"]);
    let mut args = vec!["doctor", "--json", "--key", &signer];
    args.extend(LOCAL);
    let report: Value = serde_json::from_slice(&run(&args).stdout).unwrap();
    let key = report["findings"].as_array().unwrap().iter().find(|f| f["what"] == "key").unwrap();
    assert!(key["level"] == "warning" && key["says"].as_str().unwrap().contains("enter none"), "{key}");
}

#[test]
fn keys_that_cannot_be_used() {
    let desk = Desk::new();
    desk.generate("alice");
    desk.generate("bob");
    let clip = clip(desk.0.path());
    let stream = |args: &[&str]| waterfall(&["stream"]).arg(&clip).args(args).args(LOCAL).output().unwrap();
    let (key, bob) = (desk.text("alice.key.asc"), desk.text("bob.asc"));
    refused(&stream(&["--key", &bob, "--to", &bob]), 1, &["bob.asc", "without its secret key", "export-secret-keys"]);
    refused(&stream(&["--key", &key]), 2, &["--to"]);
    let both = desk.path("both.asc");
    let text = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
    std::fs::write(&both, text("alice.key.asc") + &text("bob.key.asc")).unwrap();
    refused(&stream(&["--key", both.to_str().unwrap(), "--to", &bob]), 1, &["both.asc", "2 secret keys"]);
    let output = stream(&["--to", &bob]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = stream(&["--to", &bob, "--key", &key, "--open"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    refused(&desk.watch("waterfall:", "alice.key.asc", &[]), 2, &["ticket"]);
}

#[test]
fn a_new_key_and_what_is_shown_of_it() {
    let desk = Desk::new();
    std::fs::write(desk.path("passphrase"), "tako mivu\n").unwrap();
    let (out, passphrase) = (desk.text("zoe.key.asc"), desk.text("passphrase"));
    let args =
        ["key", "generate", "--name", "Zoë <zoe@example.org>", "--out", &out, "--key-passphrase-file", &passphrase];
    let output = run(&[&args[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (file, mode) in [("zoe.key.asc", 0o600), ("zoe.asc", 0o644), ("zoe.revocation.asc", 0o600)] {
        let data = std::fs::metadata(desk.path(file)).unwrap();
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o777 & !0o022,
            mode & !0o022,
            "{file}"
        );
        assert!(data.len() > 100 && mode > 0);
    }
    let before = std::fs::read(desk.path("zoe.key.asc")).unwrap();
    refused(&run(&args), 1, &["zoe.key.asc", "no key is overwritten"]);
    assert_eq!(std::fs::read(desk.path("zoe.key.asc")).unwrap(), before);
    std::fs::remove_file(desk.path("zoe.key.asc")).unwrap();
    refused(&run(&args), 1, &["zoe.asc"]);
    std::fs::write(desk.path("zoe.key.asc"), before).unwrap();
    let other = desk.text("other.key.asc");
    refused(&run(&["key", "generate", "--name", "Zoë", "--out", &other]), 2, &["--no-passphrase"]);
    refused(&run(&["key", "generate", "--name", " ", "--out", &other, "--no-passphrase"]), 2, &["--name"]);
    refused(
        &run(&["key", "generate", "--name", "Z", "--out", "/nowhere/z.asc", "--no-passphrase"]),
        1,
        &["/nowhere/z.asc"],
    );
    assert!(!desk.path("other.key.asc").exists());

    let text = String::from_utf8(run(&["key", "show", &out]).stdout).unwrap();
    for part in [
        "Zoë <zoe@example.org>",
        made["fingerprint"].as_str().unwrap(),
        "Ed25519",
        "locked by a passphrase",
        "expires 20",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let shown: Value = serde_json::from_slice(&run(&["key", "show", &desk.text("zoe.asc"), "--json"]).stdout).unwrap();
    assert_eq!(shown[0]["member"]["fit"], true);
    assert_eq!(shown[0]["secret"], "not in this file");
    assert_eq!(shown[0]["keys"].as_array().unwrap().len(), 2);
    refused(&run(&["key", "show", &passphrase]), 1, &["no OpenPGP key"]);
    assert!(Path::new(&out).exists());
}
