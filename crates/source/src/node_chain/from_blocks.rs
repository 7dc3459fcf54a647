//! Rewards from blocks alone, for nodes that give no states: committees, balances and checkpoints come from
//! standard addresses, an epoch at a time.

use std::sync::Arc;

use consensus::containers::{Checkpoint, Registry, Validator};
use consensus::rewards::{EpochFacts, FromBlocks, RewardLog};
use consensus::state::Shuffling;
use consensus::{Epoch, Slot};

use super::blocks::Rooted;
use super::{NodeChain, NodeChainBlocks, NodeChainError};
use crate::beacon_api::{self, BlockId, StateId};
use crate::replay::ReplayedBlock;

/// Blocks with what they paid, computed from blocks alone. After an error there is nothing more.
#[derive(Debug)]
pub struct FromBlocksReplay {
    chain: NodeChain,
    blocks: NodeChainBlocks,
    rules: Option<FromBlocks>,
    first: Slot,
    begin_epoch: u64,
    parent_slot: Option<Slot>,
    done: bool,
}

impl NodeChain {
    /// The blocks from `first` to `last`, both included, with rewards from blocks alone. Blocks since the start of
    /// the epoch before `first` are read too, for the votes in them.
    pub fn blocks_alone(&self, first: Slot, last: Slot) -> FromBlocksReplay {
        let begin_epoch = self.warm_up_epoch(first);
        let begin = Slot(self.spec.start_slot(begin_epoch).max(1));
        FromBlocksReplay {
            chain: self.clone(),
            blocks: self.blocks(begin, last, None),
            rules: None,
            first,
            begin_epoch,
            parent_slot: None,
            done: false,
        }
    }

    /// Whether nodes tell what rewards from blocks alone need, as far back as a range needs it.
    pub fn knows_epochs(&self, first: Slot) -> Result<bool, NodeChainError> {
        let epoch = self.warm_up_epoch(first);
        let id = StateId::Slot(Slot(self.spec.start_slot(epoch)));
        let asked = async {
            let committees = self.api.committees(id, Epoch(epoch), &self.spec).await;
            Ok::<_, NodeChainError>(committees.is_ok() && self.api.finality_checkpoints(id).await.is_ok())
        };
        self.wait(asked)
    }

    fn warm_up_epoch(&self, first: Slot) -> u64 {
        self.spec.epoch_at(first.0).saturating_sub(1)
    }

    fn facts(&self, epoch: u64) -> Result<EpochFacts, NodeChainError> {
        let id = StateId::Slot(Slot(self.spec.start_slot(epoch)));
        let (validators, committees, checkpoints) = self.wait(async {
            let asked = futures::future::join3(
                self.api.validators(id),
                self.api.committees(id, Epoch(epoch), &self.spec),
                self.api.finality_checkpoints(id),
            );
            let (validators, committees, checkpoints) = asked.await;
            Ok::<_, NodeChainError>((validators?, committees?, checkpoints?))
        })?;
        let members: Vec<Vec<u32>> = committees
            .into_iter()
            .map(|committee| committee.validators.iter().map(|member| u32::try_from(member.0).ok()).collect())
            .collect::<Option<_>>()
            .ok_or(NodeChainError::Committees { epoch })?;
        let committees = Shuffling::of_committees(&self.spec, epoch, &members);
        let checkpoint = |checkpoint: beacon_api::Checkpoint| Checkpoint {
            epoch: checkpoint.epoch.0,
            root: checkpoint.root,
        };
        Ok(EpochFacts {
            epoch,
            validators: validators
                .into_iter()
                .map(|entry| Validator {
                    effective_balance: entry.effective_balance.0,
                    slashed: entry.slashed,
                    activation_epoch: entry.activation_epoch.0,
                    exit_epoch: entry.exit_epoch.0,
                    ..Validator::default()
                })
                .collect::<Registry>(),
            committees: Arc::new(committees.ok_or(NodeChainError::Committees { epoch })?),
            previous_justified: checkpoint(checkpoints.previous_justified),
            current_justified: checkpoint(checkpoints.current_justified),
        })
    }
}

impl FromBlocksReplay {
    fn step(&mut self) -> Result<Option<ReplayedBlock>, NodeChainError> {
        loop {
            let Some((block, root)) = self.blocks.next_rooted().transpose()? else { return Ok(None) };
            let slot = block.slot();
            let epoch = self.chain.spec.epoch_at(slot.0);
            let parent_slot = match self.parent_slot.replace(slot) {
                Some(parent) => parent,
                None => self.parent_of(&(block.clone(), root))?,
            };
            let rules = match &mut self.rules {
                Some(rules) => rules,
                none => {
                    let parent = block.block.message.parent_root;
                    let facts = self.chain.facts(self.begin_epoch)?;
                    none.insert(FromBlocks::begin(Arc::clone(&self.chain.spec), facts, parent)?)
                }
            };
            while rules.epoch() < epoch {
                rules.enter(self.chain.facts(rules.epoch().saturating_add(1))?)?;
            }
            let mut log = RewardLog::default();
            rules.apply(&block.block.message, root, &mut log)?;
            if slot >= self.first {
                let slots_per_epoch = self.chain.spec.preset.slots_per_epoch;
                return Ok(Some(ReplayedBlock {
                    block,
                    root,
                    parent_slot,
                    log: log.into(),
                    slots_per_epoch,
                }));
            }
        }
    }

    /// The slot of the parent of the first block that is read.
    fn parent_of(&self, (block, _): &Rooted) -> Result<Slot, NodeChainError> {
        if block.slot() < self.first {
            return Ok(Slot(0));
        }
        let parent = block.block.message.parent_root;
        let header = self.chain.wait(self.chain.api.header(BlockId::Root(parent)))?;
        Ok(header.map_or(Slot(0), |header| header.slot))
    }
}

impl Iterator for FromBlocksReplay {
    type Item = Result<ReplayedBlock, NodeChainError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}
