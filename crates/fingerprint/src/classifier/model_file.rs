//! The model file: one file that says what it is and holds everything a verdict needs.
//!
//! ```text
//! 8 bytes   "BLOCKMRK"
//! 4 bytes   format version
//! 4 bytes   length of the header
//! 8 bytes   length of the body
//! header    JSON: the model's description, graffiti rules, list of sections
//! body      the sections one after the other: f64, u32 or u8
//! 32 bytes  blake3 of everything before
//! ```
//!
//! All numbers are little-endian. Nothing in the file is ever executed. A reader trusts no length: what is
//! allocated is bounded by what was given, and what does not fit together is refused.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::fitted::{Fitted, MAX_WIDTH, Predictor, Scaler};
use super::kd_tree::{self, Tree};
use super::mlp::{Layer, MAX_HIDDEN, Network};
use super::model::{Model, ModelInfo};
use super::neighbours::NeighbourIndex;
use super::odds::{self, FeatureCounts};
use super::options::{Method, Scaling};
use crate::graffiti::GraffitiRules;

/// The format version that is written and read.
pub const FORMAT_VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"BLOCKMRK";
const PREFIX: usize = 24;
const CHECKSUM: usize = 32;

/// A header is a few kilobytes; graffiti rules may add to it.
const MAX_HEADER: usize = 4 << 20;

/// Why bytes are not a model that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The bytes are something else.
    #[error("this is not a Blockmark model file; make one with `blockmark train`")]
    NotAModel,
    /// The file is of another version.
    #[error(
        "the model file has format version {found}, but this program reads version {FORMAT_VERSION}; train the model again with this program or use the program that wrote it"
    )]
    OtherVersion {
        /// The version found.
        found: u32,
    },
    /// The file is shorter or longer than it says.
    #[error(
        "the model file has {found} bytes but should have {expected}; copy it again or train the model again"
    )]
    Length {
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// The checksum is wrong.
    #[error("the model file is damaged: its checksum is wrong; copy it again or train the model again")]
    Checksum,
    /// The header cannot be read.
    #[error("the header of the model file cannot be read ({0}); train the model again")]
    Header(String),
    /// Parts of the file contradict each other.
    #[error("the model file contradicts itself: {0}; train the model again")]
    Inconsistent(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Header {
    model: ModelInfo,
    rules: GraffitiRules,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<FeatureCounts>,
    sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Section {
    name: String,
    kind: Kind,
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    F64,
    U32,
    U8,
}

impl Kind {
    fn size(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::U32 => 4,
            Self::U8 => 1,
        }
    }
}

impl Model {
    /// The model as the bytes of a model file. The same model always gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        if let Some(scaler) = &self.fitted.scaler {
            writer.f64("means", &scaler.means);
            writer.f64("deviations", &scaler.deviations);
        }
        match &self.fitted.predictor {
            Predictor::Knn(index) => {
                writer.u32("rows", &[index.row_count]);
                writer.f64("points", &index.points);
                writer.u32("starts", &index.starts);
                writer.u32("member_rows", &index.member_rows);
                writer.u8("member_classes", &index.member_classes);
                writer.u32("member_counts", &index.member_counts);
                if let Some(tree) = &index.tree {
                    writer.u8("axes", &tree.axes);
                    writer.f64("splits", &tree.splits);
                }
            }
            Predictor::Mlp(network) => {
                for layer in network.layers() {
                    writer.f64("weights", &layer.weights);
                    writer.f64("biases", &layer.biases);
                }
            }
        }
        let header = Header {
            model: self.info.clone(),
            rules: self.rules.clone(),
            counts: self.counts.clone(),
            sections: writer.sections,
        };
        // A struct of texts, numbers and lists always has a JSON form.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let (bytes, hash) = seal(FORMAT_VERSION, &header, &writer.body);
        let _ = self.hash.set(hash);
        bytes
    }

    /// The blake3 hash of the model file, as `b3sum` prints it.
    pub fn hash(&self) -> [u8; 32] {
        if let Some(hash) = self.hash.get() {
            return *hash;
        }
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// Reads a model file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let Opened { header, body, hash } = open(bytes)?;
        let header: Header =
            serde_json::from_slice(header).map_err(|error| ModelError::Header(error.to_string()))?;
        let Header { model: info, rules, counts, sections } = header;
        check_info(&info)?;
        if !odds::check(&counts, &info) {
            return Err(ModelError::Inconsistent("its counts of rows do not fit its features and classes"));
        }
        let mut reader = Reader { body, sections: sections.into_iter() };
        let scaler = match info.scaling {
            Scaling::Automatic => return Err(ModelError::Inconsistent("its scaling is not settled")),
            Scaling::Raw => None,
            Scaling::Standardised => Some(read_scaler(&mut reader, info.features.len())?),
        };
        let predictor = match &info.method {
            Method::Knn { k } => Predictor::Knn(read_index(&mut reader, &info, *k)?),
            Method::Mlp { hidden, .. } => Predictor::Mlp(read_network(&mut reader, &info, hidden)?),
        };
        if !reader.body.is_empty() || reader.sections.next().is_some() {
            return Err(ModelError::Inconsistent("it has more sections than its method needs"));
        }
        let stored = OnceLock::new();
        let _ = stored.set(hash);
        Ok(Self { info, rules, fitted: Fitted { scaler, predictor }, counts, hash: stored })
    }
}

/// Joins the parts of a file and adds the checksum; returns the hash of the whole as well.
fn seal(version: u32, header: &[u8], body: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let mut bytes = Vec::with_capacity(PREFIX + header.len() + body.len() + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(body);
    let mut hasher = blake3::Hasher::new();
    let checksum = *hasher.update(&bytes).finalize().as_bytes();
    bytes.extend_from_slice(&checksum);
    let hash = *hasher.update(&checksum).finalize().as_bytes();
    (bytes, hash)
}

/// The parts of a file whose frame and checksum are right.
struct Opened<'a> {
    header: &'a [u8],
    body: &'a [u8],
    hash: [u8; 32],
}

/// Splits a file into header and body once its frame and checksum are right; returns its hash as well.
fn open(bytes: &[u8]) -> Result<Opened<'_>, ModelError> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(ModelError::NotAModel)?;
    if magic != MAGIC {
        return Err(ModelError::NotAModel);
    }
    let found = bytes.len() as u64;
    let short = ModelError::Length { expected: (PREFIX + CHECKSUM) as u64, found };
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(|| short.clone())?;
    let version = u32::from_le_bytes(*version);
    if version != FORMAT_VERSION {
        return Err(ModelError::OtherVersion { found: version });
    }
    let (header_length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| short.clone())?;
    let (body_length, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let header_length = u64::from(u32::from_le_bytes(*header_length));
    let body_length = u64::from_le_bytes(*body_length);
    let expected = (PREFIX as u64 + CHECKSUM as u64 + header_length).saturating_add(body_length);
    if expected != found {
        return Err(ModelError::Length { expected, found });
    }
    let length = ModelError::Length { expected, found };
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(|| length.clone())?;
    let mut hasher = blake3::Hasher::new();
    if hasher.update(content).finalize() != blake3::Hash::from_bytes(*checksum) {
        return Err(ModelError::Checksum);
    }
    let hash = *hasher.update(checksum).finalize().as_bytes();
    if header_length > MAX_HEADER as u64 {
        return Err(ModelError::Inconsistent("its header is larger than any header should be"));
    }
    let header_length = header_length as usize;
    let header = rest.get(..header_length).ok_or_else(|| length.clone())?;
    let body = content.get(PREFIX + header_length..).ok_or(length)?;
    Ok(Opened { header, body, hash })
}

fn check_info(info: &ModelInfo) -> Result<(), ModelError> {
    let wrong = ModelError::Inconsistent;
    if info.features.len() > MAX_WIDTH {
        return Err(wrong("it has too many features"));
    }
    if info.classes.is_empty() || !info.classes.is_sorted_by(|a, b| a < b) {
        return Err(wrong("its classes are missing or out of order"));
    }
    info.method.check().map_err(|_| wrong("the numbers of its method are out of bounds"))?;
    info.thresholds.check().map_err(|_| wrong("its thresholds are no probabilities"))?;
    if let Some(reliability) = info.scores.as_ref().and_then(|scores| scores.reliability.as_ref()) {
        reliability.check().map_err(wrong)?;
    }
    let ranges_fit = info.ranges.iter().map(|ranges| ranges.feature.as_str()).eq(info.features.names())
        && info
            .ranges
            .iter()
            .all(|ranges| ranges.clients.iter().map(|range| range.client).eq(info.classes.iter().copied()));
    if ranges_fit { Ok(()) } else { Err(wrong("its ranges do not fit its features and classes")) }
}

fn read_scaler(reader: &mut Reader<'_>, width: usize) -> Result<Scaler, ModelError> {
    let means = reader.f64("means")?;
    let deviations = reader.f64("deviations")?;
    if means.len() != width || deviations.len() != width || !deviations.iter().all(|value| *value > 0.0) {
        return Err(ModelError::Inconsistent("its scaling does not fit its features"));
    }
    Ok(Scaler { means, deviations })
}

fn read_index(reader: &mut Reader<'_>, info: &ModelInfo, k: usize) -> Result<NeighbourIndex, ModelError> {
    let wrong = ModelError::Inconsistent;
    let width = info.features.len();
    let row_count = match reader.u32("rows")?.as_slice() {
        [rows] => *rows,
        _ => return Err(wrong("it has no number of rows")),
    };
    let points = reader.f64("points")?;
    let starts = reader.u32("starts")?;
    let member_rows = reader.u32("member_rows")?;
    let member_classes = reader.u8("member_classes")?;
    let member_counts = reader.u32("member_counts")?;
    let count = starts.len().saturating_sub(1);
    if count == 0 || count.checked_mul(width) != Some(points.len()) {
        return Err(wrong("its points do not fit its features"));
    }
    let ascending = starts.is_sorted_by(|a, b| a < b && (b - a) as usize <= info.classes.len());
    if starts.first() != Some(&0) || !ascending {
        return Err(wrong("the members of its points are out of order"));
    }
    if starts.last().map(|last| *last as usize) != Some(member_rows.len())
        || member_rows.len() != member_classes.len()
        || member_rows.len() != member_counts.len()
    {
        return Err(wrong("its points have missing members"));
    }
    if member_rows.iter().any(|row| *row >= row_count)
        || member_classes.iter().any(|class| usize::from(*class) >= info.classes.len())
    {
        return Err(wrong("a member of a point is of no row or no class"));
    }
    let counted: u64 = member_counts.iter().map(|count| u64::from(*count)).sum();
    if counted != u64::from(row_count) || member_counts.contains(&0) {
        return Err(wrong("its points do not count its rows"));
    }
    let tree = if NeighbourIndex::wants_tree(count, width) {
        let tree = Tree { axes: reader.u8("axes")?, splits: reader.f64("splits")? };
        let cuts = (1usize << kd_tree::levels(count)) - 1;
        if tree.axes.len() != cuts || tree.splits.len() != cuts {
            return Err(wrong("its tree does not fit its points"));
        }
        if tree.axes.iter().any(|axis| usize::from(*axis) >= width) {
            return Err(wrong("its tree cuts along no feature"));
        }
        Some(tree)
    } else {
        None
    };
    Ok(NeighbourIndex {
        k,
        width,
        class_count: info.classes.len(),
        row_count,
        points,
        starts,
        member_rows,
        member_classes,
        member_counts,
        tree,
    })
}

fn read_network(reader: &mut Reader<'_>, info: &ModelInfo, hidden: &[usize]) -> Result<Network, ModelError> {
    let wrong = ModelError::Inconsistent;
    let mut widths = Vec::with_capacity(MAX_HIDDEN + 2);
    widths.push(info.features.len());
    widths.extend_from_slice(hidden);
    widths.push(info.classes.len());
    let mut layers = Vec::with_capacity(MAX_HIDDEN + 1);
    for pair in widths.windows(2) {
        let [inputs, outputs] = pair else { continue };
        let weights = reader.f64("weights")?;
        let biases = reader.f64("biases")?;
        if biases.len() != *outputs {
            return Err(wrong("a layer of its network has another width than it says"));
        }
        let layer = Layer::new(*inputs, weights, biases);
        layers.push(layer.map_err(|_| wrong("a layer of its network has missing weights"))?);
    }
    Network::new(layers).map_err(|_| wrong("the layers of its network do not fit each other"))
}

#[derive(Default)]
struct Writer {
    sections: Vec<Section>,
    body: Vec<u8>,
}

impl Writer {
    fn section(&mut self, name: &str, kind: Kind, count: usize) {
        self.sections.push(Section { name: name.to_owned(), kind, count: count as u64 });
        self.body.reserve(count * kind.size() as usize);
    }

    fn f64(&mut self, name: &str, values: &[f64]) {
        self.section(name, Kind::F64, values.len());
        values.iter().for_each(|value| self.body.extend_from_slice(&value.to_le_bytes()));
    }

    fn u32(&mut self, name: &str, values: &[u32]) {
        self.section(name, Kind::U32, values.len());
        values.iter().for_each(|value| self.body.extend_from_slice(&value.to_le_bytes()));
    }

    fn u8(&mut self, name: &str, values: &[u8]) {
        self.section(name, Kind::U8, values.len());
        self.body.extend_from_slice(values);
    }
}

/// Takes sections off the body in the order in which they are wanted.
struct Reader<'a> {
    body: &'a [u8],
    sections: std::vec::IntoIter<Section>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, name: &str, kind: Kind) -> Result<&'a [u8], ModelError> {
        let section = self.sections.next().filter(|section| section.name == name && section.kind == kind);
        let section = section.ok_or(ModelError::Inconsistent("a section is missing"))?;
        let split = section
            .count
            .checked_mul(kind.size())
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| self.body.split_at_checked(length));
        let (taken, rest) = split.ok_or(ModelError::Inconsistent("a section is cut off"))?;
        self.body = rest;
        Ok(taken)
    }

    /// Numbers that are all finite.
    fn f64(&mut self, name: &str) -> Result<Vec<f64>, ModelError> {
        let (chunks, _) = self.take(name, Kind::F64)?.as_chunks::<8>();
        let values: Vec<f64> = chunks.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        // Zero times a finite number is zero; times any other it is NaN. A sum is quicker than a branch.
        let finite = values.iter().fold(0.0, |sum, value| sum + value * 0.0) == 0.0;
        if finite { Ok(values) } else { Err(ModelError::Inconsistent("a value is not a finite number")) }
    }

    fn u32(&mut self, name: &str) -> Result<Vec<u32>, ModelError> {
        let (chunks, _) = self.take(name, Kind::U32)?.as_chunks::<4>();
        Ok(chunks.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    fn u8(&mut self, name: &str) -> Result<Vec<u8>, ModelError> {
        self.take(name, Kind::U8).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
#[path = "model_file_tests.rs"]
mod tests;
