//! The models that gave verdicts.

use crate::error::StoreError;
use crate::sql::{Connection, query};

/// A model that the database knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRecord {
    /// The digest of the model file.
    pub hash: [u8; 32],
    /// Its name; empty where only the hash came with a block.
    pub name: String,
    /// What is known of it, as JSON; `{}` where nothing is.
    pub info_json: String,
}

pub(crate) async fn register(
    connection: &mut Connection<'_>,
    hash: &[u8; 32],
    name: &str,
    info_json: &str,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO models (hash, name, info) VALUES ($1, $2, $3) \
         ON CONFLICT (hash) DO UPDATE SET name = excluded.name, info = excluded.info",
    )
    .bind(hash.to_vec())
    .bind(name.to_owned())
    .bind(info_json.to_owned())
    .execute(connection)
    .await?;
    Ok(())
}

/// The id of a model; a row without a name is made for an unknown one.
pub(crate) async fn id_of(connection: &mut Connection<'_>, hash: &[u8; 32]) -> Result<i64, StoreError> {
    query("INSERT INTO models (hash, name, info) VALUES ($1, '', '{}') ON CONFLICT (hash) DO NOTHING")
        .bind(hash.to_vec())
        .execute(connection)
        .await?;
    let row =
        query("SELECT id FROM models WHERE hash = $1").bind(hash.to_vec()).fetch_one(connection).await?;
    Ok(row.try_get(0)?)
}

pub(crate) async fn all(connection: &mut Connection<'_>) -> Result<Vec<(i64, ModelRecord)>, StoreError> {
    let rows = query("SELECT id, hash, name, info FROM models ORDER BY id").fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let hash = hash_of_bytes(row.try_get(1)?)?;
            Ok((row.try_get(0)?, ModelRecord { hash, name: row.try_get(2)?, info_json: row.try_get(3)? }))
        })
        .collect()
}

pub(crate) fn hash_of_bytes(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::damaged("a model hash is not 32 bytes long"))
}
