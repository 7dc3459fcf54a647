//! Small answers of nodes, read and checked.

use consensus::{Epoch, Gwei, Root, Slot, ValidatorIndex};
use serde_json::Value;

use super::error::ApiProblem;

/// Whether a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is well.
    Ready,
    /// It answers and is behind the chain.
    Syncing,
    /// It is not well, with its status.
    Unwell(u16),
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syncing {
    /// The slot of its head.
    pub head_slot: Slot,
    /// Slots that it is behind.
    pub sync_distance: u64,
    /// Whether it is catching up.
    pub is_syncing: bool,
    /// Whether its head waits for the execution client.
    pub is_optimistic: bool,
    /// Whether its execution client is away.
    pub el_offline: bool,
}

/// A block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The root of the block.
    pub root: Root,
    /// Whether the block is in the chain that the node follows.
    pub canonical: bool,
    /// The slot.
    pub slot: Slot,
    /// Who proposed it.
    pub proposer: ValidatorIndex,
    /// The root of the block before.
    pub parent_root: Root,
    /// The root of the state after it.
    pub state_root: Root,
}

/// An epoch and the root of its first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The epoch.
    pub epoch: Epoch,
    /// The root.
    pub root: Root,
}

/// What a state knows of finality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalityCheckpoints {
    /// Justified an epoch ago.
    pub previous_justified: Checkpoint,
    /// Justified.
    pub current_justified: Checkpoint,
    /// Finalized.
    pub finalized: Checkpoint,
}

/// What a block paid its proposer, gwei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRewards {
    /// The proposer.
    pub proposer: ValidatorIndex,
    /// All of it.
    pub total: Gwei,
    /// For attestations.
    pub attestations: Gwei,
    /// For the sync aggregate.
    pub sync_aggregate: Gwei,
    /// For proposer slashings.
    pub proposer_slashings: Gwei,
    /// For attester slashings.
    pub attester_slashings: Gwei,
}

/// The committee of a slot with an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    /// The slot.
    pub slot: Slot,
    /// The index within the slot.
    pub index: u64,
    /// The validators in order.
    pub validators: Vec<ValidatorIndex>,
}

/// A validator in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorEntry {
    /// The validator.
    pub index: ValidatorIndex,
    /// Its balance, gwei.
    pub balance: Gwei,
    /// Its status as the node names it, such as `active_ongoing`.
    pub status: String,
    /// Its effective balance, gwei.
    pub effective_balance: Gwei,
    /// Whether it was slashed.
    pub slashed: bool,
    /// The first epoch of its duty.
    pub activation_epoch: Epoch,
    /// The first epoch after its duty.
    pub exit_epoch: Epoch,
}

/// A place in JSON, which errors name.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    value: &'a Value,
    name: &'static str,
}

impl<'a> At<'a> {
    /// The whole answer.
    pub(super) fn new(value: &'a Value) -> Self {
        Self { value, name: "the answer" }
    }

    /// The JSON here.
    pub(super) fn value(self) -> &'a Value {
        self.value
    }

    /// A field.
    pub(super) fn field(self, name: &'static str) -> Result<Self, ApiProblem> {
        self.optional(name).ok_or_else(|| ApiProblem::unreadable(format!("the field {name} is missing")))
    }

    /// A field that may be missing.
    pub(super) fn optional(self, name: &'static str) -> Option<Self> {
        Some(At { value: self.value.get(name)?, name })
    }

    fn expected(self, what: &str) -> ApiProblem {
        ApiProblem::unreadable(format!("{}: expected {what}, found {}", self.name, self.value))
    }

    /// An integer, as a number or its digits in a text.
    pub(super) fn number(self) -> Result<u64, ApiProblem> {
        let digits =
            |text: &'a str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok());
        let number = self.value.as_u64().or_else(|| digits(self.value.as_str()?).flatten());
        number.ok_or_else(|| self.expected("an integer"))
    }

    /// A root.
    pub(super) fn root(self) -> Result<Root, ApiProblem> {
        let root = self.value.as_str().and_then(|text| text.parse().ok());
        root.ok_or_else(|| self.expected("a root"))
    }

    /// Yes or no.
    pub(super) fn flag(self) -> Result<bool, ApiProblem> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// A text.
    pub(super) fn text(self) -> Result<&'a str, ApiProblem> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }
}

impl Syncing {
    pub(super) fn read(answer: At<'_>) -> Result<Self, ApiProblem> {
        let data = answer.field("data")?;
        let flag = |name| data.optional(name).map_or(Ok(false), At::flag);
        Ok(Self {
            head_slot: Slot(data.field("head_slot")?.number()?),
            sync_distance: data.field("sync_distance")?.number()?,
            is_syncing: data.field("is_syncing")?.flag()?,
            is_optimistic: flag("is_optimistic")?,
            el_offline: flag("el_offline")?,
        })
    }
}

impl Header {
    pub(super) fn read(answer: At<'_>) -> Result<Self, ApiProblem> {
        let data = answer.field("data")?;
        let message = data.field("header")?.field("message")?;
        Ok(Self {
            root: data.field("root")?.root()?,
            canonical: data.field("canonical")?.flag()?,
            slot: Slot(message.field("slot")?.number()?),
            proposer: ValidatorIndex(message.field("proposer_index")?.number()?),
            parent_root: message.field("parent_root")?.root()?,
            state_root: message.field("state_root")?.root()?,
        })
    }
}

impl Checkpoint {
    fn read(at: At<'_>) -> Result<Self, ApiProblem> {
        Ok(Self { epoch: Epoch(at.field("epoch")?.number()?), root: at.field("root")?.root()? })
    }
}

impl FinalityCheckpoints {
    pub(super) fn read(answer: At<'_>) -> Result<Self, ApiProblem> {
        let data = answer.field("data")?;
        Ok(Self {
            previous_justified: Checkpoint::read(data.field("previous_justified")?)?,
            current_justified: Checkpoint::read(data.field("current_justified")?)?,
            finalized: Checkpoint::read(data.field("finalized")?)?,
        })
    }
}

impl BlockRewards {
    /// Reads the rewards. The parts must make the sum.
    pub(super) fn read(answer: At<'_>) -> Result<Self, ApiProblem> {
        let data = answer.field("data")?;
        let gwei = |name| data.field(name)?.number();
        let (attestations, sync_aggregate) = (gwei("attestations")?, gwei("sync_aggregate")?);
        let (proposer_slashings, attester_slashings) =
            (gwei("proposer_slashings")?, gwei("attester_slashings")?);
        let total = gwei("total")?;
        let sum = [attestations, sync_aggregate, proposer_slashings, attester_slashings]
            .iter()
            .try_fold(0_u64, |sum, part| sum.checked_add(*part));
        if sum != Some(total) {
            let expected = sum
                .map_or_else(|| "a sum of 64 bits".to_owned(), |sum| format!("{sum}, the sum of its parts"));
            return Err(ApiProblem::wrong(None, "total", expected, total));
        }
        Ok(Self {
            proposer: ValidatorIndex(data.field("proposer_index")?.number()?),
            total: Gwei(total),
            attestations: Gwei(attestations),
            sync_aggregate: Gwei(sync_aggregate),
            proposer_slashings: Gwei(proposer_slashings),
            attester_slashings: Gwei(attester_slashings),
        })
    }
}
