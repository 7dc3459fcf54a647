//! Where a recording keeps its files, and which are there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use consensus::Slot;

use super::RecordingError;
use crate::chain::Genesis;
use crate::compression::Compression;
use crate::part_file::write_atomically;

/// What a file of a recording holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A signed block.
    Block,
    /// A state.
    State,
}

impl Kind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Block, Self::State];

    /// The folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Block => "blocks",
            Self::State => "states",
        }
    }

    /// The name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::State => "state",
        }
    }

    /// The path of a file below the directory of the recording, with `/` between its parts.
    pub(super) fn file(self, slot: Slot, compression: Compression) -> String {
        format!("{}/{slot}.ssz{}", self.folder(), compression.extension())
    }
}

/// The files of one kind by slot.
pub(super) type Stored = BTreeMap<u64, Compression>;

/// Finds the files of a kind. A folder that is not there has none.
pub(super) fn stored(root: &Path, kind: Kind) -> Result<Stored, RecordingError> {
    let folder = root.join(kind.folder());
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::new()),
        Err(error) => return Err(RecordingError::read(&folder, error)),
    };
    let mut stored = Stored::new();
    for entry in entries {
        let entry = entry.map_err(|error| RecordingError::read(&folder, error))?;
        let name = entry.file_name();
        let Some((slot, compression)) = name.to_str().and_then(parse_name) else { continue };
        if let Some(other) = stored.insert(slot, compression) {
            let [first, second] =
                [other, compression].map(|compression| root.join(kind.file(Slot(slot), compression)));
            return Err(RecordingError::Twice { slot: Slot(slot), first, second });
        }
    }
    Ok(stored)
}

/// The kind and slot of a path below a recording's directory, such as `blocks/12.ssz.gz`.
pub(super) fn parse_file(name: &str) -> Option<(Kind, u64)> {
    let (folder, file) = name.split_once('/')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.folder() == folder)?;
    Some((kind, parse_name(file)?.0))
}

/// The slot and compression of a name such as `12.ssz.gz`.
fn parse_name(name: &str) -> Option<(u64, Compression)> {
    let (name, compression) = Compression::split_name(name);
    let digits = name.strip_suffix(".ssz")?;
    let canonical =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    Some((digits.parse().ok().filter(|_| canonical)?, compression))
}

/// Reads a small text file; nothing is there if it does not exist.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<Option<String>, RecordingError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecordingError::read(path, error)),
    };
    let bytes = Compression::None.unpack(file, limit).map_err(|error| RecordingError::read(path, error))?;
    String::from_utf8(bytes).map(Some).map_err(|_| RecordingError::json(path, "the text is not UTF-8"))
}

/// Reads the genesis.
pub(super) fn genesis_from_text(text: &str) -> Result<Genesis, String> {
    Genesis::from_json(&serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?)
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), RecordingError> {
    write_atomically(path, bytes).map_err(|error| RecordingError::write(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_slots_are_left_alone() {
        assert_eq!(parse_name("12.ssz"), Some((12, Compression::None)));
        assert_eq!(parse_name("0.ssz.zst"), Some((0, Compression::Zstd)));
        for name in [
            "012.ssz",
            "+1.ssz",
            ".ssz",
            "1.ssz.xz",
            "1.json",
            "122.orphan.ssz.gz",
            ".1.ssz.7.part",
            "99999999999999999999.ssz",
        ] {
            assert_eq!(parse_name(name), None, "{name}");
        }
    }
}
