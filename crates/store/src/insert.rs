//! Storing blocks: known ones are compared, all that hangs on them changes in the same transaction.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use consensus::{Root, Slot};

use crate::attestations::{self, AttestationRow, Attestations, MAX_LISTED};
use crate::coverage::Interval;
use crate::db::Writer;
use crate::error::StoreError;
use crate::import::surrogate_root;
use crate::known_roots::{KnownRoots, refuse_moved};
use crate::latest::LatestChanges;
use crate::record::{self, COLUMNS, KINDS, Record};
use crate::rollup::{Counted, Deltas};
use crate::row::{
    BlockRow, CanonicalState, MAX_PROPOSER, MAX_SLOT, RootOrigin, SLOTS_PER_BUCKET, first_id, preferred_id,
};
use crate::sql::{Arguments, Batch, Connection, Engine, Kind, pieces, query, to_i64, to_u64};
use crate::{coverage_table, evidence, models};

/// What became of the rows of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InsertReport {
    /// Blocks that were not known before.
    pub inserted: u64,
    /// Known blocks whose verdict or state is now another one, and imported rows that met their block.
    pub updated: u64,
    /// Known blocks that stay as they are.
    pub unchanged: u64,
}

impl std::ops::AddAssign for InsertReport {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }
}

/// Everything that one transaction gathers before it writes it at the end.
#[derive(Default)]
struct Changes {
    counts: Deltas,
    latest: LatestChanges,
    links: Vec<Interval>,
    buckets: BTreeSet<u64>,
    /// Links that were taken back.
    unlinked: Vec<Interval>,
    models: HashMap<[u8; 32], i64>,
    feature_sets: HashMap<Vec<String>, i64>,
    report: InsertReport,
}

/// Stores rows in a transaction of its own.
pub(crate) async fn transaction(
    writer: &mut Writer<'_>,
    blocks: &[BlockRow],
) -> Result<InsertReport, StoreError> {
    let mut transaction = writer.begin().await?;
    // PostgreSQL has an index of all roots, which tells afterwards that one was there.
    if let (mut connection, Some(roots)) = transaction.parts() {
        refuse_moved(&mut connection, blocks, Some(roots)).await?;
    }
    if let Some(report) = only_new(&mut transaction.connection(), blocks).await? {
        transaction.commit().await?;
        return Ok(report);
    }
    transaction.rollback().await?;
    let mut transaction = writer.begin().await?;
    if let (mut connection, None) = transaction.parts() {
        refuse_moved(&mut connection, blocks, None).await?;
    }
    let report = rows(&mut transaction.connection(), blocks).await?;
    transaction.commit().await?;
    Ok(report)
}

/// Stores rows inside the caller's transaction, after looking for roots that are stored at another slot.
pub(crate) async fn checked_rows(
    connection: &mut Connection<'_>,
    blocks: &[BlockRow],
    roots: Option<&mut KnownRoots>,
) -> Result<InsertReport, StoreError> {
    refuse_moved(connection, blocks, roots).await?;
    rows(connection, blocks).await
}

/// Stores rows of which none is known, without looking for them first. `None`, and a transaction to be rolled back,
/// if that turns out to be wrong.
async fn only_new(
    connection: &mut Connection<'_>,
    blocks: &[BlockRow],
) -> Result<Option<InsertReport>, StoreError> {
    blocks.iter().try_for_each(check_row)?;
    let (latest, repeated) = last_of_each(blocks);
    if repeated != InsertReport::default()
        || latest.iter().any(|row| row.root_known == RootOrigin::Imported)
        || has_imported(connection).await?
    {
        return Ok(None);
    }
    let mut changes = Changes::prepare(connection, &latest).await?;
    let fresh: Vec<Placed> = latest.iter().map(|row| changes.place(Cow::Borrowed(row))).collect();
    if insert_placed(connection, &fresh).await? < count(fresh.len()) {
        return Ok(None);
    }
    changes.report.inserted = count(fresh.len());
    changes.stored(connection, &fresh).await?;
    changes.apply(connection).await.map(Some)
}

/// Stores rows inside the caller's transaction.
pub(crate) async fn rows(
    connection: &mut Connection<'_>,
    rows: &[BlockRow],
) -> Result<InsertReport, StoreError> {
    rows.iter().try_for_each(check_row)?;
    let (rows, repeated) = last_of_each(rows);
    let mut changes = Changes::prepare(connection, &rows).await?;
    changes.report += repeated;
    let imported = has_imported(connection).await?;
    for piece in pieces(connection.engine(), &rows) {
        chunk(connection, piece, imported, &mut changes).await?;
    }
    changes.apply(connection).await
}

async fn has_imported(connection: &mut Connection<'_>) -> Result<bool, StoreError> {
    let row = query("SELECT 1 FROM blocks WHERE root_origin = 1 LIMIT 1").fetch_optional(connection).await?;
    Ok(row.is_some())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A row with the keys it is stored under.
struct Placed<'a> {
    id: i64,
    model_id: Option<i64>,
    row: Cow<'a, BlockRow>,
}

impl Changes {
    async fn prepare(connection: &mut Connection<'_>, rows: &[BlockRow]) -> Result<Self, StoreError> {
        let mut changes = Self::default();
        for row in rows {
            if let Some(hash) = row.model_hash
                && !changes.models.contains_key(&hash)
            {
                changes.models.insert(hash, models::id_of(connection, &hash).await?);
            }
        }
        Ok(changes)
    }

    fn model_id(&self, row: &BlockRow) -> Option<i64> {
        row.model_hash.and_then(|hash| self.models.get(&hash).copied())
    }

    /// A new row under its preferred id.
    fn place<'a>(&self, row: Cow<'a, BlockRow>) -> Placed<'a> {
        Placed { id: preferred_id(row.slot.0, &row.block_root), model_id: self.model_id(&row), row }
    }

    /// Takes the link of a row back, unless its new form keeps it.
    fn unlink(&mut self, old: &BlockRow, new: &BlockRow) {
        let link = |row: &BlockRow| {
            let is_linked = row.canonical != CanonicalState::Orphaned;
            is_linked.then(|| Interval::of_block(row.slot.0, row.parent_slot.0))
        };
        let before = link(old);
        if before != link(new) {
            self.unlinked.extend(before);
        }
    }

    /// Takes note of rows that are in the table of blocks now, and stores their evidence.
    async fn stored(
        &mut self,
        connection: &mut Connection<'_>,
        blocks: &[Placed<'_>],
    ) -> Result<(), StoreError> {
        let mut features: Vec<(i64, &[(String, f64)])> = Vec::new();
        let mut listed: Vec<(i64, &[AttestationRow])> = Vec::new();
        for Placed { id, row, .. } in blocks {
            let counted = Counted::of(row);
            self.counts.block(counted, 1);
            self.latest.stored(row.proposer_index.0, *id, counted.verdict);
            self.buckets.insert(row.slot.0 / SLOTS_PER_BUCKET);
            if row.canonical != CanonicalState::Orphaned {
                self.links.push(Interval::of_block(row.slot.0, row.parent_slot.0));
            }
            if let Some(named) = &row.features {
                features.push((*id, named));
            }
            if let Some(rows) = row.attestations.rows() {
                listed.push((*id, rows));
            }
        }
        evidence::write(connection, &features, &mut self.feature_sets).await?;
        attestations::write(connection, &listed).await
    }

    /// Writes everything that was gathered.
    async fn apply(self, connection: &mut Connection<'_>) -> Result<InsertReport, StoreError> {
        // PostgreSQL's indexes are not led by the bucket.
        let buckets = match connection.engine() {
            Engine::Sqlite => self.buckets,
            Engine::Postgres => BTreeSet::new(),
        };
        for bucket in buckets {
            query("INSERT INTO slot_buckets (bucket) VALUES ($1) ON CONFLICT DO NOTHING")
                .bind(to_i64(bucket))
                .execute(connection)
                .await?;
        }
        self.counts.apply(connection).await?;
        self.latest.apply(connection).await?;
        if !self.unlinked.is_empty() {
            coverage_table::unlink(connection, self.unlinked).await?;
        }
        coverage_table::add(connection, self.links).await?;
        Ok(self.report)
    }
}

/// Whether a row can be stored as it is, as far as the row alone tells.
pub fn check_row(row: &BlockRow) -> Result<(), StoreError> {
    let bad = |field, reason: String| Err(StoreError::BadRow { block_root: row.block_root, field, reason });
    if row.slot.0 > MAX_SLOT {
        return bad("slot", format!("is {}, above {MAX_SLOT}", row.slot));
    }
    if row.parent_slot >= row.slot && row.slot.0 > 0 && row.root_known == RootOrigin::Reported {
        return bad("parent_slot", format!("is {}, not below the slot {}", row.parent_slot, row.slot));
    }
    if row.parent_slot.0 > MAX_SLOT {
        return bad("parent_slot", format!("is {}, above {MAX_SLOT}", row.parent_slot));
    }
    if row.proposer_index.0 > MAX_PROPOSER {
        return bad("proposer_index", format!("is {}, above {MAX_PROPOSER}", row.proposer_index));
    }
    if row.graffiti.as_ref().is_some_and(|text| text.contains('\0')) {
        return bad("graffiti", "has a null character".to_owned());
    }
    if let Some((client, value)) =
        row.classification.probabilities.iter().find(|(_, value)| !value.is_finite())
    {
        return bad("probabilities", format!("give {value} for {client}"));
    }
    if row.attestations.rows().is_some_and(|rows| rows.len() > MAX_LISTED) {
        return bad("attestations", format!("are more than {MAX_LISTED}"));
    }
    Ok(())
}

/// Rows without those that a later row of the same root replaces.
fn last_of_each(rows: &[BlockRow]) -> (Cow<'_, [BlockRow]>, InsertReport) {
    let mut report = InsertReport::default();
    let mut roots = HashSet::with_capacity(rows.len());
    if rows.iter().all(|row| roots.insert(row.block_root)) {
        return (Cow::Borrowed(rows), report);
    }
    let mut kept: Vec<Option<BlockRow>> = Vec::with_capacity(rows.len());
    let mut last: HashMap<Root, usize> = HashMap::with_capacity(roots.len());
    for (index, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        if let Some(before) = last.insert(row.block_root, index)
            && let Some(before) = kept.get_mut(before).and_then(Option::take)
        {
            if before == row {
                report.unchanged += 1;
            } else {
                report.updated += 1;
                merge_once_known(&before, &mut row);
            }
        }
        kept.push(Some(row));
    }
    (kept.into_iter().flatten().collect(), report)
}

/// Lets a block keep what was told of it once, and the earliest time it was seen.
fn merge_once_known(old: &BlockRow, new: &mut BlockRow) {
    new.signs = new.signs.or(old.signs);
    new.first_seen_ms = [old.first_seen_ms, new.first_seen_ms].into_iter().flatten().min();
}

async fn chunk(
    connection: &mut Connection<'_>,
    rows: &[BlockRow],
    imported: bool,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let known = known(connection, rows.iter().map(|row| (row.slot, row.block_root)).collect()).await?;
    let mut surrogates = HashMap::new();
    if imported {
        let stand_ins = rows
            .iter()
            .filter(|row| row.root_known == RootOrigin::Reported)
            .map(|row| (row.slot, surrogate_root(row.slot, row.proposer_index)))
            .collect();
        surrogates = self::known(connection, stand_ins).await?;
    }
    let real = real_blocks(connection, rows).await?;
    let mut fresh: Vec<Placed> = Vec::new();
    let mut kept: Vec<Placed> = Vec::new();
    for row in rows {
        if row.root_known == RootOrigin::Imported && real.contains(&(row.slot.0, row.proposer_index.0)) {
            changes.report.unchanged += 1;
            continue;
        }
        // Taken out of the map: of two blocks with one slot and proposer only the first replaces the row.
        let stand_in = match row.root_known {
            RootOrigin::Reported if imported => {
                surrogates.remove(&surrogate_root(row.slot, row.proposer_index))
            }
            RootOrigin::Reported | RootOrigin::Imported => None,
        };
        let stand_in = stand_in.filter(|old| old.row.root_known == RootOrigin::Imported);
        if let Some(old) = &stand_in {
            query("DELETE FROM blocks WHERE id = $1").bind(old.id).execute(connection).await?;
            uncount(changes, old);
            changes.latest.replaced(old.row.proposer_index.0, old.id);
        }
        match known.get(&row.block_root) {
            None => {
                let mut row = Cow::Borrowed(row);
                match &stand_in {
                    Some(old) => {
                        row.to_mut().canonical = later_state(old.row.canonical, row.canonical);
                        changes.unlink(&old.row, &row);
                        changes.report.updated += 1;
                    }
                    None => changes.report.inserted += 1,
                }
                fresh.push(changes.place(row));
            }
            Some(old) => {
                let mut merged = row.clone();
                merged.canonical = later_state(old.row.canonical, row.canonical);
                merged.graffiti = merged.graffiti.or_else(|| old.row.graffiti.clone());
                merged.parent_root = merged.parent_root.or(old.row.parent_root);
                merge_once_known(&old.row, &mut merged);
                let listed = merge_attestations(connection, old, &mut merged).await?;
                let features = match &merged.features {
                    Some(_) => evidence::read(connection, old.id).await?,
                    None => None,
                };
                if stand_in.is_none()
                    && same_but_evidence(&old.row, &merged)
                    && same_bits(&features, &merged.features)
                    && listed.as_deref() == merged.attestations.rows()
                {
                    changes.report.unchanged += 1;
                    continue;
                }
                changes.report.updated += 1;
                uncount(changes, old);
                unlink(changes, old, &merged);
                kept.push(Placed {
                    id: old.id,
                    model_id: changes.model_id(&merged),
                    row: Cow::Owned(merged),
                });
            }
        }
    }
    write(connection, &mut fresh, &kept, changes).await
}

/// Lets a known block keep what the new row does not tell of its attestations. Gives the stored list, where the new row
/// has one too.
async fn merge_attestations(
    connection: &mut Connection<'_>,
    old: &Record,
    new: &mut BlockRow,
) -> Result<Option<Vec<AttestationRow>>, StoreError> {
    match &new.attestations {
        Attestations::Listed(rows) => {
            // What can't be read is written over.
            let stored = attestations::read(connection, old.id).await.or_else(|error| match error {
                StoreError::Damaged { .. } => Ok(None),
                error => Err(error),
            })?;
            if let Some(stored) = stored.as_deref().filter(|stored| tells_more(stored, rows)) {
                new.attestations = Attestations::Listed(stored.to_vec());
            }
            return Ok(stored);
        }
        Attestations::NotRecorded => new.attestations = old.row.attestations.clone(),
        // A list of another length belongs to the old number.
        Attestations::Counted(_) if new.attestations != old.row.attestations => {
            query("DELETE FROM block_attestations WHERE block_id = $1")
                .bind(old.id)
                .execute(connection)
                .await?;
        }
        Attestations::Counted(_) => {}
    }
    Ok(None)
}

/// Whether a list says of the same attestations what another one does not tell.
fn tells_more(stored: &[AttestationRow], new: &[AttestationRow]) -> bool {
    let is_shaped = |rows: &[AttestationRow]| rows.iter().all(|row| row.shape.is_some());
    is_shaped(stored)
        && !new.is_empty()
        && new.iter().all(|row| row.shape.is_none())
        && stored.iter().map(|row| row.slot).eq(new.iter().map(|row| row.slot))
}

fn same_but_evidence(old: &BlockRow, new: &BlockRow) -> bool {
    let attestations = new.attestations.counted();
    old == &BlockRow { features: None, attestations, ..new.clone() }
}

/// Equality for which a value that is no number equals itself.
fn same_bits(old: &Option<Vec<(String, f64)>>, new: &Option<Vec<(String, f64)>>) -> bool {
    let bits = |features: &Option<Vec<(String, f64)>>| {
        features.as_ref().map(|features| {
            features.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect::<Vec<_>>()
        })
    };
    bits(old) == bits(new)
}

/// The state after a new row came in: "unknown" teaches nothing, and what is final stays so.
fn later_state(old: CanonicalState, new: CanonicalState) -> CanonicalState {
    match (old, new) {
        (CanonicalState::Finalized, _) => CanonicalState::Finalized,
        (old, CanonicalState::Unknown) => old,
        (_, new) => new,
    }
}

fn uncount(changes: &mut Changes, old: &Record) {
    changes.counts.block(Counted::of(&old.row), -1);
}

/// Takes back what hangs on the old form of a known block.
fn unlink(changes: &mut Changes, old: &Record, new: &BlockRow) {
    if old.row.proposer_index != new.proposer_index {
        changes.latest.removed(old.row.proposer_index.0);
        changes.latest.removed(new.proposer_index.0);
    }
    changes.unlink(&old.row, new);
}

/// An id of the slot that no block has.
async fn free_id(connection: &mut Connection<'_>, row: &BlockRow) -> Result<i64, StoreError> {
    let taken = query("SELECT id FROM blocks WHERE id >= $1 AND id < $2")
        .bind(first_id(row.slot.0))
        .bind(first_id(row.slot.0 + 1))
        .fetch_all(connection)
        .await?;
    let taken: HashSet<i64> = taken.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let preferred = preferred_id(row.slot.0, &row.block_root);
    (preferred..first_id(row.slot.0 + 1))
        .chain(first_id(row.slot.0)..preferred)
        .find(|id| !taken.contains(id))
        .ok_or(StoreError::SlotFull { slot: row.slot.0 })
}

/// Inserts rows, and gives the number of those that met no other row with the same id or root.
async fn insert_placed(connection: &mut Connection<'_>, rows: &[Placed<'_>]) -> Result<u64, StoreError> {
    let columns = COLUMNS.join(", ");
    let mut inserted = 0;
    let engine = connection.engine();
    let mut pieces = pieces(engine, rows);
    let mut next = pieces.next().map(|piece| bind_all(engine, piece)).transpose()?;
    while let Some((rows, values)) = next {
        let sql = format!("INSERT INTO blocks ({columns}) {rows} ON CONFLICT DO NOTHING");
        // The next values are put together while the database engine, on its own thread, works on these.
        let (written, prepared) = futures::join!(values.execute(sql, connection), async {
            pieces.next().map(|piece| bind_all(engine, piece)).transpose()
        });
        inserted += written?;
        next = prepared?;
    }
    Ok(inserted)
}

fn bind_all(engine: Engine, rows: &[Placed<'_>]) -> Result<(String, Arguments), StoreError> {
    let mut batch = Batch::new(engine, &KINDS, rows.len());
    for placed in rows {
        record::bind(&mut batch, placed.id, placed.model_id, &placed.row)?;
    }
    batch.finish()
}

async fn write(
    connection: &mut Connection<'_>,
    fresh: &mut [Placed<'_>],
    kept: &[Placed<'_>],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if insert_placed(connection, fresh).await? < count(fresh.len()) {
        settle_ids(connection, fresh).await?;
    }
    let settings: Vec<String> =
        COLUMNS.iter().skip(1).map(|column| format!("{column} = excluded.{column}")).collect();
    let engine = connection.engine();
    for piece in pieces(engine, kept) {
        let (rows, values) = bind_all(engine, piece)?;
        let sql = format!(
            "INSERT INTO blocks ({}) {rows} ON CONFLICT (id) DO UPDATE SET {}",
            COLUMNS.join(", "),
            settings.join(", ")
        );
        values.execute(sql, connection).await?;
    }
    changes.stored(connection, fresh).await?;
    changes.stored(connection, kept).await
}

/// Gives another id to those rows whose id another block of the slot has already.
async fn settle_ids(connection: &mut Connection<'_>, fresh: &mut [Placed<'_>]) -> Result<(), StoreError> {
    let mut stored: HashSet<Root> = HashSet::with_capacity(fresh.len());
    let ids: Vec<i64> = fresh.iter().map(|placed| placed.id).collect();
    let engine = connection.engine();
    for piece in pieces(engine, &ids) {
        let mut arguments = Arguments::new(engine);
        let wanted = arguments.any_number(piece)?;
        let sql = format!("SELECT block_root FROM blocks WHERE id {wanted}");
        for row in arguments.fetch(sql, connection).await? {
            stored.insert(record::root_of_bytes(row.try_get(0)?)?);
        }
    }
    for placed in fresh.iter_mut().filter(|placed| !stored.contains(&placed.row.block_root)) {
        placed.id = free_id(connection, &placed.row).await?;
        let (row, values) = bind_all(engine, std::slice::from_ref(placed))?;
        values.execute(format!("INSERT INTO blocks ({}) {row}", COLUMNS.join(", ")), connection).await?;
    }
    Ok(())
}

/// The stored blocks among those with the given slots and roots. A root is looked for in the bucket of its slot.
pub(crate) async fn known(
    connection: &mut Connection<'_>,
    keys: Vec<(Slot, Root)>,
) -> Result<HashMap<Root, Record>, StoreError> {
    let select = record::select("b");
    let mut known = HashMap::new();
    let engine = connection.engine();
    for piece in pieces(engine, &keys) {
        let mut batch = Batch::new(engine, &[Kind::Integer, Kind::Bytes], piece.len());
        for (slot, root) in piece {
            batch.push(to_i64(slot.0 / SLOTS_PER_BUCKET))?;
            batch.push(root.0.to_vec())?;
        }
        let (rows, arguments) = batch.finish()?;
        let sql = format!(
            "WITH wanted (bucket, root) AS ({rows}) {select} FROM wanted w CROSS JOIN blocks b \
             WHERE b.slot / 262144 = w.bucket AND b.block_root = w.root"
        );
        for row in arguments.fetch(sql, connection).await? {
            let record = Record::read(&row)?;
            known.insert(record.row.block_root, record);
        }
    }
    Ok(known)
}

/// Slots and proposers of imported rows whose real block is stored.
async fn real_blocks(
    connection: &mut Connection<'_>,
    rows: &[BlockRow],
) -> Result<HashSet<(u64, u64)>, StoreError> {
    let imported: Vec<&BlockRow> = rows.iter().filter(|row| row.root_known == RootOrigin::Imported).collect();
    let mut real = HashSet::new();
    let engine = connection.engine();
    for piece in pieces(engine, &imported) {
        let mut batch = Batch::new(engine, &[Kind::Integer; 4], piece.len());
        for row in piece {
            batch.push(to_i64(row.slot.0 / SLOTS_PER_BUCKET))?;
            batch.push(to_i64(row.proposer_index.0))?;
            batch.push(first_id(row.slot.0))?;
            batch.push(first_id(row.slot.0 + 1))?;
        }
        let (rows, arguments) = batch.finish()?;
        let sql = format!(
            "WITH wanted (bucket, proposer, low, high) AS ({rows}) \
             SELECT b.slot, b.proposer_index FROM wanted w CROSS JOIN blocks b WHERE b.slot / 262144 = w.bucket \
             AND b.proposer_index = w.proposer AND b.id >= w.low AND b.id < w.high AND b.root_origin = 0"
        );
        for row in arguments.fetch(sql, connection).await? {
            real.insert((to_u64(row.try_get(0)?)?, to_u64(row.try_get(1)?)?));
        }
    }
    Ok(real)
}
