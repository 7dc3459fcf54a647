//! One module per command; each says what it prints.

mod bench;
mod check;
mod classify;
mod config;
mod db;
mod debug;
mod demo;
mod era;
mod evaluate;
mod features;
mod fetch;
mod help;
mod input;
mod label;
mod manual;
mod model;
mod plot;
mod record;
mod rewards;
mod run;
mod serve;
mod simulate;
mod token;
mod train;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Command, GlobalArgs};
use crate::failure::Outcome;
use crate::output::style::Style;

/// What every command knows.
pub(crate) struct Context {
    /// Flags that every command takes.
    pub(crate) global: GlobalArgs,
    /// How to write to standard output.
    pub(crate) style: Style,
}

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<Outcome> {
    let context = Context { style: Style::detect(cli.global.color), global: cli.global };
    match cli.command {
        Command::Demo(args) => demo::run(&context, &args),
        Command::Fetch(args) => fetch::run(&context, &args),
        Command::Record(args) => record::run(&context, &args),
        Command::Era(args) => era::run(&context, &args),
        Command::Rewards(args) => rewards::run(&context, &args),
        Command::Features(args) => features::run(&context, &args),
        Command::Label(args) => label::run(&context, &args),
        Command::Train(args) => train::run(&context, &args),
        Command::Evaluate(args) => evaluate::run(&context, &args),
        Command::Classify(args) => classify::run(&context, &args),
        Command::Plot(args) => plot::run(&context, &args),
        Command::Db(command) => db::run(&context, &command),
        Command::Serve(args) => serve::run(&context, &args),
        Command::Token(args) => token::run(&context, &args),
        Command::Run(args) => run::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Config(command) => config::run(&context, &command),
        Command::Simulate(args) => simulate::run(&context, &args),
        Command::Debug(command) => debug::run(&context, &command),
        Command::Bench(args) => bench::run(&context, &args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "blockmark", &mut std::io::stdout());
            Ok(Outcome::Done)
        }
        Command::Manual { dir } => manual::run(&dir),
        Command::Help { topic } => help::run(&topic),
    }
}

/// A runtime for the commands that wait for sockets or the database.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Stops what is under way at the first Ctrl-C. To be called inside of the runtime.
pub(crate) fn stop_on_ctrl_c(stop: &source::StopSwitch) {
    let switch = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            switch.stop();
        }
    });
}
