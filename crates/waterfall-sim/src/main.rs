//! The command `waterfall-sim`.

mod cli;
mod command;

use std::process::ExitCode;

use clap::Parser;

/// Half of a large run is making and dropping small lists; this takes a third of the system's time for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match command::main(&cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("waterfall-sim: {error:#}");
            ExitCode::from(command::exit_code(&error))
        }
    }
}
