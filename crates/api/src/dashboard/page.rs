//! The frame of every page: header, freshness, notices, footer.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use consensus::Slot;
use fingerprint::Model;
use source::beacon_api::NodeRecord;

use super::assets;
use super::format::{self, NBSP, Utc};
use super::shares::Extent;
use crate::error::ApiError;
use crate::freshness::Freshness;
use crate::state::AppState;
use crate::v1::missing;

/// What the base template needs.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) theme: Option<&'static str>,
    pub(super) assets: &'static str,
    pub(super) links: Vec<NavLink>,
    /// What stands in the search field.
    pub(super) sought: String,
    pub(super) network: String,
    /// State of the data, as HTML.
    pub(super) freshness: String,
    pub(super) notice: Option<Notice>,
    pub(super) stale: Option<String>,
    /// That a client may have changed.
    pub(super) drift: Option<String>,
    /// That history is being filled.
    pub(super) filling: Option<String>,
    pub(super) version: &'static str,
    /// When the page was made.
    pub(super) made: String,
    pub(super) model: String,
}

/// The notice that stands on every page that shows a verdict.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) strong: String,
    pub(super) text: String,
}

/// A link of the header.
pub(super) struct NavLink {
    pub(super) name: &'static str,
    pub(super) href: &'static str,
    pub(super) current: bool,
}

/// The part of the site a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Blocks,
    Validators,
    Entities,
    Accuracy,
    Sync,
    Reorgs,
    /// None of those in the header.
    Other,
}

impl Section {
    const LINKS: [(Self, &'static str, &'static str); 7] = [
        (Self::Overview, "Overview", "/"),
        (Self::Blocks, "Blocks", "/blocks"),
        (Self::Validators, "Validators", "/validators"),
        (Self::Entities, "Entities", "/entities"),
        (Self::Accuracy, "Accuracy", "/model"),
        (Self::Sync, "Sync", "/sync"),
        (Self::Reorgs, "Reorgs", "/reorgs"),
    ];

    /// Whether its pages show shares of clients.
    const fn shows_shares(self) -> bool {
        matches!(self, Self::Overview | Self::Entities)
    }

    /// Whether its pages show verdicts, and so the notice about the model.
    const fn shows_verdicts(self) -> bool {
        !matches!(self, Self::Sync | Self::Other)
    }
}

impl Frame {
    /// The frame of a page.
    pub(super) async fn new(
        state: &AppState,
        section: Section,
        newest_slot: u64,
        theme: Option<&'static str>,
    ) -> Self {
        let freshness = state.freshness(newest_slot);
        // A page is worth more than this notice.
        let filling = Filling::read(state, newest_slot).await.unwrap_or_default();
        let network = &state.settings().network;
        let shows_verdicts = section.shows_verdicts() && newest_slot > 0;
        let link = |(of, name, href): (Section, _, _)| NavLink { name, href, current: of == section };
        Self {
            title: "Consensus clients".to_owned(),
            description: "Which consensus clients build the blocks of the beacon chain, with intervals."
                .to_owned(),
            theme,
            assets: assets::version(),
            links: Section::LINKS.into_iter().map(link).collect(),
            sought: String::new(),
            network: network.clone(),
            freshness: freshness_html(freshness, filling.as_ref(), newest_slot, state.now()),
            notice: if shows_verdicts { notice(state.model().map(AsRef::as_ref), network) } else { None },
            stale: stale_text(state, section, freshness, newest_slot),
            drift: None,
            filling: filling.filter(|_| section != Section::Other).map(|filling| filling.text(section)),
            version: env!("CARGO_PKG_VERSION"),
            made: Utc::from_unix(state.now()).full(),
            model: model_text(state),
        }
    }

    /// The same with a title and a sentence about the page.
    pub(super) fn titled(self, title: impl Into<String>, description: impl Into<String>) -> Self {
        Self { title: title.into(), description: description.into(), ..self }
    }

    /// The same with a notice, where there is one, that a client may have changed.
    pub(super) fn with_drift(self, drift: Option<String>) -> Self {
        Self { drift, ..self }
    }

    /// The frame of a page that shows no verdict; works without a database.
    pub(super) async fn message(state: &AppState, title: &str) -> Self {
        let newest = state.store().sync_status().await.map_or(0, |status| status.greatest_block_slot.0);
        Self { title: title.to_owned(), stale: None, ..Self::new(state, Section::Other, newest, None).await }
    }
}

/// The notice stays until the model was trained or tested on labelled blocks of this network.
pub(super) fn notice(model: Option<&Model>, network: &str) -> Option<Notice> {
    let Some(model) = model else {
        return Some(Notice {
            strong: "No model is loaded.".to_owned(),
            text: "The verdicts below were stored earlier, and how well they fit this network is not known here."
                .to_owned(),
        });
    };
    let origin = &model.info().origin;
    if origin.is_checked_on(network) {
        return None;
    }
    let strong = format!("Trained on {}.", origin.trained_on);
    let text = format!(
        "This model has not been checked against labelled {network} blocks. Read shares as estimates."
    );
    Some(Notice { strong, text })
}

/// The model in a few words, with what it was trained on.
pub(super) fn model_text(state: &AppState) -> String {
    match state.model() {
        None => "no model loaded".to_owned(),
        Some(model) => {
            format!("model {}, trained on {}", state.model_name(), model.info().origin.trained_on)
        }
    }
}

/// How far the history is, while ranges of it wait to be filled, or are.
struct Filling {
    known: u64,
    slots: u64,
}

impl Filling {
    async fn read(state: &AppState, newest_slot: u64) -> Result<Option<Self>, ApiError> {
        let work = state.store().work_status(state.now().saturating_mul(1_000)).await?;
        if work.taken + work.waiting == 0 || newest_slot == 0 {
            return Ok(None);
        }
        let extent = Extent::read(state).await?;
        let after = extent.newest.0 + 1;
        let slots = after.saturating_sub(extent.first);
        let absent = missing(&extent.gaps, Slot(extent.first), Slot(after)).min(slots);
        Ok((absent > 0).then_some(Self { known: slots - absent, slots }))
    }

    /// Never 100 before everything is there.
    fn percent(&self) -> u64 {
        self.known.saturating_mul(100) / self.slots.max(1)
    }

    fn text(&self, section: Section) -> String {
        let use_of = if section.shows_shares() { " Shares use what is there." } else { "" };
        format!(
            "History is being filled: {} of {} are there.{use_of}",
            format::count(self.known),
            format::counted(self.slots, "slot")
        )
    }
}

fn freshness_html(freshness: Freshness, filling: Option<&Filling>, newest_slot: u64, now: u64) -> String {
    if let Some(filling) = filling.filter(|_| !matches!(freshness, Freshness::Stale { .. })) {
        let state = match freshness {
            Freshness::Live { .. } => "<span class=\"state ok long\">● Live</span>".to_owned(),
            Freshness::Behind { slots } => {
                format!("<span class=\"state warn\">◐ {slots} slots behind</span>")
            }
            _ => String::new(),
        };
        return format!("{state}<span class=\"state\">↻ Filling, {}{NBSP}%</span>", filling.percent());
    }
    let slot =
        format!("<span class=\"long\">slot{NBSP}<strong>{}</strong></span>", format::count(newest_slot));
    match freshness {
        Freshness::Empty => "<span class=\"state\">○ No blocks yet</span>".to_owned(),
        Freshness::Live { age_seconds } => format!(
            "<span class=\"state ok\">● Live</span><span class=\"long\">slot{NBSP}<strong>{}</strong>, <time data-age datetime=\"{}\">{}</time></span>",
            format::count(newest_slot),
            Utc::from_unix(now.saturating_sub(age_seconds)).machine(),
            format::age(age_seconds)
        ),
        Freshness::Behind { slots } => {
            format!("<span class=\"state warn\">◐ {slots} slots behind</span>{slot}")
        }
        Freshness::Stale { since, .. } => {
            let time = Utc::from_unix(since);
            format!(
                "<span class=\"state warn\">○ Stale since <span class=\"longer\">{} </span>{}{NBSP}UTC</span>{}",
                time.date(),
                time.hour_and_minute(),
                slot.replace("\"long\"", "\"longer\"")
            )
        }
        Freshness::Recorded => format!("<span class=\"state\">○ Recorded</span>{slot}"),
    }
}

/// When data ended: the time of day, and the date, because a reader may come days later.
pub(super) fn since_text(unix: u64) -> String {
    let time = Utc::from_unix(unix);
    format!("{} {}{NBSP}UTC", time.date(), time.hour_and_minute())
}

fn stale_text(state: &AppState, section: Section, freshness: Freshness, newest_slot: u64) -> Option<String> {
    let Freshness::Stale { slots, since } = freshness else {
        return None;
    };
    // The nodes that this process follows may say why.
    let nodes =
        state.settings().rewards.follower.as_ref().map(|follower| follower.nodes()).unwrap_or_default();
    let silent = |node: &NodeRecord| {
        // The newest block itself came within its slot and the next few.
        node.answered.is_none_or(|ago| state.now().saturating_sub(ago.as_secs()) <= since.saturating_add(60))
    };
    let why = match nodes.as_slice() {
        [] => "",
        [one] if silent(one) => " The beacon node has not answered since then.",
        all if all.iter().all(silent) => " No beacon node has answered since then.",
        _ => "",
    };
    let what = if section.shows_shares() { "Shares below are" } else { "What is shown is" };
    Some(format!(
        "No verdict since slot{NBSP}{} ({}), {} slots ago.{why} {what} as of that time.",
        format::count(newest_slot),
        since_text(since),
        format::count(slots)
    ))
}

/// The answer of a page's handler: the page, or the one that says why there is none.
pub(super) async fn answer(state: &AppState, page: Result<impl Template, ApiError>) -> Response {
    match page {
        Ok(page) => render(StatusCode::OK, &page),
        Err(error) => super::errors::failure(state, error).await,
    }
}

/// A page, or the sentence that it could not be made.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// The value of `theme=`; one that names no theme is refused.
pub(super) fn theme_of(theme: Option<&str>) -> Result<Option<&'static str>, ApiError> {
    match theme {
        None => Ok(None),
        Some("light") => Ok(Some("light")),
        Some("dark") => Ok(Some("dark")),
        Some(other) => Err(ApiError::BadParameter(format!("theme is {other:?}; allowed are light and dark"))),
    }
}

#[cfg(test)]
mod tests {
    use consensus::Root;
    use fingerprint::{
        Client, DataOrigin, FeatureSet, LabelSource, ModelOrigin, TrainingOptions, TrainingRow, TrainingSet,
    };

    use super::*;

    fn model(trained_on: DataOrigin, evaluated_on: Vec<DataOrigin>) -> Model {
        let features = FeatureSet::default_four();
        let mut set = TrainingSet::new(features.clone());
        for number in 0..20u8 {
            let label = [Client::Prysm, Client::Teku][usize::from(number % 2)];
            let features = vec![f64::from(number); features.len()];
            let row = TrainingRow { block_root: Root([number; 32]), slot: Slot(0), label, features };
            set.push(row).expect("a row");
        }
        let note = ModelOrigin { trained_on, evaluated_on };
        Model::train(&set, TrainingOptions { features, note, ..TrainingOptions::default() }).expect("a model")
    }

    fn labelled(network: Option<&str>, labels: LabelSource) -> DataOrigin {
        DataOrigin { network: network.map(str::to_owned), labels, about: None }
    }

    #[test]
    fn only_labelled_blocks_of_the_network_take_the_notice_away() {
        let noticed = |trained_on, evaluated_on| notice(Some(&model(trained_on, evaluated_on)), "mainnet");
        let mainnet = labelled(Some("mainnet"), LabelSource::Graffiti);
        let generated = labelled(Some("mainnet"), LabelSource::Generated);
        assert_eq!(noticed(mainnet.clone(), vec![]), None);
        assert_eq!(noticed(generated.clone(), vec![mainnet]), None);
        for origin in [
            generated.clone(),
            labelled(Some("hoodi"), LabelSource::Graffiti),
            labelled(None, LabelSource::Folder),
            labelled(Some("mainnet"), LabelSource::Unknown),
        ] {
            let notice = noticed(origin.clone(), vec![generated.clone()]).expect("a notice");
            assert_eq!(notice.strong, format!("Trained on {origin}."));
            assert!(notice.text.contains("not been checked against labelled mainnet blocks"), "{notice:?}");
        }
    }
}
