//! Rooms for people whose keys GnuPG has made, each in a home of their own; and what GnuPG says to what waterfall writes.

use std::io::PipeReader;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use waterfall::media::container::Reader;

use crate::camera::Camera;
use crate::keys::refused;
use crate::process::Process;
use crate::stream_and_watch::{assert_run, log, of_kind};
use crate::support::{LOCAL, have, run, stderr, waterfall};

/// What the literal in a key chunk begins with; the room key follows.
const ROOM_KEY: &[u8] = b"waterfall/room-key/1";

/// Somebody with a GnuPG home, where their files are, too.
pub(crate) struct Person {
    name: &'static str,
    home: tempfile::TempDir,
}

/// How a key is made.
#[derive(Clone, Copy)]
enum Sort {
    /// By GnuPG's own choice of primary key and subkey.
    Quick(&'static str),
    /// A primary key that signs, and then a subkey, both of this algorithm.
    Both(&'static str),
}

impl Person {
    /// A home without a key; any that comes into it is locked by this passphrase, unless that is empty.
    pub(crate) fn without_key(name: &'static str, passphrase: &str) -> Self {
        // An agent's socket has to fit in there: the path is short.
        let person = Self { name, home: tempfile::Builder::new().prefix("wf").tempdir().unwrap() };
        std::fs::write(person.path("passphrase"), passphrase).unwrap();
        // By itself the agent measures how much hashing a tenth of a second has room for, again and again.
        std::fs::write(person.path("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        person
    }

    fn new(name: &'static str, sort: Sort, passphrase: &str) -> Self {
        let person = Self::without_key(name, passphrase);
        let user_id = format!("{name} <{name}@example.org>");
        match sort {
            Sort::Quick(algorithm) => drop(person.gpg(&["--quick-generate-key", &user_id, algorithm, "default", "1y"])),
            Sort::Both(algorithm) => {
                person.gpg(&["--quick-generate-key", &user_id, algorithm, "sign,cert", "1y"]);
                person.gpg(&["--quick-add-key", &person.fingerprint(), algorithm, "encrypt", "1y"]);
            }
        }
        person.export();
        person
    }

    /// Writes certificate and key as GnuPG has them now.
    pub(crate) fn export(&self) {
        std::fs::write(self.certificate(), self.gpg(&["--armor", "--export", self.name]).stdout).unwrap();
        std::fs::write(self.key(), self.gpg(&["--armor", "--export-secret-keys", self.name]).stdout).unwrap();
    }

    pub(crate) fn path(&self, file: &str) -> String {
        self.home.path().join(file).to_str().unwrap().to_owned()
    }

    /// What is given away.
    fn certificate(&self) -> String {
        self.path(&format!("{}.asc", self.name))
    }

    pub(crate) fn key(&self) -> String {
        self.path(&format!("{}.key.asc", self.name))
    }

    fn passphrase(&self) -> String {
        self.path("passphrase")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--homedir").arg(self.home.path()).stdin(Stdio::null());
        command
    }

    fn try_gpg(&self, args: &[&str]) -> Output {
        let mut command = self.command("gpg");
        command.args(["--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase-file", &self.passphrase()]);
        command.args(args).output().unwrap()
    }

    pub(crate) fn gpg(&self, args: &[&str]) -> Output {
        let output = self.try_gpg(args);
        assert!(output.status.success(), "{}: gpg {args:?}: {}", self.name, stderr(&output));
        output
    }

    fn fingerprint(&self) -> String {
        let listed = self.gpg(&["--with-colons", "--list-keys", self.name]).stdout;
        let line = String::from_utf8(listed).unwrap();
        let line = line.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// `waterfall watch` with their key.
    fn watching(&self, ticket: &str) -> Command {
        let mut command = waterfall(&["watch", ticket, "--key", &self.key(), "--key-passphrase-file"]);
        command.arg(self.passphrase()).args(LOCAL).arg("--frame-log").arg(self.path("received.jsonl"));
        command.arg("--out").arg(self.path("saved.webm"));
        command
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // The agent outlives its callers.
        let _ = self.command("gpgconf").args(["--kill", "all"]).output();
    }
}

/// Alice streams to these, from when all of them are there.
fn stream(film: PipeReader, alice: &Person, to: &[&Person]) -> Process {
    let wait = to.len().to_string();
    let mut command = waterfall(&["stream", "-"]);
    command.stdin(film).args(["--key", &alice.key(), "--key-passphrase-file", &alice.passphrase()]);
    command.args(to.iter().flat_map(|person| ["--to".to_owned(), person.certificate()]));
    command.args(["--wait", &wait, "--frame-log", &alice.path("published.jsonl")]).args(LOCAL);
    Process::start("the speaker", command)
}

/// Who somebody had links with in the end, or at any time before.
fn linked(ended: &Value) -> Vec<&str> {
    let links = ended["status"]["links"].as_array().unwrap();
    links.iter().map(|link| link["peer"].as_str().unwrap()).collect()
}

fn frames_in(file: &str) -> usize {
    let mut reader = Reader::open(std::fs::File::open(file).unwrap()).unwrap();
    let mut frames = 0;
    while reader.next().unwrap().is_some() {
        frames += 1;
    }
    frames
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_keys_made_by_gnupg_and_a_fourth_that_opens_nothing() {
    if !have("gpg", "--version") {
        return;
    }
    let alice = Person::new("alice", Sort::Quick("future-default"), "");
    let bob = Person::new("bob", Sort::Quick("default"), "tako mivu\n");
    let carol = Person::new("carol", Sort::Both("nistp384"), "");
    let dave = Person::new("dave", Sort::Quick("future-default"), "");
    let (camera, film) = Camera::switch_on();
    let speaker = stream(film, &alice, &[&bob, &carol]);
    let announced = speaker.event("ticket").await;
    let ticket = announced["ticket"].as_str().unwrap();
    let watching = [&bob, &carol].map(|person| (person, Process::start(person.name, person.watching(ticket))));
    speaker.event("started").await;

    // Dave, who came by the ticket, while the others watch.
    let output = dave.watching(ticket).arg("--json").output().unwrap();
    refused(&output, 3, &["not open to the key", &dave.fingerprint(), "ask its owner"]);
    assert!(output.stdout.is_empty(), "he never was in the room");
    assert!(!Path::new(&dave.path("saved.webm")).exists() && !Path::new(&dave.path("saved.webm.part")).exists());
    assert!(!std::fs::exists(dave.path("received.jsonl")).unwrap());
    chunk_and_owner(ticket, &alice, &bob, &dave);
    let filmed = camera.switch_off().await;

    // Nobody but the three has ever had a link with one of them.
    let mut members = vec![announced["node"].as_str().unwrap().to_owned()];
    let mut ends = Vec::new();
    for (person, process) in watching {
        members.push(process.event("joined").await["id"].as_str().unwrap().to_owned());
        ends.push((person, process.end().await));
    }
    let end = speaker.end().await;
    for end in ends.iter().map(|(_, end)| end).chain([&end]) {
        let peers = linked(end);
        assert!(!peers.is_empty() && peers.iter().all(|peer| members.iter().any(|member| member == peer)), "{end}");
    }
    let published = log(alice.path("published.jsonl").as_ref());
    assert_eq!(published.len(), filmed);
    for (person, end) in ends {
        assert_eq!(end["tally"]["frames_missing"], 0, "{end}");
        let received = log(person.path("received.jsonl").as_ref());
        for kind in ["video", "audio"] {
            assert_eq!(assert_run(&published, &received, kind), of_kind(&published, kind).len(), "{}", person.name);
        }
        assert_eq!(frames_in(&person.path("saved.webm")), published.len(), "{}", person.name);
    }
}

/// What lies in the DHT, taken to GnuPG: the room key opens to Bob alone; the room is Alice's, and no other is.
fn chunk_and_owner(ticket: &str, alice: &Person, bob: &Person, dave: &Person) {
    let found = bob.path("found");
    let mut args = vec!["debug", "chunk", ticket, "--key"];
    let certificate = bob.certificate();
    args.extend([&*certificate, "--out", &*found]);
    args.extend(LOCAL);
    let output = run(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let chunk = bob.path("chunk.asc");
    std::fs::write(&chunk, &output.stdout).unwrap();

    let decrypted = bob.try_gpg(&["--status-fd", "2", "--decrypt", &chunk]);
    let said = stderr(&decrypted);
    assert!(said.contains("DECRYPTION_OKAY") && said.contains("GOODMDC"), "{said}");
    assert!(decrypted.stdout.starts_with(ROOM_KEY) && decrypted.stdout.len() == ROOM_KEY.len() + 32, "{said}");
    let refused = dave.try_gpg(&["--status-fd", "2", "--decrypt", &chunk]);
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("DECRYPTION_FAILED"), "{}", stderr(&refused));

    let file = |name: &str| Path::new(&found).join(name).to_str().unwrap().to_owned();
    bob.gpg(&["--import", &file("owner.pgp")]);
    let (statement, signature) = (file("room.txt"), file("room.txt.sig"));
    let verified = bob.gpg(&["--status-fd", "2", "--verify", &signature, &statement]);
    let said = stderr(&verified);
    assert!(said.contains("GOODSIG") && said.contains(&format!("VALIDSIG {}", alice.fingerprint())), "{said}");
    let text = std::fs::read_to_string(&statement).unwrap();
    let ticket: Value = serde_json::from_slice(&run(&["ticket", "show", ticket, "--json"]).stdout).unwrap();
    let room = ticket["room"].as_str().unwrap();
    assert!(text.contains(room), "{text}");
    // Another room is not Alice's for all that.
    let other: String = room.chars().map(|c| if c == '7' { '6' } else { '7' }).collect();
    std::fs::write(&statement, text.replace(room, &other)).unwrap();
    let wrong = bob.try_gpg(&["--status-fd", "2", "--verify", &signature, &statement]);
    assert!(!wrong.status.success() && stderr(&wrong).contains("BADSIG"), "{}", stderr(&wrong));
}
