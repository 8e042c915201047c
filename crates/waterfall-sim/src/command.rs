//! What the command does.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use waterfall_sim::{
    Interrupted, Log, Plan, Report, SCENARIOS, Scenario, Strategy, TraceError, plots, read_trace, run,
};

use crate::cli::Cli;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;

/// Something on the command line makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// The exit code that an error ends with.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() || error.is::<TraceError>() {
        USAGE
    } else if error.is::<Interrupted>() {
        INTERRUPTED
    } else {
        FAILED
    }
}

/// Does what was asked for.
pub(crate) fn main(cli: &Cli) -> anyhow::Result<ExitCode> {
    if cli.list {
        return list(cli.json);
    }
    let stop = stop_on_interrupt()?;
    let mut reports: Vec<Report> = Vec::new();
    for (nodes, plan, name) in plans(cli)? {
        for strategy in strategies(cli) {
            let report = one_run(cli, &name, nodes, plan.clone(), strategy, &stop)?;
            if !cli.json {
                print(format_args!("{report}\n"))?;
            }
            reports.push(report);
        }
    }
    if cli.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(&reports)?))?;
    }
    if let Some(folder) = &cli.plots {
        for file in plots(&reports, folder)? {
            eprintln!("wrote {}", file.display());
        }
    }
    let failed = reports.iter().any(|report| report.violations > 0);
    if failed {
        eprintln!(
            "waterfall-sim: something happened that must not; run again with --seed {} to see it again",
            cli.seed
        );
    }
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// Prints; whoever has stopped reading has seen enough.
fn print(text: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    match io::stdout().lock().write_fmt(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let list: Vec<_> = SCENARIOS.iter().map(|s| serde_json::json!({ "name": s.name, "about": s.about })).collect();
        print(format_args!("{}\n", serde_json::to_string_pretty(&list)?))?;
    } else {
        for scenario in SCENARIOS {
            print(format_args!("{:<18} {}\n", scenario.name, scenario.about))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn stop_on_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let signal = signal_hook::consts::SIGINT;
    // The second Ctrl-C does not wait for the run to look.
    signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&stop))
        .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
        .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

fn strategies(cli: &Cli) -> Vec<Strategy> {
    let others = Strategy::BASELINES.into_iter().filter(|other| cli.baselines && *other != cli.strategy);
    std::iter::once(cli.strategy).chain(others).collect()
}

/// What is run: sizes, plans, and the name that they go by.
fn plans(cli: &Cli) -> anyhow::Result<Vec<(u32, Plan, String)>> {
    if let Some(path) = &cli.csv {
        let (plan, nodes) = trace(cli, path)?;
        return Ok(vec![(nodes, plan, "trace".to_owned())]);
    }
    let name = cli.scenario.as_deref().unwrap_or_default();
    let Some(scenario) = Scenario::named(name) else {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        bail!(Usage(format!("there is no scenario '{name}'; there are {}", names.join(", "))));
    };
    let plan = |nodes: &u32| (*nodes, scenario.plan(cli.seed, &cli.population(), &cli.size(*nodes)), name.to_owned());
    Ok(cli.nodes.iter().map(plan).collect())
}

fn trace(cli: &Cli, path: &Path) -> anyhow::Result<(Plan, u32)> {
    let after = cli.after.unwrap_or(600);
    let population = cli.population();
    let read = if path == Path::new("-") {
        read_trace(io::stdin().lock(), cli.seed, &population, after)
    } else {
        let file = File::open(path).map_err(TraceError::Io);
        file.and_then(|file| read_trace(BufReader::new(file), cli.seed, &population, after))
    };
    // The error stays what it is, so that its exit code is known.
    read.map_err(|error| anyhow::Error::new(error).context(path.display().to_string()))
}

fn one_run(
    cli: &Cli,
    name: &str,
    nodes: u32,
    plan: Plan,
    strategy: Strategy,
    stop: &AtomicBool,
) -> anyhow::Result<Report> {
    let mut log = match &cli.log {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            let log = Log::to(BufWriter::new(file));
            cli.follow.into_iter().fold(log, Log::following)
        }
        None => Log::default(),
    };
    let bar = progress_bar(cli.quiet);
    bar.set_prefix(format!("{name} {} {nodes}", strategy.name()));
    let report = run(name, nodes, cli.options(nodes, strategy), plan, &mut log, stop, |progress| {
        bar.set_length(progress.end / 1_000_000);
        bar.set_position(progress.now / 1_000_000);
        bar.set_message(format!("{} there, {:.1} M events", progress.present, progress.events as f64 / 1e6));
    });
    bar.finish_and_clear();
    log.finish().context("cannot write the log")?;
    if stop.load(Ordering::Relaxed) {
        return Err(Interrupted.into());
    }
    Ok(report?)
}

fn progress_bar(quiet: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style =
        ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} s simulated, {msg}, {elapsed} ({eta} left)");
    // The template is a constant that a test run has drawn.
    bar.set_style(style.expect("a valid template"));
    bar
}
