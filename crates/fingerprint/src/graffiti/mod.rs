//! Which client signs its name in the graffiti of a block.
//!
//! Rules are read from a TOML file, described in [`GraffitiRules::from_toml`]; two sets are built in.

mod file;
mod tier;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use regex::RegexSet;
use serde::{Deserialize, Serialize};

pub use file::{Limits, RuleFileError};
pub use tier::Tier;

use crate::{Client, ClientSet};

/// A rule set that is built in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RuleSet {
    /// Names of all clients, client-version codes and Rocket Pool marks.
    #[default]
    Blockmark,
    /// Exactly what blockprint recognises.
    Blockprint,
}

impl RuleSet {
    /// All built-in sets.
    pub const ALL: [Self; 2] = [Self::Blockmark, Self::Blockprint];

    /// The name as typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blockmark => "blockmark",
            Self::Blockprint => "blockprint",
        }
    }

    /// The rule file of the set, as an example to start one's own from.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Blockmark => include_str!("../../rules/blockmark.toml"),
            Self::Blockprint => include_str!("../../rules/blockprint.toml"),
        }
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is not a built-in rule set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a built-in rule set; known are blockmark and blockprint")]
pub struct UnknownRuleSet(pub String);

impl FromStr for RuleSet {
    type Err = UnknownRuleSet;

    fn from_str(text: &str) -> Result<Self, UnknownRuleSet> {
        Self::ALL.into_iter().find(|set| set.name() == text).ok_or_else(|| UnknownRuleSet(text.to_owned()))
    }
}

/// Rules that recognise clients by graffiti, ready to use. Cheap to clone.
#[derive(Clone)]
pub struct GraffitiRules {
    file: Arc<RuleFile>,
    network: Option<Arc<str>>,
}

/// Everything a rule file says, compiled.
struct RuleFile {
    source: Box<str>,
    name: Box<str>,
    general: Compiled,
    /// Per network, the rules that are tried before the general ones.
    networks: BTreeMap<String, Compiled>,
}

/// An ordered list of rules.
struct Compiled {
    patterns: RegexSet,
    /// Per pattern, whose it is. Patterns are in the order of the rules.
    clients: Vec<Client>,
}

impl Compiled {
    fn guess(&self, graffiti: &str, disabled: ClientSet) -> Option<Client> {
        let matches = self.patterns.matches(graffiti);
        let mut clients = matches.iter().filter_map(|pattern| self.clients.get(pattern).copied());
        clients.find(|client| !disabled.contains(*client))
    }
}

impl GraffitiRules {
    /// A built-in set.
    pub fn built_in(set: RuleSet) -> Self {
        static SETS: LazyLock<[GraffitiRules; 2]> = LazyLock::new(|| RuleSet::ALL.map(load_built_in));
        match &*SETS {
            [blockmark, blockprint] => match set {
                RuleSet::Blockmark => blockmark.clone(),
                RuleSet::Blockprint => blockprint.clone(),
            },
        }
    }

    /// Reads a rule file and checks its examples.
    ///
    /// ```
    /// use fingerprint::{Client, ClientSet, graffiti::GraffitiRules};
    ///
    /// let rules = GraffitiRules::from_toml(
    ///     r#"
    ///     name = "mine"
    ///
    ///     [[rule]]                            # rules are tried from top to bottom, the first hit wins
    ///     client = "Teku"
    ///     patterns = ['.*\b[Tt]eku\b']        # regular expressions, matched from the first character on
    ///     examples = ["hello Teku"]           # the rules must say Teku
    ///     counterexamples = ["stereotekuno"]  # this rule must not match
    ///
    ///     [[network.holesky.rule]]            # on this network, tried before the others
    ///     client = "Grandine"
    ///     patterns = ['node-7']
    ///     "#,
    /// )?;
    /// assert_eq!(rules.guess("teku", ClientSet::EMPTY), Some(Client::Teku));
    /// assert_eq!(rules.guess("node-7", ClientSet::EMPTY), None);
    /// assert_eq!(rules.for_network("holesky").guess("node-7", ClientSet::EMPTY), Some(Client::Grandine));
    /// # Ok::<(), fingerprint::graffiti::RuleFileError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, RuleFileError> {
        Ok(Self { file: Arc::new(file::load(text)?), network: None })
    }

    /// The same rules with those of a network in front; a network the file does not know has none.
    #[must_use]
    pub fn for_network(&self, network: &str) -> Self {
        let known = self.file.networks.contains_key(network);
        Self { file: Arc::clone(&self.file), network: known.then(|| network.into()) }
    }

    /// The client that signed the graffiti. Patterns of disabled clients are not tried.
    pub fn guess(&self, graffiti: &str, disabled: ClientSet) -> Option<Client> {
        let network = self.network.as_deref().and_then(|network| self.file.networks.get(network));
        network
            .and_then(|rules| rules.guess(graffiti, disabled))
            .or_else(|| self.file.general.guess(graffiti, disabled))
    }

    /// The name the file gives itself.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The network the rules were narrowed to, if the file has rules for it.
    pub fn network(&self) -> Option<&str> {
        self.network.as_deref()
    }

    /// The networks the file has rules for.
    pub fn networks(&self) -> impl Iterator<Item = &str> {
        self.file.networks.keys().map(String::as_str)
    }

    /// The text of the rule file.
    pub fn source(&self) -> &str {
        &self.file.source
    }
}

/// The files are part of the program; a test loads each of them.
fn load_built_in(set: RuleSet) -> GraffitiRules {
    GraffitiRules::from_toml(set.source()).unwrap_or_else(|error| {
        debug_assert!(false, "built-in rules {set}: {error}");
        GraffitiRules {
            file: Arc::new(RuleFile {
                source: set.source().into(),
                name: set.name().into(),
                general: Compiled { patterns: RegexSet::empty(), clients: Vec::new() },
                networks: BTreeMap::new(),
            }),
            network: None,
        }
    })
}

impl Default for GraffitiRules {
    fn default() -> Self {
        Self::built_in(RuleSet::default())
    }
}

impl PartialEq for GraffitiRules {
    fn eq(&self, other: &Self) -> bool {
        self.file.source == other.file.source && self.network == other.network
    }
}

impl Eq for GraffitiRules {}

impl fmt::Debug for GraffitiRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraffitiRules")
            .field("name", &self.file.name)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// How rules are kept in other files: the text they were read from and the network.
#[derive(Serialize, Deserialize)]
struct Stored {
    source: String,
    network: Option<String>,
}

impl Serialize for GraffitiRules {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let network = self.network().map(str::to_owned);
        Stored { source: self.source().to_owned(), network }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for GraffitiRules {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let rules = Self::from_toml(&stored.source).map_err(serde::de::Error::custom)?;
        Ok(match stored.network {
            Some(network) => rules.for_network(&network),
            None => rules,
        })
    }
}
