//! `blockmark db …`: work on a database of verdicts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::InputArgs;

/// `blockmark db …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Create an empty database.
    Init(DbArgs),
    /// Classify blocks into the database; known blocks are updated, never an error.
    Build {
        /// The database.
        #[command(flatten)]
        db: DbArgs,
        /// Blocks to classify.
        #[command(flatten)]
        input: InputArgs,
        /// The model file, or a directory of slots_A_to_B.bmm files chosen by slot.
        #[arg(long, value_name = "FILE")]
        model: PathBuf,
    },
    /// Take over every row of an old blockprint SQLite file.
    Import {
        /// The old file.
        file: PathBuf,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Copy a database into another one, SQLite or PostgreSQL, and compare the two; resumable.
    Copy {
        /// The database to read: a file or a postgres:// URL.
        #[arg(value_name = "FROM")]
        from: PathBuf,
        /// The database to fill: a file or a postgres:// URL. Made if it is a file that is not there.
        #[arg(value_name = "TO")]
        to: PathBuf,
    },
    /// Write a copy of the SQLite file that is whole, while others read and write it.
    Backup {
        /// The new file.
        #[arg(value_name = "TO")]
        to: PathBuf,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Give up the features behind old verdicts; blocks and verdicts stay.
    Prune {
        /// Features and attestations of blocks before this slot go.
        #[arg(long, value_name = "SLOT")]
        evidence_before: u64,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Bring an older database to this version's schema.
    Migrate(DbArgs),
    /// Verify the database: integrity, counts, gaps.
    Check {
        /// The database.
        #[command(flatten)]
        db: DbArgs,
        /// List the gaps.
        #[arg(long)]
        gaps: bool,
    },
    /// Write all verdicts as CSV or Parquet.
    Export {
        /// The file; `-` for standard output.
        out: PathBuf,
        /// The form; when absent, Parquet for a file named *.parquet, else CSV.
        #[arg(long, value_enum, value_name = "FORM")]
        format: Option<ExportFormat>,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
    /// Which client a validator runs, judged from its blocks.
    Affinity {
        /// Validator indices.
        #[arg(required = true)]
        validators: Vec<u64>,
        /// Count blocks up to this slot.
        #[arg(long, value_name = "SLOT")]
        until: Option<u64>,
        /// The database.
        #[command(flatten)]
        db: DbArgs,
    },
}

/// Which database.
#[derive(Clone, Debug, Args)]
pub(crate) struct DbArgs {
    /// The SQLite file, or postgres://USER:PASSWORD@HOST/DATABASE; default: blockmark.sqlite in the data directory.
    #[arg(long, env = "BLOCKMARK_DB", hide_env_values = true, value_name = "FILE|URL")]
    pub(crate) db: Option<PathBuf>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values with a line of names.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}
