//! A replayed block to the row that is stored, whatever is wrong with it.

use std::sync::Arc;

use consensus::Slot;
use fingerprint::classifier::{Classification, Model};
use fingerprint::{BlockObservation, FeatureScratch, Signs};
use source::replay::ReplayedBlock;
use store::{Attestations, BlockRow, CanonicalState, RootOrigin};

use super::measure;
use crate::build_db::{Evidence, attestations, judge};
use crate::models::ModelByRange;

/// Judges blocks of a chain. Copies share the models.
#[derive(Clone, Debug)]
pub struct ChainJudge {
    models: Arc<ModelByRange>,
    evidence: Evidence,
}

impl ChainJudge {
    /// Judges with these models.
    pub fn new(models: Arc<ModelByRange>, evidence: Evidence) -> Self {
        Self { models, evidence }
    }

    /// The row of a block. One that no model can judge is uncertain: the slot is known all the same, and the block
    /// is judged again when somebody builds the database anew with another model.
    pub fn row(&self, block: &ReplayedBlock, scratch: &mut FeatureScratch) -> BlockRow {
        let observation = block.observation();
        let parent_root = Some(block.parent_root());
        match self.judged(&observation, scratch) {
            Ok(row) => BlockRow { parent_root, ..row },
            Err(reason) => {
                measure::unjudged(block, &reason);
                BlockRow { parent_root, ..self.uncertain(&observation) }
            }
        }
    }

    /// The row of what was seen of a block.
    pub(super) fn judged(
        &self,
        block: &BlockObservation,
        scratch: &mut FeatureScratch,
    ) -> Result<BlockRow, String> {
        let model = self.model(block.slot)?;
        judge(model, block, self.evidence, scratch).map_err(|error| error.to_string())
    }

    /// The row of a block that nobody judged.
    pub(super) fn uncertain(&self, block: &BlockObservation) -> BlockRow {
        uncertain(block, attestations(block, self.evidence))
    }

    fn model(&self, slot: Slot) -> Result<&Model, String> {
        self.models.for_slot(slot).map_err(|error| error.to_string())
    }
}

/// The row of a block that nobody judged.
pub(super) fn uncertain(block: &BlockObservation, attestations: Attestations) -> BlockRow {
    BlockRow {
        block_root: block.block_root,
        root_known: RootOrigin::Reported,
        parent_root: None,
        slot: block.slot,
        parent_slot: block.parent_slot,
        proposer_index: block.proposer_index,
        graffiti: Some(block.graffiti.replace('\0', "")),
        classification: Classification::uncertain(None),
        model_hash: None,
        canonical: CanonicalState::Unknown,
        features: None,
        attestations,
        signs: Signs::of(block),
        first_seen_ms: None,
    }
}
