//! An ordered list of features: what the columns of a row are.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{ALL, Feature, FeatureError, FeatureScratch, ORIGINAL, find};
use crate::BlockObservation;

/// The features of the original classifier's default.
const DEFAULT: [&str; 4] = ["percent_redundant_boost", "difflib_rewards", "difflib_slot", "difflib_slot_rev"];

/// The features a search chooses from.
const VIABLE: [&str; 15] = [
    "percent_redundant_boost",
    "percent_pairwise_ordered",
    "difflib_rewards",
    "difflib_slot_index",
    "difflib_index_slot",
    "difflib_slot_index_rev",
    "difflib_index_slot_rev",
    "difflib_slot",
    "difflib_slot_rev",
    "spearman_correlation",
    "norm_reward",
    "mean_density",
    "percent_single_bit",
    "difflib_slot_reward",
    "difflib_slot_reward_rev",
];

/// The default of the original's branch for Electra.
const ELECTRA: [&str; 4] = ["percent_redundant_boost", "difflib_slot", "spearman_correlation", "norm_reward"];

/// An ordered list of distinct features, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSet {
    features: Vec<&'static Feature>,
}

impl FeatureSet {
    /// The names that [`FeatureSet::named`] knows.
    pub const NAMES: [&'static str; 5] = ["all", "default", "viable", "electra", "everything"];

    /// The 24 features of the original classifier (`all`).
    pub fn all24() -> Self {
        Self { features: ALL.iter().take(ORIGINAL).collect() }
    }

    /// The four features the original classifier uses (`default`).
    pub fn default_four() -> Self {
        Self::of(&DEFAULT)
    }

    /// The 15 features a feature search chooses from (`viable`).
    pub fn viable() -> Self {
        Self::of(&VIABLE)
    }

    /// The four features of the original's branch for Electra (`electra`).
    pub fn electra() -> Self {
        Self::of(&ELECTRA)
    }

    /// All 26 features (`everything`).
    pub fn everything() -> Self {
        Self { features: ALL.iter().collect() }
    }

    fn of(names: &[&str]) -> Self {
        Self { features: names.iter().filter_map(|name| find(name)).collect() }
    }

    /// A set by its name, one of [`FeatureSet::NAMES`].
    pub fn named(name: &str) -> Result<Self, FeatureError> {
        match name {
            "all" => Ok(Self::all24()),
            "default" => Ok(Self::default_four()),
            "viable" => Ok(Self::viable()),
            "electra" => Ok(Self::electra()),
            "everything" => Ok(Self::everything()),
            _ => Err(FeatureError::UnknownSet { name: name.to_owned() }),
        }
    }

    /// A set from feature names separated by commas, in that order.
    pub fn parse(list: &str) -> Result<Self, FeatureError> {
        Self::from_names(list.split(',').map(str::trim).filter(|name| !name.is_empty()))
    }

    /// A set from feature names, in that order.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, FeatureError> {
        let mut features: Vec<&'static Feature> = Vec::new();
        for name in names {
            let name = name.as_ref();
            let feature = find(name).ok_or_else(|| FeatureError::UnknownFeature { name: name.to_owned() })?;
            if features.contains(&feature) {
                return Err(FeatureError::RepeatedFeature { name: feature.name });
            }
            features.push(feature);
        }
        if features.is_empty() { Err(FeatureError::NoFeatures) } else { Ok(Self { features }) }
    }

    /// The features, in order.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &'static Feature> + '_ {
        self.features.iter().copied()
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'static str> + '_ {
        self.features.iter().map(|feature| feature.name)
    }

    /// How many features there are: the width of a row.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// The column of the feature of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.features.iter().position(|feature| feature.name == name)
    }

    /// Computes the row of a block and appends its [`len`](Self::len) values to `out`.
    ///
    /// On an error `out` is as it was. [`compute_with`](Self::compute_with) is faster for many blocks.
    pub fn compute(&self, block: &BlockObservation, out: &mut Vec<f64>) -> Result<(), FeatureError> {
        self.compute_with(&mut FeatureScratch::default(), block, out)
    }

    /// Computes the row of a block with buffers that are kept from block to block.
    pub fn compute_with(
        &self,
        scratch: &mut FeatureScratch,
        block: &BlockObservation,
        out: &mut Vec<f64>,
    ) -> Result<(), FeatureError> {
        super::compute::append_row(self.features(), scratch, block, out)
    }
}

impl Default for FeatureSet {
    fn default() -> Self {
        Self::default_four()
    }
}

/// Reads the name of a set, or feature names separated by commas.
impl FromStr for FeatureSet {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        Self::named(text).or_else(|_| Self::parse(text))
    }
}

impl Serialize for FeatureSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for FeatureSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_names(Vec::<String>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_sets_have_their_sizes() {
        let sizes = FeatureSet::NAMES.map(|name| FeatureSet::named(name).map(|set| set.len()));
        assert_eq!(sizes, [Ok(24), Ok(4), Ok(15), Ok(4), Ok(26)]);
    }

    #[test]
    fn lists_keep_their_order_and_refuse_nonsense() {
        let set = FeatureSet::parse("reward, num_redundant").expect("two known features");
        assert_eq!(set.names().collect::<Vec<_>>(), ["reward", "num_redundant"]);
        assert_eq!(set.position("num_redundant"), Some(1));
        assert_eq!("viable".parse(), Ok(FeatureSet::viable()));
        assert_eq!(FeatureSet::parse(" , "), Err(FeatureError::NoFeatures));
        assert_eq!(FeatureSet::parse("reward,reward"), Err(FeatureError::RepeatedFeature { name: "reward" }));
        assert!(matches!(FeatureSet::parse("rewards"), Err(FeatureError::UnknownFeature { .. })));
    }

    #[test]
    fn sets_survive_json() {
        let json = serde_json::to_string(&FeatureSet::viable()).expect("a list of names");
        assert_eq!(serde_json::from_str::<FeatureSet>(&json).expect("the same list"), FeatureSet::viable());
        assert!(serde_json::from_str::<FeatureSet>("[]").is_err());
    }
}
