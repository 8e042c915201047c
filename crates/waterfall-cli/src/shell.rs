//! What makes the command at home on a machine: completions for shells, pages for `man`.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Failure;
use crate::output::{print_bytes, say};

/// Runs `waterfall completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "waterfall", &mut script);
    Ok(print_bytes(&script)?)
}

/// Runs `waterfall man`: one page to standard output, or a page for every command into a folder.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        return Ok(print_bytes(&page)?);
    };
    let written = write_pages(folder).map_err(|error| {
        Failure::sentence(format_args!("the pages cannot be written into {}: {error}", folder.display()))
    })?;
    say(format_args!(
        "{written} pages in {}; read them with: man -l {}",
        folder.display(),
        page(folder, "waterfall").display()
    ));
    Ok(())
}

fn page(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.1"))
}

fn write_pages(folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    let mut pages = 0;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        pages += usize::from(name.to_string_lossy().starts_with("waterfall"));
    }
    Ok(pages)
}
