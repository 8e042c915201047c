//! Keys, certificates and passphrases that do not serve: one sentence that names the thing and the way out.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::gnupg::Person;
use crate::keys::refused;
use crate::support::{LOCAL, Speaker, clip, have, run, stderr, waterfall};

/// One of the files that GnuPG made for the tests of `waterfall-keys`.
fn fixture(name: &str) -> String {
    format!("{}/../waterfall-keys/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What is in its certificates alone, behind this many bytes of other text.
fn after(bytes: usize, fixtures: &[&str]) -> Vec<u8> {
    let mut file = b"x".repeat(bytes);
    for name in fixtures {
        file.push(b'\n');
        file.extend(std::fs::read(fixture(name)).unwrap());
    }
    file
}

/// Files that are no keys: a name, and what has to be said of it.
fn no_keys(folder: &Path) -> Vec<(String, &'static str)> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("folder.asc")).unwrap();
    for (name, content) in [
        ("empty.asc", Vec::new()),
        ("noise.asc", b"\x99\x01\x0d\x04".repeat(500)),
        ("words.asc", b"words ".repeat(350_000)),
        ("long.asc", after(16 * 1024 * 1024, &["bob.key.asc"])),
        ("cut.asc", std::fs::read(fixture("bob.key.asc")).unwrap()[..1500].to_vec()),
        ("locked-up.asc", Vec::new()),
    ] {
        std::fs::write(path(name), content).unwrap();
    }
    let mut cases = vec![
        (path("nothing.asc"), "No such file"),
        (path("folder.asc"), "directory"),
        (path("empty.asc"), "is empty"),
        (path("noise.asc"), "damaged"),
        (path("words.asc"), "no OpenPGP key"),
        (path("long.asc"), "more than 16 MiB"),
        (path("cut.asc"), "damaged"),
    ];
    #[cfg(unix)]
    {
        std::fs::set_permissions(path("locked-up.asc"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        // Nothing is locked up for root.
        if std::fs::File::open(path("locked-up.asc")).is_err() {
            cases.push((path("locked-up.asc"), "ermission denied"));
        }
    }
    // Opens for everybody, and reads for nobody.
    #[cfg(target_os = "linux")]
    cases.push(("/proc/self/mem".to_owned(), "cannot be read"));
    cases
}

#[test]
fn certificates_to_stream_to() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let alice = fixture("alice.key.asc");
    let stream = |to: &str| waterfall(&["stream"]).arg(&clip).args(["--key", &alice, "--to", to]).args(LOCAL).output();
    for (file, says) in [
        (
            "stale.pub.asc",
            &["Stale <stale@example.org>", "encryption key expired on 2026-02-01", "quick-set-expire"][..],
        ),
        ("future.pub.asc", &["Future <future@example.org>", "not valid before 2030-01-01", "clocks"]),
        ("weak.pub.asc", &["RSA-1024", "waterfall key generate"]),
        ("sha1.pub.asc", &["SHA-1", "another copy"]),
    ] {
        let output = stream(&fixture(file)).unwrap();
        refused(&output, 1, &[&[file], says].concat());
        assert!(output.stdout.is_empty(), "no ticket");
    }
    for (file, says) in no_keys(folder.path()) {
        let output = stream(&file).unwrap();
        refused(&output, 1, &[&file, says]);
        assert!(output.stdout.is_empty(), "no ticket");
    }
}

/// What is said before a room is opened to these certificates.
fn opened(to: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = waterfall(&["stream", "--loop", "--key", &fixture("alice.key.asc")]);
    command.args(to.iter().flat_map(|file| ["--to", file])).arg(clip(folder.path())).args(LOCAL);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ticket = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ticket).unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(ticket.starts_with("waterfall:"), "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn a_secret_key_to_stream_to_is_remarked_upon_and_its_certificate_taken() {
    let bob = fixture("bob.key.asc");
    let said = opened(&[&bob]);
    assert!(said.contains("bob.key.asc holds a secret key") && said.contains("Open to: Bob <"), "{said}");
    let said = opened(&[&fixture("ring.gpg")]);
    assert!(!said.contains("secret key") && said.contains("Alice <") && said.contains("Carol <"), "{said}");
}

#[test]
fn nobody_in_a_long_file_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.asc");
    std::fs::write(&file, [after(0, &["bob.key.asc"]), after(2 << 20, &["dave.key.asc", "erin.key.asc"])].concat())
        .unwrap();
    let said = opened(&[file.to_str().unwrap()]);
    assert!(["Bob <", "Dave <", "Erin <"].iter().all(|name| said.contains(name)), "{said}");
}

#[test]
fn keys_to_watch_with_and_rooms_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong, empty) = (file("right", "tako-mivu\n"), file("wrong", "tako mivu\n"), file("blank", "\n"));
    let clip = clip(folder.path());
    let args = ["--key", &fixture("alice.key.asc"), "--to", &fixture("ring.gpg"), "--loop"];
    let speaker = Speaker::start(&clip, &args);
    let ticket = speaker.ticket.clone();
    let watch = |key: &str, args: &[&str]| {
        waterfall(&["watch", &ticket, "--key", key]).args(args).args(LOCAL).output().unwrap()
    };

    for (name, says) in [
        ("signer.key.asc", &["signing only", "quick-add-key"][..]),
        ("ring.gpg", &["without its secret key", "export-secret-keys"]),
        ("signer.stub.asc", &["kept elsewhere", "waterfall key generate"]),
    ] {
        refused(&watch(&fixture(name), &[]), 1, &[&[name], says].concat());
    }
    for (name, says) in no_keys(folder.path()) {
        refused(&watch(&name, &[]), 1, &[&name, says]);
    }

    let carol = fixture("carol.key.asc");
    refused(&watch(&carol, &["--key-passphrase-file", &wrong]), 3, &["carol.key.asc", "passphrase is wrong"]);
    refused(&watch(&carol, &["--key-passphrase-file", &empty]), 1, &[&empty, "passphrase cannot be empty"]);
    let folder_text = folder.path().to_str().unwrap();
    refused(&watch(&carol, &["--key-passphrase-file", folder_text]), 1, &[folder_text, "directory"]);
    #[cfg(unix)]
    for (descriptor, code, says) in [("5", 3, "passphrase is wrong"), ("77", 1, "/dev/fd/77")] {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 5<\"$PASSPHRASE\""]).env("PASSPHRASE", &wrong);
        command.arg(env!("CARGO_BIN_EXE_waterfall")).args(["watch", &ticket, "--key", &carol]);
        refused(&command.args(["--key-passphrase-fd", descriptor]).args(LOCAL).output().unwrap(), code, &[says]);
    }
    let carol_s = |args: &[&str]| watch(&carol, &[&["--key-passphrase-file", &right], args].concat());
    refused(&carol_s(&["--owner", &fixture("ring.gpg")]), 1, &["ring.gpg", "3 certificates"]);
    refused(&carol_s(&["--owner", "/nowhere.asc"]), 1, &["/nowhere.asc", "no such file", "fingerprint"]);
    refused(&carol_s(&["--owner", &fixture("dave.key.asc")]), 3, &["not by the owner"]);
    refused(&watch(&fixture("frank.key.asc"), &[]), 3, &["not open to the key", "ask its owner"]);
    speaker.kill();
}

#[test]
fn rooms_that_nobody_answers_for() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let gone = Speaker::start(&clip, &["--key", &fixture("alice.key.asc"), "--to", &fixture("bob.key.asc"), "--loop"]);
    let ticket = gone.ticket.clone();
    gone.kill();
    let other = Speaker::start(&clip, &["--open", "--loop"]);
    let shown = run(&["ticket", "show", &other.ticket, "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let stranger = shown["entries"][0]["addresses"][0].as_str().unwrap().to_owned();
    // Without peers, and with one who does not know the room; at the same time, for both take patience.
    let watching = [&[][..], &["--bootstrap", &stranger]].map(|args| {
        let mut command = waterfall(&["watch", &ticket, "--key", &fixture("bob.key.asc")]);
        command.args(args).args(LOCAL).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let says = [["no peer", "--bootstrap"], ["nobody knows this room", "ticket is old"]];
    for (child, says) in watching.into_iter().zip(says) {
        refused(&child.wait_with_output().unwrap(), 4, &says);
    }
    other.kill();
}

#[test]
fn keys_of_one_s_own_that_have_expired_or_were_revoked() {
    if !have("gpg", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let stream = |person: &Person| -> Output {
        let mut command = waterfall(&["stream"]);
        command.arg(&clip).args(["--key", &person.key(), "--to", &fixture("bob.key.asc")]).args(LOCAL).output().unwrap()
    };
    let user_id = |name: &str| format!("{name} <{name}@example.org>");
    let quick = ["--quick-generate-key"];

    let expired = Person::without_key("eve", "");
    let then = ["--faked-system-time", "20250101T000000"];
    expired.gpg(&[&then[..], &quick, &[&user_id("eve"), "future-default", "default", "1d"]].concat());
    expired.export();
    refused(
        &stream(&expired),
        1,
        &["eve.key.asc", "eve <eve@example.org>", "expired on 2025-01-02", "export it again"],
    );

    let revoked = Person::without_key("rob", "");
    revoked.gpg(&[&quick[..], &[&user_id("rob"), "future-default", "default", "1y"]].concat());
    let written = std::fs::read_dir(revoked.path("openpgp-revocs.d")).unwrap().next().unwrap().unwrap();
    // GnuPG puts a colon before it, so that nobody imports it by mistake.
    let revocation = std::fs::read_to_string(written.path()).unwrap().replace(":-----BEGIN", "-----BEGIN");
    std::fs::write(revoked.path("revocation"), revocation).unwrap();
    revoked.gpg(&["--import", &revoked.path("revocation")]);
    revoked.export();
    refused(&stream(&revoked), 1, &["rob.key.asc", "has been revoked", "waterfall key generate"]);
}
