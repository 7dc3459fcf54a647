//! A file that gets its name when it is whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file being written beside its name, removed again unless it was renamed.
#[derive(Debug)]
pub(crate) struct PartFile(PathBuf);

impl PartFile {
    /// The place beside a path where its content is collected.
    pub(crate) fn beside(path: &Path) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // A leading dot keeps it out of every search for inputs.
        Self(path.with_file_name(format!(".{name}.{}-{number}.part", std::process::id())))
    }

    /// Where the content goes.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the file its name. What was there under it is gone.
    pub(crate) fn rename(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Gone already where it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = PartFile::beside(path);
    let mut file = fs::File::create(part.path())?;
    file.write_all(bytes)?;
    file.sync_data()?;
    part.rename(path)
}
