//! The program: parse, set up, dispatch. What the commands do is in `commands/`.

mod cli;
mod commands;
mod config;
mod failure;
mod output;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, ColorChoice, Command, LogFormat};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::report_words(&error, std::env::args_os().any(|word| word == "--json")),
    };
    let json = cli.global.json || cli.global.log_format == LogFormat::Json;
    match start_log(&cli).and_then(|()| commands::run(cli)) {
        Ok(outcome) => outcome.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, json),
    }
}

fn start_log(cli: &Cli) -> anyhow::Result<()> {
    let default = if matches!(cli.command, Command::Run(_)) { "info" } else { "warn" };
    let filter = cli.global.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        failure::usage(
            format!("\"{filter}\" is no log filter, because {error}"),
            "blockmark demo --log blockmark=debug,warn",
        )
    })?;
    let has_colour = match cli.global.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(has_colour)
        .with_target(false);
    match cli.global.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Whoever read our output has seen enough, as in `blockmark features … | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
