//! What `doctor` finds on a machine that is made good or bad for it.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use serde_json::Value;
use waterfall_bootstrap::{Bootstrap, Config};

use crate::support::{LOCAL, run, stderr};

fn examine(args: &[&str], code: i32) -> Value {
    let mut all = vec!["doctor", "--json"];
    all.extend(args);
    let output = run(&all);
    assert_eq!(output.status.code(), Some(code), "{} {}", stderr(&output), String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn finding<'a>(report: &'a Value, what: &str) -> &'a Value {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["what"] == what)
        .unwrap_or_else(|| panic!("{what} in {report}"))
}

/// A bootstrap node on this machine, for as long as the test takes.
fn with_bootstrap(test: impl FnOnce(&str)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listen = waterfall::parse_address("127.0.0.1:0").unwrap();
    let start = Bootstrap::start(Config::new(waterfall::generate_key()).listen(listen));
    let bootstrap = runtime.block_on(start).unwrap();
    test(&bootstrap.addresses()[0]);
    runtime.block_on(bootstrap.close());
}

#[test]
fn with_a_peer_everything_works() {
    with_bootstrap(|address| {
        let mut args = LOCAL.to_vec();
        args.extend(["--bootstrap", address]);
        let report = examine(&args, 0);
        assert_eq!(report["problems"], 0);
        for what in ["interfaces", "ports", "state", "local", "bootstrap", "DHT", "clock"] {
            assert_eq!(finding(&report, what)["level"], "ok", "{report}");
        }
        assert!(finding(&report, "DHT")["says"].as_str().unwrap().contains("found by another node"));
        // For people: the same, a line each.
        args.insert(0, "doctor");
        let text = String::from_utf8(run(&args).stdout).unwrap();
        assert!(text.contains("ok       DHT") && text.contains("answers over UDP"), "{text}");
    });
}

#[test]
fn a_peer_that_is_not_there_is_a_problem() {
    let mut args = LOCAL.to_vec();
    // Nobody listens on the discard port.
    args.extend(["--bootstrap", "127.0.0.1:9"]);
    let report = examine(&args, 1);
    let bootstrap = finding(&report, "bootstrap");
    assert_eq!(bootstrap["level"], "problem");
    assert!(bootstrap["says"].as_str().unwrap().starts_with("127.0.0.1:9: not over"), "{bootstrap}");
    assert!(bootstrap["remedy"].as_str().unwrap().contains("firewall"), "{bootstrap}");
    assert_eq!(finding(&report, "DHT")["level"], "problem");
}

#[test]
fn without_a_peer_the_dht_is_not_tried() {
    let report = examine(&LOCAL, 0);
    assert_eq!(finding(&report, "DHT")["level"], "warning");
    assert_eq!(report["problems"], 0);
}

#[test]
fn ports_and_addresses_that_cannot_be_had() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let _udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let text = port.to_string();
    let mut args = LOCAL.to_vec();
    args.extend(["--port", &text]);
    let report = examine(&args, 1);
    assert!(finding(&report, "ports")["says"].as_str().unwrap().contains(&text), "{report}");
    // TEST-NET-3, RFC 5737: nobody's address.
    let report = examine(&["--no-lan", "--no-state", "--listen", "203.0.113.77"], 1);
    assert!(finding(&report, "interfaces")["says"].as_str().unwrap().contains("203.0.113.77"), "{report}");
    assert_eq!(finding(&report, "ports")["level"], "problem");
}

#[test]
fn a_state_folder_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &std::path::Path, code| {
        let args = ["--listen", "127.0.0.1", "--no-lan", "--state-dir", path.to_str().unwrap()];
        finding(&examine(&args, code), "state").clone()
    };
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(at(&file, 1)["level"], "problem");
    let new = folder.path().join("not/yet/there");
    assert_eq!(at(&new, 0)["level"], "ok");
    assert!(!new.exists(), "looking changes nothing");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        let state = at(&open, 0);
        assert!(state["level"] == "warning" && state["remedy"].as_str().unwrap().starts_with("chmod 700"), "{state}");
    }
}
