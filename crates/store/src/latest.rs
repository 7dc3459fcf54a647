//! The newest block of every proposer, changed in the transaction that stores the blocks.

use std::collections::{BTreeSet, HashMap};

use crate::error::StoreError;
use crate::sql::{Batch, Connection, Kind, any_bucket, pieces, query, to_i64};

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
    pub(crate) async fn apply(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        for (proposer, block_id) in self.replaced {
            query("DELETE FROM validator_latest WHERE proposer_index = $1 AND block_id = $2")
                .bind(to_i64(proposer))
                .bind(block_id)
                .execute(connection)
                .await?;
        }
        let mut newest: Vec<_> = self.newest.into_iter().collect();
        newest.sort_unstable();
        let engine = connection.engine();
        for piece in pieces(engine, &newest) {
            let mut batch = Batch::new(engine, &[Kind::Integer; 3], piece.len());
            for (proposer, (block_id, verdict)) in piece {
                batch.push(to_i64(*proposer))?;
                batch.push(*block_id)?;
                batch.push(*verdict)?;
            }
            let (rows, values) = batch.finish()?;
            let sql = format!(
                "INSERT INTO validator_latest (proposer_index, block_id, best_guess) {rows} \
                 ON CONFLICT (proposer_index) DO UPDATE SET block_id = excluded.block_id, \
                 best_guess = excluded.best_guess WHERE excluded.block_id >= validator_latest.block_id"
            );
            values.execute(sql, connection).await?;
        }
        for proposer in self.recount {
            let proposer = to_i64(proposer);
            query("DELETE FROM validator_latest WHERE proposer_index = $1")
                .bind(proposer)
                .execute(connection)
                .await?;
            let sql = format!(
                "INSERT INTO validator_latest (proposer_index, block_id, best_guess) \
                 SELECT proposer_index, id, best_guess FROM blocks WHERE {} AND proposer_index = $1 \
                 ORDER BY id DESC LIMIT 1",
                any_bucket(engine)
            );
            query(sql).bind(proposer).execute(connection).await?;
        }
        Ok(())
    }
}
