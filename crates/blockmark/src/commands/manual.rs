//! `blockmark manual`: a manual page for every command.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory;

use crate::cli::Cli;
use crate::failure::Outcome;

/// Writes `blockmark.1`, `blockmark-COMMAND.1` and so on into a folder.
pub(crate) fn run(folder: &Path) -> Result<Outcome> {
    let cannot = || format!("can't write manual pages into {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(Cli::command(), folder).with_context(cannot)?;
    Ok(Outcome::Done)
}
