//! Records of an e2store file: two bytes of type, four of length, two reserved, then the data.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::error::EraProblem;

/// Bytes of a header.
pub(super) const HEADER: u64 = 8;

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub [u8; 2]);

impl RecordType {
    /// The start of a group; no data.
    pub const VERSION: Self = Self(*b"e2");
    /// A signed block: SSZ in framed snappy.
    pub const BLOCK: Self = Self([1, 0]);
    /// A state: SSZ in framed snappy.
    pub const STATE: Self = Self([2, 0]);
    /// Where the record of each slot begins.
    pub const SLOT_INDEX: Self = Self(*b"i2");
    /// Nothing that matters.
    pub const EMPTY: Self = Self([0, 0]);
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::VERSION => f.write_str("a version record"),
            Self::BLOCK => f.write_str("a block"),
            Self::STATE => f.write_str("a state"),
            Self::SLOT_INDEX => f.write_str("a slot index"),
            Self::EMPTY => f.write_str("an empty record"),
            Self([first, second]) => write!(f, "a record of type 0x{first:02x}{second:02x}"),
        }
    }
}

/// The header of a record, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The type.
    pub kind: RecordType,
    /// Where the header begins.
    pub offset: u64,
    /// Bytes of data.
    pub length: u32,
}

impl RecordHeader {
    /// Reads the header at `offset` of a file of `file_length` bytes. The whole record lies in the file.
    pub(super) fn read<R: Read + Seek>(
        source: &mut R,
        offset: u64,
        file_length: u64,
    ) -> Result<Self, EraProblem> {
        let left = file_length.saturating_sub(offset);
        let cut_short = |needed| EraProblem::CutShort { offset, needed, left };
        if left < HEADER {
            return Err(cut_short(HEADER));
        }
        let mut bytes = [0; HEADER as usize];
        source.seek(SeekFrom::Start(offset))?;
        source.read_exact(&mut bytes)?;
        let [a, b, l0, l1, l2, l3, r0, r1] = bytes;
        if (r0, r1) != (0, 0) {
            return Err(EraProblem::Reserved { offset });
        }
        let header = Self { kind: RecordType([a, b]), offset, length: u32::from_le_bytes([l0, l1, l2, l3]) };
        let needed = HEADER + u64::from(header.length);
        if needed > left {
            return Err(cut_short(needed));
        }
        Ok(header)
    }

    /// Where the data begins.
    pub fn data(&self) -> u64 {
        self.offset.saturating_add(HEADER)
    }

    /// Where the next record begins.
    pub fn end(&self) -> u64 {
        self.data().saturating_add(u64::from(self.length))
    }

    /// Refuses any other type.
    pub(super) fn expect(self, expected: RecordType) -> Result<Self, EraProblem> {
        if self.kind == expected {
            return Ok(self);
        }
        Err(EraProblem::Kind { offset: self.offset, expected, found: self.kind })
    }
}

/// Writes a record. Returns its length with header.
pub(super) fn write(out: &mut impl Write, kind: RecordType, data: &[u8]) -> io::Result<u64> {
    let length = u32::try_from(data.len())
        .map_err(|_| io::Error::other(format!("{} bytes are too many for one record", data.len())))?;
    out.write_all(&kind.0)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&[0, 0])?;
    out.write_all(data)?;
    Ok(HEADER + u64::from(length))
}
