//! What was typed as INPUT, as the pipeline takes it.

use anyhow::Result;
use consensus::Slot;
use pipeline::label::LabelError;
use pipeline::{BuildError, ClassifyError, FeaturesError};
use source::beacon_api::ApiOptions;
use source::chain_input::ChainInput;
use source::node_chain::NodeChainError;
use source::{InputError, NodeChoices, Notice, Place, PlaceError, Via};

use crate::cli::{InputArgs, NodeArgs};
use crate::failure::{hinted, quoted, usage};
use crate::output::say;

/// How patient to be with nodes.
pub(crate) fn api_options(args: &NodeArgs) -> ApiOptions {
    ApiOptions { rounds: args.attempts, ..ApiOptions::default() }
}

/// Recognises the input. `command` and `rest` are the words before and after it, for the example of a failure.
pub(crate) fn place(input: &InputArgs, command: &str, rest: &str) -> Result<Place> {
    let choices = NodeChoices {
        via: input.via,
        state: input.state.clone(),
        others: input.beacon_node.clone(),
        attempts: input.node.attempts,
        notice: Notice::new(|text| say::note(text)),
        ..NodeChoices::default()
    };
    let found = Place::recognise(&input.input, input.start.map(Slot), input.end.map(Slot), choices);
    found.map_err(|error| {
        let (words, range) = match &error {
            PlaceError::RangeOfPath { .. } => (quoted(&input.input), String::new()),
            PlaceError::NoRange { node } => (quoted(node), " --start 1 --end 2048".to_owned()),
            PlaceError::Backwards { .. } | PlaceError::OnlyGenesis | PlaceError::Node(_) => {
                ("http://localhost:5052".to_owned(), " --start 1 --end 2048".to_owned())
            }
        };
        usage(&error, format!("blockmark {command} {words}{range}{rest}"))
    })
}

/// A failure to read the input, with a command that fares better where there is one.
pub(crate) fn input_failure(error: anyhow::Error, place: &Place, command: &str, rest: &str) -> anyhow::Error {
    let Some(cause) = cause(&error) else { return error };
    let words = |input: String, start: Slot, end: Slot, more: &str| {
        format!("blockmark {command} {} --start {start} --end {end}{more}{rest}", quoted(input))
    };
    match (cause, place) {
        (InputError::Chain(chain), Place::Path { path, start, end }) => {
            let Some((first, last)) = chain.available() else { return error };
            let first = first.max(Slot(1));
            let (start, end) =
                (start.unwrap_or(first).clamp(first, last), end.unwrap_or(last).clamp(first, last));
            hinted(&error, words(path.display().to_string(), start, end, ""))
        }
        (InputError::NodeChain(chain), Place::Node(node)) => match &**chain {
            NodeChainError::NoState { oldest: Some(oldest), .. } if oldest.0 < node.end.0 => {
                let start = Slot(oldest.0.saturating_add(1));
                hinted(&error, words(node.name().to_owned(), start, node.end, ""))
            }
            NodeChainError::NoState { oldest: None, .. } => {
                let via = format!(" --via {}", Via::Blocks);
                hinted(&error, words(node.name().to_owned(), node.start, node.end, &via))
            }
            NodeChainError::NotYet { head, .. } if *head >= node.start => {
                hinted(&error, words(node.name().to_owned(), node.start, *head, ""))
            }
            _ => error,
        },
        _ => error,
    }
}

/// What is wrong with the input, where it was that.
fn cause(error: &anyhow::Error) -> Option<&InputError> {
    let of_features = || match error.downcast_ref()? {
        FeaturesError::Input(error) => Some(error),
        _ => None,
    };
    let of_classify = || match error.downcast_ref()? {
        ClassifyError::Input(error) => Some(error),
        _ => None,
    };
    let of_build = || match error.downcast_ref()? {
        BuildError::Input(error) => Some(error),
        _ => None,
    };
    let of_label = || match error.downcast_ref()? {
        LabelError::Input(error) => Some(error),
        _ => None,
    };
    error.downcast_ref().or_else(of_label).or_else(of_features).or_else(of_classify).or_else(of_build)
}

/// Whether a path holds block-reward JSON, whose scale is what it was made in.
pub(crate) fn is_json(place: &Place) -> bool {
    matches!(place, Place::Path { path, .. } if !ChainInput::recognise(path))
}
