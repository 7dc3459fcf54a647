//! A full node collects what it tells light clients, while blocks come in and the head moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consensus::Root;
use consensus::containers::{Checkpoint, LightClientUpdate, SignedBeaconBlock};
use consensus::light_client::{
    anchor_block, bootstrap_of, finality_update_of, is_better_update, optimistic_update_of, period_at_slot,
    update_of,
};
use consensus::ssz::{Json, Ssz};
use consensus::state::State;
use consensus::transition::{Checks, FromScratch, state_transition};
use serde_json::Value;

use super::super::Context;
use super::super::states::{checks, meta, need_state};
use super::{field, fork_of_digest, only_entry, part};
use crate::failure::{Failure, Within, expect_equal};

/// A block and the state after it.
struct Link {
    block: Arc<SignedBeaconBlock>,
    state: State,
}

/// The blocks that came in, and what was finalized by any of them.
struct Chain<'a> {
    context: &'a Context<'a>,
    checks: Checks,
    genesis_validators_root: Root,
    anchor: Root,
    links: BTreeMap<Root, Link>,
    finalized: Checkpoint,
}

pub(super) fn check(context: &Context<'_>) -> Result<(), Failure> {
    let checks = checks(&meta(context)?)?;
    let state = need_state(context, "initial_state", &context.spec, context.fork)?;
    let block = anchor_block(&state).within("initial_state")?;
    let anchor = Root(block.message.hash_tree_root(&state.shape()));
    let mut chain = Chain {
        context,
        checks,
        genesis_validators_root: state.genesis_validators_root,
        anchor,
        finalized: state.finalized_checkpoint.clone(),
        links: BTreeMap::from([(anchor, Link { block: Arc::new(block), state })]),
    };
    let steps = context.case.need_yaml("steps")?;
    for (number, step) in steps.as_array().into_iter().flatten().enumerate() {
        let (kind, step) = only_entry(step)?;
        match kind {
            "new_block" => chain.add(step),
            "new_head" => chain.check_head(step),
            other => Err(Failure::new(format!("the step {other:?} is not known"))),
        }
        .within(format!("step {number}"))?;
    }
    Ok(())
}

impl Chain<'_> {
    /// The value that an entry with digest and part names.
    fn read<T: Ssz>(&self, entry: &Value) -> Result<T, Failure> {
        let digest = field(self.context, entry, "fork_digest")?;
        let fork = fork_of_digest(&self.context.spec, self.genesis_validators_root, digest)?;
        self.context.case.need_ssz(part(entry, "data")?, &self.context.spec.shape(fork))
    }

    fn add(&mut self, step: &Value) -> Result<(), Failure> {
        let block: Arc<SignedBeaconBlock> = Arc::new(self.read(step)?);
        let parent = self.link(block.message.parent_root)?;
        let mut state = parent.state.clone();
        state_transition(&mut state, &block, self.checks, &mut FromScratch, &mut ())?;
        if state.finalized_checkpoint.epoch > self.finalized.epoch {
            self.finalized = state.finalized_checkpoint.clone();
        }
        let root = Root(block.message.hash_tree_root(&state.shape()));
        self.links.insert(root, Link { block, state });
        Ok(())
    }

    fn link(&self, root: Root) -> Result<&Link, Failure> {
        self.links.get(&root).ok_or_else(|| Failure::new(format!("the block {root} is not there")))
    }

    /// The blocks from the first one to the head, each with its root.
    fn canonical(&self, head: Root) -> Result<Vec<(Root, &Link)>, Failure> {
        let mut blocks = vec![(head, self.link(head)?)];
        while let Some((root, link)) = blocks.last().copied()
            && root != self.anchor
        {
            let parent = link.block.message.parent_root;
            blocks.push((parent, self.link(parent)?));
        }
        blocks.reverse();
        Ok(blocks)
    }

    /// The update that a block makes with its votes for its parent; none where nobody voted.
    fn update(&self, block: &SignedBeaconBlock) -> Result<Option<LightClientUpdate>, Failure> {
        let votes = block.message.body.sync_aggregate.sync_committee_bits.count() as u64;
        if votes < self.context.spec.preset.min_sync_committee_participants {
            return Ok(None);
        }
        let attested = self.link(block.message.parent_root)?;
        // At genesis the checkpoint names no block: it is the first one.
        let finalized = match attested.state.finalized_checkpoint.root {
            root if root == Root::default() => self.anchor,
            root => root,
        };
        let finalized = self.links.get(&finalized).map(|link| (link.block.as_ref(), link.state.fork_name()));
        Ok(Some(update_of(block, &attested.state, &attested.block, finalized)?))
    }

    fn check_head(&self, step: &Value) -> Result<(), Failure> {
        let canonical = self.canonical(field(self.context, step, "head_block_root")?)?;
        let expected = step.get("checks").ok_or_else(|| Failure::new("checks are missing"))?;
        let finalized: Checkpoint = field(self.context, expected, "latest_finalized_checkpoint")?;
        expect_equal("latest_finalized_checkpoint", &self.finalized, &finalized)?;
        self.check_bootstraps(&canonical, expected)?;

        let spec = &self.context.spec;
        let mut best: BTreeMap<u64, LightClientUpdate> = BTreeMap::new();
        let mut latest = None;
        for (_, link) in canonical.iter().skip(1) {
            let Some(update) = self.update(&link.block)? else { continue };
            let period = period_at_slot(spec, update.attested_header.beacon.slot);
            if period == period_at_slot(spec, update.signature_slot)
                && best.get(&period).is_none_or(|best| is_better_update(spec, &update, best))
            {
                best.insert(period, update.clone());
            }
            latest = Some(update);
        }
        for entry in list(expected, "best_updates")? {
            let period: u64 = field(self.context, entry, "period")?;
            self.check_entry(entry, "update", best.remove(&period)).within(format!("period {period}"))?;
        }
        if let Some(period) = best.keys().next() {
            return Err(Failure::new(format!(
                "there is an update for period {period}, and none is expected"
            )));
        }
        self.check_entry(expected, "latest_finality_update", latest.as_ref().map(finality_update_of))?;
        self.check_entry(expected, "latest_optimistic_update", latest.as_ref().map(optimistic_update_of))
    }

    /// There is a bootstrap for the first block and for every block that a finalized checkpoint may name.
    fn check_bootstraps(&self, canonical: &[(Root, &Link)], expected: &Value) -> Result<(), Failure> {
        let spec = &self.context.spec;
        let mut due = BTreeSet::from([self.anchor]);
        for epoch in 1..=self.finalized.epoch {
            let start = spec.start_slot(epoch);
            let boundary = canonical.iter().rev().find(|(_, link)| link.block.message.slot <= start);
            due.extend(boundary.map(|(root, _)| *root));
        }
        for entry in list(expected, "bootstraps")? {
            let root: Root = field(self.context, entry, "block_root")?;
            if !due.remove(&root) {
                return Err(Failure::new(format!("no bootstrap is due for {root}")));
            }
            let link = self.link(root)?;
            let bootstrap = bootstrap_of(&link.state, &link.block)?;
            self.check_entry(entry, "bootstrap", Some(bootstrap)).within(format!("bootstrap {root}"))?;
        }
        match due.first() {
            Some(root) => Err(Failure::new(format!("a bootstrap for {root} is due, and not expected"))),
            None => Ok(()),
        }
    }

    /// Compares a value with the one that a field names; both or none must be there.
    fn check_entry<T: Ssz + PartialEq + std::fmt::Debug + Json>(
        &self,
        parent: &Value,
        name: &str,
        found: Option<T>,
    ) -> Result<(), Failure> {
        let expected = parent.get(name).map(|entry| self.read::<T>(entry)).transpose()?;
        expect_equal(name, &found, &expected)
    }
}

fn list<'a>(parent: &'a Value, name: &str) -> Result<&'a Vec<Value>, Failure> {
    parent.get(name).and_then(Value::as_array).ok_or_else(|| Failure::new(format!("{name} is no list")))
}
