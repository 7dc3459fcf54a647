//! `/embed/….svg`: pictures for other pages, each with its own date and origin.

use std::fmt::Write;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use consensus::Epoch;
use serde::Deserialize;

use super::assets;
use super::charts::{IntervalRow, Layout, SURE_FROM, calibration, confusion, interval_bars, mark};
use super::format::{self, NBSP, Utc};
use super::history::{History, default_history};
use super::method::Method;
use super::model;
use super::period::Period;
use super::reliability;
use super::shares::{Counted, Extent, Only, in_words, named_client};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;
use crate::v1::{self, Validity};

/// A picture is a document of its own: inline styles are its only ones.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *";
/// The width where none is asked for.
const WIDTH: u16 = 720;
/// Narrower and wider pictures are scaled.
const DRAWN: (u16, u16) = (340, 1_100);
const PADDING: f64 = 18.0;

/// The parameters of a picture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    period: Option<String>,
    method: Option<String>,
    clients: Option<String>,
    network: Option<String>,
    w: Option<u16>,
    h: Option<u16>,
    theme: Option<String>,
    bg: Option<String>,
    title: Option<String>,
    notes: Option<String>,
    lang: Option<String>,
    tz: Option<String>,
    client: Option<String>,
}

/// Code for another page, and the address of the picture.
pub(super) struct EmbedCode {
    pub(super) href: String,
    /// As text, not escaped.
    pub(super) html: String,
}

impl EmbedCode {
    fn new(kind: &str, period: Period, method: Method, only: &Only, alt: &str, height: u32) -> Self {
        let clients = only.parameter();
        let href = format!("/embed/{kind}.svg?period={}&method={}{clients}", period.code(), method.code());
        Self::of(href, alt, height)
    }

    fn of(href: String, alt: &str, height: u32) -> Self {
        let html = format!(
            "<img src=\"{}\" alt=\"{}\" width=\"{WIDTH}\" height=\"{height}\">",
            format::escape(&href),
            format::escape(alt)
        );
        Self { href, html }
    }

    /// The picture of shares now.
    pub(super) fn shares(period: Period, counted: &Counted, only: &Only) -> Self {
        let rows: Vec<IntervalRow> =
            counted.rows.iter().filter(|row| only.has(row.series)).copied().collect();
        let alt = format!("Share of blocks by consensus client. {}", in_words(&rows));
        Self::new("shares", period, counted.basis.method(), only, &alt, 420)
    }

    /// The picture of shares over time.
    pub(super) fn timeline(period: Period, method: Method, only: &Only, history: &History) -> Self {
        let alt = format!("Share of blocks by consensus client over time. {}", history.description);
        Self::new("timeline", period, method, only, &alt, 430)
    }

    /// The picture of how often stated probabilities are right, which is of no period.
    pub(super) fn calibration(words: &str) -> Self {
        let alt = format!("How often verdicts of a stated probability were right. {words}");
        Self::of("/embed/calibration.svg".to_owned(), &alt, 560)
    }
}

/// What is drawn and said.
struct Picture {
    title: String,
    subtitle: String,
    description: String,
    /// The chart, as SVG.
    chart: String,
    /// Blocks behind it.
    n: u64,
    /// Slots of the time it covers that lie in gaps.
    missing: u64,
    /// The time it covers; a date follows.
    covers: String,
}

/// One picture.
pub(super) async fn embed(
    State(state): State<AppState>,
    Path(file): Path<String>,
    headers: HeaderMap,
    query: Result<Params<Query>, ApiError>,
) -> Result<Response, ApiError> {
    let Params(query) = query?;
    // Asked before the picture is drawn: one that is drawn while its slots become final may be an older one.
    let validity = validity(&state, &file, &query).await;
    let svg = build(&state, &file, &query).await?;
    let tag = format!("\"{}\"", blake3::hash(svg.as_bytes()).to_hex().get(..32).unwrap_or_default());
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "image/svg+xml; charset=utf-8")], svg).into_response()
    };
    let headers = response.headers_mut();
    let keep = match validity? {
        Validity::Final => "public, max-age=31536000, immutable",
        Validity::Changing => "public, max-age=60",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether a picture will ever be another one: those of final slots between two ends will not.
async fn validity(state: &AppState, file: &str, query: &Query) -> Result<Validity, ApiError> {
    if !matches!(file, "shares.svg" | "timeline.svg" | "badge.svg") {
        return Ok(Validity::Changing);
    }
    match Period::parse("period", query.period.as_deref(), Period::Week)? {
        Period::Between(span) => {
            let epochs = span.epochs(state.settings().clock)?;
            let slots = Epoch(epochs.start).start_slot()..Epoch(epochs.end).start_slot();
            v1::validity_of(state, slots).await
        }
        _ => Ok(Validity::Changing),
    }
}

/// A choice of words; an unknown one is refused with those allowed.
fn choice<'a>(name: &str, value: Option<&'a str>, allowed: &[&'a str]) -> Result<&'a str, ApiError> {
    let default = allowed.first().copied().unwrap_or_default();
    match value {
        None => Ok(default),
        Some(value) if allowed.contains(&value) => Ok(value),
        Some(value) => {
            Err(ApiError::BadParameter(format!("{name} is {value:?}; allowed are {}", allowed.join(", "))))
        }
    }
}

fn bounded(name: &str, value: Option<u16>, low: u16, high: u16) -> Result<Option<u16>, ApiError> {
    match value {
        Some(value) if !(low..=high).contains(&value) => {
            Err(ApiError::BadParameter(format!("{name} is {value}; allowed are {low} to {high}")))
        }
        value => Ok(value),
    }
}

async fn build(state: &AppState, file: &str, query: &Query) -> Result<String, ApiError> {
    let theme = choice("theme", query.theme.as_deref(), &["auto", "light", "dark"])?;
    let ground = choice("bg", query.bg.as_deref(), &["surface", "none"])?;
    let has_title = choice("title", query.title.as_deref(), &["1", "0"])? == "1";
    let has_notes = choice("notes", query.notes.as_deref(), &["1", "0"])? == "1";
    choice("lang", query.lang.as_deref(), &["en"])?;
    choice("tz", query.tz.as_deref(), &["UTC"])?;
    choice("network", query.network.as_deref(), &[&state.settings().network])?;
    let width = bounded("w", query.w, 240, 2_400)?.unwrap_or(WIDTH);
    let height = bounded("h", query.h, 120, 1_600)?;
    let drawn = width.clamp(DRAWN.0, DRAWN.1);
    let inner = Layout::Exact(drawn - (2.0 * PADDING) as u16);
    let extent = Extent::read(state).await?;
    let only = Only::parse(query.clients.as_deref())?;
    let kind = file.strip_suffix(".svg").unwrap_or_default();
    let picture = match kind {
        "badge" => return badge(state, &extent, query, theme).await,
        "shares" => shares(state, &extent, query, &only, inner).await?,
        "timeline" => timeline(state, &extent, query, &only, inner).await?,
        "confusion" => confusion_picture(state, inner)?,
        "calibration" => calibration_picture(state, inner)?,
        _ => {
            return Err(ApiError::Missing(format!(
                "there is no picture {:?}; there are shares, timeline, confusion, calibration and badge",
                file.chars().take(40).collect::<String>()
            )));
        }
    };
    let source = source(state, &extent, &picture, has_notes);
    Ok(document(&picture, &source, drawn, (width, height), theme, ground, has_title))
}

async fn shares(
    state: &AppState,
    extent: &Extent,
    query: &Query,
    only: &Only,
    layout: Layout,
) -> Result<Picture, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    let method = Method::parse(query.method.as_deref())?;
    let counted = Counted::read(state, extent, period, method).await?;
    let rows: Vec<IntervalRow> = counted.rows.iter().filter(|row| only.has(row.series)).copied().collect();
    let description = in_words(&rows);
    Ok(Picture {
        title: "Share of blocks by consensus client".to_owned(),
        subtitle: counted.basis.about(),
        chart: interval_bars("c", layout, &rows, &description),
        description,
        n: counted.counts.total(),
        missing: counted.stretch.missing,
        covers: period.covers(),
    })
}

async fn timeline(
    state: &AppState,
    extent: &Extent,
    query: &Query,
    only: &Only,
    layout: Layout,
) -> Result<Picture, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), default_history(extent))?;
    let method = Method::parse(query.method.as_deref())?;
    let counted = Counted::read(state, extent, period, method).await?;
    let history = History::read(state, extent, period, &counted.basis).await?.only(only);
    Ok(Picture {
        title: "Share of blocks by consensus client over time".to_owned(),
        subtitle: format!("{}. {}", counted.basis.about(), history.subtitle()),
        chart: history.timeline.wide("c", layout, &history.description),
        n: history.n(),
        missing: counted.stretch.missing,
        description: history.description,
        covers: period.covers(),
    })
}

fn confusion_picture(state: &AppState, layout: Layout) -> Result<Picture, ApiError> {
    let info = state.model().map(|model| model.info());
    let matrix = info.and_then(model::confusion_of).ok_or_else(|| {
        ApiError::Missing("the loaded model holds no confusion of clients to draw".to_owned())
    })?;
    let words: Vec<_> = matrix
        .clients()
        .filter_map(|client| {
            let recall = matrix.score(client).recall()?;
            Some(format!("{client} {}", super::charts::percent_text(recall, recall < 1.0)))
        })
        .collect();
    let description = format!("Percent of a client’s blocks that were given to it: {}", words.join(", "));
    Ok(Picture {
        title: "Which client is taken for which".to_owned(),
        subtitle: format!(
            "Rows: built by. Columns: taken for. Percent of row, on {}",
            info.map(model::measured_on).unwrap_or_default()
        ),
        chart: confusion("c", layout, matrix, &description),
        description,
        n: matrix.total(),
        missing: 0,
        covers: "cross-validation to".to_owned(),
    })
}

fn calibration_picture(state: &AppState, layout: Layout) -> Result<Picture, ApiError> {
    let info = state.model().map(|model| model.info());
    let (info, measured) = info
        .and_then(|info| Some((info, reliability::reliability_of(info)?)))
        .ok_or_else(|| ApiError::Missing("the loaded model holds no calibration to draw".to_owned()))?;
    let description = reliability::in_words(measured);
    Ok(Picture {
        title: "Is a stated probability right that often?".to_owned(),
        subtitle: format!(
            "Verdicts within 0.05 of each other, with 95{NBSP}% intervals; rings: fewer than {SURE_FROM} blocks; along \
             the bottom: how many. On {}; expected calibration error {:.3}",
            model::measured_on(info),
            measured.calibration_error().unwrap_or_default()
        ),
        chart: calibration("c", layout, &measured.bins(), &description),
        description,
        n: measured.blocks(),
        missing: 0,
        covers: "cross-validation to".to_owned(),
    })
}

/// The line that tells where a picture comes from. It can be shortened, not removed.
fn source(state: &AppState, extent: &Extent, picture: &Picture, is_long: bool) -> String {
    let date = match state.settings().clock {
        Some(clock) => {
            let time = Utc::from_unix(clock.start_of(extent.newest.0));
            format!("{} {}{NBSP}UTC", time.date(), time.hour_and_minute())
        }
        None => format!("slot{NBSP}{}", format::count(extent.newest.0)),
    };
    if !is_long {
        return format!("Blockmark · {date}");
    }
    let trained = match state.model() {
        Some(model) => format!("model trained on {}", model.info().origin.trained_on),
        None => "no model loaded".to_owned(),
    };
    let missing = match picture.missing {
        0 => String::new(),
        slots => format!(" · {} missing", format::counted(slots, "slot")),
    };
    let n = format::count(picture.n);
    format!("Blockmark · {} {date} · n{NBSP}={NBSP}{n}{missing} · {trained}", picture.covers)
}

/// Lines of at most so many characters, broken at spaces.
fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > most {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The height of a picture, from its view box.
fn height_of(svg: &str) -> f64 {
    let view = svg.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    view.split(' ').nth(3).and_then(|height| height.parse().ok()).unwrap_or(0.0)
}

fn document(
    picture: &Picture,
    source: &str,
    drawn: u16,
    (width, height): (u16, Option<u16>),
    theme: &str,
    ground: &str,
    has_title: bool,
) -> String {
    let drawn = f64::from(drawn);
    let mut body = String::new();
    let mut y = PADDING;
    let write_lines = |text: &str, class: &str, size: f64, step: f64, y: &mut f64, body: &mut String| {
        // Letters are 0.58 em wide on average in the fonts asked for.
        let most = ((drawn - 2.0 * PADDING) / (size * 0.58)) as usize;
        for line in lines(text, most) {
            *y += step;
            let _ = write!(
                body,
                "<text class=\"{class}\" x=\"{PADDING}\" y=\"{:.1}\" font-size=\"{size}\">{}</text>",
                *y - step * 0.25,
                format::escape(&line)
            );
        }
    };
    if has_title {
        write_lines(&picture.title, "b", 16.0, 22.0, &mut y, &mut body);
        write_lines(&picture.subtitle, "t2", 13.0, 18.0, &mut y, &mut body);
        y += 8.0;
    }
    let chart_height = height_of(&picture.chart);
    let chart = picture.chart.replacen(
        "<svg ",
        &format!(
            "<svg x=\"{PADDING}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{chart_height:.1}\" ",
            drawn - 2.0 * PADDING
        ),
        1,
    );
    body.push_str(&chart);
    if picture.n == 0 {
        let _ = write!(
            body,
            "<text class=\"t2\" x=\"{:.1}\" y=\"{:.1}\" font-size=\"14\" text-anchor=\"middle\">No blocks yet</text>",
            drawn / 2.0,
            y + chart_height / 2.0
        );
    }
    y += chart_height + 6.0;
    write_lines(source, "t2", 12.0, 17.0, &mut y, &mut body);
    y += PADDING - 4.0;
    let shown_height = height.map_or(y * f64::from(width) / drawn, f64::from);
    let back = if ground == "surface" {
        format!(
            "<rect class=\"ground\" x=\".5\" y=\".5\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\"/>",
            drawn - 1.0,
            y - 1.0
        )
    } else {
        String::new()
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{shown_height:.0}\" viewBox=\"0 0 \
         {drawn:.0} {y:.0}\" role=\"img\" aria-labelledby=\"title desc\" data-theme=\"{theme}\"><title \
         id=\"title\">{}</title><desc id=\"desc\">{}. {}</desc><style>{}</style>{back}{body}</svg>",
        format::escape(&picture.title),
        format::escape(&picture.description),
        format::escape(source),
        assets::picture_style()
    )
}

/// One client's interval in a line: `Lighthouse 43–46 %`.
async fn badge(state: &AppState, extent: &Extent, query: &Query, theme: &str) -> Result<String, ApiError> {
    let period = Period::parse("period", query.period.as_deref(), Period::Week)?;
    let wanted = query.client.as_deref().map(named_client).transpose()?;
    let method = Method::parse(query.method.as_deref())?;
    let counted = Counted::read(state, extent, period, method).await?;
    let row = counted.rows.iter().find(|row| match wanted {
        Some(client) => row.series == super::charts::Series::Client(client),
        None => row.series.is_named(),
    });
    let text = match row {
        Some(row) => {
            let (low, high) = (row.low * 100.0, row.high * 100.0);
            format!("{} {low:.0}–{high:.0}{NBSP}%", row.series.name())
        }
        None => "No blocks yet".to_owned(),
    };
    let icon = row.map(|row| mark(row.series, 15.0, 14.0, 5.0)).unwrap_or_default();
    let left = if row.is_some() { 26.0 } else { 12.0 };
    let width = left + text.chars().count() as f64 * 13.0 * 0.58 * 1.1 + 12.0;
    let description = format!(
        "95{NBSP}% interval of the share of blocks, {}. {}",
        period.label().to_lowercase(),
        source(
            state,
            extent,
            &Picture {
                title: String::new(),
                subtitle: String::new(),
                description: String::new(),
                chart: String::new(),
                n: counted.counts.total(),
                missing: counted.stretch.missing,
                covers: period.covers(),
            },
            true
        )
    );
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"28\" viewBox=\"0 0 {width:.0} 28\" \
         role=\"img\" aria-labelledby=\"title desc\" data-theme=\"{theme}\"><title id=\"title\">{}</title><desc \
         id=\"desc\">{}</desc><style>{}</style><rect class=\"ground\" x=\".5\" y=\".5\" width=\"{:.1}\" \
         height=\"27\" rx=\"6\"/>{icon}<text class=\"b\" x=\"{left}\" y=\"18.6\" font-size=\"13\">{}</text></svg>",
        format::escape(&text),
        format::escape(&description),
        assets::picture_style(),
        width - 1.0,
        format::escape(&text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("one two three", 8), ["one two", "three"]);
        assert_eq!(lines("unbreakable", 3), ["unbreakable"]);
        assert!((height_of("<svg viewBox=\"0 0 552 322\"") - 322.0).abs() < 1e-9);
    }
}
