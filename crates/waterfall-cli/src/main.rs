//! The command `waterfall`. Standard output carries data or JSON only; all else goes to standard error.

mod bench;
mod cli;
mod common;
mod debug;
mod demo;
mod doctor;
mod exit;
mod frame_log;
mod graph;
mod interrupt;
mod keys;
mod live;
mod news;
mod output;
mod qr;
mod recorder;
mod screen;
mod shell;
mod source;
mod state;
mod stream;
mod ticket;
mod view;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use exit::Failure;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = start_logging(&cli.log).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(run(cli));
        // A reader of standard input may be stuck in a read that nobody can interrupt.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                output::say(format_args!("waterfall: {message}"));
            }
            failure.code()
        }
    }
}

fn start_logging(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter}: {error}; try error, warn, info or debug")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(screen::Log)
        .with_ansi(console::colors_enabled_stderr())
        .init();
    Ok(())
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Stream(args) => Box::pin(stream::run(args, cli.json)).await,
        Command::Watch(args) => Box::pin(watch::run(args, cli.json)).await,
        Command::Graph(args) => Box::pin(graph::run(args, cli.json)).await,
        Command::Ticket(args) => ticket::run(&args, cli.json),
        Command::Demo(args) => Box::pin(demo::run(args, cli.json)).await,
        Command::Bench(args) => Box::pin(bench::run(args, cli.json)).await,
        Command::Doctor(args) => Box::pin(doctor::run(args, cli.json)).await,
        Command::Key(args) => keys::run(&args, cli.json),
        Command::Debug(args) => Box::pin(debug::run(args, cli.json)).await,
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    }
}
