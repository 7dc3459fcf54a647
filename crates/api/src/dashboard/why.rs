//! Why a block got its verdict: what each number about its packing says for and against clients, looked at alone.

use fingerprint::classifier::FeatureOdds;
use fingerprint::{Client, Signs};

use super::charts::{Series, odds_bar};
use super::format;

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) about: &'static str,
    pub(super) name: &'static str,
    pub(super) value: String,
    /// `for` or `against`.
    pub(super) word: &'static str,
    /// Mark and name of the client, HTML.
    pub(super) client: String,
    pub(super) bar: String,
    pub(super) odds: String,
}

/// What a block shows that some client never does.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// What that says against the verdict, if it does.
    pub(super) warning: String,
    /// The client of the verdict first.
    pub(super) lines: Vec<Against>,
    /// Said where there is no line.
    pub(super) note: &'static str,
}

/// That a client did not build a block.
#[derive(Debug)]
pub(super) struct Against {
    /// Mark and name of the client, HTML.
    pub(super) client: String,
    pub(super) sentence: String,
    pub(super) codes: String,
}

impl Rules {
    /// What signs say, if they are known, of a block with this verdict.
    pub(super) fn of(signs: Option<Signs>, verdict: Option<Client>) -> Self {
        let Some(signs) = signs else { return Self::default() };
        let mut clients: Vec<Client> =
            Client::NAMED.into_iter().filter(|client| signs.rules_out(*client)).collect();
        clients.sort_by_key(|client| Some(*client) != verdict);
        let line = |client: Client| {
            let of_client: Vec<_> = signs.iter().filter(|sign| sign.rules_out(client)).collect();
            let sentences: Vec<_> = of_client.iter().map(|sign| sign.sentence()).collect();
            let codes: Vec<_> = of_client.iter().map(|sign| sign.code()).collect();
            Against {
                client: Series::Client(client).label(),
                sentence: sentences.join("; "),
                codes: codes.join(" "),
            }
        };
        let warning = match verdict.filter(|client| signs.rules_out(*client)) {
            _ if signs.rules_out_all() => {
                "This block breaks the rules of every client. One that is not known here built it, or a version that \
                 packs differently."
                    .to_owned()
            }
            Some(client) => format!(
                "This block breaks a rule of {client}, the client it is judged as. Either the verdict is wrong, or this \
                 client packs differently by now."
            ),
            None => String::new(),
        };
        Self {
            warning,
            note: if clients.is_empty() { "No rule speaks against any client." } else { "" },
            lines: clients.into_iter().map(line).collect(),
        }
    }
}

/// The lines of a block.
#[derive(Debug, Default)]
pub(super) struct Why {
    pub(super) shown: Vec<Line>,
    pub(super) more: Vec<Line>,
}

impl Why {
    /// First what speaks for the verdict, then what speaks against other clients, then what speaks against the verdict,
    /// each by size.
    pub(super) fn of(odds: &[FeatureOdds], verdict: Option<Client>) -> Self {
        let telling = fingerprint::classifier::Telling::of(odds, verdict);
        let lines = |told: Vec<FeatureOdds>| told.iter().map(line).collect();
        Self { shown: lines(telling.first), more: lines(telling.rest) }
    }
}

fn line(odds: &FeatureOdds) -> Line {
    let series = Series::Client(odds.client);
    Line {
        about: odds.about,
        name: odds.feature,
        value: format::feature(odds.value),
        word: if odds.log_odds > 0.0 { "for" } else { "against" },
        client: series.label(),
        bar: odds_bar(series, odds.log_odds),
        odds: format!("{:+.1}", odds.log_odds).replace('-', "\u{2212}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odds(feature: &'static str, client: Client, log_odds: f64) -> FeatureOdds {
        FeatureOdds { feature, about: "", value: 1.0, client, log_odds }
    }

    fn told(lines: &[Line]) -> Vec<(&str, &str, &str)> {
        lines.iter().map(|line| (line.name, line.word, line.odds.as_str())).collect()
    }

    #[test]
    fn rules_are_told_of_the_verdicts_own_client_first() {
        use fingerprint::Sign;
        let told = |signs: Signs, verdict| {
            let rules = Rules::of(Some(signs), verdict);
            let lines: Vec<_> = rules.lines.iter().map(|line| line.codes.clone()).collect();
            (lines, rules.warning, rules.note)
        };
        let signs = Signs::NONE.with(Sign::Older32).with(Sign::PreviousEpochFirst);
        let (lines, warning, note) = told(signs, Some(Client::Lighthouse));
        assert!(warning.starts_with("This block breaks a rule of Lighthouse, the client it is judged as."));
        assert_eq!(lines, ["older_than_32_slots", "older_than_32_slots previous_epoch_first"]);
        assert_eq!(note, "");
        assert_eq!(told(signs, Some(Client::Teku)).1, "");
        assert_eq!(told(Signs::NONE, Some(Client::Teku)).2, "No rule speaks against any client.");
        let all: Signs = Sign::ALL.into_iter().collect();
        assert!(told(all, None).1.starts_with("This block breaks the rules of every client."));
        let unknown = Rules::of(None, Some(Client::Teku));
        assert!(unknown.lines.is_empty() && unknown.note.is_empty() && unknown.warning.is_empty());
    }

    #[test]
    fn what_speaks_against_the_verdict_is_shown_after_what_speaks_for_it() {
        let why = Why::of(
            &[
                odds("a", Client::Teku, -2.0),
                odds("a", Client::Prysm, -1.0),
                odds("a", Client::Lighthouse, 0.7),
                odds("b", Client::Lighthouse, 2.94),
                odds("b", Client::Teku, -0.05),
                odds("c", Client::Lighthouse, -1.25),
                odds("c", Client::Prysm, 3.0),
            ],
            Some(Client::Lighthouse),
        );
        let shown =
            [("b", "for", "+2.9"), ("a", "for", "+0.7"), ("a", "against", "−2.0"), ("c", "against", "−1.2")];
        assert_eq!(told(&why.shown), shown);
        assert!(why.shown[2].client.contains("Teku") && why.shown[3].client.contains("Lighthouse"));
        assert!(why.more.is_empty());
    }

    #[test]
    fn no_more_than_eight_lines_are_shown_at_once() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let all: Vec<FeatureOdds> = names
            .iter()
            .zip(1u8..)
            .flat_map(|(name, size)| {
                let size = f64::from(size);
                [
                    odds(name, Client::Prysm, if size > 8.0 { -size } else { size }),
                    odds(name, Client::Teku, -size),
                ]
            })
            .collect();
        let why = Why::of(&all, Some(Client::Prysm));
        assert_eq!((why.shown.len(), why.shown.len() + why.more.len()), (8, 24));
        assert_eq!(told(&why.shown)[0], ("h", "for", "+8.0"));
        assert_eq!(told(&why.shown)[7], ("k", "against", "−11.0"));
        assert_eq!(Why::of(&all, None).shown.len(), 8);
        assert!(Why::of(&[], Some(Client::Prysm)).shown.is_empty());
    }
}
