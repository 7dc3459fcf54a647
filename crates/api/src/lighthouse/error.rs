//! Errors in the form of the Beacon API.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use source::follow::PreviewError;

/// What turns the addresses on.
const TURNED_OFF: &str =
    "block rewards are not served here; start the server with --beacon-node URL or --recording PATH";

/// Why a request was not answered: `{"code": 400, "message": "BAD_REQUEST: …", "stacktraces": []}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BeaconError {
    status: StatusCode,
    message: String,
}

impl BeaconError {
    fn new(status: StatusCode, kind: &str, reason: impl std::fmt::Display) -> Self {
        Self { status, message: format!("{kind}: {reason}") }
    }

    /// The request is at fault.
    pub(super) fn bad(reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", reason)
    }

    /// Something on this side is at fault.
    pub(super) fn ours(reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNHANDLED_ERROR", reason)
    }

    /// It will be answered later.
    pub(super) fn later(reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", reason)
    }

    /// There is no source of block rewards.
    pub(super) fn turned_off() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", TURNED_OFF)
    }

    /// The body is larger than is taken.
    pub(super) fn too_large(reason: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", reason)
    }
}

impl From<PreviewError> for BeaconError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Disk(_) => Self::ours(error),
            _ => Self::bad(error),
        }
    }
}

impl IntoResponse for BeaconError {
    fn into_response(self) -> Response {
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = self.message, "A request for block rewards failed");
        }
        let body = json!({ "code": self.status.as_u16(), "message": self.message, "stacktraces": [] });
        let mut response = (self.status, axum::Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("12"));
        }
        response
    }
}
