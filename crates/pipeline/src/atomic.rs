//! Files that are either the old ones or the new ones, never halves.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file beside its place, syncs it and moves it there. A failure leaves the old file alone.
pub(crate) fn write_with<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, E> {
    let staged = staged_path(path);
    let result = stage(&staged, path, write);
    if result.is_err() {
        // The half-written file is of no use; that it cannot be removed is less news than the first error.
        let _ = fs::remove_file(&staged);
    }
    result
}

/// Writes bytes as [`write_with`] does.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes one of many small files. It is not synced: a crash of the machine may leave it empty, one of the
/// program may not.
pub(crate) fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = staged_path(path);
    let result = fs::write(&staged, bytes).and_then(|()| fs::rename(&staged, path));
    if result.is_err() {
        let _ = fs::remove_file(&staged);
    }
    result
}

/// A folder that is being filled: unless it is kept, it goes again, if it was not there before.
pub(crate) struct NewFolder {
    made: Option<PathBuf>,
}

impl NewFolder {
    /// The folder, made if it is not there.
    pub(crate) fn make(path: &Path) -> io::Result<Self> {
        let made = (!path.exists()).then(|| path.to_owned());
        fs::create_dir_all(path)?;
        Ok(Self { made })
    }

    /// What is in it stays.
    pub(crate) fn keep(mut self) {
        self.made = None;
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if let Some(path) = &self.made {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn stage<T, E: From<io::Error>>(
    staged: &Path,
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, E> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(staged)?);
    let value = write(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file);
    fs::rename(staged, path)?;
    Ok(value)
}

/// Files staged by this process: no two threads may stage under one name.
static STAGED: AtomicU64 = AtomicU64::new(0);

fn staged_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    let number = STAGED.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}.tmp", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_kept_goes_unless_it_was_there() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("plots");
        drop(NewFolder::make(&path).expect("a folder"));
        assert!(!path.exists());
        NewFolder::make(&path).expect("a folder").keep();
        drop(NewFolder::make(&path).expect("the folder"));
        assert!(path.exists());
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_other() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("model.bmm");
        write(&path, b"old").expect("the first write");
        let failed: io::Result<()> = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).expect("the file is there"), b"old");
        assert_eq!(fs::read_dir(dir.path()).expect("a listing").count(), 1);
    }
}
