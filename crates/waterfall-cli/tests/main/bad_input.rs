//! Whatever is wrong: one clear sentence, the right exit code, nothing half-written.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use crate::support::{LOCAL, Speaker, clip, run, stderr, waterfall};

fn fails(args: &[&str], code: i32, says: &[&str]) {
    let output = run(args);
    let words = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {words}");
    for say in says {
        assert!(words.contains(say), "{args:?} should say '{say}': {words}");
    }
    let told = words.lines().filter(|line| line.starts_with("waterfall: ")).count();
    assert!(told <= 1 && !words.contains("panicked"), "one sentence: {words}");
    assert!(output.stdout.is_empty(), "nothing on standard output");
}

#[test]
fn files_that_cannot_be_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("empty.webm"), b"").unwrap();
    std::fs::write(path("garbage.webm"), [0xA5; 5000]).unwrap();
    std::fs::write(path("text.ivf"), "DKIF but then only words").unwrap();
    fails(&["stream", &path("none.webm"), "--open"], 1, &["none.webm", "No such file"]);
    fails(&["stream", &path("empty.webm"), "--open"], 1, &["empty.webm", "empty"]);
    fails(&["stream", &path("garbage.webm"), "--open"], 1, &["garbage.webm"]);
    fails(&["stream", &path("text.ivf"), "--open"], 1, &["text.ivf"]);
    fails(&["stream", folder.path().to_str().unwrap(), "--open"], 1, &["directory"]);
}

#[test]
fn a_truncated_file_is_streamed_to_its_cut_and_then_complained_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.webm");
    let whole = waterfall::media::bundled_clip();
    std::fs::write(&file, &whole[..whole.len() / 10]).unwrap();
    let mut command = waterfall(&["stream"]);
    let output = command.arg(&file).arg("--open").args(LOCAL).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cut.webm"), "{}", stderr(&output));
}

#[test]
fn usage() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let clip = clip.to_str().unwrap();
    fails(&["stream", clip], 2, &["--open", "--password"]);
    fails(&["stream", clip, "--open", "--fan-out", "65"], 2, &["65"]);
    fails(&["stream", clip, "--open", "--bootstrap", "nonsense"], 2, &["--bootstrap", "nonsense"]);
    fails(&["stream", "-", "--open", "--loop"], 2, &["--loop"]);
    fails(&["watch", "waterfall:abc"], 2, &["ticket"]);
    fails(&["watch", "hello"], 2, &["ticket"]);
    fails(&["graph", "waterfall:"], 2, &["ticket"]);
    fails(&["watch", "@/nowhere/ticket"], 1, &["/nowhere/ticket"]);
    fails(&["demo", "--kill-relay"], 2, &["--processes"]);
    fails(&["demo", "--log", "no=such=filter", "--viewers", "1"], 2, &["--log"]);
}

#[test]
fn a_port_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let _udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let port_text = port.to_string();
    let args = ["stream", clip.to_str().unwrap(), "--open", "--listen", "127.0.0.1", "--no-lan", "--port", &port_text];
    fails(&args, 1, &[&port_text, "in use"]);
}

#[test]
fn an_address_that_is_not_this_machine_s() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    // TEST-NET-3, RFC 5737: nobody's address.
    fails(&["stream", clip.to_str().unwrap(), "--open", "--no-lan", "--listen", "203.0.113.77"], 1, &["203.0.113.77"]);
}

#[test]
fn a_wrong_password_writes_nothing_and_exits_3() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (file("right", "open sesame\n"), file("wrong", "open barley\n"));
    let speaker = Speaker::start(&clip, &["--password-file", &right, "--loop"]);
    let out = folder.path().join("out.webm");
    let out_text = out.to_str().unwrap();
    let mut args = vec!["watch", &speaker.ticket, "--password-file", &wrong, "--out", out_text];
    args.extend(LOCAL);
    let output = run(&args);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("password"), "{}", stderr(&output));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("out.")), "{left:?}");

    let mut args = vec!["watch", &speaker.ticket, "--open"];
    args.extend(LOCAL);
    assert_eq!(run(&args).status.code(), Some(3));
    speaker.kill();
}

#[test]
fn a_room_that_nobody_answers_for_exits_4() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = Speaker::start(&clip(folder.path()), &["--open", "--loop"]);
    let ticket = speaker.ticket.clone();
    speaker.kill();
    let mut args = vec!["watch", &ticket, "--bootstrap", "127.0.0.1:9"];
    args.extend(LOCAL);
    let output = run(&args);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("--bootstrap"), "{}", stderr(&output));
}

#[test]
fn an_output_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = Speaker::start(&clip(folder.path()), &["--open", "--loop"]);
    let mut args = vec!["watch", &speaker.ticket, "--out", "/nowhere/at/all.webm"];
    args.extend(LOCAL);
    fails(&args, 1, &["/nowhere/at/all.webm"]);
    speaker.kill();
}
