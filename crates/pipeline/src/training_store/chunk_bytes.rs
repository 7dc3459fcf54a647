//! A column chunk in memory, as the Parquet decoder wants to read it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// The bytes of one column chunk, addressed by their place in the file.
pub(super) struct ChunkBytes {
    start: u64,
    bytes: Bytes,
    file_length: u64,
}

impl ChunkBytes {
    pub(super) fn read(path: &Path, start: u64, length: u64, file_length: u64) -> Result<Self, ParquetError> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        // The caller has checked the length against the file's.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.take(length).read_to_end(&mut bytes)?;
        Ok(Self { start, bytes: bytes.into(), file_length })
    }

    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let offset = start.checked_sub(self.start).and_then(|offset| usize::try_from(offset).ok());
        offset
            .filter(|&offset| offset <= self.bytes.len())
            .map(|offset| self.bytes.slice(offset..))
            .ok_or_else(|| ParquetError::EOF(format!("a page at byte {start} lies outside its column chunk")))
    }
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.file_length
    }
}

impl ChunkReader for ChunkBytes {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.from(start).map(Buf::reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF(format!(
                "a page of {length} bytes at {start} ends outside its chunk"
            )));
        }
        Ok(bytes.slice(..length))
    }
}
