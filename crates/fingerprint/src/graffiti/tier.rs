//! How much it says that graffiti name a client: its own software wrote it there, or anybody.

use std::sync::LazyLock;

use regex::RegexSet;

use crate::Client;

/// How much the name of a client in graffiti says, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The name within a text that people write.
    Bronze,
    /// What the client writes where nobody chose a text, or the mark of Rocket Pool. Often it is the validator client
    /// that writes it, which may be of another brand than the beacon node.
    Silver,
    /// A client-version code such as `GEabcdLH1234`, which the beacon node itself adds.
    Gold,
}

/// Patterns of a client: gold, silver, bronze.
const TIERS: [Tier; 3] = [Tier::Gold, Tier::Silver, Tier::Bronze];

impl Tier {
    /// The best tier at which the graffiti name the client; `None` where they do not.
    pub fn of(graffiti: &str, client: Client) -> Option<Self> {
        static PATTERNS: LazyLock<RegexSet> = LazyLock::new(|| {
            let patterns = Client::ALL.into_iter().flat_map(patterns);
            RegexSet::new(patterns).unwrap_or_else(|error| {
                debug_assert!(false, "patterns of tiers: {error}");
                RegexSet::empty()
            })
        });
        let first = client.index() * TIERS.len();
        let matches = PATTERNS.matches(graffiti);
        (first..)
            .zip(TIERS)
            .find_map(|(pattern, tier)| matches.iter().any(|hit| hit == pattern).then_some(tier))
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Gold => "gold",
        }
    }
}

/// The patterns of a client in the order of [`TIERS`].
fn patterns(client: Client) -> [String; 3] {
    // Codes of version tags, the letter in Rocket Pool's marks, and names. Prysm's code was PR until mid-2026.
    let (code, letter, name) = match client {
        Client::Grandine => ("GR", "G", "grandine"),
        Client::Lighthouse => ("LH", "L", "lighthouse"),
        Client::Lodestar => ("LS", "S", "lodestar"),
        Client::Nimbus => ("NB", "N", "nimbus"),
        // Caplin, inside of Erigon, which Rocket Pool does not offer.
        Client::Other => ("CN", "[^A-Z]", "caplin"),
        Client::Prysm => ("(?:PM|PR)", "P", "prysm|prylabs"),
        Client::Teku => ("TK", "T", "teku"),
    };
    let (four, two) = ("[0-9a-f]{4}", "[0-9a-f]{2}");
    let execution = "(?:BS|BU|EG|EJ|EX|GE|NM|RH|TE)";
    // The execution client first, as most write it, or the other way round, or alone: with a commit of both, or the
    // code of a known execution client.
    let codes = [
        format!("[A-Z]{{2}}{four}{code}{four}"),
        format!("[A-Z]{{2}}{two}{code}{two}"),
        format!("{execution}{code}"),
        format!("{code}{four}(?:[A-Z]{{2}}{four}|{four})?"),
        format!("{code}{two}[A-Z]{{2}}{two}"),
    ];
    [
        format!(r"\b(?:{})\b", codes.join("|")),
        format!(r"\A(?:(?i:{name})[-/]v?[0-9]+\.[0-9]+|RP-[A-Z]?{letter} v[0-9]+\.[0-9]+\.[0-9]+)"),
        format!("(?i:{name})"),
    ]
}
