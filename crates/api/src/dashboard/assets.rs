//! Style sheet, script and icon, built into the program.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::IntoResponse;

pub(crate) const STYLE: &str = include_str!("../../static/style.css");
const THEME: &str = include_str!("../../static/theme.js");
const ICON: &str = include_str!("../../static/favicon.svg");

/// Changes with the files, so that their addresses may be kept for a year.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(STYLE.as_bytes()).update(THEME.as_bytes());
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
