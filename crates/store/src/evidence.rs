//! The features that verdicts rest on: names once, values as bytes.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::sql::{Batch, Connection, Kind, pieces, query};

/// Named values.
pub(crate) type Features = Vec<(String, f64)>;

fn pack(features: &[(String, f64)]) -> Vec<u8> {
    features.iter().flat_map(|(_, value)| value.to_le_bytes()).collect()
}

fn unpack(names: &str, bytes: &[u8]) -> Result<Features, StoreError> {
    let names: Vec<String> = serde_json::from_str(names)
        .map_err(|error| StoreError::damaged(format!("a list of feature names: {error}")))?;
    let (values, rest) = bytes.as_chunks::<8>();
    if values.len() != names.len() || !rest.is_empty() {
        return Err(StoreError::damaged("the number of feature values is not that of the names"));
    }
    Ok(names.into_iter().zip(values.iter().map(|value| f64::from_le_bytes(*value))).collect())
}

/// Stores the features of blocks, over what is there.
pub(crate) async fn write(
    connection: &mut Connection<'_>,
    blocks: &[(i64, &[(String, f64)])],
    sets: &mut HashMap<Vec<String>, i64>,
) -> Result<(), StoreError> {
    let mut rows: Vec<(i64, i64, Vec<u8>)> = Vec::with_capacity(blocks.len());
    let mut last: Option<(&[(String, f64)], i64)> = None;
    for (block, features) in blocks {
        let same = last.filter(|(known, _)| {
            known.len() == features.len() && known.iter().zip(*features).all(|((a, _), (b, _))| a == b)
        });
        let set = match same {
            Some((_, set)) => set,
            None => set_id(connection, features, sets).await?,
        };
        last = Some((features, set));
        rows.push((*block, set, pack(features)));
    }
    let engine = connection.engine();
    for piece in pieces(engine, &rows) {
        let mut batch = Batch::new(engine, &[Kind::Integer, Kind::Integer, Kind::Bytes], piece.len());
        for (block, set, bytes) in piece {
            batch.push(*block)?;
            batch.push(*set)?;
            batch.push(bytes.clone())?;
        }
        let (rows, values) = batch.finish()?;
        let sql = format!(
            "INSERT INTO evidence (block_id, feature_set, feature_values) {rows} \
             ON CONFLICT (block_id) DO UPDATE SET feature_set = excluded.feature_set, \
             feature_values = excluded.feature_values"
        );
        values.execute(sql, connection).await?;
    }
    Ok(())
}

async fn set_id(
    connection: &mut Connection<'_>,
    features: &[(String, f64)],
    sets: &mut HashMap<Vec<String>, i64>,
) -> Result<i64, StoreError> {
    let names: Vec<String> = features.iter().map(|(name, _)| name.clone()).collect();
    if let Some(id) = sets.get(&names) {
        return Ok(*id);
    }
    let text = serde_json::Value::from(names.clone()).to_string();
    query("INSERT INTO feature_sets (names) VALUES ($1) ON CONFLICT (names) DO NOTHING")
        .bind(text.clone())
        .execute(connection)
        .await?;
    let id = query("SELECT id FROM feature_sets WHERE names = $1")
        .bind(text)
        .fetch_one(connection)
        .await?
        .try_get(0)?;
    sets.insert(names, id);
    Ok(id)
}

/// The features of one block.
pub(crate) async fn read(
    connection: &mut Connection<'_>,
    block: i64,
) -> Result<Option<Features>, StoreError> {
    let row = query(
        "SELECT s.names, e.feature_values FROM evidence e JOIN feature_sets s ON s.id = e.feature_set \
         WHERE e.block_id = $1",
    )
    .bind(block)
    .fetch_optional(connection)
    .await?;
    row.map(|row| unpack(row.try_get(0)?, row.try_get(1)?)).transpose()
}

/// The features of all blocks between two ids, both included.
pub(crate) async fn between(
    connection: &mut Connection<'_>,
    first: i64,
    last: i64,
) -> Result<HashMap<i64, Features>, StoreError> {
    let rows = query(
        "SELECT e.block_id, s.names, e.feature_values FROM evidence e JOIN feature_sets s ON s.id = e.feature_set \
         WHERE e.block_id >= $1 AND e.block_id <= $2",
    )
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, unpack(row.try_get(1)?, row.try_get(2)?)?))).collect()
}
