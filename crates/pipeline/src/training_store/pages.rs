//! The pages of one column chunk, taken apart and decompressed within bounds.
//!
//! The page reader of the `parquet` crate allocates what a page header states; this one allocates what a page
//! of a training set can have.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use zstd::bulk::Decompressor;

use super::compact::{Compact, Kind};
use super::footer::Codec;

/// The most bytes of a page, decompressed. Those that are written have 1 MB.
const MAX_PAGE_BYTES: usize = 8 << 20;

/// Gives the pages of a chunk one after the other.
pub(super) struct Pages {
    rest: Bytes,
    decompressor: Option<Decompressor<'static>>,
    /// The rows of the chunk: no page has more values, and no dictionary more words.
    rows: usize,
}

/// What a page header says.
#[derive(Default)]
struct Header {
    kind: Option<i64>,
    size: Option<u64>,
    stored_size: Option<u64>,
    values: Option<u64>,
    encoding: Option<i64>,
}

impl Pages {
    pub(super) fn new(chunk: Bytes, codec: Codec, rows: usize) -> Result<Self, ParquetError> {
        let decompressor = match codec {
            Codec::Uncompressed => None,
            Codec::Zstandard => Some(Decompressor::new()?),
        };
        Ok(Self { rest: chunk, decompressor, rows })
    }

    fn next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        const DATA: i64 = 0;
        const DICTIONARY: i64 = 2;
        if self.rest.is_empty() {
            return Ok(None);
        }
        let damaged = |what: &str| ParquetError::General(format!("a page {what}"));
        let mut reader = Compact::new(&self.rest);
        let header = header(&mut reader).ok_or_else(|| damaged("header is damaged"))?;
        let header_bytes = self.rest.len() - reader.rest().len();
        let (Some(size), Some(stored_size), Some(values), Some(encoding)) =
            (header.size, header.stored_size, header.values, header.encoding)
        else {
            return Err(damaged("is of a kind that training sets do not have"));
        };
        if values > self.rows as u64 {
            return Err(damaged("states more values than there are rows"));
        }
        let size = usize::try_from(size).ok().filter(|&size| size <= MAX_PAGE_BYTES);
        let size = size.ok_or_else(|| damaged("is larger than any page of a training set"))?;
        let end = usize::try_from(stored_size).ok().and_then(|size| size.checked_add(header_bytes));
        let end = end.filter(|&end| end <= self.rest.len());
        let stored = self.rest.split_to(end.ok_or_else(|| damaged("is cut short"))?).slice(header_bytes..);
        let buf = match &mut self.decompressor {
            None => stored,
            Some(_) if size == 0 => Bytes::new(),
            Some(decompressor) => decompressor.decompress(&stored, size)?.into(),
        };
        if buf.len() != size {
            return Err(damaged("has another size than it states"));
        }
        let num_values = u32::try_from(values)?;
        let encoding = match encoding {
            0 => Encoding::PLAIN,
            2 => Encoding::PLAIN_DICTIONARY,
            8 => Encoding::RLE_DICTIONARY,
            _ => return Err(damaged("is encoded as no training set is")),
        };
        Ok(Some(match header.kind {
            Some(DATA) => Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            },
            Some(DICTIONARY) => Page::DictionaryPage { buf, num_values, encoding, is_sorted: false },
            _ => return Err(damaged("is of a kind that training sets do not have")),
        }))
    }
}

fn header(reader: &mut Compact<'_>) -> Option<Header> {
    let mut header = Header::default();
    reader.structure(Kind::Struct, |reader, field, kind| match field {
        1 => reader.integer(kind).map(|value| header.kind = Some(value)),
        2 => reader.size(kind).map(|value| header.size = Some(value)),
        3 => reader.size(kind).map(|value| header.stored_size = Some(value)),
        // A data page, a dictionary: both begin alike.
        5 | 7 => reader.structure(kind, |reader, field, kind| match field {
            1 => reader.size(kind).map(|value| header.values = Some(value)),
            2 => reader.integer(kind).map(|value| header.encoding = Some(value)),
            _ => reader.skip(kind),
        }),
        _ => reader.skip(kind),
    })?;
    Some(header)
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        self.next_page()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        Err(ParquetError::NYI("pages are read in order".to_owned()))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.next_page().map(drop)
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_page().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page: its kind, the size it states, what is stored, the values it states.
    fn page(kind: u8, size: u64, stored: &[u8], values: u64) -> Bytes {
        let number = |bytes: &mut Vec<u8>, value: u64| {
            let mut rest = value << 1;
            while rest >= 0x80 {
                bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
        };
        let mut bytes = vec![0x15, kind << 1, 0x15];
        number(&mut bytes, size);
        bytes.push(0x15);
        number(&mut bytes, stored.len() as u64);
        bytes.extend([if kind == 0 { 0x2c } else { 0x4c }, 0x15]);
        number(&mut bytes, values);
        bytes.extend([0x15, 0, 0, 0]);
        bytes.extend(stored);
        bytes.into()
    }

    fn first(chunk: Bytes, codec: Codec) -> Result<Option<Page>, String> {
        let pages = Pages::new(chunk, codec, 100).and_then(|mut pages| pages.get_next_page());
        pages.map_err(|error| error.to_string())
    }

    #[test]
    fn pages_are_decompressed_to_the_size_they_state() {
        let content = [7; 64];
        let stored = zstd::bulk::compress(&content, 1).expect("it is compressed");
        for kind in [0, 2] {
            let read = first(page(kind, 64, &stored, 8), Codec::Zstandard).expect("a page").expect("one");
            assert_eq!((read.buffer().as_ref(), read.num_values()), (content.as_slice(), 8));
            assert!(first(page(kind, 63, &stored, 8), Codec::Zstandard).is_err());
            assert!(first(page(kind, 65, &stored, 8), Codec::Zstandard).is_err());
            assert!(first(page(kind, 65, &content, 8), Codec::Uncompressed).is_err());
        }
    }

    #[test]
    fn pages_that_state_more_than_any_training_set_has_are_refused() {
        let words = first(page(2, 0, &[], 0x7fff_ffff), Codec::Zstandard);
        assert_eq!(
            words.expect_err("a boundless dictionary"),
            "Parquet error: a page states more values than there are rows"
        );
        let bomb = zstd::bulk::compress(&vec![0; MAX_PAGE_BYTES + 1], 1).expect("it is compressed");
        for size in [MAX_PAGE_BYTES as u64 + 1, 0x7fff_ffff] {
            assert!(first(page(0, size, &bomb, 1), Codec::Zstandard).is_err());
        }
        assert!(first(page(0, 10, &bomb, 1), Codec::Zstandard).is_err());
        let cut = page(0, 64, &[7; 64], 8);
        assert!(first(cut.slice(..cut.len() - 1), Codec::Uncompressed).is_err());
    }
}
