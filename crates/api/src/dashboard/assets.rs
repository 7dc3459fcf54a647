//! Style sheet, script and icon, built into the program.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::IntoResponse;

pub(crate) const STYLE: &str = include_str!("../../static/style.css");
const THEME: &str = include_str!("../../static/theme.js");
const LIVE: &str = include_str!("../../static/live.js");
const TIME: &str = include_str!("../../static/time.js");
const PLOT: &str = include_str!("../../static/uplot/uPlot.iife.min.js");
const PLOT_STYLE: &str = include_str!("../../static/uplot/uPlot.min.css");
const ICON: &str = include_str!("../../static/favicon.svg");

/// Changes with the files, so that their addresses may be kept for a year.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hasher = blake3::Hasher::new();
        for file in [STYLE, THEME, LIVE, TIME, PLOT, PLOT_STYLE] {
            hasher.update(file.as_bytes());
        }
        hasher.finalize().to_hex().chars().take(8).collect()
    })
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], text)
}

pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn theme() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", THEME)
}

pub(crate) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", ICON)
}

pub(crate) async fn live() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", LIVE)
}

/// Time charts that a reader can zoom into.
pub(crate) async fn time() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", TIME)
}

/// The library that [`time`] loads.
pub(crate) async fn plot() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", PLOT)
}

pub(crate) async fn plot_style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", PLOT_STYLE)
}

/// The part of the style sheet that pictures outside of pages need: tokens and charts.
pub(crate) fn picture_style() -> &'static str {
    static PICTURES: OnceLock<String> = OnceLock::new();
    PICTURES.get_or_init(|| {
        let between = |start: &str, end: &str| {
            let from = STYLE.split_once(start).map_or("", |(_, rest)| rest);
            from.split_once(end).map_or("", |(part, _)| part)
        };
        let tokens = between("/* Tokens */", "/* Sizes */");
        let charts = between("/* Charts */", "/* Charts on pages */");
        format!(
            "{tokens}{charts}:root{{--sans:Inter,system-ui,sans-serif}}\
             .ground{{fill:var(--surface);stroke:var(--line)}}"
        )
    })
}
