//! Pages for what went wrong: a sentence that says why, and where to go on.

use std::sync::atomic::{AtomicU64, Ordering};

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::page::{self, Frame};
use crate::credential::PrivateAccess;
use crate::error::ApiError;
use crate::state::AppState;

/// Errors of addresses that are not pages are read up to this length to be put on a page.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Pages that failed since the start: a number leads from a page to its line in the log.
static FAILURES: AtomicU64 = AtomicU64::new(1);

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    over: u16,
    text: String,
    /// Where the reader may go, beside the overview.
    links: &'static [(&'static str, &'static str)],
}

/// The page for an address that does not exist.
pub(crate) async fn not_found(state: &AppState, text: &str) -> Response {
    message(state, StatusCode::NOT_FOUND, "Not found", text).await
}

/// The page for an error.
pub(super) async fn failure(state: &AppState, error: ApiError) -> Response {
    let status = error.status();
    let (title, text) = match &error {
        ApiError::NotFound => ("Not found", "There is nothing at this address.".to_owned()),
        ApiError::Missing(text) => ("Not found", sentence(text)),
        ApiError::BadParameter(text) => ("That address can’t be read", sentence(text)),
        ApiError::Unauthorized(text) => (
            "Single blocks and validators are closed here",
            format!("{} Shares, accuracy and sync are open.", sentence(text)),
        ),
        _ => {
            let number = FAILURES.fetch_add(1, Ordering::Relaxed);
            tracing::error!(number, %status, %error, "Page failed");
            (
                "This page could not be made",
                format!(
                    "The database did not answer as it should; the reason is in the server’s log under failure \
                     number {number}. /health/ready tells whether it does again. The other pages may still work."
                ),
            )
        }
    };
    let mut response = message(state, status, title, &text).await;
    // Where no credential would do, a browser should not ask its reader for one.
    let can_log_in = matches!(state.settings().private, PrivateAccess::Guarded(_));
    if can_log_in && matches!(error, ApiError::Unauthorized(_)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ApiError::challenge());
    }
    response
}

async fn message(state: &AppState, status: StatusCode, title: &str, text: &str) -> Response {
    let links: &[_] = match status {
        StatusCode::UNAUTHORIZED => &[("/model", "Accuracy"), ("/sync", "Sync")],
        status if status.is_server_error() => &[("/health/ready", "Readiness")],
        _ => &[],
    };
    let frame = Frame::message(state, title).await;
    page::render(status, &MessagePage { frame, over: status.as_u16(), text: text.to_owned(), links })
}

/// Makes pages of refusals that come from outside of the pages' own handlers, such as a limit on requests, where a
/// browser asked for a page.
pub(crate) async fn as_pages(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let wants_page = is_page(request.uri().path()) && accepts_html(request.headers());
    let response = next.run(request).await;
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let status = response.status();
    if !wants_page || !is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ERROR_BYTES).await.unwrap_or_default();
    let told = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let told = told.as_ref().and_then(|told| told.get("error")).and_then(|error| error.as_str());
    let title = match status {
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        StatusCode::SERVICE_UNAVAILABLE => "Busy",
        status if status.is_client_error() => "That can’t be answered",
        _ => "This page could not be made",
    };
    let text = told.map_or_else(
        || "The reason is in the server’s log. The other pages may still work.".to_owned(),
        sentence,
    );
    let mut page = message(&state, status, title, &text).await;
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW] {
        if let Some(value) = parts.headers.get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page.map(Body::new)
}

/// Whether a browser asks, which should get a page and not JSON.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Whether people read what is at an address. `/blocks/…` and `/sync/…` are blockprint's.
fn is_page(path: &str) -> bool {
    const ALONE: [&str; 10] = [
        "/",
        "/blocks",
        "/validators",
        "/entities",
        "/model",
        "/sync",
        "/reorgs",
        "/wall",
        "/find",
        "/latest",
    ];
    const BELOW: [&str; 4] = ["/block/", "/validators/", "/entities/", "/model/"];
    ALONE.contains(&path) || BELOW.iter().any(|start| path.starts_with(start))
}

/// A sentence with its capital and full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use store::{OpenMode, Store};

    #[tokio::test]
    async fn a_failure_has_a_number_and_tells_nothing_of_the_inside() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("empty.sqlite"), OpenMode::Create).await.unwrap();
        let state = AppState::new(store, None, Settings::default());
        let mut numbers = Vec::new();
        for _ in 0..2 {
            let page = failure(&state, ApiError::Internal("table blocks is gone".to_owned())).await;
            assert_eq!(page.status(), StatusCode::INTERNAL_SERVER_ERROR);
            let body = to_bytes(page.into_body(), 1 << 20).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(!text.contains("blocks is gone") && text.contains("href=\"/health/ready\""), "{text}");
            let rest = text.split("under failure number ").nth(1).unwrap();
            numbers.push(rest.split('.').next().unwrap().parse::<u64>().unwrap());
        }
        assert_ne!(numbers[0], numbers[1]);
    }
}
