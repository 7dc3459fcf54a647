//! Lists as tables: CSV as RFC 4180 describes it, and Parquet.

use std::fmt::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Real,
    Text,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Number(u64),
    Real(f64),
    Text(String),
}

macro_rules! cells {
    ($($kind:ident of $plain:ty),+) => { $(
        impl From<$plain> for Cell {
            fn from(value: $plain) -> Self {
                Self::$kind(value.into())
            }
        }
        impl From<Option<$plain>> for Cell {
            fn from(value: Option<$plain>) -> Self {
                value.map_or(Self::Null, Self::from)
            }
        }
    )+ };
}

cells!(Number of u64, Real of f64, Text of String, Text of &str);

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Text(value.to_string())
    }
}

/// Rows under names.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Kind)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, Kind)>) -> Self {
        Self {
            columns: columns.into_iter().map(|(name, kind)| (name.into(), kind)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with a value for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as CSV.
    pub(crate) fn csv(&self) -> Vec<u8> {
        let mut text = String::new();
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        text.push_str(&names.join(","));
        text.push('\n');
        for row in &self.rows {
            for (position, cell) in row.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                // Writing to a string cannot fail.
                match cell {
                    Cell::Null => {}
                    Cell::Number(value) => drop(write!(text, "{value}")),
                    Cell::Real(value) => drop(write!(text, "{value}")),
                    Cell::Text(value) => quoted(value, &mut text),
                }
            }
            text.push('\n');
        }
        text.into_bytes()
    }

    /// The table as a Parquet file: one row group, compressed with zstd.
    pub(crate) fn parquet(&self) -> Result<Vec<u8>, ParquetError> {
        let kinds = self
            .columns
            .iter()
            .map(|(name, kind)| {
                let physical = match kind {
                    Kind::Number => PhysicalType::INT64,
                    Kind::Real => PhysicalType::DOUBLE,
                    Kind::Text => PhysicalType::BYTE_ARRAY,
                };
                let builder =
                    Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
                let builder = match kind {
                    Kind::Text => builder.with_logical_type(Some(LogicalType::String)),
                    Kind::Number | Kind::Real => builder,
                };
                builder.build().map(Arc::new)
            })
            .collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("rows").with_fields(kinds).build()?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("blockmark ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
        let mut bytes = Vec::new();
        let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties.build()))?;
        let mut group = file.next_row_group()?;
        for (position, (_, kind)) in self.columns.iter().enumerate() {
            let cells = self.rows.iter().map(|row| row.get(position).unwrap_or(&Cell::Null));
            match kind {
                Kind::Number => put::<Int64Type>(&mut group, cells, |cell| match cell {
                    Cell::Number(value) => Some(i64::try_from(*value).unwrap_or(i64::MAX)),
                    _ => None,
                }),
                Kind::Real => put::<DoubleType>(&mut group, cells, |cell| match cell {
                    Cell::Real(value) => Some(*value),
                    _ => None,
                }),
                Kind::Text => put::<ByteArrayType>(&mut group, cells, |cell| match cell {
                    Cell::Text(value) => Some(ByteArray::from(value.as_str())),
                    _ => None,
                }),
            }?;
        }
        group.close()?;
        file.close()?;
        Ok(bytes)
    }
}

fn put<'c, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
    cells: impl Iterator<Item = &'c Cell>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = cells.map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    let mut column =
        group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".to_owned()))?;
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

fn quoted(text: &str, line: &mut String) {
    if !text.contains([',', '"', '\n', '\r']) {
        line.push_str(text);
        return;
    }
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    #[test]
    fn both_forms_hold_the_same() {
        let mut table = Table::new([("slot", Kind::Number), ("share", Kind::Real), ("text", Kind::Text)]);
        table.row([Cell::from(7), Cell::from(0.25), Cell::from("a,\"b\"\nc")]);
        table.row([Cell::from(8), Cell::Null, Cell::Null]);
        let csv = String::from_utf8(table.csv()).unwrap();
        assert_eq!(csv, "slot,share,text\n7,0.25,\"a,\"\"b\"\"\nc\"\n8,,\n");
        let file = SerializedFileReader::new(bytes::Bytes::from(table.parquet().unwrap())).unwrap();
        let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].get_long(0).unwrap(), rows[0].get_double(1).unwrap()), (7, 0.25));
        assert_eq!(rows[0].get_string(2).unwrap(), "a,\"b\"\nc");
        assert!(rows[1].get_double(1).is_err());
        let empty = Table::new([("slot", Kind::Number)]);
        let file = SerializedFileReader::new(bytes::Bytes::from(empty.parquet().unwrap())).unwrap();
        assert_eq!(file.metadata().file_metadata().num_rows(), 0);
    }
}
