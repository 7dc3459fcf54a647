//! The pages: overview and block, rendered by the server, readable without script.

mod assets;
mod block;
mod charts;
mod format;
mod headline;
mod latest;
mod overview;
mod page;
mod period;
mod time_axis;

use askama::Template;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;

use crate::error::ApiError;
use crate::state::AppState;
use page::Frame;

/// The pages and what they load.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/block/{id}", get(block::block))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/theme.js", get(assets::theme))
        .route("/assets/favicon.svg", get(assets::icon))
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    over: &'static str,
    text: String,
}

/// The page for an address that does not exist.
pub(crate) async fn not_found(state: &AppState, text: &str) -> Response {
    message(state, StatusCode::NOT_FOUND, "Not found", text).await
}

/// The page for an error.
async fn failure(state: &AppState, error: ApiError) -> Response {
    let status = error.status();
    let (title, text) = match &error {
        ApiError::NotFound => ("Not found", "There is nothing at this address.".to_owned()),
        ApiError::Missing(text) => ("No such block", sentence(text)),
        ApiError::BadParameter(text) => ("That address can’t be read", sentence(text)),
        ApiError::Unauthorized(text) => (
            "Single blocks and validators are closed here",
            format!("{} Shares and sync are open.", sentence(text)),
        ),
        _ => {
            tracing::error!(%status, %error, "Page failed");
            (
                "This page could not be made",
                "The database did not answer as it should; the reason is in the server’s log. /health/ready tells \
                 whether it does again."
                    .to_owned(),
            )
        }
    };
    let mut response = message(state, status, title, &text).await;
    if matches!(error, ApiError::Unauthorized(_)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ApiError::challenge());
    }
    response
}

async fn message(state: &AppState, status: StatusCode, title: &str, text: &str) -> Response {
    let over = match status {
        StatusCode::NOT_FOUND => "404",
        StatusCode::BAD_REQUEST => "400",
        StatusCode::UNAUTHORIZED => "401",
        _ => "500",
    };
    let page = MessagePage { frame: Frame::message(state, title).await, over, text: text.to_owned() };
    page::render(status, &page)
}

/// A sentence with its capital and full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
