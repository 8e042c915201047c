//! The program `waterfall-bootstrap`: a well-known peer that runs for months. Standard output carries addresses, or
//! JSON; all else goes to standard error.

mod args;
mod identity;
mod open_files;
mod program;
mod report;
mod stop;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use args::{Args, LogFormat};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = Args::read();
    let result = start_logging(&args).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(Box::pin(program::run(args)));
        // Whoever should read standard output may have stopped doing so in the middle of a line.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "waterfall-bootstrap: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start_logging(args: &Args) -> anyhow::Result<()> {
    // Clap has tried the filter before.
    let filter = EnvFilter::try_new(&args.log)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match args.log_format() {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
