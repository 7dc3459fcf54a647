//! `/model`: how good the model is, on what that was measured, and what is not known.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fingerprint::classifier::{Calibration, Method};
use fingerprint::score::ConfusionMatrix;
use fingerprint::{Model, ModelInfo};
use serde::Deserialize;

use super::agreement::Agreement;
use super::broken_rules::{BrokenRules, RulesCards};
use super::charts::{Layout, RateAxis, RateRow, Series, Strip, StripRange, rates, strip};
use super::confusion_table::{ConfusionTable, View};
use super::format::{self, NBSP};
use super::headline::Headline;
use super::page::{self, Frame, Section};
use super::reliability::{ReliabilityView, reliability_of};
use super::shares::Choice;
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// The standard normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// The parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    view: Option<String>,
    theme: Option<String>,
}

#[derive(Template)]
#[template(path = "model.html")]
struct ModelPage {
    frame: Frame,
    over: String,
    headline: String,
    lede: String,
    views: Vec<Choice>,
    confusion: Option<ConfusionTable>,
    classes: Option<Classes>,
    reliability: Option<ReliabilityView>,
    has_parts: bool,
    agreement: Agreement,
    rules: RulesCards,
    absent: String,
    facts: Vec<(&'static str, String)>,
    features: Vec<(&'static str, &'static str)>,
    others: Vec<OtherModel>,
}

/// Precision and recall of every class.
struct Classes {
    recall: Picture,
    precision: Picture,
    rows: Vec<ClassRow>,
}

struct Picture {
    wide: String,
    narrow: String,
}

struct ClassRow {
    label: String,
    n: String,
    recall: String,
    recall_interval: String,
    given: String,
    precision: String,
    precision_interval: String,
}

struct OtherModel {
    name: String,
    hash: String,
    trained_on: String,
    score: String,
    loaded: bool,
}

/// The accuracy page.
pub(super) async fn model(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Response {
    let page = match query {
        Ok(Params(query)) => build(&state, &headers, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build(state: &AppState, headers: &HeaderMap, query: &Query) -> Result<ModelPage, ApiError> {
    let view = View::parse(query.view.as_deref())?;
    let theme = page::theme_of(query.theme.as_deref())?;
    let newest = state.store().sync_status().await?.greatest_block_slot;
    let rules = BrokenRules::read(state, newest).await?;
    let frame = Frame::new(state, Section::Accuracy, newest.0, theme)
        .await
        .titled("Accuracy", "How good the model is, and on what that was measured.")
        .with_drift(rules.notice());
    let model = state.model().map(AsRef::as_ref);
    let info = model.map(Model::info);
    let measured = info.and_then(confusion_of);
    let network = &state.settings().network;
    let (headline, lede) = headline(info, measured, network);
    let reliability = info.and_then(ReliabilityView::of);
    Ok(ModelPage {
        frame,
        over: match model {
            Some(_) => format!("Accuracy of model {}", state.model_name()),
            None => "Accuracy".to_owned(),
        },
        headline,
        lede,
        views: view.choices("/model"),
        confusion: measured.map(|matrix| ConfusionTable::of(matrix, view, "built by", "taken for")),
        classes: measured.map(classes),
        has_parts: reliability.as_ref().is_some_and(|view| view.parts.is_some()),
        reliability,
        agreement: Agreement::read(state, headers, newest, view).await?,
        rules: rules.cards(),
        absent: absent(info, measured),
        facts: info.map(|info| facts(state, info)).unwrap_or_default(),
        features: info
            .map(|info| info.features.features().map(|feature| (feature.name, feature.about)).collect())
            .unwrap_or_default(),
        others: others(state).await?,
    })
}

/// The confusion that the model's scores rest on, if its file keeps it.
pub(super) fn confusion_of(info: &ModelInfo) -> Option<&ConfusionMatrix> {
    info.scores.as_ref()?.confusion.as_ref().filter(|matrix| matrix.total() > 0)
}

/// What the scores were measured on, in words.
pub(super) fn measured_on(info: &ModelInfo) -> String {
    let origins: Vec<String> = info.origin.evaluated_on.iter().map(ToString::to_string).collect();
    if origins.is_empty() { "blocks that nobody named".to_owned() } else { origins.join(" and ") }
}

/// The answer for a wall.
pub(super) fn wall_answer(state: &AppState) -> Headline {
    let info = state.model().map(|model| model.info());
    let (title, lede) = headline(info, info.and_then(confusion_of), &state.settings().network);
    Headline { title, lede }
}

fn headline(info: Option<&ModelInfo>, measured: Option<&ConfusionMatrix>, network: &str) -> (String, String) {
    let Some(info) = info else {
        return (
            "No model is loaded.".to_owned(),
            "Verdicts that are stored can be read, and nothing new is judged. Start the server with a model to \
             see its accuracy."
                .to_owned(),
        );
    };
    let Some(scores) = info.scores.as_ref().filter(|scores| !scores.balanced_accuracy.is_empty()) else {
        return (
            "The accuracy of this model has not been measured.".to_owned(),
            format!(
                "It was trained on {}. Train it with --cv to measure it: every block is then judged by a classifier \
                 that has not seen it.",
                info.origin.trained_on
            ),
        );
    };
    let folds = &scores.balanced_accuracy;
    let mean = folds.iter().sum::<f64>() / folds.len() as f64;
    let lowest = folds.iter().copied().fold(f64::INFINITY, f64::min);
    let value = measured.and_then(ConfusionMatrix::balanced_accuracy).unwrap_or(mean);
    let mut title = format!("{}{NBSP}% balanced accuracy on {}.", percent(value), measured_on(info));
    if !info.origin.is_checked_on(network) {
        title.push_str(&format!(" Not yet measured on {network} blocks."));
    }
    let mut lede = String::new();
    if let Some(matrix) = measured {
        let (low, high) = balanced_interval(matrix);
        lede.push_str(&format!(
            "95{NBSP}% interval {}–{}{NBSP}%, n{NBSP}={NBSP}{}. ",
            percent(low),
            percent(high),
            format::counted(matrix.total(), "block")
        ));
    }
    lede.push_str(&format!(
        "Cross-validation in {} parts: every block was judged by a classifier that had not seen it; the lowest part \
         had {}{NBSP}%. Balanced accuracy is the mean over clients of the share of a client’s blocks that were given \
         to it.",
        folds.len(),
        percent(lowest)
    ));
    (title, lede)
}

fn percent(value: f64) -> String {
    let text = format!("{:.1}", value * 100.0);
    if value < 1.0 && text == "100.0" { format!(">{NBSP}99.9") } else { text }
}

/// The 95 % interval of a mean of recalls: their variances add up.
fn balanced_interval(matrix: &ConfusionMatrix) -> (f64, f64) {
    let recalls: Vec<(f64, u64)> = matrix
        .clients()
        .map(|client| matrix.score(client))
        .filter_map(|score| score.recall().map(|recall| (recall, score.blocks)))
        .collect();
    let classes = recalls.len().max(1) as f64;
    let mean = recalls.iter().map(|(recall, _)| recall).sum::<f64>() / classes;
    // Half a block is added to both sides, so that a class without an error is not taken for certain.
    let variance = |(recall, n): &(f64, u64)| {
        let n = *n as f64 + 1.0;
        let recall = (recall * (n - 1.0) + 0.5) / n;
        recall * (1.0 - recall) / n
    };
    let half = Z * (recalls.iter().map(variance).sum::<f64>()).sqrt() / classes;
    ((mean - half).max(0.0), (mean + half).min(1.0))
}

fn classes(matrix: &ConfusionMatrix) -> Classes {
    let scores: Vec<_> = matrix.clients().map(|client| matrix.score(client)).collect();
    let text = |rate: Option<f64>, (low, high): (f64, f64)| {
        rate.map_or_else(
            || "none".to_owned(),
            |rate| format!("{}{NBSP}% ({}–{})", percent(rate), percent(low), percent(high)),
        )
    };
    let row = |series, rate: Option<f64>, (low, high)| RateRow {
        series,
        rate,
        low,
        high,
        text: text(rate, (low, high)),
    };
    let picture = |id: &str, title: &'static str, rows: Vec<RateRow>| {
        let axis = RateAxis { title, end: 1.0, unit: 0.01, name: "\u{a0}%" };
        let words: Vec<_> = rows.iter().map(|row| format!("{} {}", row.series.name(), row.text)).collect();
        let narrow: Vec<_> = rows
            .iter()
            .map(|row| RateRow {
                text: row.rate.map_or_else(|| "none".to_owned(), |rate| format!("{}{NBSP}%", percent(rate))),
                ..row.clone()
            })
            .collect();
        let words = words.join("; ");
        Picture {
            wide: rates(id, Layout::Wide, axis, &rows, &words),
            narrow: rates(id, Layout::Narrow, axis, &narrow, &words),
        }
    };
    let recall = scores
        .iter()
        .map(|score| row(Series::Client(score.client), score.recall(), score.recall_interval()))
        .collect();
    let precision = scores
        .iter()
        .map(|score| row(Series::Client(score.client), score.precision(), score.precision_interval()))
        .collect();
    let interval = |(low, high): (f64, f64)| format!("{}–{}", percent(low), percent(high));
    Classes {
        recall: picture("recall", "Recall per client", recall),
        precision: picture("precision", "Precision per client", precision),
        rows: scores
            .iter()
            .map(|score| ClassRow {
                label: Series::Client(score.client).label(),
                n: format::count(score.blocks),
                recall: score.recall().map_or_else(|| "–".to_owned(), percent),
                recall_interval: interval(score.recall_interval()),
                given: format::count(score.true_positives.saturating_add(score.false_positives)),
                precision: score.precision().map_or_else(|| "–".to_owned(), percent),
                precision_interval: interval(score.precision_interval()),
            })
            .collect(),
    }
}

/// What the model file does not say.
fn absent(info: Option<&ModelInfo>, measured: Option<&ConfusionMatrix>) -> String {
    let Some(info) = info else {
        return "Without a model there is nothing to say about probabilities.".to_owned();
    };
    let mut text = match info.calibration {
        Calibration::None => {
            let votes = match info.method {
                Method::Knn { k } => format!("the votes of the {k} nearest training blocks"),
                Method::Mlp { .. } => "the outputs of a network".to_owned(),
            };
            let measured = if reliability_of(info).is_some() {
                "; above is how often that was."
            } else {
                ", and the model file holds no measurement of that: there is no calibration chart, no log loss and no \
                 Brier score to show. A model trained with --cv by this version has them."
            };
            format!("Probabilities are {votes}. They were not adjusted to how often they are right{measured}")
        }
    };
    if measured.is_none() {
        text.push_str(
            " It holds no confusion of clients either; a model trained with --cv by this version does.",
        );
    }
    if reliability_of(info).is_none_or(|measured| measured.slices().is_empty()) {
        text.push_str(
            " Scores are for all test blocks together; they are not split by what the blocks look like.",
        );
    }
    text
}

/// Names and values as HTML.
fn facts(state: &AppState, info: &ModelInfo) -> Vec<(&'static str, String)> {
    let text = |text: String| format::escape(&text);
    let names = |clients: &mut dyn Iterator<Item = fingerprint::Client>| {
        let names: Vec<_> = clients.map(fingerprint::Client::name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let set = |set: &fingerprint::ClientSet| {
        names(&mut fingerprint::Client::ALL.into_iter().filter(|client| set.contains(*client)))
    };
    let per_client: Vec<_> = info
        .rows_per_client
        .iter()
        .map(|(client, rows)| format!("{} {}", client.name(), format::count(*rows)))
        .collect();
    let method = match &info.method {
        Method::Knn { k } => format!("{k} nearest neighbours"),
        Method::Mlp { hidden, .. } => format!("network with hidden layers of {hidden:?} units"),
    };
    let digest: String = info.training_digest.chars().take(64).collect();
    vec![
        ("Name", text(state.model_name().to_owned())),
        (
            "Digest",
            format!(
                "<code>{}</code>",
                state.model().map_or_else(String::new, |model| consensus::Root(model.hash()).to_string())
            ),
        ),
        ("Trained on", text(format!("{}: {}", info.origin.trained_on, format::counted(info.rows, "block")))),
        ("Per client", text(per_client.join(", "))),
        ("Digest of the training data", format!("<code>{}</code>", format::escape(&digest))),
        ("Method", text(method)),
        ("Tells apart", text(names(&mut info.classes.iter().copied()))),
        ("By graffiti alone", text(set(&info.graffiti_only))),
        ("Grouped as Other", text(set(&info.grouped))),
        ("Left out", text(set(&info.disabled))),
        ("Made by", text(format!("Blockmark {}", info.program_version))),
    ]
}

/// The models that the database knows, newest last as they came.
async fn others(state: &AppState) -> Result<Vec<OtherModel>, ApiError> {
    let loaded = state.model().map(|model| model.hash());
    let models = state.store().models().await?;
    let row = |model: store::ModelRecord| {
        let info: Option<ModelInfo> = serde_json::from_str(&model.info_json).ok();
        let score = info.as_ref().and_then(|info| {
            let folds = &info.scores.as_ref()?.balanced_accuracy;
            let mean = folds.iter().sum::<f64>() / folds.len().max(1) as f64;
            Some(format!("{}{NBSP}% on {}", percent(mean), measured_on(info)))
        });
        OtherModel {
            name: if model.name.is_empty() { "–".to_owned() } else { model.name },
            hash: format::short_root(&consensus::Root(model.hash).to_string()),
            trained_on: info.map_or_else(|| "–".to_owned(), |info| info.origin.trained_on.to_string()),
            score: score.unwrap_or_else(|| "–".to_owned()),
            loaded: loaded == Some(model.hash),
        }
    };
    Ok(models.into_iter().map(row).collect())
}

#[derive(Template)]
#[template(path = "feature.html")]
struct FeaturePage {
    frame: Frame,
    name: &'static str,
    about: &'static str,
    picture: String,
    rows: Vec<(String, String, String, String)>,
    note: String,
}

/// The parameters of the page of a feature.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureQuery {
    theme: Option<String>,
}

/// The page of one feature.
pub(super) async fn feature(
    State(state): State<AppState>,
    Path(name): Path<String>,
    query: Result<Params<FeatureQuery>, ApiError>,
) -> Response {
    let page = match query {
        Ok(Params(query)) => build_feature(&state, &name, &query).await,
        Err(error) => Err(error),
    };
    page::answer(&state, page).await
}

async fn build_feature(state: &AppState, name: &str, query: &FeatureQuery) -> Result<FeaturePage, ApiError> {
    let theme = page::theme_of(query.theme.as_deref())?;
    let feature = fingerprint::features::find(name).ok_or_else(|| {
        ApiError::Missing(format!("there is no feature {:?}", name.chars().take(60).collect::<String>()))
    })?;
    let newest = state.store().sync_status().await?.greatest_block_slot;
    let ranges = state.model().map(|model| model.ranges(feature.name).to_vec()).unwrap_or_default();
    let words: Vec<_> = ranges
        .iter()
        .map(|range| {
            format!("{} {} to {}", range.client, format::feature(range.p10), format::feature(range.p90))
        })
        .collect();
    let picture = Strip {
        name: feature.name,
        value: f64::NAN,
        ranges: ranges
            .iter()
            .map(|range| StripRange { series: Series::Client(range.client), low: range.p10, high: range.p90 })
            .collect(),
    };
    let row = |range: &fingerprint::classifier::ClientRange| {
        (
            Series::Client(range.client).label(),
            format::feature(range.p10),
            format::feature(range.p50),
            format::feature(range.p90),
        )
    };
    Ok(FeaturePage {
        frame: Frame::new(state, Section::Accuracy, newest.0, theme)
            .await
            .titled(feature.name, feature.about),
        name: feature.name,
        about: feature.about,
        picture: if ranges.is_empty() {
            String::new()
        } else {
            strip("feature", &picture, &words.join("; "))
        },
        note: if ranges.is_empty() {
            "The loaded model does not look at this number.".to_owned()
        } else {
            format!(
                "Bars: the middle 80{NBSP}% of each client’s training blocks of model {}.",
                state.model_name()
            )
        },
        rows: ranges.iter().map(row).collect(),
    })
}
