//! The command `waterfall-sim`.

mod cli;
mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match command::main(&cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("waterfall-sim: {error:#}");
            ExitCode::from(command::exit_code(&error))
        }
    }
}
