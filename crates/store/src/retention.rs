//! What is given up after a time: the features behind old verdicts. Blocks and verdicts stay.

use consensus::Slot;

use crate::db::Database;
use crate::error::StoreError;
use crate::row::first_id;
use crate::sql::{query, to_i64};

/// Rows that one transaction deletes, so that nobody waits long for it.
const ROWS: u64 = 20_000;

/// Deletes the features of blocks before a slot, the oldest first, in one short transaction. `true` if there may be
/// more.
pub(crate) async fn forget_evidence(database: &Database, before: Slot) -> Result<(u64, bool), StoreError> {
    let mut writer = database.writer().await?;
    let mut transaction = writer.begin().await?;
    let deleted = query(
        "DELETE FROM evidence WHERE block_id IN \
         (SELECT block_id FROM evidence WHERE block_id < $1 ORDER BY block_id LIMIT $2)",
    )
    .bind(first_id(before.0))
    .bind(to_i64(ROWS))
    .execute(&mut transaction.connection())
    .await?;
    transaction.commit().await?;
    Ok((deleted, deleted == ROWS))
}
