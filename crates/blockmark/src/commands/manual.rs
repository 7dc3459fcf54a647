//! `blockmark manual`: a manual page for every command.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::Outcome;

/// Writes `blockmark.1`, `blockmark-COMMAND.1` and so on into a folder.
pub(crate) fn run(folder: &Path) -> Result<Outcome> {
    let cannot = || format!("can't write manual pages into {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    write(&program, folder).with_context(cannot)?;
    Ok(Outcome::Done)
}

/// Writes the page of a command and those of the commands below it. Each names the version of the program.
fn write(command: &Command, folder: &Path) -> std::io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, folder)?;
    }
    let source = concat!("blockmark ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).generate_to(folder)?;
    Ok(())
}
