//! `blockmark help`: a command's help, or a topic.

use std::io::Write as _;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::failure::{Outcome, usage};

const INPUTS: &str = "\
INPUT of rewards, features, label, classify and db build is one of

  DIR        a recording: config.yaml, states/SLOT.ssz, blocks/SLOT.ssz
             (blockmark record, blockmark simulate)
  FILE.era   an era file; the era before it lies in the same folder. A folder of them, too
             (blockmark era makes them of a recording)

  FILE       block-reward JSON in any shape Lighthouse ever wrote, plain or gzip:
             an array, one object, or objects one after the other
  DIR        a directory of such files (.json, .json.gz), searched to its depth
  CLIENT/…   a directory of CLIENT/ROOT.json files: the old form of a training set

  http(s)…   a Beacon API node of any client, with --start SLOT and --end SLOT
             (both inclusive); more nodes of the network with --beacon-node

--start and --end also choose from recordings and era files: what comes before --start
is replayed and not shown.

Rewards of a node's blocks are computed here. --via chooses how:

  state      from the state of the slot before START, or the nearest one before it that
             the node gives, replayed forward; --state FILE names one of your own
  blocks     from blocks alone, with the committees, validators and justified checkpoints
             that the node names for each epoch since the one before START. As exact as a
             state, as long as the node tells the truth: nothing is checked against a state.
             Not from Gloas on, nor across the start of Altair
  lighthouse from /lighthouse/analysis/block_rewards, which Lighthouse had until 2026
  auto       the first of these that the node can do; a note says which, unless it is state

Nodes keep few old states unless they are archives. Near the head any node will do.

DATA of train, evaluate and plot is a Parquet file written by `blockmark label`,
or a directory CLIENT/ROOT.json.
";

/// Prints help.
pub(crate) fn run(topic: &[String]) -> Result<Outcome> {
    if topic == ["inputs"] {
        std::io::stdout().write_all(INPUTS.as_bytes())?;
        return Ok(Outcome::Done);
    }
    let mut command = Cli::command();
    // Options of all commands become options of each.
    command.build();
    for word in topic {
        command = command.find_subcommand(word).cloned().ok_or_else(|| {
            usage(
                format!("\"{}\" is neither a command nor a topic", topic.join(" ")),
                "blockmark help inputs",
            )
        })?;
    }
    let name =
        ["blockmark"].into_iter().chain(topic.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    command.bin_name(name).print_long_help()?;
    Ok(Outcome::Done)
}
