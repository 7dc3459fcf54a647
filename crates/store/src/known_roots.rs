//! A root belongs to one slot: rows that say otherwise are refused, at a cost that fits the size of the batch.

use std::collections::HashMap;

use consensus::{Root, Slot};
use futures::TryStreamExt;

use crate::error::StoreError;
use crate::record;
use crate::roots::{RootFilter, part};
use crate::row::BlockRow;
use crate::sql::{Arguments, Connection, any_bucket, pieces, query, to_u64};

/// What is remembered of the stored roots between large batches.
#[derive(Debug, Default)]
pub(crate) struct KnownRoots {
    /// The roots of the database as this connection last saw it: all of them, and perhaps some that were rolled back.
    filter: Option<RootFilter>,
    /// SQLite's counter of what other connections wrote.
    data_version: i64,
}

/// Looks into buckets, one for every root and bucket, that a batch may cost. Above it the roots are remembered.
const DIRECT_LOOKS: usize = 8_192;

/// Refuses rows whose root is stored at another slot: a root belongs to one block, and a block has one slot.
pub(crate) async fn refuse_moved(
    connection: &mut Connection<'_>,
    blocks: &[BlockRow],
    roots: Option<&mut KnownRoots>,
) -> Result<(), StoreError> {
    let mut slots: HashMap<Root, Slot> = HashMap::with_capacity(blocks.len());
    for row in blocks {
        let before = *slots.entry(row.block_root).or_insert(row.slot);
        if before != row.slot {
            return Err(moved(row.block_root, row.slot, before));
        }
    }
    let mut suspects: Vec<Root> = slots.keys().copied().collect();
    if let Some(roots) = roots {
        let buckets: i64 =
            query("SELECT COUNT(*) FROM slot_buckets").fetch_one(connection).await?.try_get(0)?;
        let looks = suspects.len().saturating_mul(usize::try_from(buckets).unwrap_or(usize::MAX));
        if looks > DIRECT_LOOKS {
            let filter = roots.refresh(connection).await?;
            suspects.retain(|root| filter.may_hold(root));
        }
        if let Some(filter) = &mut roots.filter {
            for root in slots.keys().filter(|root| !filter.may_hold(root)).collect::<Vec<_>>() {
                filter.insert(part(root));
            }
        }
    }
    let engine = connection.engine();
    for piece in pieces(engine, &suspects) {
        let mut arguments = Arguments::new(engine);
        let wanted = arguments.any_root(piece)?;
        let sql = format!(
            "SELECT block_root, slot FROM blocks WHERE {} AND block_root {wanted}",
            any_bucket(engine)
        );
        for row in arguments.fetch(sql, connection).await? {
            let root = record::root_of_bytes(row.try_get(0)?)?;
            let stored = Slot(to_u64(row.try_get(1)?)?);
            if let Some(slot) = slots.get(&root).filter(|slot| **slot != stored) {
                return Err(moved(root, *slot, stored));
            }
        }
    }
    Ok(())
}

fn moved(block_root: Root, slot: Slot, stored: Slot) -> StoreError {
    let reason =
        format!("is {slot}, but the block of this root is at slot {stored}; a root belongs to one slot");
    StoreError::BadRow { block_root, field: "slot", reason }
}

impl KnownRoots {
    /// The roots of all stored blocks, read again where another connection wrote since. Inside a transaction.
    async fn refresh(&mut self, connection: &mut Connection<'_>) -> Result<&RootFilter, StoreError> {
        let version: i64 = query("PRAGMA data_version").fetch_one(connection).await?.try_get(0)?;
        let filter = match self.filter.take() {
            Some(filter) if self.data_version == version => filter,
            _ => stored_roots(connection).await?,
        };
        self.data_version = version;
        Ok(self.filter.insert(filter))
    }
}

/// Reads all roots, the first half of each: bucket by bucket, each in one row, which is ten times faster than a row
/// for every root.
async fn stored_roots(connection: &mut Connection<'_>) -> Result<RootFilter, StoreError> {
    let mut filter = RootFilter::default();
    let mut rows = query(
        "SELECT (SELECT group_concat(hex(substr(block_root, 1, 16)), '') FROM blocks \
         WHERE slot / 262144 = +bucket) FROM slot_buckets ORDER BY bucket",
    )
    .fetch(connection)?;
    while let Some(row) = rows.try_next().await? {
        let text: Option<String> = row.try_get(0)?;
        for digits in text.unwrap_or_default().as_bytes().as_chunks::<32>().0 {
            let mut part = [0; 16];
            for (byte, [high, low]) in part.iter_mut().zip(digits.as_chunks::<2>().0) {
                *byte = digit(*high) << 4 | digit(*low);
            }
            filter.insert(part);
        }
    }
    Ok(filter)
}

/// The value of a digit that SQLite's `hex` wrote.
fn digit(letter: u8) -> u8 {
    match letter {
        b'0'..=b'9' => letter - b'0',
        _ => letter.wrapping_sub(b'A').wrapping_add(10) & 0x0f,
    }
}
