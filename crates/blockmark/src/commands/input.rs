//! What was typed as INPUT, as the pipeline takes it.

use anyhow::Result;
use consensus::Slot;
use source::beacon_api::ApiOptions;
use source::{NodeOptions, Place, PlaceError};

use crate::cli::{InputArgs, NodeArgs};
use crate::failure::{quoted, usage};

/// How patient to be with a node.
pub(crate) fn node_options(args: &NodeArgs) -> NodeOptions {
    NodeOptions { attempts: args.attempts, ..NodeOptions::default() }
}

/// As [`node_options`], for what only needs standard addresses.
pub(crate) fn api_options(args: &NodeArgs) -> ApiOptions {
    ApiOptions { rounds: args.attempts, ..ApiOptions::default() }
}

/// Recognises the input. `command` and `rest` are the words before and after it, for the example of a failure.
pub(crate) fn place(input: &InputArgs, command: &str, rest: &str) -> Result<Place> {
    let options = node_options(&input.node);
    let found = Place::recognise(&input.input, input.start.map(Slot), input.end.map(Slot), options);
    found.map_err(|error| {
        let (words, range) = match &error {
            PlaceError::RangeOfPath { .. } => (quoted(&input.input), ""),
            PlaceError::NoRange { node } => (quoted(node), " --start 1 --end 2048"),
            PlaceError::Backwards { .. } | PlaceError::OnlyGenesis | PlaceError::Node(_) => {
                ("http://localhost:5052".to_owned(), " --start 1 --end 2048")
            }
        };
        usage(&error, format!("blockmark {command} {words}{range}{rest}"))
    })
}
