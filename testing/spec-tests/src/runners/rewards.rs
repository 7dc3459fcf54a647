//! What attesters gain and lose at the end of an epoch, by reason.

use consensus::container;
use consensus::epoch::{Deltas, attestation_deltas};
use consensus::spec::sizes::ValidatorRegistryLimit;
use consensus::ssz::List;

use super::states::{checks, meta, pre};
use super::{Check, Context};
use crate::failure::{Failure, expect_equal};

container! {
    /// Gains and losses as the tests write them.
    pub struct WrittenDeltas {
        /// Gains of each validator.
        pub rewards: List<u64, ValidatorRegistryLimit>,
        /// Losses of each validator.
        pub penalties: List<u64, ValidatorRegistryLimit>,
    }
}

pub(super) fn handler(name: &str) -> Option<Check> {
    matches!(name, "basic" | "inactivity_scores" | "leak" | "random").then_some(check)
}

fn check(context: &Context<'_>) -> Result<(), Failure> {
    checks(&meta(context)?)?;
    let mut state = pre(context)?;
    let found = attestation_deltas(&mut state)?;
    for (part, found) in [
        ("source_deltas", Some(&found.source)),
        ("target_deltas", Some(&found.target)),
        ("head_deltas", Some(&found.head)),
        ("inclusion_delay_deltas", found.inclusion_delay.as_ref()),
        ("inactivity_penalty_deltas", Some(&found.inactivity)),
    ] {
        let written: Option<WrittenDeltas> = context.case.ssz(part, &context.shape())?;
        let written = written.map(|WrittenDeltas { rewards, penalties }| Deltas {
            rewards: rewards.into_inner(),
            penalties: penalties.into_inner(),
        });
        expect_equal(part, &found, &written.as_ref())?;
    }
    Ok(())
}
