//! Finds cases: in a folder, in folders below it, in archives of folders.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use consensus::spec::Fork;

use crate::case::{Case, CaseName, MAX_PART_BYTES, Part};
use crate::runners;

/// Folders below the one that was named, at most.
const MAX_DEPTH: usize = 24;

/// Bytes that an archive may unpack to.
const MAX_ARCHIVE_BYTES: u64 = 16 << 30;

/// The window of the archives, as a power of two.
const WINDOW_LOG: u32 = 27;

/// An input that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct InputError {
    path: PathBuf,
    reason: String,
}

impl InputError {
    fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// Cases that are read together.
#[derive(Debug)]
pub enum Batch {
    /// Files below a folder.
    Files(Vec<PathBuf>),
    /// An archive.
    Archive(PathBuf),
}

/// Cases, and files that belong to none.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The cases, by name.
    pub cases: Vec<Case>,
    /// Files that belong to no case.
    pub strays: Vec<String>,
}

/// How an archive is packed.
#[derive(Clone, Copy)]
enum Packing {
    Zstd,
    Gzip,
    None,
}

impl Packing {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        [(".tar.zst", Self::Zstd), (".tar.gz", Self::Gzip), (".tar", Self::None)]
            .into_iter()
            .find(|(end, _)| name.ends_with(end))
            .map(|(_, packing)| packing)
    }
}

/// What there is in and below a folder, or in one archive. Only names are read here.
pub fn batches(path: &Path) -> Result<Vec<Batch>, InputError> {
    let path = path.canonicalize().map_err(|error| InputError::new(path, error))?;
    let mut files = Vec::new();
    let mut archives = Vec::new();
    if path.is_dir() {
        collect(&path, 0, &mut |file| match Packing::of(&file) {
            Some(_) => archives.push(file),
            None => files.push(file),
        })?;
    } else if Packing::of(&path).is_some() {
        archives.push(path);
    } else {
        return Err(InputError::new(&path, "neither a folder nor an archive (.tar, .tar.gz, .tar.zst)"));
    }
    files.sort();
    archives.sort();
    let mut batches: Vec<Batch> = archives.into_iter().map(Batch::Archive).collect();
    if !files.is_empty() {
        batches.push(Batch::Files(files));
    }
    Ok(batches)
}

fn collect(folder: &Path, depth: usize, found: &mut impl FnMut(PathBuf)) -> Result<(), InputError> {
    if depth > MAX_DEPTH {
        return Err(InputError::new(folder, format!("more than {MAX_DEPTH} folders deep")));
    }
    let error = |error| InputError::new(folder, error);
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        // A link to a folder is not followed: it may lead round in a circle.
        match entry.file_type().map_err(error)? {
            kind if kind.is_dir() => collect(&entry.path(), depth + 1, found)?,
            _ => found(entry.path()),
        }
    }
    Ok(())
}

impl Batch {
    /// Reads the cases. Those of an archive are held in memory, those of a folder stay there.
    pub fn load(self) -> Result<Loaded, InputError> {
        let mut groups = Groups::default();
        match self {
            Self::Files(files) => {
                for file in files {
                    let folders = folders_of(&file);
                    groups.add(folders, &file.display().to_string(), || Part::File(file.clone()));
                }
            }
            Self::Archive(path) => {
                unpack(&path, &mut groups).map_err(|error| InputError::new(&path, error))?
            }
        }
        Ok(groups.finish())
    }
}

fn unpack(path: &Path, groups: &mut Groups) -> io::Result<()> {
    let file = fs::File::open(path)?;
    let reader: Box<dyn Read> = match Packing::of(path) {
        Some(Packing::Zstd) => {
            let mut decoder = zstd::Decoder::new(file)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(decoder)
        }
        Some(Packing::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some(Packing::None) | None => Box::new(file),
    };
    let mut archive = tar::Archive::new(reader.take(MAX_ARCHIVE_BYTES));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if entry.size() > MAX_PART_BYTES {
            return Err(io::Error::other(format!("a file of {} bytes", entry.size())));
        }
        let path = entry.path()?.into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        groups.add(folders_of(&path), &path.display().to_string(), || Part::Memory(bytes));
    }
    Ok(())
}

/// All components of a path as texts, the file name last.
fn folders_of(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|component| match component {
            std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect()
}

/// Files by the case they belong to.
#[derive(Default)]
struct Groups {
    cases: BTreeMap<Vec<String>, BTreeMap<String, Part>>,
    loaded: Loaded,
}

impl Groups {
    fn add(&mut self, mut folders: Vec<String>, shown: &str, part: impl FnOnce() -> Part) {
        let Some(file) = folders.pop() else { return };
        match CaseName::from_folders(&folders) {
            Some(name) if is_case(&name) => drop(self.cases.entry(folders).or_default().insert(file, part())),
            _ => self.loaded.strays.push(shown.to_owned()),
        }
    }

    fn finish(self) -> Loaded {
        let Self { cases, mut loaded } = self;
        let cases = cases.into_iter().filter_map(|(folders, parts)| {
            CaseName::from_folders(&folders).map(|name| Case::new(name, parts))
        });
        loaded.cases.extend(cases);
        loaded
    }
}

/// Whether six folders look like a case: a fork or a runner that is known stands in its place.
fn is_case(name: &CaseName) -> bool {
    name.fork.parse::<Fork>().is_ok() || runners::is_known(&name.runner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> (Vec<String>, usize) {
        let loaded: Vec<Loaded> =
            batches(path).unwrap().into_iter().map(|batch| batch.load().unwrap()).collect();
        let cases =
            loaded.iter().flat_map(|loaded| &loaded.cases).map(|case| case.name.to_string()).collect();
        (cases, loaded.iter().map(|loaded| loaded.strays.len()).sum())
    }

    #[test]
    fn a_case_is_found_from_above_and_from_inside() {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join("x/tests/minimal/altair/ssz_static/Fork/ssz_zero/case_0");
        fs::create_dir_all(&case).unwrap();
        fs::write(case.join("roots.yaml"), "{}").unwrap();
        fs::write(folder.path().join("x/README.md"), "").unwrap();
        let name = "tests/minimal/altair/ssz_static/Fork/ssz_zero/case_0".to_owned();
        assert_eq!(names(folder.path()), (vec![name.clone()], 1));
        assert_eq!(names(&case), (vec![name.clone()], 0));
        assert_eq!(names(case.parent().unwrap()), (vec![name], 0));
    }

    #[test]
    fn a_case_is_found_in_an_archive_beside_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.tar.zst");
        let encoder = zstd::Encoder::new(fs::File::create(&path).unwrap(), 1).unwrap().auto_finish();
        let mut archive = tar::Builder::new(encoder);
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        let inside = "tests/general/phase0/ssz_generic/uints/valid/uint_8_max/value.yaml";
        archive.append_data(&mut header, inside, b"255".as_slice()).unwrap();
        archive.finish().unwrap();
        drop(archive);
        let name = "tests/general/phase0/ssz_generic/uints/valid/uint_8_max".to_owned();
        assert_eq!(names(&path), (vec![name.clone()], 0));
        assert_eq!(names(folder.path()), (vec![name], 0));
    }

    #[test]
    fn what_is_no_input_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.txt");
        fs::write(&file, "").unwrap();
        assert!(batches(&file).is_err());
        assert!(batches(&folder.path().join("absent")).is_err());
    }
}
