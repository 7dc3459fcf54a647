//! Feature rows of blocks, with the features that a block may lack left open.

use fingerprint::features::FeatureError;
use fingerprint::{BlockObservation, FeatureScratch, FeatureSet};

/// Computes the rows of a set, one block after the other.
pub(crate) struct RowMaker {
    features: FeatureSet,
    needs_votes: bool,
    /// The features that every sound block has; computed where the whole row cannot be.
    certain: Option<FeatureSet>,
    scratch: FeatureScratch,
    short: Vec<f64>,
}

/// The feature that needs the votes of attestations and a distance to every one of them.
const NEEDS_VOTES: &str = "spearman_correlation_lodestar";

impl RowMaker {
    pub(crate) fn new(features: FeatureSet) -> Self {
        let needs_votes = features.position(NEEDS_VOTES).is_some();
        let certain = needs_votes
            .then_some(())
            .and_then(|()| FeatureSet::from_names(features.names().filter(|name| *name != NEEDS_VOTES)).ok());
        Self { features, needs_votes, certain, scratch: FeatureScratch::default(), short: Vec::new() }
    }

    /// Appends the row of a block; a feature that the block's data do not allow is not a number.
    pub(crate) fn append(
        &mut self,
        block: &BlockObservation,
        out: &mut Vec<f64>,
    ) -> Result<(), FeatureError> {
        let whole = self.features.compute_with(&mut self.scratch, block, out);
        let Err(FeatureError::MissingVotes { .. } | FeatureError::NoInclusionDistance { .. }) = whole else {
            return whole;
        };
        if !self.needs_votes {
            return whole;
        }
        self.short.clear();
        if let Some(certain) = &self.certain {
            certain.compute_with(&mut self.scratch, block, &mut self.short)?;
        }
        let mut values = self.short.iter().copied();
        out.extend(
            self.features
                .names()
                .map(|name| if name == NEEDS_VOTES { f64::NAN } else { values.next().unwrap_or(f64::NAN) }),
        );
        Ok(())
    }
}
