//! What the command does.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use waterfall_sim::{
    Interrupted, Log, Plan, Report, SCENARIOS, Scenario, Strategy, TraceError, markdown, plots, read_trace, run,
};

use crate::cli::Cli;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;
/// What runs of a trace are called.
const TRACE: &str = "trace";

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
    let done = if cli.from.is_empty() { run_all(cli, &stop, &mut reports) } else { read_all(cli, &mut reports) };
    // What an interrupt leaves is shown all the same.
    let interrupted = done.as_ref().is_err_and(|error| error.is::<Interrupted>());
    if done.is_ok() || (interrupted && !reports.is_empty()) {
        show(cli, &reports)?;
    }
    done?;
    let failed = reports.iter().filter(|report| report.violations > 0).inspect(|report| {
        eprintln!("waterfall-sim: {}: something happened that must not; to see it again:", report.scenario);
        eprintln!("  {}", again(report, std::env::args().skip(1)));
    });
    Ok(if failed.count() > 0 { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// The command that does one run of many again: all that was said but what makes them many, and what is done with them.
fn again(report: &Report, arguments: impl Iterator<Item = String>) -> String {
    const DROPPED: [&str; 8] =
        ["--scenario", "--nodes", "--seed", "--strategy", "--plots", "--log", "--follow", "--from"];
    const FLAGS: [&str; 5] = ["--baselines", "--json", "--markdown", "--quiet", "-q"];
    let Report { scenario, nodes, seed, strategy, .. } = report;
    let mut command = match scenario.as_str() {
        TRACE => String::from("waterfall-sim"),
        name => format!("waterfall-sim --scenario {name} --nodes {nodes}"),
    };
    command += &format!(" --seed {seed}");
    if *strategy != Strategy::Waterfall {
        command += &format!(" --strategy {}", strategy.name());
    }
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let (name, has_value) = argument.split_once('=').map_or((argument.as_str(), false), |(name, _)| (name, true));
        if DROPPED.contains(&name) {
            if !has_value {
                arguments.next();
            }
        } else if !FLAGS.contains(&name) {
            command += " ";
            command += &argument;
        }
    }
    command
}

fn run_all(cli: &Cli, stop: &AtomicBool, reports: &mut Vec<Report>) -> anyhow::Result<()> {
    let runs = runs(cli)?;
    for (number, run) in runs.iter().enumerate() {
        let report = one_run(cli, run, (number + 1, runs.len()), stop)?;
        if !cli.json && !cli.markdown {
            print(format_args!("{report}\n"))?;
        }
        reports.push(report);
    }
    Ok(())
}

fn read_all(cli: &Cli, reports: &mut Vec<Report>) -> anyhow::Result<()> {
    for path in &cli.from {
        let text = std::fs::read(path).map_err(|error| Usage(format!("cannot read {}: {error}", path.display())))?;
        let read: Vec<Report> = serde_json::from_slice(&text)
            .map_err(|error| Usage(format!("{} is no report of this version: {error}", path.display())))?;
        reports.extend(read);
    }
    if !cli.json && !cli.markdown {
        for report in reports {
            print(format_args!("{report}\n"))?;
        }
    }
    Ok(())
}

/// What is shown of all reports together.
fn show(cli: &Cli, reports: &[Report]) -> anyhow::Result<()> {
    if cli.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(reports)?))?;
    }
    if cli.markdown {
        print(format_args!("{}", markdown(reports)))?;
    }
    if let Some(folder) = &cli.plots {
        for file in plots(reports, folder)? {
            eprintln!("wrote {}", file.display());
        }
    }
    Ok(())
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

/// One run: of what, how large, by which scheme and seed.
struct Run {
    name: String,
    nodes: u32,
    seed: u64,
    strategy: Strategy,
}

/// All that is to be run.
fn runs(cli: &Cli) -> anyhow::Result<Vec<Run>> {
    let all = cli.scenario == ["all"];
    let names = match &cli.csv {
        Some(_) => vec![TRACE.to_owned()],
        None if all => SCENARIOS.iter().map(|scenario| scenario.name.to_owned()).collect(),
        None => cli.scenario.clone(),
    };
    if let Some(name) = names.iter().find(|name| cli.csv.is_none() && Scenario::named(name).is_none()) {
        let known: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        bail!(Usage(format!("there is no scenario '{name}'; there are {}", known.join(", "))));
    }
    let one = cli.seed.len() == 1 && !cli.baselines;
    if cli.csv.as_deref() == Some(Path::new("-")) && !one {
        bail!(Usage("standard input can be read once; several runs need a file".to_owned()));
    }
    let mut runs = Vec::new();
    for name in names {
        // How many a trace has is known when it has been read.
        for &nodes in if cli.csv.is_some() { &[0][..] } else { &cli.nodes } {
            for strategy in strategies(cli) {
                runs.extend(cli.seed.iter().map(|&seed| Run { name: name.clone(), nodes, seed, strategy }));
            }
        }
    }
    Ok(runs)
}

/// What happens in a run, and how many take part.
fn plan(cli: &Cli, run: &Run) -> anyhow::Result<(Plan, u32)> {
    match (&cli.csv, Scenario::named(&run.name)) {
        (Some(path), _) => trace(cli, path, run.seed),
        (None, Some(scenario)) => Ok((scenario.plan(run.seed, &cli.population(), &cli.size(run.nodes)), run.nodes)),
        (None, None) => bail!(Usage(format!("there is no scenario '{}'", run.name))),
    }
}

fn trace(cli: &Cli, path: &Path, seed: u64) -> anyhow::Result<(Plan, u32)> {
    let after = cli.after.unwrap_or(600);
    let population = cli.population();
    let read = if path == Path::new("-") {
        read_trace(io::stdin().lock(), seed, &population, after)
    } else {
        let file = File::open(path).map_err(TraceError::Io);
        file.and_then(|file| read_trace(BufReader::new(file), seed, &population, after))
    };
    // The error stays what it is, so that its exit code is known.
    read.map_err(|error| anyhow::Error::new(error).context(path.display().to_string()))
}

fn one_run(cli: &Cli, which: &Run, (number, of): (usize, usize), stop: &AtomicBool) -> anyhow::Result<Report> {
    let bar = progress_bar(cli.quiet);
    let turn = if of > 1 { format!("{number}/{of} ") } else { String::new() };
    bar.set_prefix(format!("{turn}{} {} {} seed {}", which.name, which.strategy.name(), which.nodes, which.seed));
    let (plan, nodes) = plan(cli, which)?;
    let mut log = match &cli.log {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            let log = Log::to(BufWriter::new(file));
            cli.follow.into_iter().fold(log, Log::following)
        }
        None => Log::default(),
    };
    let options = cli.options(nodes, which.seed, which.strategy);
    let report = run(&which.name, nodes, options, plan, &mut log, stop, |progress| {
        bar.set_length(progress.end / 1_000_000);
        bar.set_position(progress.now / 1_000_000);
        bar.set_message(format!("{} there, {:.1} M events", progress.present, progress.events as f64 / 1e6));
    });
    bar.finish_and_clear();
    log.finish().context("cannot write the log")?;
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
