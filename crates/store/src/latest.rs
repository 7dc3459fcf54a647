//! The newest block of every proposer, changed in the transaction that stores the blocks.

use std::collections::{BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::error::StoreError;
use crate::sql::{ANY_BUCKET, Values, pieces, placeholders, to_i64};

/// Changes that one transaction gathers.
#[derive(Default)]
pub(crate) struct LatestChanges {
    newest: HashMap<u64, (i64, i64)>,
    replaced: Vec<(u64, i64)>,
    recount: BTreeSet<u64>,
}

impl LatestChanges {
    /// A block that may be the newest of its proposer.
    pub(crate) fn stored(&mut self, proposer: u64, block_id: i64, verdict_code: i64) {
        let newest = self.newest.entry(proposer).or_insert((block_id, verdict_code));
        if block_id >= newest.0 {
            *newest = (block_id, verdict_code);
        }
    }

    /// A block gave way to another one of the same slot and proposer, which is told by [`Self::stored`].
    pub(crate) fn replaced(&mut self, proposer: u64, block_id: i64) {
        self.replaced.push((proposer, block_id));
    }

    /// A block of the proposer went away or moved: its newest is looked up.
    pub(crate) fn removed(&mut self, proposer: u64) {
        self.recount.insert(proposer);
    }

    /// Writes the changes.
    pub(crate) async fn apply(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for (proposer, block_id) in self.replaced {
            sqlx::query("DELETE FROM validator_latest WHERE proposer_index = $1 AND block_id = $2")
                .bind(to_i64(proposer))
                .bind(block_id)
                .execute(&mut *connection)
                .await?;
        }
        let mut newest: Vec<_> = self.newest.into_iter().collect();
        newest.sort_unstable();
        for piece in pieces(&newest) {
            let mut values = Values::default();
            for (proposer, (block_id, verdict)) in piece {
                values.push(to_i64(*proposer))?;
                values.push(*block_id)?;
                values.push(*verdict)?;
            }
            let sql = format!(
                "INSERT INTO validator_latest (proposer_index, block_id, best_guess) VALUES {} \
                 ON CONFLICT (proposer_index) DO UPDATE SET block_id = excluded.block_id, \
                 best_guess = excluded.best_guess WHERE excluded.block_id >= validator_latest.block_id",
                placeholders(piece.len(), 3)
            );
            values.execute(sql, connection).await?;
        }
        for proposer in self.recount {
            let proposer = to_i64(proposer);
            sqlx::query("DELETE FROM validator_latest WHERE proposer_index = $1")
                .bind(proposer)
                .execute(&mut *connection)
                .await?;
            let sql = format!(
                "INSERT INTO validator_latest (proposer_index, block_id, best_guess) \
                 SELECT proposer_index, id, best_guess FROM blocks WHERE {ANY_BUCKET} AND proposer_index = $1 \
                 ORDER BY id DESC LIMIT 1"
            );
            sqlx::query(AssertSqlSafe(sql)).bind(proposer).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
