//! Why a training set could not be read or written.

use std::io;
use std::path::PathBuf;

/// Why a training set could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingStoreError {
    /// The operating system refused.
    #[error("{path} can't be read or written, because {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is no Parquet, or it is damaged.
    #[error("{path} is not a readable Parquet file: {reason}", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Parquet, but not a training set.
    #[error(
        "{path} is a Parquet file but not a training set of blockmark: its metadata has no {key:?}",
        path = path.display()
    )]
    NotATrainingSet {
        /// The file.
        path: PathBuf,
        /// The metadata key that is missing.
        key: &'static str,
    },
    /// The file was made for other features than this program computes.
    #[error(
        "{path} has {what} version {found:?}, this program reads {known}; make it again with `blockmark label`",
        path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What is versioned: the format, or the feature set.
        what: &'static str,
        /// The version in the file.
        found: String,
        /// The version this program reads.
        known: u32,
    },
    /// A column that must be there is not.
    #[error("{path} has no column {column:?}; it has: {present}", path = path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are.
        present: String,
    },
    /// A column has another type than it should.
    #[error("{path}, column {column:?}: expected {expected}, found {found}", path = path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The type it should have.
        expected: &'static str,
        /// The type it has.
        found: String,
    },
    /// A value is not a finite number.
    #[error("{path}, column {column:?}, row {row}: {value} is not a finite number", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The row, counted from 0.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A value of a column other than a feature means nothing.
    #[error("{path}, column {column:?}, row {row}: {reason}", path = path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The row, counted from 0.
        row: usize,
        /// What is wrong.
        reason: String,
    },
    /// The values are not those that were written.
    #[error(
        "{path}, column {column:?}: the values do not match the digest written with them, so the file is damaged; \
         make it again with `blockmark label`",
        path = path.display()
    )]
    Digest {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// More rows than this program opens.
    #[error("{path} states {rows} rows, more than the {limit} this program opens", path = path.display())]
    TooManyRows {
        /// The file.
        path: PathBuf,
        /// The rows stated.
        rows: u64,
        /// The most that are opened.
        limit: usize,
    },
    /// No memory for the rows.
    #[error("{path} states {rows} rows, and there is not enough memory for them", path = path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// The rows stated.
        rows: usize,
    },
    /// Nothing to read.
    #[error("{path} holds no labelled block", path = path.display())]
    Empty {
        /// The file or directory.
        path: PathBuf,
    },
    /// A folder of the directory form is not named after a client.
    #[error(
        "{path} is not named after a client; the folders of a training directory are called \
         Grandine, Lighthouse, Lodestar, Nimbus, Other, Prysm or Teku",
        path = path.display()
    )]
    UnknownFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Neither a Parquet file nor a training directory.
    #[error(
        "{path} is neither a Parquet file nor a directory of <Client>/<block_root>.json, so it is no training set",
        path = path.display()
    )]
    Unrecognised {
        /// The file or directory.
        path: PathBuf,
    },
    /// A block of the directory form cannot be read.
    #[error("{path}: {reason}", path = path.display())]
    Block {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The columns do not make a training set.
    #[error("{path}: {reason}", path = path.display())]
    Set {
        /// The file or directory.
        path: PathBuf,
        /// What the training set says.
        reason: String,
    },
}
