//! The command `waterfall-sim`, as its users run it.

use std::process::{Command, Output};

fn sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_waterfall-sim")).args(arguments).output().unwrap()
}

fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--nodes", "20", "--ramp", "5", "--after", "45", "--quiet"];
    arguments.extend(more);
    arguments
}

#[test]
fn a_run_is_told_to_people_and_to_programs() {
    let people = sim(&short(&["--scenario", "growth"]));
    let text = String::from_utf8(people.stdout).unwrap();
    assert!(people.status.success() && text.contains("join → first packet, ms"), "{text}");
    let programs = sim(&short(&["--scenario", "growth", "--json", "--baselines"]));
    let reports: serde_json::Value = serde_json::from_slice(&programs.stdout).unwrap();
    let names: Vec<_> = reports.as_array().unwrap().iter().map(|r| r["strategy"].as_str().unwrap()).collect();
    assert_eq!(names, ["waterfall", "reactive", "random", "prototype"]);
    assert_eq!(reports[0]["present"], 21);
    let again = sim(&short(&["--scenario", "growth", "--json"]));
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again[0]["run"]["digest"], reports[0]["run"]["digest"]);
}

#[test]
fn scenarios_are_listed_and_unknown_ones_named() {
    let list = sim(&["--list"]);
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(list.status.success() && text.contains("churn-lognormal") && text.contains("first-tier"), "{text}");
    let unknown = sim(&["--scenario", "nonsense"]);
    let text = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text.contains("'nonsense'") && text.contains("growth"), "{text}");
}

#[test]
fn usage_errors_and_bad_traces_end_with_2() {
    for arguments in [
        &["--nodes", "5"][..],
        &["--scenario", "growth", "--nodes", "0"],
        &["--scenario", "growth", "--leaves", "1.5"],
        &["--scenario", "growth", "--rtt", "0"],
        &["--scenario", "growth", "--fan-out", "0"],
        &["--scenario", "growth", "--fan-out", "65"],
        &["--scenario", "growth", "--loss", "1"],
        &["--scenario", "growth,nonsense"],
        &["--csv", "-", "--seed", "1,2"],
        &["--scenario", "growth", "--csv", "x"],
        &["--scenario", "growth", "--follow", "3"],
        &["--csv", "/nonexistent/trace.csv"],
    ] {
        let output = sim(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.csv");
    std::fs::write(&trace, "0,,5000,0,0,0\n0,,many,0,0,0\n").unwrap();
    let output = sim(&["--csv", trace.to_str().unwrap()]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("trace.csv") && text.contains("line 2") && text.contains("'many'"), "{text}");
}

#[test]
fn a_run_that_fails_ends_with_1_and_names_its_seed() {
    let output = sim(&short(&["--scenario", "first-tier", "--seed", "77", "--gap-bound", "0.01"]));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let command = text.lines().find_map(|line| line.trim().strip_prefix("waterfall-sim ")).unwrap();
    assert!(command.contains("--scenario first-tier") && command.contains("--seed 77"), "{text}");
    let again = sim(&command.split(' ').collect::<Vec<_>>());
    assert_eq!((again.status.code(), again.stdout.len()), (Some(1), output.stdout.len()));
}

#[test]
fn several_runs_make_several_reports_that_can_be_shown_again() {
    let folder = tempfile::tempdir().unwrap();
    let (json, plots) = (folder.path().join("reports.json"), [folder.path().join("a"), folder.path().join("b")]);
    let many = ["--scenario", "growth,first-tier", "--seed", "1,2", "--json", "--plots", plots[0].to_str().unwrap()];
    let runs = sim(&short(&many));
    std::fs::write(&json, &runs.stdout).unwrap();
    let reports: serde_json::Value = serde_json::from_slice(&runs.stdout).unwrap();
    let of = |report: &serde_json::Value| format!("{} {}", report["scenario"].as_str().unwrap(), report["seed"]);
    let names: Vec<String> = reports.as_array().unwrap().iter().map(of).collect();
    assert_eq!(names, ["growth 1", "growth 2", "first-tier 1", "first-tier 2"]);
    let from = ["--from", json.to_str().unwrap()];
    let again = sim(&[from[0], from[1], "--json"]).stdout;
    let again: serde_json::Value = serde_json::from_slice(&again).unwrap();
    let digests = |all: &serde_json::Value| (0..4).map(|at| all[at]["run"]["digest"].clone()).collect::<Vec<_>>();
    assert_eq!(digests(&again), digests(&reports));
    let shown = sim(&[from[0], from[1], "--markdown", "--plots", plots[1].to_str().unwrap()]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("| first-tier | waterfall | 20 | 2 |"), "{text}");
    for file in std::fs::read_dir(&plots[0]).unwrap() {
        let name = file.unwrap().file_name();
        let [one, other] = [0, 1].map(|at| std::fs::read(plots[at].join(&name)).unwrap());
        assert!(one == other, "{name:?} differs");
    }
    std::fs::write(&json, "[{}]").unwrap();
    assert_eq!(sim(&from).status.code(), Some(2));
}

#[test]
fn an_interrupted_run_ends_with_130() {
    use std::io::Read;
    let mut command = Command::new(env!("CARGO_BIN_EXE_waterfall-sim"));
    command.args(["--scenario", "growth", "--nodes", "5000", "--log", "/dev/stderr", "--quiet"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // It listens for Ctrl-C before the first event.
    let mut some = [0; 1];
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_exact(&mut some).unwrap();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    std::io::copy(&mut stderr, &mut std::io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty());
}

#[test]
fn plots_and_logs_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (plots, log) = (folder.path().join("plots"), folder.path().join("log"));
    let output =
        sim(&short(&["--scenario", "first-tier", "--plots", plots.to_str().unwrap(), "--log", log.to_str().unwrap()]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["first-tier-gaps.svg", "first-tier-height.svg", "first-tier-stretch.svg"] {
        let picture = std::fs::read_to_string(plots.join(name)).unwrap();
        assert!(picture.starts_with("<svg") && picture.contains("waterfall, 20"), "{name}");
    }
    assert!(std::fs::read_to_string(&log).unwrap().lines().count() > 500);
    let unwritable = sim(&short(&["--scenario", "growth", "--log", "/nonexistent/log"]));
    assert_eq!(unwritable.status.code(), Some(1));
}
