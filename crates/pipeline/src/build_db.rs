//! Block rewards to verdicts in a database: judged on all cores while the last ones are stored.

use std::sync::Arc;

use fingerprint::classifier::Model;
use fingerprint::features::FeatureError;
use fingerprint::{BlockObservation, FeatureScratch, Signs};
use serde::Serialize;
use source::{InputError, Place};
use store::{Attestations, BlockRow, CanonicalState, InsertReport, RootOrigin, Store, StoreError};
use tokio::sync::mpsc;

use crate::bad_input::BadInput;
use crate::inputs::{Batch, each_block};
use crate::models::ModelByRange;
use crate::progress::Progress;

/// What happens to a block that the database has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownBlocks {
    /// Its verdict becomes that of the models given.
    #[default]
    Update,
    /// It stays as it is.
    Keep,
}

/// Whether what verdicts rest on is stored with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// Feature values and attestations are stored.
    #[default]
    Store,
    /// Only the verdict is, with the number of attestations.
    Omit,
}

/// How a database is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// What happens to known blocks.
    pub known: KnownBlocks,
    /// Whether feature values are stored.
    pub evidence: Evidence,
}

/// What was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BuildReport {
    /// Blocks that were not known before.
    pub inserted: u64,
    /// Known blocks that now have another verdict.
    pub updated: u64,
    /// Known blocks that stayed as they were, and blocks that came more than once.
    pub unchanged: u64,
    /// Files and blocks that could not be used; the good blocks beside them are stored.
    pub bad: Vec<BadInput>,
}

impl BuildReport {
    /// Blocks that are in the database now.
    pub fn blocks(&self) -> u64 {
        self.inserted + self.updated + self.unchanged
    }
}

/// Why a database could not be filled. What was stored before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no input, or no more of it.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The database refused.
    #[error("the verdicts can't be stored: {source}; {stored} blocks before them are stored")]
    Store {
        /// How many blocks are stored.
        stored: u64,
        /// What the database said.
        source: StoreError,
    },
    /// The database does not take the models.
    #[error("the model can't be noted in the database: {0}")]
    Register(#[source] StoreError),
    /// The work was stopped from outside.
    #[error("the work on the blocks was stopped")]
    Stopped,
}

/// Blocks in one transaction. The larger it is, the less of the indexes is written again and again.
const TRANSACTION_BLOCKS: usize = 32_768;

/// Batches of verdicts that may wait for the database.
const WAITING_BATCHES: usize = 4;

/// Classifies every block of an input and stores the verdicts. Doing it again changes nothing, so a stopped run
/// is continued by repeating it.
pub async fn db_build(
    input: &Place,
    store: &Store,
    models: Arc<ModelByRange>,
    options: BuildOptions,
    progress: &dyn Progress,
) -> Result<BuildReport, BuildError> {
    let parts = input.parts()?;
    for range in models.ranges() {
        let prefix = range.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
        register_model(store, &range.model, prefix).await.map_err(BuildError::Register)?;
    }
    progress.start("Storing", Some(parts.total()), parts.unit());
    let (send, mut judged) = mpsc::channel::<Batch<BlockRow>>(WAITING_BATCHES);
    let judging = tokio::task::spawn_blocking(move || {
        each_block(
            parts,
            FeatureScratch::default,
            |scratch, record, _| {
                let block = &record.observation;
                let model = models.for_slot(block.slot).map_err(|error| error.to_string())?;
                let row =
                    judge(model, block, options.evidence, scratch).map_err(|error| error.to_string())?;
                Ok(BlockRow { parent_root: record.parent_root, ..row })
            },
            // Nobody listens any more where the database refused.
            |batch| send.blocking_send(batch).map_err(|_| BuildError::Stopped),
        )
    });
    let mut filling = Filling::new(store, options.known);
    while let Some(batch) = judged.recv().await {
        filling.add(batch, progress).await?;
    }
    judging.await.map_err(|_| BuildError::Stopped)??;
    filling.store_waiting(progress).await?;
    progress.finish("");
    Ok(filling.report)
}

/// Notes a model in the database; its name begins with the prefix.
pub async fn register_model(store: &Store, model: &Model, prefix: &str) -> Result<(), StoreError> {
    let info = serde_json::to_string(model.info()).unwrap_or_else(|_| "{}".to_owned());
    store.register_model(model.hash(), &model.name(prefix), &info).await
}

/// The verdict of a model on a block, as it is stored.
pub fn judge(
    model: &Model,
    block: &BlockObservation,
    evidence: Evidence,
    scratch: &mut FeatureScratch,
) -> Result<BlockRow, FeatureError> {
    let mut values = Vec::with_capacity(model.features().len());
    let wanted = evidence == Evidence::Store;
    let verdict = if wanted && model.features().compute_with(scratch, block, &mut values).is_ok() {
        model.classify_row(&block.graffiti, &values).ok()
    } else {
        None
    };
    let (classification, features) = match verdict {
        Some(verdict) => (verdict, Some(model.features().names().map(str::to_owned).zip(values).collect())),
        // A block without countable features may still be signed by a client that graffiti alone tells.
        None => (model.classify_with(scratch, block)?, None),
    };
    Ok(BlockRow {
        block_root: block.block_root,
        root_known: RootOrigin::Reported,
        parent_root: None,
        slot: block.slot,
        parent_slot: block.parent_slot,
        proposer_index: block.proposer_index,
        graffiti: Some(block.graffiti.replace('\0', "")),
        classification,
        model_hash: Some(model.hash()),
        canonical: CanonicalState::Unknown,
        features,
        attestations: attestations(block, evidence),
        signs: Signs::of(block),
        first_seen_ms: None,
    })
}

/// What is kept of the attestations of a block.
pub(crate) fn attestations(block: &BlockObservation, evidence: Evidence) -> Attestations {
    match evidence {
        Evidence::Store => Attestations::of(block),
        Evidence::Omit => Attestations::of(block).counted(),
    }
}

/// A database being filled, a transaction at a time.
struct Filling<'a> {
    store: &'a Store,
    known: KnownBlocks,
    rows: Vec<BlockRow>,
    /// What each row was read from.
    origins: Vec<Arc<str>>,
    /// Units of the input that are done once the rows are stored.
    units: u64,
    report: BuildReport,
}

impl<'a> Filling<'a> {
    fn new(store: &'a Store, known: KnownBlocks) -> Self {
        Self { store, known, rows: Vec::new(), origins: Vec::new(), units: 0, report: BuildReport::default() }
    }

    async fn add(&mut self, batch: Batch<BlockRow>, progress: &dyn Progress) -> Result<(), BuildError> {
        let origin: Arc<str> = batch.name.into();
        self.origins.extend(std::iter::repeat_n(origin, batch.items.len()));
        self.rows.extend(batch.items);
        self.report.bad.extend(batch.bad);
        self.report.unchanged += batch.repeated;
        self.units += batch.units;
        if self.rows.len() >= TRANSACTION_BLOCKS { self.store_waiting(progress).await } else { Ok(()) }
    }

    /// Stores what waits. Rows that the database does not take are listed.
    async fn store_waiting(&mut self, progress: &dyn Progress) -> Result<(), BuildError> {
        if self.known == KnownBlocks::Keep {
            let keys: Vec<_> = self.rows.iter().map(|row| (row.slot, row.block_root)).collect();
            let stored = self.store.contains_blocks(&keys).await.map_err(|source| self.failed(source))?;
            self.report.unchanged += self.take_out(|row| stored.contains(&row.block_root)).len() as u64;
        }
        while let Err(error) = self.insert().await {
            // Rows that may be at fault are stored one by one, so that they take no good one with them.
            let suspects = match &error {
                StoreError::BadRow { block_root, .. } => self.take_out(|row| row.block_root == *block_root),
                StoreError::SlotFull { slot } => self.take_out(|row| row.slot.0 == *slot),
                _ => Vec::new(),
            };
            if suspects.is_empty() {
                return Err(self.failed(error));
            }
            for (row, origin) in suspects {
                match self.store.insert_blocks(std::slice::from_ref(&row)).await {
                    Ok(inserted) => self.note(inserted),
                    Err(error @ (StoreError::BadRow { .. } | StoreError::SlotFull { .. })) => {
                        self.report.bad.push(BadInput::new(&*origin, error));
                    }
                    Err(error) => return Err(self.failed(error)),
                }
            }
        }
        self.rows.clear();
        self.origins.clear();
        progress.advance(std::mem::take(&mut self.units));
        Ok(())
    }

    async fn insert(&mut self) -> Result<(), StoreError> {
        let inserted = self.store.insert_blocks(&self.rows).await?;
        self.note(inserted);
        Ok(())
    }

    fn note(&mut self, InsertReport { inserted, updated, unchanged }: InsertReport) {
        self.report.inserted += inserted;
        self.report.updated += updated;
        self.report.unchanged += unchanged;
    }

    /// Takes rows out of those that wait.
    fn take_out(&mut self, unwanted: impl Fn(&BlockRow) -> bool) -> Vec<(BlockRow, Arc<str>)> {
        let rows = std::mem::take(&mut self.rows);
        let origins = std::mem::take(&mut self.origins);
        let mut taken = Vec::new();
        for (row, origin) in rows.into_iter().zip(origins) {
            if unwanted(&row) {
                taken.push((row, origin));
            } else {
                self.rows.push(row);
                self.origins.push(origin);
            }
        }
        taken
    }

    fn failed(&self, source: StoreError) -> BuildError {
        BuildError::Store { stored: self.report.blocks(), source }
    }
}
