//! Parquet, one row group at a time: memory does not grow with the number of blocks.

use std::io::Write;
use std::sync::Arc;

use fingerprint::Client;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};

use super::{Form, canonical_word, origin_word, ruled_out_words, signs_words};
use crate::error::StoreError;
use crate::row::BlockRow;
use crate::sql::to_i64;

/// Blocks of a row group, all of which are held back until it is written: about 30 MB.
const GROUP_ROWS: usize = 65_536;

/// Bytes of a root or hash.
const HASH_BYTES: i32 = 32;

const BLOCK_ROOT: &str = "block_root";
const PARENT_ROOT: &str = "parent_root";

/// How the values of a column are found in a block.
enum Values {
    Number(fn(&BlockRow) -> Option<u64>),
    Hash(fn(&BlockRow) -> Option<[u8; 32]>),
    Text(fn(&BlockRow) -> Option<&str>),
    Words(fn(&BlockRow) -> Option<String>),
    Probability(Client),
}

/// A column, which has a value in every row or not.
struct Column {
    name: String,
    repetition: Repetition,
    values: Values,
}

fn columns() -> Vec<Column> {
    use Values::{Hash, Number, Probability, Text, Words};
    let column = |name: &str, repetition, values| Column { name: name.to_owned(), repetition, values };
    let mut columns = vec![
        column("slot", Repetition::REQUIRED, Number(|row| Some(row.slot.0))),
        column("parent_slot", Repetition::REQUIRED, Number(|row| Some(row.parent_slot.0))),
        column("proposer_index", Repetition::REQUIRED, Number(|row| Some(row.proposer_index.0))),
        column(BLOCK_ROOT, Repetition::REQUIRED, Hash(|row| Some(row.block_root.0))),
        column("root_origin", Repetition::REQUIRED, Text(|row| Some(origin_word(row.root_known)))),
        column(PARENT_ROOT, Repetition::OPTIONAL, Hash(|row| row.parent_root.map(|root| root.0))),
        column("best_guess_single", Repetition::REQUIRED, Text(|row| Some(row.classification.single_name()))),
        column(
            "best_guess_multi",
            Repetition::REQUIRED,
            Text(|row| Some(&row.classification.best_guess_multi)),
        ),
    ];
    columns.extend(Client::ALL.map(|client| {
        column(&format!("pr_{}", client.name().to_lowercase()), Repetition::OPTIONAL, Probability(client))
    }));
    columns.extend([
        column("graffiti", Repetition::OPTIONAL, Text(|row| row.graffiti.as_deref())),
        column(
            "graffiti_guess",
            Repetition::OPTIONAL,
            Text(|row| row.classification.graffiti_guess.map(Client::name)),
        ),
        column("canonical", Repetition::REQUIRED, Text(|row| Some(canonical_word(row.canonical)))),
        column("model_hash", Repetition::OPTIONAL, Hash(|row| row.model_hash)),
        column("attestations", Repetition::OPTIONAL, Number(|row| row.attestations.count().map(u64::from))),
        column("signs", Repetition::OPTIONAL, Words(signs_words)),
        column("ruled_out", Repetition::OPTIONAL, Words(ruled_out_words)),
        column("first_seen_ms", Repetition::OPTIONAL, Number(|row| row.first_seen_ms)),
    ]);
    columns
}

impl Column {
    fn kind(&self) -> Result<Type, ParquetError> {
        let physical = match self.values {
            Values::Number(_) => PhysicalType::INT64,
            Values::Hash(_) => PhysicalType::FIXED_LEN_BYTE_ARRAY,
            Values::Text(_) | Values::Words(_) => PhysicalType::BYTE_ARRAY,
            Values::Probability(_) => PhysicalType::DOUBLE,
        };
        let builder = Type::primitive_type_builder(&self.name, physical).with_repetition(self.repetition);
        match self.values {
            Values::Hash(_) => builder.with_length(HASH_BYTES),
            Values::Text(_) | Values::Words(_) => builder.with_logical_type(Some(LogicalType::String)),
            Values::Number(_) | Values::Probability(_) => builder,
        }
        .build()
    }

    fn write<W: Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        rows: &[BlockRow],
    ) -> Result<(), ParquetError> {
        match self.values {
            Values::Number(of) => self.put::<Int64Type, _>(group, rows, |row| of(row).map(to_i64)),
            Values::Hash(of) => self.put::<FixedLenByteArrayType, _>(group, rows, |row| {
                of(row).map(|hash| FixedLenByteArray::from(hash.to_vec()))
            }),
            Values::Text(of) => self.put::<ByteArrayType, _>(group, rows, |row| of(row).map(ByteArray::from)),
            Values::Words(of) => {
                self.put::<ByteArrayType, _>(group, rows, |row| of(row).map(|words| ByteArray::from(&*words)))
            }
            Values::Probability(client) => self.put::<DoubleType, _>(group, rows, |row| {
                let known = &row.classification.probabilities;
                known.iter().find(|(known, _)| *known == client).map(|(_, probability)| *probability)
            }),
        }
    }

    fn put<T: DataType, W: Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        rows: &[BlockRow],
        of: impl Fn(&BlockRow) -> Option<T::T>,
    ) -> Result<(), ParquetError> {
        let cells: Vec<Option<T::T>> = rows.iter().map(of).collect();
        let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
        let values: Vec<T::T> = cells.into_iter().flatten().collect();
        let levels = (self.repetition == Repetition::OPTIONAL).then_some(levels.as_slice());
        let mut column =
            group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".to_owned()))?;
        column.typed::<T>().write_batch(&values, levels, None)?;
        column.close()
    }
}

/// Row groups and the footer.
pub(super) struct Groups<'a> {
    file: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    columns: Vec<Column>,
    waiting: Vec<BlockRow>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(writer: &'a mut (dyn Write + Send)) -> Result<Self, StoreError> {
        let columns = columns();
        let file = start(writer, &columns).map_err(failed)?;
        Ok(Self { file, columns, waiting: Vec::with_capacity(GROUP_ROWS) })
    }

    fn write_waiting(&mut self) -> Result<(), ParquetError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in &self.columns {
            column.write(&mut group, &self.waiting)?;
        }
        group.close()?;
        self.waiting.clear();
        Ok(())
    }
}

impl Form for Groups<'_> {
    fn add(&mut self, row: BlockRow) -> Result<(), StoreError> {
        self.waiting.push(row);
        if self.waiting.len() >= GROUP_ROWS { self.write_waiting().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        self.write_waiting().map_err(failed)?;
        self.file.close().map_err(failed)?;
        Ok(())
    }
}

fn start<'a>(
    writer: &'a mut (dyn Write + Send),
    columns: &[Column],
) -> Result<SerializedFileWriter<&'a mut (dyn Write + Send)>, ParquetError> {
    let kinds = columns.iter().map(|column| column.kind().map(Arc::new)).collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("blocks").with_fields(kinds).build()?;
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("blockmark ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    // Roots are random: neither a dictionary nor compression makes them smaller.
    for name in [BLOCK_ROOT, PARENT_ROOT] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
    }
    SerializedFileWriter::new(writer, Arc::new(schema), Arc::new(properties.build()))
}

fn failed(error: ParquetError) -> StoreError {
    StoreError::Write(match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    })
}
