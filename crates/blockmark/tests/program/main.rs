//! Runs the program as a person does: every command, every exit code, bad inputs, bad machines.

mod beacon;
mod chains;
#[allow(dead_code, reason = "the tests only parse command lines")]
#[path = "../../src/cli/mod.rs"]
mod cli;
mod commands;
mod failures;
mod following;
mod node;
mod place;
mod processes;
mod service;
mod trouble;
