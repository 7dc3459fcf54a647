//! What the numbers of a block say most: which of all log odds are told, and in which order.

use super::odds::FeatureOdds;
use crate::client::Client;

/// Log odds below which a number says next to nothing.
const NEGLIGIBLE: f64 = 0.1;
/// Lines that are told first.
const FIRST: usize = 8;
/// Of them, lines that speak for the verdict.
const FIRST_FOR: usize = 4;
/// Of them, lines that speak against it.
const FIRST_CONTRARY: usize = 2;

/// What the numbers of a block say: for the verdict, then against other clients, then against the verdict, each by size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Telling {
    /// At most eight lines.
    pub first: Vec<FeatureOdds>,
    /// The others, in the same order. What says next to nothing is in neither.
    pub rest: Vec<FeatureOdds>,
}

impl Telling {
    /// Chooses among the log odds of all features and clients.
    pub fn of(odds: &[FeatureOdds], verdict: Option<Client>) -> Self {
        let told = |keep: &dyn Fn(&FeatureOdds) -> bool| {
            let mut kept: Vec<FeatureOdds> =
                odds.iter().filter(|odds| odds.log_odds.abs() >= NEGLIGIBLE && keep(odds)).copied().collect();
            kept.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
            kept
        };
        let of_verdict = |odds: &FeatureOdds| Some(odds.client) == verdict;
        let mut speaks_for = told(&|odds| of_verdict(odds) && odds.log_odds > 0.0);
        let mut contrary = told(&|odds| of_verdict(odds) && odds.log_odds < 0.0);
        let mut others = told(&|odds| !of_verdict(odds) && odds.log_odds < 0.0);
        // What a number says against several clients is said once, of the one it says most of.
        let mut named = Vec::new();
        others.retain(|odds| {
            let is_new = !named.contains(&odds.feature);
            named.push(odds.feature);
            is_new
        });
        let more_for = speaks_for.split_off(speaks_for.len().min(FIRST_FOR));
        let more_contrary = contrary.split_off(contrary.len().min(FIRST_CONTRARY));
        let room = FIRST.saturating_sub(speaks_for.len() + contrary.len());
        let more_others = others.split_off(others.len().min(room));
        Self {
            first: [speaks_for, others, contrary].concat(),
            rest: [more_for, more_others, more_contrary].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odds(feature: &'static str, client: Client, log_odds: f64) -> FeatureOdds {
        FeatureOdds { feature, about: "", value: 1.0, client, log_odds }
    }

    fn told(lines: &[FeatureOdds]) -> Vec<(&str, f64)> {
        lines.iter().map(|line| (line.feature, line.log_odds)).collect()
    }

    #[test]
    fn what_speaks_against_the_verdict_comes_after_what_speaks_for_it() {
        let all = [
            odds("a", Client::Teku, -2.0),
            odds("a", Client::Prysm, -1.0),
            odds("a", Client::Lighthouse, 0.7),
            odds("b", Client::Lighthouse, 2.94),
            odds("b", Client::Teku, -0.05),
            odds("c", Client::Lighthouse, -1.25),
            odds("c", Client::Prysm, 3.0),
        ];
        let telling = Telling::of(&all, Some(Client::Lighthouse));
        assert_eq!(told(&telling.first), [("b", 2.94), ("a", 0.7), ("a", -2.0), ("c", -1.25)]);
        assert_eq!(telling.rest, []);
        // Without a verdict all that speaks against somebody is told.
        let telling = Telling::of(&all, None);
        assert_eq!(told(&telling.first), [("a", -2.0), ("c", -1.25)]);
        assert_eq!(Telling::of(&[], None), Telling::default());
    }

    #[test]
    fn eight_come_first_and_none_is_lost() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let all: Vec<FeatureOdds> = names
            .iter()
            .zip(1u8..)
            .flat_map(|(name, size)| {
                let size = f64::from(size);
                let of_prysm = if size > 8.0 { -size } else { size };
                [odds(name, Client::Prysm, of_prysm), odds(name, Client::Teku, -size)]
            })
            .collect();
        let telling = Telling::of(&all, Some(Client::Prysm));
        assert_eq!((telling.first.len(), telling.rest.len()), (8, 16));
        let order = [("h", 8.0), ("g", 7.0), ("f", 6.0), ("e", 5.0), ("l", -12.0), ("k", -11.0)];
        assert_eq!(told(&telling.first)[..6], order);
        assert_eq!(told(&telling.first)[6..], [("l", -12.0), ("k", -11.0)]);
    }
}
