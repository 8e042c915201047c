//! Tickets in words, files and pictures; completions and manual pages.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{LOCAL, Speaker, clip, run, stderr, waterfall};

#[test]
fn a_ticket_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ticket");
    std::fs::write(&file, "something older, and readable by all").unwrap();
    let args = ["--open", "--loop", "--bootstrap", "127.0.0.1:9", "--ticket-file", file.to_str().unwrap()];
    let speaker = Speaker::start(&clip(folder.path()), &args);
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), speaker.ticket);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let at = format!("@{}", file.display());
    let output = run(&["ticket", "show", &at]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["the ticket alone", "/ip4/127.0.0.1/udp/9/quic-v1", "/ip4/127.0.0.1/tcp/9", "ask first"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let json: Value = serde_json::from_slice(&run(&["ticket", "show", &at, "--json"]).stdout).unwrap();
    assert_eq!(json["access"], "open");
    assert_eq!(json["bootstrap"].as_array().unwrap().len(), 2);
    assert_eq!(json["entries"].as_array().unwrap().len(), 1);
    assert!(text.contains(json["room"].as_str().unwrap()));

    let output = waterfall(&["ticket", "show", "-", "--qr"])
        .stdin(std::fs::File::open(&file).unwrap())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let picture = String::from_utf8(output.stdout).unwrap();
    assert!(picture.starts_with(&text) && picture.lines().filter(|line| line.contains('█')).count() > 20, "{picture}");
    speaker.kill();
}

#[test]
fn a_ticket_file_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let mut command = waterfall(&["stream"]);
    let output = command.arg(&clip).args(["--open", "--ticket-file", "/nowhere/ticket"]).args(LOCAL).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nowhere/ticket") && output.stdout.is_empty(), "{}", stderr(&output));
}

#[test]
fn completions_for_every_shell_and_pages_for_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        let script = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && script.contains("frame-log"), "{shell}: {}", stderr(&output));
    }
    let page = String::from_utf8(run(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH waterfall 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    let output = run(&["man", "--out", pages.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for name in ["waterfall", "waterfall-stream", "waterfall-bench-join", "waterfall-ticket-show"] {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    let output = run(&["man", "--out", "/proc/nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/proc/nowhere"), "{}", stderr(&output));
}

/// What the documents tell people to type is what the command takes.
#[test]
fn the_documents_name_no_flag_that_is_not_there() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut seen = 0;
    for document in ["README.md", "docs/guide.md"] {
        let text = std::fs::read_to_string(format!("{root}/{document}")).unwrap().replace("\\\n", " ");
        for command in commands(&text) {
            let words: Vec<_> = command.split_whitespace().skip(1).collect();
            let path: Vec<_> =
                words.iter().copied().take_while(|w| w.chars().all(|c| c.is_ascii_lowercase())).collect();
            let Some(flags) = flags_of(&path) else { panic!("{document}: '{command}' is no command") };
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(flags.contains(flag), "{document}: '{command}' has {flag}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen} flags were found");
}

/// Everything that looks like a call of the command, in blocks of code and in backticks.
fn commands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (index, block) in text.split("```").enumerate() {
        let pieces: Vec<&str> = match index % 2 {
            1 => block.lines().map(|line| line.split(" # ").next().unwrap_or_default()).collect(),
            _ => block.split('`').skip(1).step_by(2).collect(),
        };
        let calls = pieces.into_iter().flat_map(|piece| piece.split(['|', ';', '&']));
        let calls = calls.map(|call| call.trim().trim_start_matches("$ "));
        // The one line of output that looks like a call.
        found.extend(calls.filter(|call| call.starts_with("waterfall ") && *call != "waterfall room owner"));
    }
    found
}

/// The help of the longest prefix of these words that is a command.
fn flags_of(words: &[&str]) -> Option<String> {
    (1..=words.len().min(2)).rev().find_map(|length| {
        let output = run(&[&words[..length], &["--help"]].concat());
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    })
}
