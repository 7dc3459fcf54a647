//! The database as its users see it.

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consensus::{Epoch, Root, Slot, ValidatorIndex};
use fingerprint::Client;

use crate::affinity::{self, AffinityRule, Verdict};
use crate::backup::{self, BackupReport};
use crate::chain::{self, ChainMarks, ChainReport, ChainUpdate};
use crate::check::{self, CheckReport};
use crate::copy::{self, CopyProgress, CopyReport};
use crate::counts::{ClientCounts, Confusion, RuleCounts};
use crate::coverage::Gap;
use crate::db::Database;
use crate::error::StoreError;
use crate::export::{self, ExportReport, Format};
use crate::gap_notes::{self, GapNote};
use crate::import::{self, ImportProgress, ImportReport};
use crate::insert::{self, InsertReport};
use crate::lead::{self, Lead};
use crate::location::{OpenMode, StoreUrl};
use crate::models::{self, ModelRecord};
use crate::query::{self, BlockCursor, LatestBlock, Page, SyncStatus};
use crate::row::{BlockRow, CanonicalState};
use crate::work::{self, Milliseconds, WorkItem, WorkStatus};
use crate::{coverage_table, retention, rollup};

/// How long the writer of another process is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An open database. Clones share its connections.
///
/// Any number of tasks and processes may read while one writes. Writers of one process queue; a writer of another
/// process is waited for, up to [`PATIENCE`].
#[derive(Clone, Debug)]
pub struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens a database. An older schema is raised, a newer one refused.
    pub async fn open(location: impl Into<StoreUrl>, mode: OpenMode) -> Result<Self, StoreError> {
        Self::open_patiently(location, mode, PATIENCE).await
    }

    /// As [`Store::open`], waiting for other processes as long as is said, now and later.
    pub async fn open_patiently(
        location: impl Into<StoreUrl>,
        mode: OpenMode,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        Ok(Self { database: Arc::new(Database::open(location.into(), mode, patience).await?) })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Where the database is.
    pub fn url(&self) -> &StoreUrl {
        self.database.url()
    }

    /// Grows when this process may have changed what is stored. An answer that was worked out of an earlier reading is
    /// as old as that; what other processes write is not counted.
    pub fn changes(&self) -> u64 {
        self.database.changes()
    }

    /// The schema version of the database before it was opened; 0 if it was made.
    pub fn version_found(&self) -> i64 {
        self.database.version_found()
    }

    /// Ends all connections and moves the write-ahead log into the file. Later calls fail.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.database.close().await
    }

    /// Writes the SQLite file as it is now into a new file, while others read and write. The copy gets its name once
    /// it is whole, read back and on disk; until then it is called as [`crate::unfinished`] says.
    pub async fn backup(&self, target: &Path) -> Result<BackupReport, StoreError> {
        backup::write(&self.database, target).await
    }

    /// Deletes features and attestations of blocks before a slot, some of them in one short transaction. Gives
    /// how many, and whether there may be more. Blocks and verdicts stay.
    pub async fn forget_evidence(&self, before: Slot) -> Result<(u64, bool), StoreError> {
        retention::forget_evidence(&self.database, before).await
    }

    /// Stores blocks in one transaction: all of them or none. A known block is compared with what is there: the
    /// verdict is replaced; a missing graffiti, parent root, state, list of attestations, evidence or set of signs
    /// keeps the old one, and the earliest time at which it was seen stays. A root that is stored at another slot is a
    /// [`StoreError::BadRow`].
    pub async fn insert_blocks(&self, rows: &[BlockRow]) -> Result<InsertReport, StoreError> {
        if rows.is_empty() {
            return Ok(InsertReport::default());
        }
        let mut writer = self.database.writer().await?;
        insert::transaction(&mut writer, rows).await
    }

    /// Says what the chain made of blocks, in one transaction. Unknown roots are passed over. Gives the number of
    /// blocks whose state changed.
    pub async fn set_canonical(&self, states: &[(Root, CanonicalState)]) -> Result<u64, StoreError> {
        let mut writer = self.database.writer().await?;
        let mut transaction = writer.begin().await?;
        let changed = crate::states::set_canonical(&mut transaction.connection(), states).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Stores what a chain that is followed brought, and works out which blocks are canonical, orphaned and final, in
    /// one transaction. Doing it again changes nothing. A canonical block that nothing links to the head any more, as
    /// after a time without a node, is orphaned: its slots become a gap, which is filled with what is there.
    pub async fn apply_chain_update(&self, update: &ChainUpdate<'_>) -> Result<ChainReport, StoreError> {
        let mut writer = self.database.writer().await?;
        let mut transaction = writer.begin().await?;
        let (mut connection, roots) = transaction.parts();
        let report = chain::update(&mut connection, update, roots).await?;
        transaction.commit().await?;
        Ok(report)
    }

    /// Says of which network the database is, by its genesis validators root. Where it is of another one, that is a
    /// [`StoreError::OtherNetwork`].
    pub async fn claim_network(&self, genesis_validators_root: Root) -> Result<(), StoreError> {
        let mut writer = self.database.writer().await?;
        let mut transaction = writer.begin().await?;
        chain::claim(&mut transaction.connection(), genesis_validators_root).await?;
        transaction.commit().await
    }

    /// How far the chain was followed.
    pub async fn chain_marks(&self) -> Result<ChainMarks, StoreError> {
        chain::marks(&mut self.database.reader().await?.connection()).await
    }

    /// Stores all blocks that the final chain has in a range of slots, in one transaction. They become final, other
    /// blocks of the range orphaned, and what was noted of a gap there is forgotten.
    pub async fn fill_final(
        &self,
        rows: &[BlockRow],
        range: RangeInclusive<Slot>,
    ) -> Result<ChainReport, StoreError> {
        let gap = Gap { start: *range.start(), end: *range.end() };
        let mut writer = self.database.writer().await?;
        let mut transaction = writer.begin().await?;
        let (mut connection, roots) = transaction.parts();
        let report = chain::fill(&mut connection, rows, range, roots).await?;
        gap_notes::forget(&mut connection, gap).await?;
        transaction.commit().await?;
        Ok(report)
    }

    /// Notes why slots are missing, in one transaction. A note takes the place of those that overlap it.
    pub async fn note_gaps(&self, notes: &[GapNote]) -> Result<(), StoreError> {
        let mut writer = self.database.writer().await?;
        let mut transaction = writer.begin().await?;
        gap_notes::write(&mut transaction.connection(), notes).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What is noted of missing slots, in order. A note may outlast its gap.
    pub async fn gap_notes(&self) -> Result<Vec<GapNote>, StoreError> {
        gap_notes::all(&mut self.database.reader().await?.connection()).await
    }

    /// Those of the blocks, given as slot and root, that are stored. Faster than [`Store::contains`].
    pub async fn contains_blocks(&self, keys: &[(Slot, Root)]) -> Result<HashSet<Root>, StoreError> {
        query::contains_at(&mut self.database.reader().await?.connection(), keys).await
    }

    /// Those of the roots that are stored.
    pub async fn contains(&self, roots: &[Root]) -> Result<HashSet<Root>, StoreError> {
        query::contains(&mut self.database.reader().await?.connection(), roots).await
    }

    /// Blocks by verdict in a range of epochs, orphaned ones left out.
    pub async fn blocks_per_client(&self, range: Range<Epoch>) -> Result<ClientCounts, StoreError> {
        rollup::sum(&mut self.database.reader().await?.connection(), range).await
    }

    /// Blocks by verdict in runs of `bucket_slots` slots, which is rounded up to whole epochs. The first run begins
    /// with the epoch of the range's start. Runs without a block are left out.
    pub async fn shares(
        &self,
        range: Range<Slot>,
        bucket_slots: u64,
    ) -> Result<Vec<(Slot, ClientCounts)>, StoreError> {
        query::shares(&mut self.database.reader().await?.connection(), range, bucket_slots).await
    }

    /// Blocks against what is known of the packers of clients, in runs of epochs, the first of which begins with the
    /// range. Runs without a block whose signs are known are left out.
    pub async fn rule_counts(
        &self,
        range: Range<Epoch>,
        epochs_per_run: u64,
    ) -> Result<Vec<(Epoch, RuleCounts)>, StoreError> {
        rollup::rules(&mut self.database.reader().await?.connection(), range, epochs_per_run).await
    }

    /// The lowest gap that shares a slot with the range.
    pub async fn first_gap_touching(&self, range: Range<Slot>) -> Result<Option<Gap>, StoreError> {
        coverage_table::first_gap(&mut self.database.reader().await?.connection(), range).await
    }

    /// All gaps, in order.
    pub async fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        query::gaps(&mut self.database.reader().await?.connection()).await
    }

    /// The slots that nothing speaks for, in order. A gap, as it is told to others, goes on up to the next block; here
    /// it ends with that block's parent, which is missing.
    pub async fn unknown_slots(&self) -> Result<Vec<Gap>, StoreError> {
        query::missing(&mut self.database.reader().await?.connection()).await
    }

    /// How far the database goes, and whether it has gaps.
    pub async fn sync_status(&self) -> Result<SyncStatus, StoreError> {
        query::sync_status(&mut self.database.reader().await?.connection()).await
    }

    /// Blocks of a range of slots in order, at most `limit` of them, beginning after a cursor.
    pub async fn blocks(
        &self,
        range: Range<Slot>,
        after: Option<BlockCursor>,
        limit: usize,
    ) -> Result<Page<BlockRow, BlockCursor>, StoreError> {
        query::blocks(&mut self.database.reader().await?.connection(), range, after, limit).await
    }

    /// The blocks of one slot, in the order of the key.
    pub async fn blocks_at_slot(&self, slot: Slot) -> Result<Vec<BlockRow>, StoreError> {
        let range = slot..Slot(slot.0.saturating_add(1));
        Ok(self.blocks(range, None, usize::MAX).await?.items)
    }

    /// One block, with its evidence.
    pub async fn block_by_root(&self, root: Root) -> Result<Option<BlockRow>, StoreError> {
        query::by_root(&mut self.database.reader().await?.connection(), root).await
    }

    /// Blocks whose root begins with hexadecimal digits (without `0x`), oldest first, at most `limit` of them. Four bytes
    /// or more are seldom shared.
    pub async fn blocks_by_root_prefix(
        &self,
        digits: &str,
        limit: usize,
    ) -> Result<Vec<BlockRow>, StoreError> {
        query::by_root_prefix(&mut self.database.reader().await?.connection(), digits, limit).await
    }

    /// The newest blocks, newest first.
    pub async fn recent(&self, count: usize) -> Result<Vec<BlockRow>, StoreError> {
        query::recent(&mut self.database.reader().await?.connection(), count).await
    }

    /// The blocks of a validator from a slot on, in order.
    pub async fn validator_blocks(
        &self,
        validator: ValidatorIndex,
        since: Slot,
    ) -> Result<Vec<BlockRow>, StoreError> {
        self.validators_blocks(&[validator], since).await
    }

    /// The blocks of several validators from a slot on, ordered by validator, then slot.
    pub async fn validators_blocks(
        &self,
        validators: &[ValidatorIndex],
        since: Slot,
    ) -> Result<Vec<BlockRow>, StoreError> {
        query::of_validators(&mut self.database.reader().await?.connection(), validators, since).await
    }

    /// The newest block of every validator, ordered by validator, at most `limit` of them, beginning after one.
    pub async fn latest_per_validator(
        &self,
        after: Option<ValidatorIndex>,
        limit: usize,
    ) -> Result<Page<LatestBlock, ValidatorIndex>, StoreError> {
        query::latest(&mut self.database.reader().await?.connection(), after, limit).await
    }

    /// How often verdict and graffiti agree about a client, in a range of slots.
    pub async fn confusion(&self, client: Client, range: Range<Slot>) -> Result<Confusion, StoreError> {
        query::confusion(&mut self.database.reader().await?.connection(), client, range).await
    }

    /// The client of a validator, judged by all its blocks up to a slot.
    pub async fn validator_affinity(
        &self,
        validator: ValidatorIndex,
        until: Slot,
        rule: AffinityRule,
    ) -> Result<Verdict, StoreError> {
        let mut rows = self.validator_blocks(validator, Slot(0)).await?;
        rows.retain(|row| row.slot <= until);
        let blocks: Vec<_> = rows.iter().map(|row| &row.classification).collect();
        Ok(affinity::affinity(&blocks, rule))
    }

    /// Tells the database about a model, or gives a known one another name.
    pub async fn register_model(
        &self,
        hash: [u8; 32],
        name: &str,
        info_json: &str,
    ) -> Result<(), StoreError> {
        let mut writer = self.database.writer().await?;
        models::register(&mut writer.connection(), &hash, name, info_json).await
    }

    /// A model by its hash.
    pub async fn model(&self, hash: [u8; 32]) -> Result<Option<ModelRecord>, StoreError> {
        Ok(self.models().await?.into_iter().find(|model| model.hash == hash))
    }

    /// All models, in the order they came.
    pub async fn models(&self) -> Result<Vec<ModelRecord>, StoreError> {
        let models = models::all(&mut self.database.reader().await?.connection()).await?;
        Ok(models.into_iter().map(|(_, model)| model).collect())
    }

    /// The number of stored blocks. Scans an index.
    pub async fn block_count(&self) -> Result<u64, StoreError> {
        query::count(&mut self.database.reader().await?.connection(), "SELECT COUNT(*) FROM blocks").await
    }

    /// What the database takes on disk, in bytes.
    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        query::size_bytes(&mut self.database.reader().await?.connection()).await
    }

    /// Takes over the rows of a blockprint database. Each batch is one transaction; a second run goes on where the
    /// first one stopped, and changes nothing once all rows are in.
    pub async fn import_blockprint(
        &self,
        path: impl AsRef<Path>,
        progress: &dyn ImportProgress,
    ) -> Result<ImportReport, StoreError> {
        import::run(&self.database, path.as_ref(), progress).await
    }

    /// Copies everything into another database, of whichever engine, and compares the two at the end. A second run goes
    /// on where one that was interrupted stopped. Work that waits in the queue of gaps stays behind.
    pub async fn copy_to(
        &self,
        target: &Self,
        progress: &dyn CopyProgress,
    ) -> Result<CopyReport, StoreError> {
        copy::run(&self.database, &target.database, progress).await
    }

    /// Writes all blocks, in the order of their slots. Memory does not grow with their number. At a damaged place it
    /// ends with [`StoreError::ExportStopped`]; what is written by then is a whole file of the blocks before.
    pub async fn export(
        &self,
        format: Format,
        writer: &mut (dyn std::io::Write + Send),
    ) -> Result<ExportReport, StoreError> {
        export::run(&mut self.database.reader().await?.connection(), format, writer).await
    }

    /// Makes this process the leader of those that share the database; `None` if another one is.
    pub async fn try_lead(&self) -> Result<Option<Lead>, StoreError> {
        lead::try_lead(&self.database).await
    }

    /// Puts ranges of slots into the queue of gaps to fill, except those that share a slot with what is there. Gives
    /// the number put in.
    pub async fn offer_work(&self, gaps: &[Gap]) -> Result<u64, StoreError> {
        work::offer(&self.database, gaps).await
    }

    /// Takes the newest range that nobody has out of those that may be tried now. After `until` others may take it.
    pub async fn take_work(
        &self,
        now: Milliseconds,
        until: Milliseconds,
    ) -> Result<Option<WorkItem>, StoreError> {
        work::take(&self.database, now, until).await
    }

    /// Keeps a range longer; `false` if another process has it by now.
    pub async fn keep_work(&self, item: &WorkItem, until: Milliseconds) -> Result<bool, StoreError> {
        work::keep(&self.database, item, until).await
    }

    /// Takes a range that is done out of the queue; `false` if another process has it by now.
    pub async fn finish_work(&self, item: &WorkItem) -> Result<bool, StoreError> {
        work::finish(&self.database, item).await
    }

    /// Puts a range back that could not be filled, with the reason, not to be tried before a time; `false` if another
    /// process has it by now.
    pub async fn put_work_back(
        &self,
        item: &WorkItem,
        failure: &str,
        not_before: Milliseconds,
    ) -> Result<bool, StoreError> {
        work::put_back(&self.database, item, failure, not_before).await
    }

    /// Whether a slot is in a range of the queue, taken or not.
    pub async fn has_work_at(&self, slot: Slot) -> Result<bool, StoreError> {
        work::holds(&mut self.database.reader().await?.connection(), slot).await
    }

    /// What is in the queue.
    pub async fn work_status(&self, now: Milliseconds) -> Result<WorkStatus, StoreError> {
        work::status(&mut self.database.reader().await?.connection(), now).await
    }

    /// Looks for damage: of the file, and of the tables that are kept beside the blocks.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        check::run(&mut self.database.reader().await?.connection()).await
    }
}
