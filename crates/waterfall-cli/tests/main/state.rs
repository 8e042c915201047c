//! What is remembered between runs, and where.

use std::path::Path;

use crate::support::{Speaker, clip, stderr, waterfall};

#[test]
fn peers_are_remembered_where_the_user_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let speaker = Speaker::start(&clip(folder.path()), &["--open", "--loop"]);
    let watch = |args: &[&str], variables: &[(&str, &Path)]| {
        let mut command = waterfall(&["watch", &speaker.ticket, "--open", "--duration", "1"]);
        command.args(["--listen", "127.0.0.1", "--no-lan"]).args(args).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let remembers = |folder: &str| {
        let text = std::fs::read_to_string(path(folder).join("peers")).unwrap();
        text.lines().any(|line| line.contains(" /ip4/127.0.0.1/") && line.contains("/p2p/"))
    };

    let told = path("told");
    watch(&["--state-dir", told.to_str().unwrap()], &[("WATERFALL_STATE_DIR", &path("unused"))]);
    assert!(remembers("told") && !path("unused").exists(), "the flag counts before the environment");
    watch(&[], &[("WATERFALL_STATE_DIR", &path("environment"))]);
    assert!(remembers("environment"));
    watch(&["--no-state"], &[("WATERFALL_STATE_DIR", &path("nothing"))]);
    assert!(!path("nothing").exists());
    #[cfg(not(windows))]
    {
        watch(&[], &[("XDG_STATE_HOME", &path("xdg")), ("WATERFALL_STATE_DIR", Path::new(""))]);
        assert!(remembers("xdg/waterfall"));
    }

    let said = watch(&[], &[("WATERFALL_STATE_DIR", &path("clip.webm").join("below"))]);
    assert!(said.contains("no peers are remembered"), "{said}");
    speaker.kill();
}
