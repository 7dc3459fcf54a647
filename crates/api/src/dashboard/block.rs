//! `/block/{slot|root}`: which client, how sure, why, do other signs agree.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use consensus::Slot;
use consensus::spec::Network;
use fingerprint::classifier::FeatureOdds;
use fingerprint::graffiti::Tier;
use fingerprint::{Client, Model};
use serde::Deserialize;
use store::{BlockRow, CanonicalState, HISTORY_BLOCKS, RootOrigin};

use super::attestations::AttestationCard;
use super::charts::{Layout, Series, Strip, StripRange, probability_bars, strip};
use super::errors::sentence;
use super::format::{self, NBSP, Utc};
use super::headline;
use super::latest::{block_href, state_text};
use super::names;
use super::page::{self, Frame, Section};
use super::reliability::tested;
use super::shares::fork_name;
use super::why::{Rules, Why};
use crate::auth;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;
use crate::v1;

/// Range strips shown.
const MOST_STRIPS: usize = 6;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "block.html")]
struct BlockPage {
    frame: Frame,
    tabs: Vec<Tab>,
    slot: String,
    state: &'static str,
    orphaned: bool,
    headline: String,
    lede: String,
    verdict_title: &'static str,
    verdict_subtitle: &'static str,
    verdict_note: String,
    bars: Vec<BarRow>,
    wide: String,
    narrow: String,
    conflict: bool,
    graffiti_says: String,
    graffiti_tier: &'static str,
    graffiti: Option<String>,
    history: String,
    history_note: String,
    why_subtitle: &'static str,
    why_note: &'static str,
    why_empty: String,
    rules: Rules,
    why: Why,
    strips: Vec<StripView>,
    strip_heads: Vec<&'static str>,
    attestations: AttestationCard,
    facts: Vec<Fact>,
    json: String,
    previous: Option<String>,
    next: Option<String>,
}

struct Tab {
    href: String,
    label: String,
    current: bool,
}

struct BarRow {
    label: String,
    value: String,
}

struct StripView {
    about: &'static str,
    name: &'static str,
    value: String,
    svg: String,
    cells: Vec<String>,
}

struct Fact {
    name: &'static str,
    /// HTML.
    value: String,
}

/// The page of one block.
pub(super) async fn block(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let access = &state.settings().private;
    if !auth::is_allowed(access, &headers) {
        return super::errors::failure(&state, auth::refusal(access)).await;
    }
    let page = match query {
        Ok(Params(query)) => build(&state, &id, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build(state: &AppState, id: &str, query: &Query) -> Result<BlockPage, ApiError> {
    let found = v1::find(state, id).await?;
    let row = found.first().ok_or(ApiError::NotFound)?;
    let siblings = state.store().blocks_at_slot(row.slot).await?;
    let newest = state.store().sync_status().await?.greatest_block_slot;
    let theme = page::theme_of(query.theme.as_deref())?;
    let mut frame = Frame::new(state, Section::Blocks, newest.0, theme).await;
    let slot = format::count(row.slot.0);
    frame.title = format!("Slot {slot}");
    frame.description = format!("Which consensus client built the block of slot {slot}.");
    let verdict = Verdict::of(row, state.model().map(AsRef::as_ref));
    let evidence = Evidence::of(row, state.model().map(AsRef::as_ref));
    let ranked = ranked(row);
    let description: Vec<_> = ranked
        .iter()
        .map(|(series, value)| format!("{} {}", series.name(), format::probability_fine(*value)))
        .collect();
    let description = format!("Slot {slot}: {}", description.join(", "));
    let (history, history_note) = history(state, row).await?;
    let why =
        evidence.as_ref().map_or_else(|_| Why::default(), |evidence| Why::of(&evidence.odds, evidence.best));
    Ok(BlockPage {
        frame,
        tabs: tabs(row, &siblings),
        slot: slot.clone(),
        state: state_text(row.canonical),
        orphaned: row.canonical == CanonicalState::Orphaned,
        headline: verdict.headline(row),
        lede: lede(&verdict, row, state),
        verdict_title: verdict.title(),
        verdict_subtitle: verdict.subtitle(),
        verdict_note: verdict.note(row, state.model().map(AsRef::as_ref)),
        bars: ranked
            .iter()
            .map(|(series, value)| BarRow { label: series.label(), value: format::probability_fine(*value) })
            .collect(),
        wide: probability_bars("verdict", Layout::Wide, &ranked, &description),
        narrow: probability_bars("verdict", Layout::Narrow, &ranked, &description),
        conflict: verdict == Verdict::Packing && Agreement::of(row) == Agreement::Differs,
        graffiti_says: graffiti_says(row),
        graffiti_tier: graffiti_tier(row),
        graffiti: row.graffiti.as_deref().filter(|text| !text.is_empty()).map(format::visible),
        history,
        history_note,
        why_subtitle: "Each line: what one number about the block, looked at alone, says of a client. Units: log odds; \
                       +0.7 doubles the odds. The numbers overlap, so the lines do not add up to the verdict",
        why_note: match (&verdict, row.attestations.count()) {
            (Verdict::Packing, Some(1)) => {
                "One attestation only. Several clients would build this same block, so it tells little of its builder."
            }
            _ => "",
        },
        why_empty: evidence.as_ref().err().cloned().unwrap_or_else(|| {
            sentence("the model keeps no counts of its training rows; one that is trained anew does")
        }),
        rules: Rules::of(row.signs, row.classification.best_guess_single),
        why,
        strip_heads: evidence.as_ref().map_or_else(|_| Vec::new(), |evidence| evidence.heads()),
        strips: evidence.as_ref().map_or_else(|_| Vec::new(), |evidence| evidence.strips()),
        attestations: AttestationCard::of(row),
        facts: facts(state, row),
        json: match row.root_known {
            RootOrigin::Reported => format!("/api/v1/blocks/{}", row.block_root),
            RootOrigin::Imported => format!("/api/v1/blocks/{}", row.slot),
        },
        previous: previous(state, row).await?,
        next: next(state, row).await?,
    })
}

/// How the verdict was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// From how the block packs its attestations.
    Packing,
    /// From its graffiti: the model looks at nothing else for this client.
    GraffitiOnly,
    /// There are no probabilities.
    None,
}

impl Verdict {
    fn of(row: &BlockRow, model: Option<&Model>) -> Self {
        let verdict = &row.classification;
        if verdict.probabilities.iter().all(|(_, value)| *value <= 0.0) {
            return Self::None;
        }
        let signed = verdict.graffiti_guess.is_some() && verdict.graffiti_guess == verdict.best_guess_single;
        let only = |client: Client| {
            verdict.probabilities.len() == 1
                || model.is_some_and(|model| model.info().graffiti_only.contains(client))
        };
        match verdict.best_guess_single {
            Some(client) if signed && only(client) => Self::GraffitiOnly,
            _ => Self::Packing,
        }
    }

    fn headline(self, row: &BlockRow) -> String {
        let verdict = &row.classification;
        match (self, verdict.best_guess_single) {
            (Self::GraffitiOnly, Some(client)) => format!("Signed as {client}"),
            (_, client) => headline::block(client, client.map_or(0.0, |client| verdict.probability(client))),
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Packing | Self::None => "Verdict from packing",
            Self::GraffitiOnly => "Verdict from graffiti",
        }
    }

    const fn subtitle(self) -> &'static str {
        match self {
            Self::Packing | Self::None => "Probability per client, as the model votes; not calibrated",
            Self::GraffitiOnly => "The model tells this client by its graffiti alone",
        }
    }

    fn note(self, row: &BlockRow, model: Option<&Model>) -> String {
        let verdict = &row.classification;
        let stated = verdict.best_guess_single.map(|client| verdict.probability(client));
        let tested = model
            .filter(|model| self == Self::Packing && row.model_hash == Some(model.hash()))
            .and_then(|model| Some(tested(model.info(), stated?)? + " "))
            .unwrap_or_default();
        match self {
            Self::Packing | Self::None => format!(
                "{tested}Below {:.2} a block is not told apart, though shares count it for its likeliest client. A client the model never saw gets a wrong name here.",
                headline::NAMED_FROM
            ),
            Self::GraffitiOnly => {
                "Packing was not looked at. Graffiti is free text: anybody may sign as this client."
                    .to_owned()
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreement {
    Silent,
    Same,
    Differs,
}

impl Agreement {
    fn of(row: &BlockRow) -> Self {
        let verdict = &row.classification;
        match verdict.graffiti_guess {
            None => Self::Silent,
            signed if signed == verdict.best_guess_single => Self::Same,
            Some(_) => Self::Differs,
        }
    }
}

fn lede(verdict: &Verdict, row: &BlockRow, state: &AppState) -> String {
    let mut lede = match verdict {
        Verdict::Packing => {
            let attestations = row.attestations.count().map_or_else(
                || "attestations".to_owned(),
                |count| format::counted(count.into(), "attestation"),
            );
            format!("Judged from how the block packs its {attestations}.")
        }
        Verdict::GraffitiOnly => "Judged from the graffiti alone.".to_owned(),
        Verdict::None => "No verdict is stored for this block.".to_owned(),
    };
    if *verdict == Verdict::Packing {
        match (Agreement::of(row), row.classification.graffiti_guess) {
            (Agreement::Same, _) => lede.push_str(" The graffiti says the same."),
            (Agreement::Differs, Some(client)) => {
                lede.push_str(&format!(" The graffiti says {client}: see below."));
            }
            _ => {}
        }
    }
    if let Some(model) = state.model().filter(|model| row.model_hash == Some(model.hash())) {
        lede.push_str(&format!(" This model was trained on {}.", model.info().origin.trained_on));
    }
    lede
}

/// Series with their probability, the likeliest first.
fn ranked(row: &BlockRow) -> Vec<(Series, f64)> {
    let mut ranked: Vec<_> = row
        .classification
        .probabilities
        .iter()
        .map(|(client, probability)| (Series::Client(*client), *probability))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

fn tabs(row: &BlockRow, siblings: &[BlockRow]) -> Vec<Tab> {
    if siblings.len() < 2 {
        return Vec::new();
    }
    let tab = |sibling: &BlockRow| Tab {
        href: format!("/block/{}", sibling.block_root),
        label: format!(
            "{} {}",
            format::short_root(&sibling.block_root.to_string()),
            state_text(sibling.canonical)
        ),
        current: sibling.block_root == row.block_root,
    };
    siblings.iter().map(tab).collect()
}

fn graffiti_says(row: &BlockRow) -> String {
    match (row.classification.graffiti_guess, row.graffiti.as_deref()) {
        (Some(client), _) => Series::Client(client).label(),
        (None, Some(text)) if !text.is_empty() => "names no client".to_owned(),
        (None, Some(_)) => "empty".to_owned(),
        (None, None) => "–".to_owned(),
    }
}

/// What it says that the graffiti name a client.
fn graffiti_tier(row: &BlockRow) -> &'static str {
    let tier = match (row.classification.graffiti_guess, &row.graffiti) {
        (Some(client), Some(text)) => Tier::of(text, client),
        _ => None,
    };
    match tier {
        Some(Tier::Gold) => "Gold: a version code that the beacon node adds.",
        Some(Tier::Silver) => {
            "Silver: a default text. The validator client may have written it, which can be another brand."
        }
        Some(Tier::Bronze) => "Bronze: a name in free text.",
        None => "",
    }
}

/// What the other blocks of the proposer say: mark and name with a probability, and a note.
async fn history(state: &AppState, row: &BlockRow) -> Result<(String, String), ApiError> {
    let blocks = state.store().validator_blocks(row.proposer_index, Slot(0)).await?;
    let others: Vec<_> = blocks.iter().filter(|other| other.block_root != row.block_root).collect();
    let validator = format!(
        "<a href=\"/validators/{}\">validator {}</a>",
        row.proposer_index,
        format::count(row.proposer_index.0)
    );
    if others.is_empty() {
        return Ok(("–".to_owned(), format!("No other block of {validator} is stored.")));
    }
    let newest = others.get(others.len().saturating_sub(HISTORY_BLOCKS)..).unwrap_or_default();
    let verdicts: Vec<_> = newest.iter().map(|other| &other.classification).collect();
    let Some(now) = store::history(&verdicts).now else {
        return Ok(("–".to_owned(), format!("No other block of {validator} has a verdict.")));
    };
    let agreeing =
        newest.iter().filter(|other| other.classification.best_guess_single == Some(now.client)).count();
    let label = format!(
        "{} <b>{}</b>",
        Series::Client(now.client).label(),
        format::escape(&format::probability(now.probability))
    );
    let note = format!(
        "{} of {} other blocks of {validator}",
        format::count(agreeing as u64),
        format::count(newest.len() as u64)
    );
    Ok((label, note))
}

/// The features of a block beside the ranges of the loaded model.
struct Evidence {
    best: Option<Client>,
    features: Vec<(&'static str, &'static str, f64, Vec<StripRange>)>,
    odds: Vec<FeatureOdds>,
}

impl Evidence {
    /// The evidence, most telling feature first; or the sentence why there is none.
    fn of(row: &BlockRow, model: Option<&Model>) -> Result<Self, String> {
        let Some(values) = row.features.as_ref().filter(|values| !values.is_empty()) else {
            return Err(sentence("the numbers behind this verdict were not kept, so it can’t be explained"));
        };
        let model = model.ok_or_else(|| {
            sentence("no model is loaded, so there is nothing to compare this block’s numbers with")
        })?;
        if row.model_hash != Some(model.hash()) {
            return Err(sentence(
                "another model than the loaded one gave this verdict, so the ranges of the loaded one would not explain it",
            ));
        }
        let best = row.classification.best_guess_single;
        let mut features: Vec<_> = values
            .iter()
            .filter_map(|(name, value)| {
                let feature = fingerprint::features::find(name)?;
                let ranges: Vec<_> = model
                    .ranges(feature.name)
                    .iter()
                    .map(|range| StripRange {
                        series: Series::Client(range.client),
                        low: range.p10,
                        high: range.p90,
                    })
                    .collect();
                (!ranges.is_empty()).then_some((feature.name, feature.about, *value, ranges))
            })
            .collect();
        if features.is_empty() {
            return Err(sentence("the model keeps no ranges of its training blocks"));
        }
        let odds = model.feature_odds(values.iter().map(|(name, value)| (name.as_str(), *value)));
        // What says most of the verdict comes first.
        let size = |name: &str| {
            let of_best = |odds: &&FeatureOdds| odds.feature == name && Some(odds.client) == best;
            odds.iter().find(of_best).map_or(0.0, |odds| odds.log_odds.abs())
        };
        features.sort_by(|(a, ..), (b, ..)| size(b).total_cmp(&size(a)));
        Ok(Self { best, features, odds })
    }

    fn heads(&self) -> Vec<&'static str> {
        self.features
            .first()
            .map(|(_, _, _, ranges)| ranges.iter().map(|range| range.series.name()).collect())
            .unwrap_or_default()
    }

    fn strips(&self) -> Vec<StripView> {
        let view = |(at, (name, about, value, ranges)): (
            usize,
            &(&'static str, &'static str, f64, Vec<StripRange>),
        )| {
            let range_text = |range: &StripRange| {
                format!("{} to {}", format::feature(range.low), format::feature(range.high))
            };
            let described: Vec<_> =
                ranges.iter().map(|range| format!("{} {}", range.series.name(), range_text(range))).collect();
            let description = format!("This block {}. {}", format::feature(*value), described.join("; "));
            let mut ordered = ranges.clone();
            ordered.sort_by_key(|range| Some(range.series) != self.best.map(Series::Client));
            let picture = Strip { name, value: *value, ranges: ordered };
            StripView {
                about,
                name,
                value: format::feature(*value),
                svg: strip(&format!("strip-{at}"), &picture, &description),
                cells: ranges.iter().map(|range| range_text(range).replace(" to ", "–")).collect(),
            }
        };
        self.features.iter().take(MOST_STRIPS).enumerate().map(view).collect()
    }
}

fn facts(state: &AppState, row: &BlockRow) -> Vec<Fact> {
    let code = |text: String| format!("<code data-copy>{}</code>", format::escape(&text));
    let text = |text: String| format::escape(&text);
    let mut facts = Vec::new();
    let mut add = |name, value| facts.push(Fact { name, value });
    add(
        "Block root",
        match row.root_known {
            RootOrigin::Reported => code(row.block_root.to_string()),
            RootOrigin::Imported => text("not known: the imported file kept none".to_owned()),
        },
    );
    add("Slot", format!("<span data-copy=\"{}\">{}</span>", row.slot.0, format::count(row.slot.0)));
    add("Epoch", text(format::count(row.slot.epoch().0)));
    if let Some(network) = Network::named(&state.settings().network) {
        add("Fork", text(fork_name(network.spec().fork_at_slot(row.slot.0))));
    }
    if let Some(clock) = state.settings().clock {
        let time = Utc::from_unix(clock.start_of(row.slot.0));
        add("Slot began", format!("<time datetime=\"{}\">{}</time>", time.machine(), text(time.full())));
        if let Some(late) = row.first_seen_ms.map(|seen| clock.late_ms(row.slot.0, seen)) {
            add("First seen", text(format::into_slot(late)));
        }
    }
    let parent = row.parent_root.map_or_else(String::new, |root| format!(", {}", code(root.to_string())));
    add("Parent", format!("slot {}{parent}", format::count(row.parent_slot.0)));
    add("Proposer", names::proposer(state, row.proposer_index));
    add("Label", text(row.classification.best_guess_multi.clone()));
    add("State", text(state_text(row.canonical).to_owned()));
    if let Some(paid) = row.attestations.paid().filter(|paid| paid.0 > 0) {
        let has_ether = !matches!(state.settings().network.as_str(), "gnosis" | "chiado");
        let gwei = format!("{}{NBSP}gwei for its attestations", format::count(paid.0));
        let ether = if has_ether { format!("{:.4}{NBSP}ETH, ", paid.0 as f64 / 1e9) } else { String::new() };
        let ether = if paid.0 < 100_000 { String::new() } else { ether };
        add("Reward", text(format!("{ether}{gwei}")));
    }
    let model = match (row.model_hash, state.model()) {
        (Some(hash), Some(model)) if model.hash() == hash => text(state.model_name().to_owned()),
        (Some(hash), _) => code(consensus::Root(hash).to_string()),
        (None, _) => text("not known".to_owned()),
    };
    add("Model", model);
    facts
}

/// The parent, if it is stored.
async fn previous(state: &AppState, row: &BlockRow) -> Result<Option<String>, ApiError> {
    if row.parent_slot >= row.slot {
        return Ok(None);
    }
    let parents = state.store().blocks_at_slot(row.parent_slot).await?;
    let parent = parents.iter().find(|parent| Some(parent.block_root) == row.parent_root).or(parents.first());
    Ok(parent.map(block_href))
}

/// The next stored block.
async fn next(state: &AppState, row: &BlockRow) -> Result<Option<String>, ApiError> {
    let range = Slot(row.slot.0.saturating_add(1))..Slot(u64::MAX);
    let page = state.store().blocks(range, None, 1).await?;
    Ok(page.items.first().map(block_href))
}
