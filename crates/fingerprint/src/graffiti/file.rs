//! Reads and checks rule files.

use std::collections::BTreeMap;

use regex::{RegexBuilder, RegexSetBuilder};
use serde::Deserialize;

use super::{Compiled, RuleFile};
use crate::{Client, ClientSet};

/// The bounds of a rule file, so that reading a hostile one takes a second at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits;

impl Limits {
    /// Bytes of the file.
    pub const FILE_BYTES: usize = 256 * 1024;
    /// Networks that have rules of their own. Each has an automaton, even without patterns.
    pub const NETWORKS: usize = 64;
    /// Patterns of the whole file.
    pub const PATTERNS: usize = 512;
    /// Bytes of one pattern.
    pub const PATTERN_BYTES: usize = 512;
    /// Bytes that one compiled pattern may take.
    pub const COMPILED_PATTERN_BYTES: usize = 128 * 1024;
    /// Bytes that the compiled patterns of one rule list may take.
    pub const COMPILED_BYTES: usize = 2 * 1024 * 1024;
    /// Examples and counterexamples of the whole file.
    pub const EXAMPLES: usize = 2048;
    /// Bytes of one example.
    pub const EXAMPLE_BYTES: usize = 256;
}

/// Why a rule file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFileError {
    /// The file is longer than any sensible one.
    #[error("the rule file has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is more of something than any sensible file has.
    #[error("the rule file has {count} {what}, more than the {limit} allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The file is not TOML, or has fields that rule files do not have.
    #[error("the rule file cannot be read: {reason}")]
    Syntax {
        /// Where and why.
        reason: String,
    },
    /// A client is not in the table of clients.
    #[error(
        "the rule file names {name:?} as a client; known are Grandine, Lighthouse, Lodestar, Nimbus, Other, Prysm and Teku"
    )]
    UnknownClient {
        /// The name.
        name: String,
    },
    /// A pattern is not a regular expression.
    #[error("pattern {pattern:?} of {client} cannot be used: {reason}")]
    BadPattern {
        /// Whose pattern.
        client: Client,
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// The patterns of one list take too much memory together.
    #[error("{count} patterns cannot be used together: {reason}")]
    PatternsTooLarge {
        /// How many patterns.
        count: usize,
        /// Why.
        reason: String,
    },
    /// A pattern matches even an empty graffiti, so it would claim every block.
    #[error(
        "pattern {pattern:?} of {client} matches an empty graffiti and so every block; make it more specific"
    )]
    MatchesEverything {
        /// Whose pattern.
        client: Client,
        /// The pattern.
        pattern: String,
    },
    /// An example is not recognised.
    #[error("example {example:?} of {client} is recognised as {}; mend the pattern, the order of rules, or the example", found.map_or("nobody's", Client::name))]
    ExampleMissed {
        /// Whose example.
        client: Client,
        /// The example.
        example: String,
        /// Whom the rules recognise instead.
        found: Option<Client>,
    },
    /// A counterexample is recognised.
    #[error(
        "counterexample {example:?} of {client} matches pattern {pattern:?}; mend the pattern or the counterexample"
    )]
    CounterexampleMatched {
        /// Whose counterexample.
        client: Client,
        /// The counterexample.
        example: String,
        /// The pattern it matches.
        pattern: String,
    },
}

/// The file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    name: String,
    #[serde(default)]
    rule: Vec<RuleText>,
    #[serde(default)]
    network: BTreeMap<String, NetworkText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkText {
    #[serde(default)]
    rule: Vec<RuleText>,
}

/// One rule as written. Without patterns it only says that the client is known but not recognised.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    client: String,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    counterexamples: Vec<String>,
}

pub(super) fn load(text: &str) -> Result<RuleFile, RuleFileError> {
    if text.len() > Limits::FILE_BYTES {
        return Err(RuleFileError::TooLarge { bytes: text.len(), limit: Limits::FILE_BYTES });
    }
    let file: FileText =
        toml::from_str(text).map_err(|error| RuleFileError::Syntax { reason: error.to_string() })?;
    let rules = || file.rule.iter().chain(file.network.values().flat_map(|network| &network.rule));
    at_most("networks", file.network.len(), Limits::NETWORKS)?;
    at_most("patterns", rules().map(|rule| rule.patterns.len()).sum(), Limits::PATTERNS)?;
    let examples = || rules().flat_map(|rule| rule.examples.iter().chain(&rule.counterexamples));
    at_most("examples", examples().count(), Limits::EXAMPLES)?;
    at_most("bytes in one example", examples().map(String::len).max().unwrap_or(0), Limits::EXAMPLE_BYTES)?;

    let general = compile(&file.rule)?;
    check_examples(&file.rule, &general, |example| general.guess(example, ClientSet::EMPTY))?;
    let mut networks = BTreeMap::new();
    for (network, NetworkText { rule }) in file.network {
        let own = compile(&rule)?;
        check_examples(&rule, &own, |example| {
            own.guess(example, ClientSet::EMPTY).or_else(|| general.guess(example, ClientSet::EMPTY))
        })?;
        networks.insert(network, own);
    }
    Ok(RuleFile { source: text.into(), name: file.name.into(), general, networks })
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), RuleFileError> {
    if count > limit { Err(RuleFileError::TooMany { what, count, limit }) } else { Ok(()) }
}

fn compile(rules: &[RuleText]) -> Result<Compiled, RuleFileError> {
    let mut clients = Vec::new();
    let mut patterns = Vec::new();
    for rule in rules {
        let client = client_of(rule)?;
        for pattern in &rule.patterns {
            check_pattern(client, pattern)?;
            clients.push(client);
            patterns.push(anchored(pattern));
        }
    }
    let patterns =
        RegexSetBuilder::new(&patterns).size_limit(Limits::COMPILED_BYTES).build().map_err(|error| {
            RuleFileError::PatternsTooLarge { count: patterns.len(), reason: error.to_string() }
        })?;
    Ok(Compiled { patterns, clients })
}

fn client_of(rule: &RuleText) -> Result<Client, RuleFileError> {
    rule.client.parse().map_err(|_| RuleFileError::UnknownClient { name: rule.client.clone() })
}

/// Patterns are matched from the first character on; `.` does not match a line feed.
fn anchored(pattern: &str) -> String {
    format!(r"\A(?:{pattern})")
}

fn check_pattern(client: Client, pattern: &str) -> Result<(), RuleFileError> {
    let bad = |reason: String| RuleFileError::BadPattern { client, pattern: pattern.to_owned(), reason };
    if pattern.len() > Limits::PATTERN_BYTES {
        return Err(bad(format!("it is longer than {} bytes", Limits::PATTERN_BYTES)));
    }
    // Compiled on its own as well, so that a bracket too many cannot escape from the anchor.
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(Limits::COMPILED_PATTERN_BYTES)
            .build()
            .map_err(|error| bad(error.to_string()))
    };
    build(pattern)?;
    if build(&anchored(pattern))?.is_match("") {
        return Err(RuleFileError::MatchesEverything { client, pattern: pattern.to_owned() });
    }
    Ok(())
}

fn check_examples(
    rules: &[RuleText],
    compiled: &Compiled,
    guess: impl Fn(&str) -> Option<Client>,
) -> Result<(), RuleFileError> {
    let mut first = 0;
    for rule in rules {
        let client = client_of(rule)?;
        for example in &rule.examples {
            let found = guess(example);
            if found != Some(client) {
                return Err(RuleFileError::ExampleMissed { client, example: example.clone(), found });
            }
        }
        let own = first..first + rule.patterns.len();
        first = own.end;
        for example in &rule.counterexamples {
            let hit = compiled.patterns.matches(example).iter().find(|pattern| own.contains(pattern));
            if let Some(pattern) = hit.and_then(|hit| rule.patterns.get(hit - own.start)) {
                return Err(RuleFileError::CounterexampleMatched {
                    client,
                    example: example.clone(),
                    pattern: pattern.clone(),
                });
            }
        }
    }
    Ok(())
}
