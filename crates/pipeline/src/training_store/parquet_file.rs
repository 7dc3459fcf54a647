//! Training columns to and from one Parquet file, without Arrow.
//!
//! Every column is read by one task, chunk after chunk, straight into the vector that the training set keeps:
//! no value is moved twice. A digest per column, kept in the file's metadata, tells damage from data.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use consensus::Root;
use fingerprint::{Client, DataOrigin, LabelSource};
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{
    AsBytes, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescriptor, ColumnPath, PrimitiveTypeBuilder, Type};
use rayon::prelude::*;

use super::columns::{Columns, NamedColumn, Provenance, WordColumn};
use super::digest::{digest_labels, digest_numbers, digest_roots, digest_slots};
use super::error::TrainingStoreError;
use super::footer::{self, Chunk, Footer, FooterError};
use super::pages::Pages;

/// The version of the layout of this file: columns, metadata keys, digests.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The most rows a file may state: eight times a set of 12 years of mainnet blocks.
const MAX_ROWS: usize = 256 << 20;

/// Rows per row group: large enough to compress, small enough for most dictionaries to stay whole.
const ROW_GROUP_ROWS: usize = 1 << 18;

/// The most bytes a column chunk may state; a full row group of the widest column has a fifth of it.
const MAX_CHUNK_BYTES: u64 = 64 << 20;

/// The bytes of a block root, which stand in the file as they are: hashes cannot be compressed. So the size of a
/// file bounds its rows, and the memory they take.
const ROOT_BYTES: u64 = 32;

const ROOT: &str = "block_root";
const SLOT: &str = "slot";
const LABEL: &str = "label";
const LABEL_SOURCE: &str = "label_source";
const FORK: &str = "fork";
const GENERATION: &str = "client_generation";
const FIXED: [&str; 6] = [ROOT, SLOT, LABEL, LABEL_SOURCE, FORK, GENERATION];

const KEY_FORMAT: &str = "blockmark.training_set";
const KEY_FEATURE_SET: &str = "blockmark.feature_set_version";
const KEY_PROGRAM: &str = "blockmark.version";
/// Empty where nobody stated the network.
const KEY_NETWORK: &str = "blockmark.network";
/// Where the labels come from; files of earlier versions do not say.
const KEY_LABELS: &str = "blockmark.label_source";
const KEY_DIGEST: &str = "blockmark.digest.";

/// Which columns besides root, slot, label and features are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notes {
    /// Read label source, fork and client generation too.
    Read,
    /// Leave them on disk.
    Skip,
}

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileInfo {
    pub(crate) feature_set_version: u32,
    pub(crate) origin: DataOrigin,
    pub(crate) rows: usize,
    pub(crate) features: Vec<String>,
    /// Those of the features that some block may have no value for.
    pub(crate) incomplete: Vec<String>,
}

/// Writes the columns as Parquet. A feature that a block has no value for is not a number here and null there.
pub(crate) fn write(
    writer: impl Write + Send,
    columns: &Columns,
    feature_set_version: u32,
    origin: &DataOrigin,
) -> Result<(), ParquetError> {
    let mut metadata = vec![
        KeyValue::new(KEY_FORMAT.to_owned(), FORMAT_VERSION.to_string()),
        KeyValue::new(KEY_FEATURE_SET.to_owned(), feature_set_version.to_string()),
        KeyValue::new(KEY_PROGRAM.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        KeyValue::new(KEY_NETWORK.to_owned(), origin.network.clone().unwrap_or_default()),
        KeyValue::new(KEY_LABELS.to_owned(), label_word(origin.labels).to_owned()),
    ];
    let mut digests = vec![
        (ROOT.to_owned(), digest_roots(&columns.block_roots)),
        (SLOT.to_owned(), digest_slots(&columns.slots)),
        (LABEL.to_owned(), digest_labels(&columns.labels)),
    ];
    digests.par_extend(
        columns.features.par_iter().map(|column| (column.name.clone(), digest_numbers(&column.values))),
    );
    metadata.extend(
        digests.into_iter().map(|(name, digest)| KeyValue::new(format!("{KEY_DIGEST}{name}"), digest)),
    );
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(concat!("blockmark ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_column_compression(ColumnPath::from(ROOT), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(ColumnPath::from(ROOT), false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_key_value_metadata(Some(metadata))
        .build();
    let complete: Vec<bool> = columns.features.par_iter().map(NamedColumn::is_complete).collect();
    let schema = Arc::new(schema(&columns.features, &complete)?);
    let mut file = SerializedFileWriter::new(writer, schema, Arc::new(properties))?;
    let rows = columns.len();
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + ROW_GROUP_ROWS);
        let mut group = file.next_row_group()?;
        write_group(&mut group, columns, &complete, from..to)?;
        group.close()?;
        from = to;
    }
    file.close()?;
    Ok(())
}

/// The sources of labels and the words for them in metadata and in the column.
const LABEL_WORDS: [(LabelSource, &str); 4] = [
    (LabelSource::Unknown, "unknown"),
    (LabelSource::Generated, "generated"),
    (LabelSource::Graffiti, "graffiti"),
    (LabelSource::Folder, "folder"),
];

fn label_word(source: LabelSource) -> &'static str {
    LABEL_WORDS.into_iter().find(|(known, _)| *known == source).map_or("unknown", |(_, word)| word)
}

fn label_source(word: &str) -> LabelSource {
    LABEL_WORDS
        .into_iter()
        .find(|(_, known)| *known == word)
        .map_or(LabelSource::Unknown, |(source, _)| source)
}

fn schema(features: &[NamedColumn], complete: &[bool]) -> Result<Type, ParquetError> {
    let word =
        |name| required(name, PhysicalType::BYTE_ARRAY).with_logical_type(Some(LogicalType::String)).build();
    let mut fields = vec![
        required(ROOT, PhysicalType::FIXED_LEN_BYTE_ARRAY).with_length(32).build()?,
        required(SLOT, PhysicalType::INT64).build()?,
        word(LABEL)?,
        word(LABEL_SOURCE)?,
        word(FORK)?,
        word(GENERATION)?,
    ];
    for (column, complete) in features.iter().zip(complete) {
        let repetition = if *complete { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let field = Type::primitive_type_builder(&column.name, PhysicalType::DOUBLE);
        fields.push(field.with_repetition(repetition).build()?);
    }
    Type::group_type_builder("training_set").with_fields(fields.into_iter().map(Arc::new).collect()).build()
}

fn required(name: &str, physical: PhysicalType) -> PrimitiveTypeBuilder<'_> {
    Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED)
}

fn write_group<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    columns: &Columns,
    complete: &[bool],
    rows: Range<usize>,
) -> Result<(), ParquetError> {
    let roots = Bytes::from(
        columns
            .block_roots
            .get(rows.clone())
            .unwrap_or_default()
            .iter()
            .flat_map(|root| root.0)
            .collect::<Vec<_>>(),
    );
    let roots: Vec<FixedLenByteArray> = (0..rows.len())
        .map(|row| FixedLenByteArray::from(ByteArray::from(roots.slice(row * 32..row * 32 + 32))))
        .collect();
    write_column::<FixedLenByteArrayType, _>(group, &roots)?;
    let slots: Vec<i64> = columns
        .slots
        .get(rows.clone())
        .unwrap_or_default()
        .iter()
        .map(|&slot| i64::try_from(slot).unwrap_or(i64::MAX))
        .collect();
    write_column::<Int64Type, _>(group, &slots)?;
    let labels = columns.labels.get(rows.clone()).unwrap_or_default();
    write_words(group, labels.iter().map(|label| label.name()))?;
    let notes = &columns.provenance;
    for column in [&notes.label_source, &notes.fork, &notes.client_generation] {
        write_words(group, rows.clone().map(|row| column.get(row)))?;
    }
    for (column, complete) in columns.features.iter().zip(complete) {
        let values = column.values.get(rows.clone()).unwrap_or_default();
        if *complete {
            write_column::<DoubleType, _>(group, values)?;
            continue;
        }
        let levels: Vec<i16> = values.iter().map(|value| i16::from(!value.is_nan())).collect();
        let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        write_levels::<DoubleType, _>(group, &present, Some(&levels))?;
    }
    Ok(())
}

fn write_words<'a, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    words: impl Iterator<Item = &'a str>,
) -> Result<(), ParquetError> {
    // Equal words share one allocation; there are a handful of them.
    let mut known: HashMap<&str, ByteArray> = HashMap::new();
    let values: Vec<ByteArray> =
        words.map(|word| known.entry(word).or_insert_with(|| ByteArray::from(word)).clone()).collect();
    write_column::<ByteArrayType, _>(group, &values)
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    write_levels::<T, W>(group, values, None)
}

/// Writes a column; the levels of one with nulls say per row whether there is a value.
fn write_levels<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns than the data".to_owned()));
    };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// Reads what the file says of itself, and nothing else.
pub(crate) fn info(path: &Path) -> Result<FileInfo, TrainingStoreError> {
    Opened::open(path).map(|file| file.info)
}

/// Reads the named features (all, when none are named) with root, slot and label of every row.
pub(crate) fn read(
    path: &Path,
    features: Option<&[String]>,
    notes: Notes,
) -> Result<(FileInfo, Columns), TrainingStoreError> {
    let file = Opened::open(path)?;
    let names: Vec<String> = features.map_or_else(|| file.info.features.clone(), <[String]>::to_vec);
    for name in &names {
        file.column(name)?;
    }
    let read_features = || {
        names
            .par_iter()
            .map(|name| file.numbers(name).map(|values| NamedColumn { name: name.clone(), values }))
            .collect::<Result<Vec<_>, _>>()
    };
    let read_keys = || {
        let (roots, (slots, labels)) =
            rayon::join(|| file.roots(), || rayon::join(|| file.slots(), || file.labels()));
        let provenance = match notes {
            Notes::Skip => Provenance::unknown(0),
            Notes::Read => Provenance {
                label_source: file.words(LABEL_SOURCE)?,
                fork: file.words(FORK)?,
                client_generation: file.words(GENERATION)?,
            },
        };
        Ok::<_, TrainingStoreError>((roots?, slots?, labels?, provenance))
    };
    let (keys, features) = rayon::join(read_keys, read_features);
    let (block_roots, slots, labels, provenance) = keys?;
    let columns = Columns { block_roots, slots, labels, provenance, features: features? };
    Ok((file.info, columns))
}

/// A file whose footer has been read and believed.
struct Opened {
    path: PathBuf,
    footer: Footer,
    info: FileInfo,
    digests: HashMap<String, String>,
    length: u64,
}

impl Opened {
    fn open(path: &Path) -> Result<Self, TrainingStoreError> {
        let io = |source| TrainingStoreError::Io { path: path.to_owned(), source };
        let unreadable =
            |reason: &str| TrainingStoreError::Parquet { path: path.to_owned(), reason: reason.to_owned() };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut footer = footer::read(&mut file, length).map_err(|error| match error {
            FooterError::Io(source) => io(source),
            FooterError::Unreadable(reason) => unreadable(reason),
        })?;
        let rows = usize::try_from(footer.rows).ok().filter(|&rows| rows <= MAX_ROWS).ok_or_else(|| {
            TrainingStoreError::TooManyRows { path: path.to_owned(), rows: footer.rows, limit: MAX_ROWS }
        })?;
        if footer.rows.saturating_mul(ROOT_BYTES) > length {
            return Err(unreadable("it states more rows than a file of its size holds"));
        }
        let mut values = std::mem::take(&mut footer.notes);
        let mut take = |key: &'static str| {
            values
                .remove(key)
                .ok_or_else(|| TrainingStoreError::NotATrainingSet { path: path.to_owned(), key })
        };
        let format = take(KEY_FORMAT)?;
        if format != FORMAT_VERSION.to_string() {
            return Err(TrainingStoreError::Version {
                path: path.to_owned(),
                what: "format",
                found: format,
                known: FORMAT_VERSION,
            });
        }
        let version = take(KEY_FEATURE_SET)?;
        let feature_set_version = version.parse().map_err(|_| TrainingStoreError::Version {
            path: path.to_owned(),
            what: "feature set",
            found: version.clone(),
            known: super::FEATURE_SET_VERSION,
        })?;
        let network = Some(take(KEY_NETWORK)?).filter(|network| !network.is_empty());
        let labels = values.get(KEY_LABELS).map_or(LabelSource::Unknown, |word| label_source(word));
        let digests = values
            .into_iter()
            .filter_map(|(key, value)| key.strip_prefix(KEY_DIGEST).map(|name| (name.to_owned(), value)))
            .collect();
        let names = footer.columns.iter().map(|column| &column.name);
        let features: Vec<String> = names.filter(|name| !FIXED.contains(&name.as_str())).cloned().collect();
        let optional = footer.columns.iter().filter(|column| !column.required).map(|column| &column.name);
        let incomplete = optional.filter(|name| features.contains(name)).cloned().collect();
        let info = FileInfo {
            feature_set_version,
            origin: DataOrigin { network, labels, about: None },
            rows,
            features,
            incomplete,
        };
        Ok(Self { path: path.to_owned(), footer, info, digests, length })
    }

    fn column(&self, name: &str) -> Result<usize, TrainingStoreError> {
        let columns = &self.footer.columns;
        columns.iter().position(|column| column.name == name).ok_or_else(|| {
            TrainingStoreError::MissingColumn {
                path: self.path.clone(),
                column: name.to_owned(),
                present: columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// Hands the values of a column to `take`, one row group after the other.
    fn chunks<T: DataType>(
        &self,
        name: &str,
        expected: &'static str,
        mut take: impl FnMut(&mut ColumnReaderImpl<T>, usize) -> Result<usize, ParquetError>,
    ) -> Result<(), TrainingStoreError> {
        let index = self.column(name)?;
        let descriptor = self.descriptor::<T>(index, name, expected)?;
        let mut file = File::open(&self.path)
            .map_err(|source| TrainingStoreError::Io { path: self.path.clone(), source })?;
        let mut done = 0;
        for group in &self.footer.groups {
            let rows = usize::try_from(group.rows)
                .ok()
                .filter(|rows| rows.checked_add(done).is_some_and(|rows| rows <= self.info.rows))
                .ok_or_else(|| self.damaged("its row groups state more rows than the file"))?;
            let chunk = group
                .chunks
                .get(index)
                .ok_or_else(|| self.damaged("a row group has fewer columns than the schema"))?;
            let read = guarded(&self.path, || {
                let pages = Pages::new(self.chunk_bytes(&mut file, name, chunk)?, chunk.codec, rows)?;
                let mut reader = ColumnReaderImpl::<T>::new(Arc::clone(&descriptor), Box::new(pages));
                take(&mut reader, rows)
            })?;
            if read != rows {
                return Err(
                    self.damaged(&format!("column {name:?} has {read} values where {rows} are stated"))
                );
            }
            done += rows;
        }
        if done == self.info.rows {
            Ok(())
        } else {
            Err(self.damaged(&format!("column {name:?} has {done} of {} rows", self.info.rows)))
        }
    }

    /// What the decoder needs to know of a column, if it is of the expected type.
    fn descriptor<T: DataType>(
        &self,
        index: usize,
        name: &str,
        expected: &'static str,
    ) -> Result<Arc<ColumnDescriptor>, TrainingStoreError> {
        let physical = T::get_physical_type();
        let fixed = physical == PhysicalType::FIXED_LEN_BYTE_ARRAY;
        let column = self.footer.columns.get(index).ok_or_else(|| self.damaged("a column is missing"))?;
        let width_fits = !fixed || column.width == Some(ROOT_BYTES);
        // Only features may be null.
        let may_lack = physical == PhysicalType::DOUBLE;
        if column.physical != physical || !(column.required || may_lack) || !width_fits {
            let required = if column.required { "required" } else { "optional" };
            return Err(TrainingStoreError::ColumnType {
                path: self.path.clone(),
                column: name.to_owned(),
                expected,
                found: format!("{}, {required}", column.physical),
            });
        }
        let length = if fixed { ROOT_BYTES as i32 } else { -1 };
        let repetition = if column.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let built = Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_length(length)
            .build();
        let built = built.map_err(|error| self.damaged(&error.to_string()))?;
        let definition = i16::from(!column.required);
        Ok(Arc::new(ColumnDescriptor::new(Arc::new(built), definition, 0, ColumnPath::from(name))))
    }

    /// The bytes of a column chunk.
    fn chunk_bytes(&self, file: &mut File, name: &str, chunk: &Chunk) -> Result<Bytes, ParquetError> {
        let Chunk { start, length, .. } = *chunk;
        let end = start.checked_add(length).filter(|&end| end <= self.length);
        if end.is_none() || length > MAX_CHUNK_BYTES {
            return Err(ParquetError::EOF(format!(
                "column {name:?} states bytes {start} to {start}+{length} of a file with {}",
                self.length
            )));
        }
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length)?);
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// The values of a feature; null becomes not a number, and nothing else is.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, TrainingStoreError> {
        const EXPECTED: &str = "DOUBLE";
        let mut values = self.reserve::<f64>()?;
        let not_finite = |row: usize, value: f64| {
            let (path, column) = (self.path.clone(), name.to_owned());
            TrainingStoreError::NotFinite { path, column, row, value }
        };
        let mut wrong = None;
        if self.info.incomplete.iter().any(|column| column == name) {
            let (mut present, mut levels) = (Vec::new(), Vec::new());
            self.chunks::<DoubleType>(name, EXPECTED, |reader, rows| {
                present.clear();
                levels.clear();
                let (records, ..) = reader.read_records(rows, Some(&mut levels), None, &mut present)?;
                let mut present = present.iter().copied();
                for level in &levels {
                    let value = if *level == 0 { None } else { present.next() };
                    if let Some(value) = value.filter(|value| !value.is_finite()) {
                        wrong.get_or_insert((values.len(), value));
                    }
                    values.push(value.unwrap_or(f64::NAN));
                }
                Ok(records)
            })?;
        } else {
            self.chunks::<DoubleType>(name, EXPECTED, |reader, rows| {
                reader.read_records(rows, None, None, &mut values).map(|(records, ..)| records)
            })?;
            let row = values.iter().position(|value| !value.is_finite());
            wrong = row.and_then(|row| Some((row, *values.get(row)?)));
        }
        self.check_digest(name, &digest_numbers(&values))?;
        match wrong {
            None => Ok(values),
            Some((row, value)) => Err(not_finite(row, value)),
        }
    }

    fn slots(&self) -> Result<Vec<u64>, TrainingStoreError> {
        let mut values = self.reserve::<i64>()?;
        self.chunks::<Int64Type>(SLOT, "INT64, required", |reader, rows| {
            reader.read_records(rows, None, None, &mut values).map(|(records, ..)| records)
        })?;
        if let Some(row) = values.iter().position(|&slot| slot < 0) {
            return Err(TrainingStoreError::BadValue {
                path: self.path.clone(),
                column: SLOT,
                row,
                reason: "a slot is not negative".to_owned(),
            });
        }
        let slots: Vec<u64> = values.into_iter().map(i64::unsigned_abs).collect();
        self.check_digest(SLOT, &digest_slots(&slots))?;
        Ok(slots)
    }

    fn roots(&self) -> Result<Vec<Root>, TrainingStoreError> {
        let mut roots = self.reserve::<Root>()?;
        let mut values = Vec::new();
        self.chunks::<FixedLenByteArrayType>(ROOT, "FIXED_LEN_BYTE_ARRAY(32), required", |reader, rows| {
            values.clear();
            let (records, ..) = reader.read_records(rows, None, None, &mut values)?;
            for value in &values {
                let root = value
                    .as_bytes()
                    .try_into()
                    .map_err(|_| ParquetError::General("a block root has not 32 bytes".to_owned()))?;
                roots.push(Root(root));
            }
            Ok(records)
        })?;
        self.check_digest(ROOT, &digest_roots(&roots))?;
        Ok(roots)
    }

    fn labels(&self) -> Result<Vec<Client>, TrainingStoreError> {
        let words = self.words(LABEL)?;
        let clients: Vec<Option<Client>> = words
            .words()
            .iter()
            .map(|word| Client::ALL.into_iter().find(|client| client.name() == word))
            .collect();
        let mut labels = self.reserve::<Client>()?;
        for (row, &index) in words.rows().iter().enumerate() {
            let label = clients.get(usize::from(index)).copied().flatten().ok_or_else(|| {
                TrainingStoreError::BadValue {
                    path: self.path.clone(),
                    column: LABEL,
                    row,
                    reason: format!(
                        "{:?} is not a client; known are Grandine, Lighthouse, Lodestar, Nimbus, Other, \
                         Prysm and Teku",
                        words.get(row)
                    ),
                }
            })?;
            labels.push(label);
        }
        self.check_digest(LABEL, &digest_labels(&labels))?;
        Ok(labels)
    }

    fn words(&self, name: &str) -> Result<WordColumn, TrainingStoreError> {
        let mut column = WordColumn::default();
        let mut values = Vec::new();
        self.chunks::<ByteArrayType>(name, "BYTE_ARRAY, required", |reader, rows| {
            values.clear();
            let (records, ..) = reader.read_records(rows, None, None, &mut values)?;
            let mut last: &[u8] = &[];
            for value in &values {
                // Values of a dictionary share their bytes, and sorted rows repeat them.
                if !last.is_empty() && std::ptr::eq(last, value.as_bytes()) {
                    column.repeat_last();
                    continue;
                }
                last = value.as_bytes();
                let word = std::str::from_utf8(value.as_bytes()).map_err(|_| {
                    ParquetError::General(format!("column {name:?} holds text that is not UTF-8"))
                })?;
                column.push(word);
            }
            Ok(records)
        })?;
        Ok(column)
    }

    fn check_digest(&self, column: &str, digest: &str) -> Result<(), TrainingStoreError> {
        if self.digests.get(column).is_some_and(|stated| stated == digest) {
            return Ok(());
        }
        Err(TrainingStoreError::Digest { path: self.path.clone(), column: column.to_owned() })
    }

    fn reserve<T>(&self) -> Result<Vec<T>, TrainingStoreError> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(self.info.rows)
            .map_err(|_| TrainingStoreError::Memory { path: self.path.clone(), rows: self.info.rows })?;
        Ok(values)
    }

    fn damaged(&self, reason: &str) -> TrainingStoreError {
        TrainingStoreError::Parquet { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// Runs the Parquet decoder. It returns errors for most damage and panics on some; both become one sentence.
fn guarded<T>(
    path: &Path,
    decode: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, TrainingStoreError> {
    let reason = match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(ParquetError::General(reason) | ParquetError::EOF(reason))) => reason,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the decoder gave up on its contents".to_owned(),
    };
    Err(TrainingStoreError::Parquet { path: path.to_owned(), reason })
}

/// A Parquet failure while writing, as an I/O failure where it is one.
pub(crate) struct WriteError(pub(crate) io::Error);

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl From<ParquetError> for WriteError {
    fn from(error: ParquetError) -> Self {
        Self(io::Error::other(error))
    }
}
