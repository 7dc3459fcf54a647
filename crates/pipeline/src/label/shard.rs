//! One raw file's part of a training set, kept on disk until the whole is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use consensus::Root;
use fingerprint::{BlockObservation, Client, FeatureSet};
use serde::{Deserialize, Serialize};
use source::rewards::Reason;
use source::{KeepText, Limits, RewardReader};

use super::forks::{fork_of, generation_of};
use super::{LabelError, LabelFormat, LabelOptions};
use crate::atomic;
use crate::bad_input::BadInput;
use crate::rows::RowMaker;
use crate::training_store::columns::{Columns, NamedColumn};
use crate::training_store::{self, FEATURE_SET_VERSION};

/// What a shard counted. Written beside its rows; that it is there says that the shard is whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) blocks: u64,
    pub(super) unlabelled: u64,
    /// Rows in the shard's Parquet file; there is none where this is 0.
    pub(super) rows: u64,
    /// Blocks written to the directory form.
    pub(super) written: Vec<(Client, Root)>,
    pub(super) bad: Vec<BadInput>,
    /// Whether an earlier run made the shard.
    #[serde(skip)]
    pub(super) reused: bool,
}

/// A raw file and the place of its shard.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    file: PathBuf,
    /// Without extension; its name follows from the file's name, size and time, and from the options.
    stem: PathBuf,
}

impl Shard {
    pub(super) fn of(raw: &Path, file: &Path, partial: &Path, options: &LabelOptions) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(file.strip_prefix(raw).unwrap_or(file).as_os_str().as_encoded_bytes());
        if let Ok(metadata) = fs::metadata(file) {
            add(&metadata.len().to_le_bytes());
            let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            add(&changed.map_or(0, |age| age.as_nanos()).to_le_bytes());
        }
        add(&FEATURE_SET_VERSION.to_le_bytes());
        add(options.network.as_deref().unwrap_or_default().as_bytes());
        add(options.rules.source().as_bytes());
        add(options.rules.network().unwrap_or_default().as_bytes());
        for client in options.disabled.iter() {
            add(client.name().as_bytes());
        }
        add(format!("{:?}", options.format).as_bytes());
        let key: String = hasher.finalize().to_hex().chars().take(32).collect();
        Self { file: file.to_owned(), stem: partial.join(key) }
    }

    pub(super) fn rows_path(&self) -> PathBuf {
        self.stem.with_extension("parquet")
    }

    fn tally_path(&self) -> PathBuf {
        self.stem.with_extension("json")
    }

    /// The shard of an earlier run, or a new one.
    pub(super) fn make(self, output: &Path, options: &LabelOptions) -> Result<(Self, Tally), LabelError> {
        if let Some(tally) = self.finished() {
            return Ok((self, tally));
        }
        let (tally, columns, lasting) = self.read(output, options)?;
        if tally.rows > 0 {
            training_store::write_columns(&self.rows_path(), &columns, &options.origin())?;
        }
        // A file that could not be read through may be readable next time: then its rows serve this run only.
        if lasting {
            let path = self.tally_path();
            let json = serde_json::to_vec(&tally).map_err(std::io::Error::other);
            json.and_then(|json| atomic::write(&path, &json)).map_err(LabelError::io(&path))?;
        }
        Ok((self, tally))
    }

    fn finished(&self) -> Option<Tally> {
        let json = fs::read(self.tally_path()).ok()?;
        let tally: Tally = serde_json::from_slice(&json).ok()?;
        let whole = tally.rows == 0
            || training_store::training_set_info(&self.rows_path())
                .is_ok_and(|info| info.rows as u64 == tally.rows);
        whole.then_some(Tally { reused: true, ..tally })
    }

    /// Reads and labels all blocks. The last value says whether the same file gives the same again.
    fn read(&self, output: &Path, options: &LabelOptions) -> Result<(Tally, Columns, bool), LabelError> {
        let mut tally = Tally::default();
        let rules = options.rules.for_network(options.assumed_network());
        let mut rows = Rows::new();
        let reader = match RewardReader::open_path(&self.file, Limits::default()) {
            Ok(reader) => reader,
            Err(error) => {
                tally.bad.push(BadInput::of_file(
                    &self.file,
                    format_args!("the file can't be opened, because {error}"),
                ));
                return Ok((tally, rows.columns, false));
            }
        };
        let mut lasting = true;
        let keep = match options.format {
            LabelFormat::Parquet => KeepText::No,
            LabelFormat::Directory => KeepText::Yes,
        };
        for record in reader.keep_text(keep) {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    lasting &= !matches!(error.reason, Reason::Io(_));
                    tally.bad.push(BadInput::of_file(&self.file, error));
                    continue;
                }
            };
            tally.blocks += 1;
            let block = &record.observation;
            let Some(label) = rules.guess(&block.graffiti, options.disabled) else {
                tally.unlabelled += 1;
                continue;
            };
            match options.format {
                LabelFormat::Parquet => {
                    if let Err(reason) = rows.push(block, label, options) {
                        let reason = format!("block {} at slot {}: {reason}", block.block_root, block.slot);
                        tally.bad.push(BadInput::of_file(&self.file, reason));
                    }
                }
                LabelFormat::Directory => {
                    let name = format!("{}.json", block.block_root);
                    let folder = output.join(label.name());
                    fs::create_dir_all(&folder).map_err(LabelError::io(&folder))?;
                    let path = folder.join(name);
                    let text = record.text.unwrap_or_default();
                    atomic::write_unsynced(&path, &text).map_err(LabelError::io(&path))?;
                    tally.written.push((label, block.block_root));
                }
            }
        }
        tally.rows = rows.columns.len() as u64;
        Ok((tally, rows.columns, lasting))
    }
}

/// Rows as they are computed.
pub(super) struct Rows {
    maker: RowMaker,
    columns: Columns,
    row: Vec<f64>,
}

impl Rows {
    pub(super) fn new() -> Self {
        let features = FeatureSet::everything();
        let named = features.names().map(|name| NamedColumn { name: name.to_owned(), values: Vec::new() });
        let columns = Columns { features: named.collect(), ..Columns::default() };
        Self { maker: RowMaker::new(features), columns, row: Vec::new() }
    }

    pub(super) fn into_columns(self) -> Columns {
        self.columns
    }

    pub(super) fn push(
        &mut self,
        block: &BlockObservation,
        label: Client,
        options: &LabelOptions,
    ) -> Result<(), String> {
        self.row.clear();
        self.maker.append(block, &mut self.row).map_err(|error| error.to_string())?;
        self.columns.block_roots.push(block.block_root);
        self.columns.slots.push(block.slot.0);
        self.columns.labels.push(label);
        for (column, value) in self.columns.features.iter_mut().zip(&self.row) {
            column.values.push(*value);
        }
        let notes = &mut self.columns.provenance;
        notes.label_source.push("graffiti");
        notes.fork.push(fork_of(options.assumed_network(), block.slot.0));
        notes.client_generation.push(&generation_of(&block.graffiti));
        Ok(())
    }
}
