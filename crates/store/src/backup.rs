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
    if target.symlink_metadata().is_ok() {
        return Err(StoreError::AlreadyThere { path: target.to_owned() });
    }
    let unfinished = unfinished(target);
    let Some(name) = unfinished.to_str() else {
        return Err(no_backup(target, "its name is not UTF-8; give it another one"));
    };
    make_place(target, &unfinished)?;
    let written = async {
        // One transaction that reads: what others write meanwhile is not in the copy, and they do not wait for it.
        let mut connection = file.connect_for_backup().await?;
        sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut connection)
            .await
            .map_err(|error| not_written(target, error.into()))?;
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
            .map_err(|error| not_kept(target, &error))?;
        // A link does not take the place of a file that appeared meanwhile, as a new name would.
        fs::hard_link(&unfinished, target).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::AlreadyThere { path: target.to_owned() },
            _ => not_kept(target, &error),
        })?;
        Ok(BackupReport { bytes })
    }
    .await;
    let _ = fs::remove_file(&unfinished);
    if written.is_ok() {
        File::open(folder_of(target))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| not_kept(target, &error))?;
    }
    written
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An empty file, which SQLite takes as well as none, for the system says better than SQLite why there can be none.
fn make_place(target: &Path, unfinished: &Path) -> Result<(), StoreError> {
    let folder = folder_of(target);
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(no_backup(target, format!("there is no folder {folder}; make it, or name another one")));
    }
    let refused = |error: std::io::Error| {
        let folder = folder.display();
        no_backup(
            target,
            format!("the folder {folder} takes no new file ({error}); name a folder that can be written to"),
        )
    };
    match fs::remove_file(unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    File::create_new(unfinished).map_err(refused)?;
    Ok(())
}

/// What SQLite says of writing is of the copy, and not of a batch.
fn not_written(target: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::DiskFull => {
            no_backup(target, "the disk is full; make room, or name a folder on another disk")
        }
        StoreError::WriteRefused { detail } => no_backup(
            target,
            format!("the system refuses to write it ({detail}); name a folder that can be written to"),
        ),
        other => other,
    }
}

fn not_kept(target: &Path, error: &std::io::Error) -> StoreError {
    no_backup(target, format!("the system refuses to keep it ({error}); name a folder on another disk"))
}

fn no_backup(target: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::NoBackup { path: target.to_owned(), detail: detail.into() }
}
