//! Any block to features and a verdict.
#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use consensus::{Gwei, Root, Slot};
use fingerprint::{AttestationSummary, AttestationVote, BlockObservation, FeatureScratch, FeatureSet, Model};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(blockmark_fuzz::models::models);

thread_local! {
    /// Kept from block to block, as in the program.
    static SCRATCH: RefCell<FeatureScratch> = RefCell::new(FeatureScratch::default());
}

/// Above the number of attestations that are looked at.
const MOST: usize = fingerprint::features::MAX_ATTESTATIONS + 50;

/// Numbers that often repeat, and sometimes are extreme.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Few(u8),
    Near(u16),
    Any(u64),
}

impl Number {
    fn get(self) -> u64 {
        match self {
            Self::Few(number) => u64::from(number % 4),
            Self::Near(number) => 9_000_000 + u64::from(number % 64),
            Self::Any(number) => number,
        }
    }
}

/// How long lists are made. Most are short, so that a run sees many.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Length {
    AsGiven,
    Short(u8),
    Long(u16),
}

impl Length {
    fn of(self, given: usize) -> usize {
        match self {
            _ if given == 0 => 0,
            Self::AsGiven => given,
            Self::Short(length) => given.max(length.into()),
            // Among all numbers of attestations only few are near the limits.
            Self::Long(length) if length % 64 == 0 => given.max(usize::from(length) % MOST),
            Self::Long(length) => given.max(usize::from(length) % 256),
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Block<'a> {
    slot: Number,
    parent_slot: Number,
    total: Number,
    graffiti: &'a str,
    rewards: Vec<(u32, Number)>,
    votes: Vec<(Number, Number, u8)>,
    /// Short lists are repeated up to a length.
    length: Length,
    model: u8,
}

impl Block<'_> {
    fn observation(&self) -> BlockObservation {
        let reward = |&(fresh_validators, total): &(u32, Number)| AttestationSummary {
            fresh_validators,
            total: Gwei(total.get()),
        };
        let vote = |&(slot, index, head): &(Number, Number, u8)| AttestationVote {
            slot: Slot(slot.get()),
            index: index.get(),
            beacon_block_root: Root([head; 32]),
        };
        BlockObservation {
            slot: Slot(self.slot.get()),
            parent_slot: Slot(self.parent_slot.get()),
            graffiti: self.graffiti.to_owned(),
            attestation_total: Gwei(self.total.get()),
            rewards: self
                .rewards
                .iter()
                .cycle()
                .take(self.length.of(self.rewards.len()))
                .map(reward)
                .collect(),
            votes: self.votes.iter().cycle().take(self.length.of(self.votes.len())).map(vote).collect(),
            ..BlockObservation::default()
        }
    }
}

fuzz_target!(|block: Block<'_>| {
    let model = &MODELS[usize::from(block.model) % MODELS.len()];
    let block = block.observation();
    SCRATCH.with_borrow_mut(|scratch| {
        check_features(&block, scratch);
        check_verdict(model, &block, scratch);
    });
});

fn check_features(block: &BlockObservation, scratch: &mut FeatureScratch) {
    let mut row = Vec::new();
    match FeatureSet::everything().compute_with(scratch, block, &mut row) {
        Err(_) => assert!(row.is_empty()),
        Ok(()) => {
            for (name, value) in FeatureSet::everything().names().zip(&row) {
                assert!(value.is_finite(), "{name}: {value}");
                if name.starts_with("percent_") || name.starts_with("difflib_") {
                    assert!((0.0..=1.0).contains(value), "{name}: {value}");
                }
                if name.starts_with("spearman_") {
                    assert!((-1.0..=1.0).contains(value), "{name}: {value}");
                }
            }
        }
    }
}

fn check_verdict(model: &Model, block: &BlockObservation, scratch: &mut FeatureScratch) {
    let verdict = model.classify_with(scratch, block);
    assert_eq!(verdict, model.classify(block), "what a block leaves behind changes the next verdict");
    let Ok(verdict) = verdict else { return };
    blockmark_fuzz::assert_sound(&verdict);
    let explanation = model.explain(block).expect("a block with a verdict has an explanation");
    assert_eq!(explanation.classification, verdict);
    let weights: Vec<f64> = explanation.neighbours.iter().map(|neighbour| neighbour.weight).collect();
    assert!(weights.is_empty() || (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{weights:?}");
}
