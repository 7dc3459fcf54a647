//! The kinds of tests, one module for each.

mod bls;
mod epoch_processing;
mod fork_choice;
mod genesis;
mod light_client;
mod merkle_proof;
mod operations;
mod rewards;
mod sanity;
mod shuffling;
mod ssz_generic;
mod ssz_static;
mod states;
mod transition;

use std::sync::Arc;

use consensus::spec::{Fork, Shape, Spec};

use crate::case::Case;
use crate::failure::{Failure, Within};
use crate::network;
use crate::run::Skipped;

/// The latest fork that is supported.
const LATEST: Fork = Fork::Gloas;

/// What a case is run with.
pub(crate) struct Context<'a> {
    /// The case.
    pub case: &'a Case,
    /// The fork that it names.
    pub fork: Fork,
    /// The network: that of the case's configuration, or the fork of the case and all before it from the first
    /// epoch on.
    pub spec: Arc<Spec>,
}

impl Context<'_> {
    /// The shape of containers at the fork of the case.
    pub(crate) fn shape(&self) -> Shape<'_> {
        self.spec.shape(self.fork)
    }

    /// Takes the network from `config.yaml`, where there is one.
    pub(crate) fn configure(&mut self) -> Result<(), Failure> {
        if let Some(config) = self.case.text("config.yaml")? {
            self.spec = Arc::new(Spec::parse(&config).within("config.yaml")?);
        }
        Ok(())
    }
}

/// Runs a case. An error says how the outcome differs from the expected one.
pub(crate) type Check = fn(&Context<'_>) -> Result<(), Failure>;

/// Finds the check for a runner and a handler: `None` where the handler is not known.
type Handlers = fn(&str) -> Option<Check>;

const RUNNERS: &[(&str, Handlers)] = &[
    ("bls", bls::handler),
    ("epoch_processing", epoch_processing::handler),
    ("finality", sanity::chains),
    ("fork", transition::forks),
    ("fork_choice", fork_choice::handler),
    ("genesis", genesis::handler),
    ("light_client", light_client::handler),
    ("merkle_proof", merkle_proof::handler),
    ("operations", operations::handler),
    ("random", sanity::chains),
    ("rewards", rewards::handler),
    ("sanity", sanity::handler),
    ("shuffling", shuffling::handler),
    ("ssz_generic", ssz_generic::handler),
    ("ssz_static", ssz_static::handler),
    ("transition", transition::handler),
];

/// Whether there is a runner of this name.
pub fn is_known(runner: &str) -> bool {
    RUNNERS.iter().any(|(name, _)| *name == runner)
}

/// How a case is to be run.
pub(crate) fn plan(case: &Case) -> Result<(Context<'_>, Check), Skipped> {
    let name = &case.name;
    let unknown = |what: &str, name: &str| Skipped::Unknown(format!("the {what} {name:?}"));
    let fork: Fork = name.fork.parse().map_err(|_| unknown("fork", &name.fork))?;
    let (_, handlers) = RUNNERS
        .iter()
        .find(|(runner, _)| *runner == name.runner)
        .ok_or_else(|| unknown("runner", &name.runner))?;
    if fork > LATEST {
        return Err(Skipped::Fork(fork));
    }
    let check = handlers(&name.handler)
        .ok_or_else(|| unknown("handler", &format!("{}/{}", name.runner, name.handler)))?;
    let spec = network::at_fork(&name.preset, fork).ok_or_else(|| unknown("preset", &name.preset))?;
    Ok((Context { case, fork, spec: Arc::new(spec) }, check))
}
