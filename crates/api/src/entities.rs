//! Names of validators: who runs which, from a file that the operator keeps.
//!
//! The file is CSV as RFC 4180 describes it, with this line of names first:
//!
//! ```csv
//! entity,first_index,last_index
//! Example Pool,1000,1999
//! Example Pool,5000,
//! "Another, Inc.",2000,2499
//! ```
//!
//! Each line gives a run of validator indices to an entity; a run of one needs no last index. An entity may have any
//! number of lines, a validator at most one entity. Empty lines, and lines that begin with `#`, are passed over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use consensus::ValidatorIndex;
use store::ValidatorSet;

/// Largest file taken.
const MAX_BYTES: u64 = 64 << 20;
/// Most lines with a run.
const MAX_RUNS: usize = 2_000_000;
/// Most entities.
const MAX_ENTITIES: usize = 10_000;
/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// The highest index taken.
const MAX_INDEX: u64 = (1 << 40) - 1;
/// The first line.
const HEADER: [&str; 3] = ["entity", "first_index", "last_index"];

/// Somebody who runs validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The name, as in the file.
    pub name: String,
    /// The name in addresses: small letters, digits and `-`.
    pub slug: String,
    /// The validators.
    pub validators: ValidatorSet,
}

/// All entities, in the order of their slugs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entities {
    list: Vec<Entity>,
    /// First and last index of every run and the position of its entity, in order.
    runs: Vec<(u64, u64, usize)>,
    source: String,
    changed: Option<u64>,
}

/// Why a file of entities can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum EntitiesError {
    /// The operating system refused.
    #[error("{path} can't be read, because {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("{path} has {bytes} bytes, and at most {MAX_BYTES} are read", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A line that can't be taken.
    #[error("{source_name} line {line} {reason}")]
    Line {
        /// The file's name.
        source_name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Entities {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, EntitiesError> {
        let io = |source| EntitiesError::Io { path: path.to_owned(), source };
        let about = std::fs::metadata(path).map_err(io)?;
        let bytes = about.len();
        if bytes > MAX_BYTES {
            return Err(EntitiesError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self { changed: changed.map(|since| since.as_secs()), ..Self::parse(&name, &text)? })
    }

    /// Reads a text; the name stands for it in errors and on pages.
    pub fn parse(source: &str, text: &str) -> Result<Self, EntitiesError> {
        let mut reading = Reading::default();
        let mut seen_header = false;
        for (number, line) in (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let taken = match fields(line) {
                Ok(fields) if seen_header => reading.take(number, &fields),
                Ok(fields) if fields == HEADER => {
                    seen_header = true;
                    Ok(())
                }
                Ok(_) => Err(format!("is not the line of names: {}", HEADER.join(","))),
                Err(reason) => Err(reason),
            };
            taken.map_err(|reason| refused(source, number, reason))?;
        }
        reading.finish(source)
    }

    /// All of them, in the order of their slugs.
    pub fn list(&self) -> &[Entity] {
        &self.list
    }

    /// Where they come from: the file's name, empty if there is none.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Unix time at which the file was changed last, where there is one that says so.
    pub fn changed(&self) -> Option<u64> {
        self.changed
    }

    /// Whether nobody has a name.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The position in the list of the entity of a validator.
    pub fn position_of(&self, validator: ValidatorIndex) -> Option<usize> {
        let after = self.runs.partition_point(|(first, ..)| *first <= validator.0);
        let (_, last, position) = self.runs.get(after.checked_sub(1)?)?;
        (validator.0 <= *last).then_some(*position)
    }

    /// The entity of a validator.
    pub fn of(&self, validator: ValidatorIndex) -> Option<&Entity> {
        self.list.get(self.position_of(validator)?)
    }

    /// The entity of a slug.
    pub fn by_slug(&self, slug: &str) -> Option<&Entity> {
        let at = self.list.binary_search_by(|entity| entity.slug.as_str().cmp(slug)).ok()?;
        self.list.get(at)
    }
}

fn refused(source: &str, line: usize, reason: String) -> EntitiesError {
    EntitiesError::Line { source_name: source.to_owned(), line, reason }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    names: Vec<String>,
    positions: HashMap<String, usize>,
    /// First and last index, the entity, the line.
    runs: Vec<(u64, u64, usize, usize)>,
}

impl Reading {
    fn take(&mut self, line: usize, fields: &[String]) -> Result<(), String> {
        let [name, first, last] = fields else {
            return Err(format!("has {} fields, 3 expected: {}", fields.len(), HEADER.join(",")));
        };
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(format!("has no name of 1 to {MAX_NAME} printable characters"));
        }
        let first = index("first_index", first)?;
        let last = if last.trim().is_empty() { first } else { index("last_index", last)? };
        if last < first {
            return Err(format!("ends with validator {last}, before it begins with {first}"));
        }
        if self.runs.len() == MAX_RUNS {
            return Err(format!("is one more than the {MAX_RUNS} that are taken"));
        }
        let next = self.names.len();
        let position = *self.positions.entry(name.to_owned()).or_insert(next);
        if position == next {
            if next == MAX_ENTITIES {
                return Err(format!("names one entity more than the {MAX_ENTITIES} that are taken"));
            }
            self.names.push(name.to_owned());
        }
        self.runs.push((first, last, position, line));
        Ok(())
    }

    fn finish(mut self, source: &str) -> Result<Entities, EntitiesError> {
        self.runs.sort_unstable();
        for pair in self.runs.windows(2) {
            let [(_, last, one, before), (first, _, other, line)] = pair else { continue };
            if first <= last && one != other {
                let name = |position: &usize| self.names.get(*position).cloned().unwrap_or_default();
                let reason = format!(
                    "gives validator {first} to {:?}, but line {before} gives it to {:?}",
                    name(other),
                    name(one)
                );
                return Err(refused(source, *line, reason));
            }
        }
        let line_of = |position: usize| {
            self.runs.iter().filter(|run| run.2 == position).map(|run| run.3).min().unwrap_or_default()
        };
        let mut order: Vec<(String, usize)> = Vec::with_capacity(self.names.len());
        for (position, name) in self.names.iter().enumerate() {
            let slug = slug(name);
            if slug.is_empty() {
                let reason = format!("names {name:?}, which has no letter or digit for its address");
                return Err(refused(source, line_of(position), reason));
            }
            order.push((slug, position));
        }
        order.sort_unstable();
        if let Some(same) = order.windows(2).find(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            let [(slug, one), (_, other)] = same else { return Ok(Entities::default()) };
            let name = |position: usize| self.names.get(position).cloned().unwrap_or_default();
            let reason =
                format!("names {:?}, whose address {slug:?} is that of {:?}", name(*other), name(*one));
            return Err(refused(source, line_of(*other), reason));
        }
        let mut sets: Vec<Vec<(ValidatorIndex, ValidatorIndex)>> = vec![Vec::new(); self.names.len()];
        for (first, last, position, _) in &self.runs {
            if let Some(set) = sets.get_mut(*position) {
                set.push((ValidatorIndex(*first), ValidatorIndex(*last)));
            }
        }
        let mut list = Vec::with_capacity(order.len());
        let mut runs = Vec::with_capacity(self.runs.len());
        for (at, (slug, position)) in order.into_iter().enumerate() {
            let validators =
                ValidatorSet::of_runs(sets.get_mut(position).map(std::mem::take).unwrap_or_default());
            runs.extend(validators.runs().map(|(first, last)| (first.0, last.0, at)));
            let name = self.names.get(position).cloned().unwrap_or_default();
            list.push(Entity { name, slug, validators });
        }
        runs.sort_unstable();
        Ok(Entities { list, runs, source: source.to_owned(), changed: None })
    }
}

fn index(name: &str, text: &str) -> Result<u64, String> {
    let text = text.trim();
    match text.parse() {
        Ok(index) if index <= MAX_INDEX => Ok(index),
        _ => {
            let shown: String = text.chars().take(40).collect();
            Err(format!("has the {name} {shown:?}, which is no number from 0 to {MAX_INDEX}"))
        }
    }
}

/// A name as it stands in addresses.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// The fields of a line.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let field;
        (field, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        fields.push(field.replace("\"\"", "\""));
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(fields),
            None => return Err("has text after a quoted field".to_owned()),
        }
    }
}

/// A field whose first quote was read, and what comes after its last one.
fn quoted_field(text: &str) -> Result<(&str, &str), String> {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('"')).map(|at| from + at) {
        match text.get(at + 1..) {
            Some(rest) if rest.starts_with('"') => from = at + 2,
            rest => return Ok((text.get(..at).unwrap_or_default(), rest.unwrap_or_default())),
        }
    }
    Err("has a quote that is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Result<Entities, EntitiesError> {
        Entities::parse("entities.csv", &format!("entity,first_index,last_index\n{lines}"))
    }

    #[test]
    fn validators_have_names() {
        let entities =
            parse("Zebra Pool,10,19\n\n# note\n\"Ann, \"\"the\"\" First\",3,\r\nZebra Pool,20,20\n").unwrap();
        let names: Vec<(&str, &str)> =
            entities.list().iter().map(|one| (one.name.as_str(), one.slug.as_str())).collect();
        assert_eq!(names, [("Ann, \"the\" First", "ann-the-first"), ("Zebra Pool", "zebra-pool")]);
        let of = |index| entities.of(ValidatorIndex(index)).map(|one| one.slug.as_str());
        assert_eq!([of(2), of(3), of(4), of(9)], [None, Some("ann-the-first"), None, None]);
        assert_eq!([of(10), of(20), of(21)], [Some("zebra-pool"), Some("zebra-pool"), None]);
        assert_eq!(entities.by_slug("zebra-pool").unwrap().validators.len(), 11);
        assert!(entities.by_slug("zebra").is_none());
        assert!(Entities::default().of(ValidatorIndex(0)).is_none());
    }

    #[test]
    fn faults_are_told_with_their_line() {
        for (lines, told) in [
            ("A,1,2,3", "entities.csv line 2 has 4 fields, 3 expected"),
            ("A,1", "line 2 has 2 fields"),
            ("A,x,2", "line 2 has the first_index \"x\""),
            ("A,1,2\nB,-1,", "line 3 has the first_index \"-1\""),
            ("A,5,2", "line 2 ends with validator 2, before it begins with 5"),
            ("A,1,9\nB,7,", "line 3 gives validator 7 to \"B\", but line 2 gives it to \"A\""),
            ("\"A,1,2", "line 2 has a quote that is not closed"),
            ("\"A\"x,1,2", "line 2 has text after a quoted field"),
            (",1,2", "line 2 has no name"),
            ("A b,1,2\nA-B,3,4", "line 3 names \"A-B\", whose address \"a-b\" is that of \"A b\""),
            ("→,1,2", "which has no letter or digit"),
        ] {
            let error = parse(lines).unwrap_err().to_string();
            assert!(error.contains(told), "{lines:?}: {error}");
        }
        let error = Entities::parse("x", "name,from\nA,1,2").unwrap_err().to_string();
        assert!(error.contains("x line 1 is not the line of names"), "{error}");
    }
}
