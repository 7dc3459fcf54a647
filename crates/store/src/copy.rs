//! Moving a database to another one, of either engine: every block with its evidence, models, rows set aside, how far
//! the chain was followed, and why slots are missing.

use std::collections::HashMap;

use consensus::Root;

use crate::attestations::{self, Attestations};
use crate::chain;
use crate::db::Database;
use crate::error::StoreError;
use crate::evidence;
use crate::gap_notes;
use crate::insert;
use crate::models;
use crate::query;
use crate::record::Record;
use crate::row::{BlockRow, CanonicalState, RootOrigin};
use crate::sql::{Connection, query, to_u64};

/// Blocks of one transaction.
const BATCH: usize = 16_384;

/// Names the rows about copies among those about imports.
const PROGRESS: &[u8] = b"blockmark copy";

/// Hears how a copy goes.
pub trait CopyProgress: Sync {
    /// The number of blocks to copy and then to compare on both sides, before the first batch.
    fn total(&self, blocks: u64);
    /// So many more blocks are done.
    fn advance(&self, blocks: u64);
}

/// Says nothing.
impl CopyProgress for () {
    fn total(&self, _blocks: u64) {}
    fn advance(&self, _blocks: u64) {}
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Blocks of the source, all of which are in the target.
    pub blocks: u64,
    /// Blocks that an earlier, interrupted, copy had brought.
    pub resumed: u64,
    /// Blocks that were new to the target.
    pub inserted: u64,
    /// The digest of both: equal for equal contents, whatever the engine.
    pub digest: Digest,
}

/// A digest of everything in a database that is not worked out from the blocks. The order of rows does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Blocks.
    pub blocks: u64,
    /// Blocks with evidence.
    pub evidence: u64,
    /// Models, rows set aside, marks and notes on gaps.
    pub others: u64,
    sum: u128,
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        let mut half = [0; 16];
        blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut half);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(half));
    }
}

/// Copies all blocks of one database into another, then compares them. Blocks that the target has besides are an
/// error at the end.
pub(crate) async fn run(
    from: &Database,
    to: &Database,
    progress: &dyn CopyProgress,
) -> Result<CopyReport, StoreError> {
    let blocks = query::count(&mut from.reader().await?.connection(), "SELECT COUNT(*) FROM blocks").await?;
    progress.total(blocks.saturating_mul(3));
    let mut report = CopyReport::default();
    others(from, to).await?;
    let source = blake3::hash(&[PROGRESS, from.url().to_string().as_bytes()].concat()).as_bytes().to_vec();
    let mut last = resume_point(to, &source).await?;
    if let Some(last) = last {
        report.resumed = count_until(from, last).await?;
        progress.advance(report.resumed);
    }
    loop {
        let page = batch(&mut from.reader().await?.connection(), last).await?;
        let Some((end, _)) = page.last() else { break };
        last = Some(*end);
        let rows: Vec<BlockRow> = page.into_iter().map(|(_, row)| row).collect();
        let mut writer = to.writer().await?;
        report.inserted += insert::transaction(&mut writer, &rows).await?.inserted;
        // After the blocks: a copy that ends between the two brings some blocks again, which changes nothing.
        query(
            "INSERT INTO imports (source, last_row, finished) VALUES ($1, $2, 0) \
             ON CONFLICT (source) DO UPDATE SET last_row = excluded.last_row",
        )
        .bind(source.clone())
        .bind(last.unwrap_or_default())
        .execute(&mut writer.connection())
        .await?;
        drop(writer);
        progress.advance(rows.len() as u64);
    }
    let (ours, theirs) = (digest(from, progress).await?, digest(to, progress).await?);
    let mut writer = to.writer().await?;
    query("DELETE FROM imports WHERE source = $1").bind(source).execute(&mut writer.connection()).await?;
    if ours != theirs {
        return Err(StoreError::CopyDiffers {
            from: ours.blocks,
            to: theirs.blocks,
            digests: format!("{ours}, {theirs}"),
        });
    }
    Ok(CopyReport { blocks: ours.blocks, digest: ours, ..report })
}

async fn resume_point(to: &Database, source: &[u8]) -> Result<Option<i64>, StoreError> {
    let row = query("SELECT last_row FROM imports WHERE source = $1")
        .bind(source.to_vec())
        .fetch_optional(&mut to.reader().await?.connection())
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn count_until(from: &Database, last: i64) -> Result<u64, StoreError> {
    let row = query("SELECT COUNT(*) FROM blocks WHERE id <= $1")
        .bind(last)
        .fetch_one(&mut from.reader().await?.connection())
        .await?;
    to_u64(row.try_get(0)?)
}

/// The blocks after an id, with their evidence.
async fn batch(
    connection: &mut Connection<'_>,
    after: Option<i64>,
) -> Result<Vec<(i64, BlockRow)>, StoreError> {
    let records = query::records_after(connection, after, BATCH).await?;
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(Vec::new()) };
    let mut features: HashMap<i64, _> = evidence::between(connection, first.id, last.id).await?;
    let mut listed = attestations::between(connection, first.id, last.id).await?;
    let mut with = |Record { id, row }: Record| {
        let attestations = listed.remove(&id).map_or(row.attestations, Attestations::Listed);
        (id, BlockRow { features: features.remove(&id), attestations, ..row })
    };
    Ok(records.into_iter().map(&mut with).collect())
}

/// Models, rows set aside, marks, notes on gaps, and what is known of imports, which are few.
async fn others(from: &Database, to: &Database) -> Result<(), StoreError> {
    let mut reader = from.reader().await?;
    let known = models::all(&mut reader.connection()).await?;
    let kept = set_aside(&mut reader.connection()).await?;
    let imports =
        query("SELECT source, last_row, finished FROM imports").fetch_all(&mut reader.connection()).await?;
    let marks = chain::all_marks(&mut reader.connection()).await?;
    let notes = gap_notes::all(&mut reader.connection()).await?;
    let mut writer = to.writer().await?;
    let mut transaction = writer.begin().await?;
    let connection = &mut transaction.connection();
    chain::may_follow(connection, &marks).await?;
    for (name, place) in marks {
        chain::set_mark(connection, &name, place).await?;
    }
    gap_notes::write(connection, &notes).await?;
    for (_, model) in known {
        models::register(connection, &model.hash, &model.name, &model.info_json).await?;
    }
    for row in kept {
        query(
            "INSERT INTO imported_rows (source_row, reason, block_root, original) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(row.source_row)
        .bind(row.reason)
        .bind(row.block_root)
        .bind(row.original)
        .execute(connection)
        .await?;
    }
    for row in imports {
        query("INSERT INTO imports (source, last_row, finished) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(row.try_get::<Vec<u8>>(0)?)
            .bind(row.try_get::<i64>(1)?)
            .bind(row.try_get::<i64>(2)?)
            .execute(connection)
            .await?;
    }
    transaction.commit().await
}

struct SetAsideRow {
    source_row: i64,
    reason: String,
    block_root: Option<Vec<u8>>,
    original: String,
}

async fn set_aside(connection: &mut Connection<'_>) -> Result<Vec<SetAsideRow>, StoreError> {
    let rows = query("SELECT source_row, reason, block_root, original FROM imported_rows ORDER BY id")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(SetAsideRow {
                source_row: row.try_get(0)?,
                reason: row.try_get(1)?,
                block_root: row.try_get(2)?,
                original: row.try_get(3)?,
            })
        })
        .collect()
}

/// Reads everything there is.
async fn digest(database: &Database, progress: &dyn CopyProgress) -> Result<Digest, StoreError> {
    let mut digest = Digest::default();
    let mut bytes = Vec::new();
    let mut after = None;
    loop {
        let page = batch(&mut database.reader().await?.connection(), after).await?;
        let Some((end, _)) = page.last() else { break };
        after = Some(*end);
        for (_, row) in &page {
            bytes.clear();
            encode(row, &mut bytes);
            digest.add(&bytes);
            digest.blocks += 1;
            digest.evidence += u64::from(row.features.is_some());
        }
        progress.advance(page.len() as u64);
    }
    let mut reader = database.reader().await?;
    for (_, model) in models::all(&mut reader.connection()).await? {
        bytes.clear();
        bytes.extend(model.hash);
        text(Some(&model.name), &mut bytes);
        text(Some(&model.info_json), &mut bytes);
        digest.add(&bytes);
        digest.others += 1;
    }
    for (name, place) in chain::all_marks(&mut reader.connection()).await? {
        bytes.clear();
        text(Some(&name), &mut bytes);
        number(Some(place.slot.0), &mut bytes);
        root(Some(place.root.0), &mut bytes);
        digest.add(&bytes);
        digest.others += 1;
    }
    for note in gap_notes::all(&mut reader.connection()).await? {
        bytes.clear();
        for value in [note.gap.start.0, note.gap.end.0, note.tries, note.last_try] {
            number(Some(value), &mut bytes);
        }
        number(note.next_try, &mut bytes);
        text(Some(note.cause.name()), &mut bytes);
        text(Some(&note.detail), &mut bytes);
        digest.add(&bytes);
        digest.others += 1;
    }
    for row in set_aside(&mut reader.connection()).await? {
        bytes.clear();
        number(Some(row.source_row as u64), &mut bytes);
        text(Some(&row.reason), &mut bytes);
        bytes.extend(row.block_root.unwrap_or_default());
        text(Some(&row.original), &mut bytes);
        digest.add(&bytes);
        digest.others += 1;
    }
    Ok(digest)
}

fn number(value: Option<u64>, bytes: &mut Vec<u8>) {
    bytes.push(u8::from(value.is_some()));
    bytes.extend(value.unwrap_or_default().to_le_bytes());
}

fn text(value: Option<&str>, bytes: &mut Vec<u8>) {
    number(value.map(|text| text.len() as u64), bytes);
    bytes.extend(value.unwrap_or_default().as_bytes());
}

fn root(value: Option<[u8; 32]>, bytes: &mut Vec<u8>) {
    bytes.push(u8::from(value.is_some()));
    bytes.extend(value.unwrap_or_default());
}

/// All fields of a block, so that no two different blocks are the same bytes.
fn encode(row: &BlockRow, bytes: &mut Vec<u8>) {
    // Named one by one, so that a new field is not forgotten here.
    let BlockRow {
        block_root: Root(block_root),
        root_known,
        parent_root,
        slot,
        parent_slot,
        proposer_index,
        graffiti,
        classification,
        model_hash,
        canonical,
        features,
        attestations,
        signs,
        first_seen_ms,
    } = row;
    root(Some(*block_root), bytes);
    bytes.push(u8::from(*root_known == RootOrigin::Imported));
    root(parent_root.map(|root| root.0), bytes);
    for value in [slot.0, parent_slot.0, proposer_index.0] {
        number(Some(value), bytes);
    }
    text(graffiti.as_deref(), bytes);
    text(Some(classification.single_name()), bytes);
    text(Some(&classification.best_guess_multi), bytes);
    text(classification.graffiti_guess.map(fingerprint::Client::name), bytes);
    for (client, probability) in &classification.probabilities {
        text(Some(client.name()), bytes);
        number(Some(probability.to_bits()), bytes);
    }
    root(*model_hash, bytes);
    bytes.push(match canonical {
        CanonicalState::Unknown => 0,
        CanonicalState::Canonical => 1,
        CanonicalState::Orphaned => 2,
        CanonicalState::Finalized => 3,
    });
    number(features.as_ref().map(|features| features.len() as u64), bytes);
    for (name, value) in features.iter().flatten() {
        text(Some(name), bytes);
        number(Some(value.to_bits()), bytes);
    }
    number(attestations.count().map(u64::from), bytes);
    bytes.extend(attestations.rows().map(|rows| attestations::pack(*slot, rows)).unwrap_or_default());
    number(signs.map(|signs| signs.bits().into()), bytes);
    number(*first_seen_ms, bytes);
}
