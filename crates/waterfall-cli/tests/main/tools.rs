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
