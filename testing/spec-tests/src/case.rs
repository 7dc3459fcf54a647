//! A case: its name and its parts, and which of them were opened.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use consensus::spec::Shape;
use consensus::ssz::Ssz;
use serde_json::Value;

use crate::failure::{Failure, Within};
use crate::yaml;

/// Bytes of a part at most, packed and unpacked.
pub(crate) const MAX_PART_BYTES: u64 = 1 << 30;

/// What a framed stream of Snappy begins with.
const FRAMED: &[u8] = &[0xff, 0x06, 0x00, 0x00, b's', b'N', b'a', b'P', b'p', b'Y'];

/// The end of the names of packed parts.
const PACKED: &str = ".ssz_snappy";

/// Where a case stands in the layout of the tests.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseName {
    /// The folder of the presets, such as `tests`; empty where there is none.
    pub root: String,
    /// The preset, or `general`.
    pub preset: String,
    /// The fork.
    pub fork: String,
    /// The runner: what kind of test it is.
    pub runner: String,
    /// The handler: what is tested.
    pub handler: String,
    /// The suite.
    pub suite: String,
    /// The case.
    pub case: String,
}

impl CaseName {
    /// The name that the last folders of a path give; `None` for a path of fewer than six.
    pub fn from_folders(folders: &[String]) -> Option<Self> {
        let [before @ .., preset, fork, runner, handler, suite, case] = folders else { return None };
        Some(Self {
            root: before.last().cloned().unwrap_or_default(),
            preset: preset.clone(),
            fork: fork.clone(),
            runner: runner.clone(),
            handler: handler.clone(),
            suite: suite.clone(),
            case: case.clone(),
        })
    }

    /// Name and value of each level, as a manifest has them.
    pub(crate) fn levels(&self) -> [(&'static str, &str); 6] {
        [
            ("preset", &self.preset),
            ("fork", &self.fork),
            ("runner", &self.runner),
            ("handler", &self.handler),
            ("suite", &self.suite),
            ("case", &self.case),
        ]
    }
}

impl fmt::Display for CaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.root.is_empty() {
            write!(f, "{}/", self.root)?;
        }
        let Self { root: _, preset, fork, runner, handler, suite, case } = self;
        write!(f, "{preset}/{fork}/{runner}/{handler}/{suite}/{case}")
    }
}

/// Where the bytes of a part are.
#[derive(Clone, Debug)]
pub enum Part {
    /// In memory, from an archive.
    Memory(Vec<u8>),
    /// In a file.
    File(PathBuf),
}

/// A case with its parts.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: CaseName,
    parts: BTreeMap<String, Part>,
    opened: RefCell<BTreeSet<String>>,
}

impl Case {
    /// A case with parts by file name.
    pub fn new(name: CaseName, parts: BTreeMap<String, Part>) -> Self {
        Self { name, parts, opened: RefCell::default() }
    }

    /// The file names of all parts.
    pub fn part_names(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    /// The file names of the parts that nobody opened.
    pub fn unopened(&self) -> Vec<String> {
        let opened = self.opened.borrow();
        self.parts.keys().filter(|name| !opened.contains(*name)).cloned().collect()
    }

    /// Whether there is a packed part of this name. Does not open it.
    pub fn has(&self, part: &str) -> bool {
        self.parts.contains_key(&format!("{part}{PACKED}"))
    }

    /// The bytes of a file; `None` where there is no such file.
    pub fn bytes(&self, file: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(part) = self.parts.get(file) else { return Ok(None) };
        self.opened.borrow_mut().insert(file.to_owned());
        let bytes = match part {
            Part::Memory(bytes) => bytes.clone(),
            Part::File(path) => read_bounded(path).within(file)?,
        };
        Ok(Some(bytes))
    }

    /// The text of a file; `None` where there is no such file.
    pub fn text(&self, file: &str) -> Result<Option<String>, Failure> {
        let Some(bytes) = self.bytes(file)? else { return Ok(None) };
        String::from_utf8(bytes).map(Some).within(file)
    }

    /// The value of `<part>.yaml`; `None` where there is no such file.
    pub fn yaml(&self, part: &str) -> Result<Option<Value>, Failure> {
        let file = format!("{part}.yaml");
        let Some(text) = self.text(&file)? else { return Ok(None) };
        yaml::parse(&text).map(Some).within(file)
    }

    /// The value of `<part>.yaml`, which must be there.
    pub fn need_yaml(&self, part: &str) -> Result<Value, Failure> {
        self.yaml(part)?.ok_or_else(|| Failure::new(format!("{part}.yaml is missing")))
    }

    /// The unpacked bytes of `<part>.ssz_snappy`; `None` where there is no such file.
    pub fn ssz_bytes(&self, part: &str) -> Result<Option<Vec<u8>>, Failure> {
        let file = format!("{part}{PACKED}");
        let Some(packed) = self.bytes(&file)? else { return Ok(None) };
        unpack(&packed).map(Some).within(file)
    }

    /// The unpacked bytes of `<part>.ssz_snappy`, which must be there.
    pub fn need_ssz_bytes(&self, part: &str) -> Result<Vec<u8>, Failure> {
        self.ssz_bytes(part)?.ok_or_else(|| Failure::new(format!("{part}{PACKED} is missing")))
    }

    /// The value in `<part>.ssz_snappy`; `None` where there is no such file.
    pub fn ssz<T: Ssz>(&self, part: &str, shape: &Shape<'_>) -> Result<Option<T>, Failure> {
        let Some(bytes) = self.ssz_bytes(part)? else { return Ok(None) };
        T::decode(&bytes, shape).map(Some).within(part)
    }

    /// The value in `<part>.ssz_snappy`, which must be there.
    pub fn need_ssz<T: Ssz>(&self, part: &str, shape: &Shape<'_>) -> Result<T, Failure> {
        self.ssz(part, shape)?.ok_or_else(|| Failure::new(format!("{part}{PACKED} is missing")))
    }
}

fn read_bounded(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path)?.take(MAX_PART_BYTES + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PART_BYTES {
        return Err(Failure::new(format!("more than {MAX_PART_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Unpacks a block of Snappy, or a framed stream.
fn unpack(packed: &[u8]) -> Result<Vec<u8>, Failure> {
    if packed.starts_with(FRAMED) {
        let mut bytes = Vec::new();
        snap::read::FrameDecoder::new(packed).take(MAX_PART_BYTES).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    let length = snap::raw::decompress_len(packed)? as u64;
    // A copy of two bytes yields 64 at most, so an honest length is bounded by that of the input.
    if length > MAX_PART_BYTES || length > (packed.len() as u64).saturating_mul(64) {
        return Err(Failure::new(format!("{} packed bytes can't be {length} unpacked ones", packed.len())));
    }
    Ok(snap::raw::Decoder::new().decompress_vec(packed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_unpacked_from_both_forms_and_remembered() {
        let value = vec![7_u8; 1_000];
        let block = snap::raw::Encoder::new().compress_vec(&value).unwrap();
        let mut framed = Vec::new();
        snap::read::FrameEncoder::new(value.as_slice()).read_to_end(&mut framed).unwrap();
        let parts = [("a.ssz_snappy", block), ("b.ssz_snappy", framed), ("c.yaml", b"x: 1".to_vec())];
        let parts = parts.into_iter().map(|(name, bytes)| (name.to_owned(), Part::Memory(bytes))).collect();
        let case = Case::new(CaseName::default(), parts);
        assert_eq!(case.unopened().len(), 3);
        assert_eq!(case.ssz_bytes("a"), Ok(Some(value.clone())));
        assert_eq!(case.ssz_bytes("b"), Ok(Some(value)));
        assert_eq!(case.ssz_bytes("d"), Ok(None));
        assert_eq!(case.unopened(), ["c.yaml"]);
    }

    #[test]
    fn a_lying_length_is_refused_before_memory_is_taken() {
        // The length of 2^29 in front of one literal byte.
        assert!(unpack(&[0x80, 0x80, 0x80, 0x80, 0x02, 0x00, 0x07]).is_err());
    }
}
