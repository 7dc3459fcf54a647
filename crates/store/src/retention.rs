//! What is given up after a time: features and attestations behind old verdicts. Blocks and verdicts stay.

use consensus::Slot;

use crate::db::Database;
use crate::error::StoreError;
use crate::row::first_id;
use crate::sql::{query, to_i64, to_u64};

/// Rows that one transaction deletes, so that nobody waits long for it.
const ROWS: u64 = 20_000;

/// Deletes features and attestations of blocks before a slot, the oldest first, in one short transaction. Gives the
/// number of blocks that had some, and whether there may be more.
pub(crate) async fn forget_evidence(database: &Database, before: Slot) -> Result<(u64, bool), StoreError> {
    let mut writer = database.writer().await?;
    let mut transaction = writer.begin().await?;
    let oldest =
        |table: &str| format!("SELECT block_id FROM {table} WHERE block_id < $1 ORDER BY block_id LIMIT $2");
    let row = query(format!(
        "SELECT COUNT(*), COALESCE(MAX(block_id), -1) FROM (SELECT block_id FROM ({}) features \
         UNION SELECT block_id FROM ({}) attestations ORDER BY block_id LIMIT $2) oldest",
        oldest("evidence"),
        oldest("block_attestations")
    ))
    .bind(first_id(before.0))
    .bind(to_i64(ROWS))
    .fetch_one(&mut transaction.connection())
    .await?;
    let (count, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    for table in ["evidence", "block_attestations"] {
        query(format!("DELETE FROM {table} WHERE block_id <= $1"))
            .bind(last)
            .execute(&mut transaction.connection())
            .await?;
    }
    transaction.commit().await?;
    let count = to_u64(count)?;
    Ok((count, count == ROWS))
}
