//! What a Parquet file says of itself at its end: columns, row groups, notes.
//!
//! Read here and not by the `parquet` crate, which allocates and recurses as the footer says before it knows
//! that the footer is true. What a training set never has is refused: nested columns, codecs other than Zstandard.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use parquet::basic::Type as PhysicalType;

use super::compact::{Compact, Kind};

/// The most bytes of a footer. One of the largest file that is opened has about 6 MB.
const MAX_FOOTER_BYTES: u64 = 16 << 20;

/// The most columns of a file: four times those of a set with every feature.
const MAX_COLUMNS: usize = 128;

const MAGIC: &[u8; 4] = b"PAR1";

/// A footer that was read; positions in it are not yet checked against the file.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) rows: u64,
    pub(super) columns: Vec<Column>,
    pub(super) groups: Vec<Group>,
    pub(super) notes: HashMap<String, String>,
}

/// A column of the schema.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) physical: PhysicalType,
    /// Bytes per value, where that is fixed by the schema.
    pub(super) width: Option<u64>,
    /// Whether every row has exactly one value.
    pub(super) required: bool,
}

/// A row group: one chunk per column.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rows: u64,
    pub(super) chunks: Vec<Chunk>,
}

/// Where a column's values of a row group lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) codec: Codec,
}

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Uncompressed,
    Zstandard,
}

/// Why there is no footer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FooterError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Unreadable(&'static str),
}

/// Reads the footer at the end of a file of the given length.
pub(super) fn read(file: &mut File, length: u64) -> Result<Footer, FooterError> {
    const TAIL: u64 = 8;
    let unreadable = FooterError::Unreadable;
    let end = length.checked_sub(TAIL).ok_or(unreadable("it is shorter than any Parquet file"))?;
    let mut tail = [0; TAIL as usize];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != *MAGIC {
        return Err(unreadable("it does not end like a Parquet file, so it is something else or cut short"));
    }
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = end.checked_sub(size).ok_or(unreadable("its footer is longer than the file"))?;
    if size > MAX_FOOTER_BYTES {
        return Err(unreadable("its footer is larger than that of any training set"));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Footer, FooterError> {
    let unreadable = FooterError::Unreadable;
    let damaged = unreadable("its footer is damaged, or of a kind no training set has");
    let (mut rows, mut schema, mut groups, mut notes) = (None, None, None, HashMap::new());
    Compact::new(bytes)
        .structure(Kind::Struct, |reader, field, kind| {
            match field {
                2 => schema = Some(reader.structures(kind, element)?),
                3 => rows = Some(reader.size(kind)?),
                4 => groups = Some(reader.structures(kind, group)?),
                5 => notes.extend(reader.structures(kind, note)?),
                _ => reader.skip(kind)?,
            }
            Some(())
        })
        .ok_or(damaged)?;
    let (Some(rows), Some(schema), Some(groups)) = (rows, schema, groups) else {
        return Err(unreadable("its footer has no rows, columns or row groups"));
    };
    let columns = columns(schema)?;
    if groups.iter().any(|group| group.chunks.len() != columns.len()) {
        return Err(unreadable("a row group has another number of columns than the schema"));
    }
    Ok(Footer { rows, columns, groups, notes })
}

/// An element of the schema: the root, or a column.
#[derive(Default)]
struct Element {
    name: Option<String>,
    physical: Option<i64>,
    width: Option<u64>,
    repetition: Option<i64>,
    children: u64,
}

fn element(reader: &mut Compact<'_>) -> Option<Element> {
    let mut element = Element::default();
    reader.structure(Kind::Struct, |reader, field, kind| {
        match field {
            1 => element.physical = Some(reader.integer(kind)?),
            2 => element.width = Some(reader.size(kind)?),
            3 => element.repetition = Some(reader.integer(kind)?),
            4 => element.name = Some(reader.text(kind)?),
            5 => element.children = reader.size(kind)?,
            _ => reader.skip(kind)?,
        }
        Some(())
    })?;
    Some(element)
}

/// The columns of a flat schema.
fn columns(schema: Vec<Element>) -> Result<Vec<Column>, FooterError> {
    let unreadable = FooterError::Unreadable;
    if schema.len() > MAX_COLUMNS {
        return Err(unreadable("it has more columns than any training set"));
    }
    let count = schema.len().saturating_sub(1) as u64;
    let mut elements = schema.into_iter();
    if elements.next().is_none_or(|root| root.children != count) {
        return Err(unreadable("its columns are nested, or the schema is damaged"));
    }
    let column = |element: Element| {
        let Element { name, physical, width, repetition, children: 0 } = element else { return None };
        let physical = match physical? {
            0 => PhysicalType::BOOLEAN,
            1 => PhysicalType::INT32,
            2 => PhysicalType::INT64,
            3 => PhysicalType::INT96,
            4 => PhysicalType::FLOAT,
            5 => PhysicalType::DOUBLE,
            6 => PhysicalType::BYTE_ARRAY,
            7 => PhysicalType::FIXED_LEN_BYTE_ARRAY,
            _ => return None,
        };
        Some(Column { name: name?, physical, width, required: repetition? == 0 })
    };
    elements.map(column).collect::<Option<_>>().ok_or(unreadable("a column of its schema is damaged"))
}

fn group(reader: &mut Compact<'_>) -> Option<Group> {
    let (mut rows, mut chunks) = (None, None);
    reader.structure(Kind::Struct, |reader, field, kind| {
        match field {
            1 => chunks = Some(reader.structures(kind, chunk)?),
            3 => rows = Some(reader.size(kind)?),
            _ => reader.skip(kind)?,
        }
        Some(())
    })?;
    Some(Group { rows: rows?, chunks: chunks? })
}

fn chunk(reader: &mut Compact<'_>) -> Option<Chunk> {
    let mut chunk = None;
    reader.structure(Kind::Struct, |reader, field, kind| {
        match field {
            3 => chunk = Some(chunk_place(reader, kind)?),
            _ => reader.skip(kind)?,
        }
        Some(())
    })?;
    chunk
}

fn chunk_place(reader: &mut Compact<'_>, kind: Kind) -> Option<Chunk> {
    let (mut codec, mut length, mut data, mut dictionary) = (None, None, None, None);
    reader.structure(kind, |reader, field, kind| {
        match field {
            4 => {
                codec = Some(match reader.integer(kind)? {
                    0 => Codec::Uncompressed,
                    6 => Codec::Zstandard,
                    _ => return None,
                });
            }
            7 => length = Some(reader.size(kind)?),
            9 => data = Some(reader.size(kind)?),
            11 => dictionary = Some(reader.size(kind)?),
            _ => reader.skip(kind)?,
        }
        Some(())
    })?;
    Some(Chunk { start: dictionary.or(data)?, length: length?, codec: codec? })
}

fn note(reader: &mut Compact<'_>) -> Option<(String, String)> {
    let (mut key, mut value) = (None, String::new());
    reader.structure(Kind::Struct, |reader, field, kind| {
        match field {
            1 => key = Some(reader.text(kind)?),
            2 => value = reader.text(kind)?,
            _ => reader.skip(kind)?,
        }
        Some(())
    })?;
    Some((key?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer of no rows and no row groups with the given schema elements.
    fn footer(elements: &[&[u8]]) -> Result<Footer, FooterError> {
        let mut bytes = vec![0x29, 0xfc, elements.len().try_into().expect("below 128")];
        bytes.extend(elements.concat());
        bytes.extend([0x16, 0, 0x19, 0x0c, 0]);
        parse(&bytes)
    }

    /// An element called "s" with as many children, all its numbers in one byte.
    fn group_of(children: u8) -> [u8; 6] {
        [0x48, 1, b's', 0x15, children << 1, 0]
    }

    /// A required column of doubles called "c".
    const DOUBLES: [u8; 8] = [0x15, 10, 0x25, 0, 0x18, 1, b'c', 0];

    #[test]
    fn flat_columns_are_read_and_nested_ones_refused() {
        let flat = footer(&[&group_of(1), &DOUBLES]).expect("one column");
        assert_eq!(flat.columns.len(), 1);
        assert_eq!((flat.columns[0].physical, flat.columns[0].required), (PhysicalType::DOUBLE, true));
        let nested: Vec<[u8; 6]> = vec![group_of(1); 100];
        let nested: Vec<&[u8]> = nested.iter().map(|element| element.as_slice()).collect();
        assert!(footer(&nested).is_err());
        let boundless = [0x48, 1, b's', 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(footer(&[&boundless, &DOUBLES]).is_err());
        assert!(footer(&[&group_of(1), &[0x15, 10, 0x25, 0, 0x18, 1, b'c', 0x15, 2, 0]]).is_err());
        assert!(footer(&[]).is_err());
    }
}
