//! The table of attestations: the rows of a block as bytes under its id.

use std::collections::HashMap;

use futures::TryStreamExt;

use super::{AttestationRow, pack, unpack};
use crate::error::StoreError;
use crate::row::slot_of_id;
use crate::sql::{Batch, Connection, Kind, pieces, query};

/// Stores the attestations of blocks, over what is there.
pub(crate) async fn write(
    connection: &mut Connection<'_>,
    blocks: &[(i64, &[AttestationRow])],
) -> Result<(), StoreError> {
    let engine = connection.engine();
    for piece in pieces(engine, blocks) {
        let mut batch = Batch::new(engine, &[Kind::Integer, Kind::Bytes], piece.len());
        for (block, rows) in piece {
            batch.push(*block)?;
            batch.push(pack(slot_of_id(*block), rows))?;
        }
        let (rows, values) = batch.finish()?;
        let sql = format!(
            "INSERT INTO block_attestations (block_id, packed) {rows} \
             ON CONFLICT (block_id) DO UPDATE SET packed = excluded.packed"
        );
        values.execute(sql, connection).await?;
    }
    Ok(())
}

/// The attestations of one block.
pub(crate) async fn read(
    connection: &mut Connection<'_>,
    block: i64,
) -> Result<Option<Vec<AttestationRow>>, StoreError> {
    let row = query("SELECT packed FROM block_attestations WHERE block_id = $1")
        .bind(block)
        .fetch_optional(connection)
        .await?;
    row.map(|row| unpack(slot_of_id(block), row.try_get(0)?)).transpose()
}

/// The attestations of all blocks between two ids, both included.
pub(crate) async fn between(
    connection: &mut Connection<'_>,
    first: i64,
    last: i64,
) -> Result<HashMap<i64, Vec<AttestationRow>>, StoreError> {
    let rows =
        query("SELECT block_id, packed FROM block_attestations WHERE block_id >= $1 AND block_id <= $2")
            .bind(first)
            .bind(last)
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|row| {
            let block: i64 = row.try_get(0)?;
            Ok((block, unpack(slot_of_id(block), row.try_get(1)?)?))
        })
        .collect()
}

/// One sentence for each block whose attestations can't be read, or are not as many as the block says.
pub(crate) async fn check(
    connection: &mut Connection<'_>,
    mut problem: impl FnMut(String),
) -> Result<(), StoreError> {
    let mut rows = query(
        "SELECT a.block_id, a.packed, b.attestation_count FROM block_attestations a \
         JOIN blocks b ON b.id = a.block_id ORDER BY a.block_id",
    )
    .fetch(connection)?;
    while let Some(row) = rows.try_next().await? {
        let slot = slot_of_id(row.try_get(0)?);
        let count: Option<i64> = row.try_get(2)?;
        match unpack(slot, row.try_get(1)?) {
            Err(error) => problem(error.to_string()),
            Ok(rows) if i64::try_from(rows.len()).ok() != count => problem(format!(
                "{} attestations of a block at slot {slot} are stored, and the block has {}",
                rows.len(),
                count.map_or_else(|| "no number of them".to_owned(), |count| count.to_string())
            )),
            Ok(_) => {}
        }
    }
    Ok(())
}
