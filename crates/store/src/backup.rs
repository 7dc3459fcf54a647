//! A copy of an SQLite file that is whole, made while others read and write it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sqlx::Row as _;

use crate::db::{Backend, Database};
use crate::error::StoreError;

/// A backup that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// The size of the copy in bytes.
    pub bytes: u64,
}

/// The name of a backup until it is whole.
pub fn unfinished(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// Writes the database as it is now into a new file, which gets its name once it is on disk and was read back.
pub(crate) async fn write(database: &Database, target: &Path) -> Result<BackupReport, StoreError> {
    let Backend::File(file) = &database.backend else { return Err(StoreError::BackupOfServer) };
    let cannot = |path: &Path, error: std::io::Error| StoreError::CannotOpen {
        path: path.to_owned(),
        detail: error.to_string(),
    };
    if target.symlink_metadata().is_ok() {
        return Err(StoreError::AlreadyThere { path: target.to_owned() });
    }
    let unfinished = unfinished(target);
    let Some(name) = unfinished.to_str() else {
        return Err(StoreError::CannotOpen {
            path: target.to_owned(),
            detail: "its name is not UTF-8".to_owned(),
        });
    };
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(&unfinished, error)),
        _ => {}
    }
    let written = async {
        // One transaction that reads: what others write meanwhile is not in the copy, and they do not wait for it.
        let mut connection = file.connect_for_backup().await?;
        sqlx::query("VACUUM INTO ?").bind(name).execute(&mut connection).await?;
        drop(connection);
        let mut copy = crate::sqlite::connect_to_copy(&unfinished).await?;
        let found: String = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut copy).await?.try_get(0)?;
        if found != "ok" {
            return Err(StoreError::damaged(format!("the backup can't be read back: {found}")));
        }
        drop(copy);
        let bytes = File::open(&unfinished)
            .and_then(|copy| {
                copy.sync_all()?;
                Ok(copy.metadata()?.len())
            })
            .map_err(|error| cannot(&unfinished, error))?;
        // A link does not take the place of a file that appeared meanwhile, as a new name would.
        fs::hard_link(&unfinished, target).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::AlreadyThere { path: target.to_owned() },
            _ => cannot(target, error),
        })?;
        Ok(BackupReport { bytes })
    }
    .await;
    let _ = fs::remove_file(&unfinished);
    if written.is_ok() {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| cannot(target, error))?;
    }
    written
}
