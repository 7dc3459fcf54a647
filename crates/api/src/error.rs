//! Why a request was not answered, as a status and a JSON body. Errors become HTTP here and nowhere else.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use store::{Gap, StoreError};

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No such address.
    #[error("there is nothing at this address")]
    NotFound,
    /// The address exists, but not for this method.
    #[error("this address does not take the method of the request")]
    MethodNotAllowed,
    /// The address is right, the thing is not in the database.
    #[error("{0}")]
    Missing(String),
    /// The range touches slots that are not stored.
    #[error(
        "slots {} to {} are missing, so the answer would be incomplete; add ?partial=true to get what is there", .0.start, .0.end
    )]
    Gap(Gap),
    /// A parameter that can't be taken.
    #[error("{0}")]
    BadParameter(String),
    /// The body is not JSON.
    #[error("invalid JSON: {0}")]
    InvalidJson(String),
    /// The body is JSON, but not block rewards.
    #[error("input JSON is not a block reward: {reason}")]
    NotBlockRewards {
        /// Which block, from 0.
        index: Option<u64>,
        /// Which field.
        field: String,
        /// The whole reason in words.
        reason: String,
    },
    /// The body is JSON, but not a list of validator indices.
    #[error("request must be a list of integers: {reason}")]
    NotIntegers {
        /// Which entry, from 0.
        index: Option<usize>,
        /// The whole reason in words.
        reason: String,
    },
    /// The body is larger than taken.
    #[error("{0}")]
    TooLarge(String),
    /// The body is compressed.
    #[error("the body has the encoding {0:?}; send it as it is, without Content-Encoding")]
    Encoding(String),
    /// A private address without a credential.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// A page of another site makes the reader's browser write here.
    #[error(
        "a page of another site sent this request; verdicts are only taken from programs and from this site"
    )]
    CrossSite,
    /// Nothing can be classified without a model.
    #[error("no model is loaded, so nothing can be classified; start the server with --model FILE")]
    NoModel,
    /// Too many requests at once.
    #[error("the server is answering as many requests as it can; try again in a second")]
    Busy,
    /// Too many streams at once.
    #[error("as many streams are open as there may be; try again in a second")]
    TooManyStreams,
    /// None of the forms that there are is accepted.
    #[error("none of the types in Accept is one this address has: {0}")]
    NotAcceptable(String),
    /// Too many requests from one address.
    #[error("more than {limit} requests in a minute from your address; try again in {wait} s")]
    TooOften {
        /// Requests a minute.
        limit: u32,
        /// Seconds until the next one is taken.
        wait: u64,
    },
    /// The answer took too long.
    #[error("the request took longer than {0} s")]
    Timeout(u64),
    /// The database failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Something that is our fault.
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::Missing(_) | Self::Gap(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadParameter(_)
            | Self::InvalidJson(_)
            | Self::NotBlockRewards { .. }
            | Self::NotIntegers { .. } => StatusCode::BAD_REQUEST,
            Self::Store(StoreError::RangeTooLong { .. }) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoModel | Self::Busy | Self::TooManyStreams | Self::Timeout(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Store(
                StoreError::Busy
                | StoreError::DiskFull
                | StoreError::WriteRefused { .. }
                | StoreError::NotWritable { .. }
                | StoreError::ReadOnly
                | StoreError::Unreachable { .. },
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a browser needs to ask its reader for a name and password.
    pub(crate) fn challenge() -> HeaderValue {
        HeaderValue::from_static("Basic realm=\"blockmark\", charset=\"UTF-8\"")
    }

    /// The body of the answer.
    fn body(&self) -> Value {
        match self {
            Self::NotFound | Self::MethodNotAllowed => title(self.status()),
            Self::Gap(gap) => json!({
                "error": self.to_string(),
                "gap": { "start": gap.start, "end": gap.end },
            }),
            Self::NotBlockRewards { index, field, .. } => {
                let mut body = Map::new();
                body.insert("error".to_owned(), self.to_string().into());
                if let Some(index) = index {
                    body.insert("index".to_owned(), (*index).into());
                }
                if !field.is_empty() {
                    body.insert("field".to_owned(), field.as_str().into());
                }
                body.into()
            }
            Self::NotIntegers { index: Some(index), .. } => {
                json!({ "error": self.to_string(), "index": index })
            }
            // What an engine says may name files and tables: it is logged, not told.
            Self::Internal(_)
            | Self::Store(
                StoreError::Engine(_) | StoreError::CannotOpen { .. } | StoreError::CannotConnect { .. },
            ) => json!({
                "title": "500 Internal Server Error",
                "error": "the request failed for a reason on the server's side, which is in its log",
            }),
            Self::Store(StoreError::NotWritable { .. } | StoreError::WriteRefused { .. }) => json!({
                "error": "the database can't be written to at the moment; what is stored can be read",
            }),
            Self::Store(StoreError::Unreachable { .. }) => {
                json!({ "error": "the database cannot be reached at the moment; try again in some seconds" })
            }
            _ => json!({ "error": self.to_string() }),
        }
    }
}

/// `{"title": "404 Not Found"}`
pub(crate) fn title(status: StatusCode) -> Value {
    json!({ "title": format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("")).trim() })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        // What a reader can be told to try again is counted in the metrics; a line for each would fill the log.
        match self {
            Self::Busy | Self::TooManyStreams | Self::NoModel => {
                tracing::debug!(%status, error = %self, "Request refused");
            }
            _ if status.is_server_error() => tracing::error!(%status, error = %self, "Request failed"),
            _ => {}
        }
        let mut response = (status, axum::Json(self.body())).into_response();
        match self {
            Self::Unauthorized(_) => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, Self::challenge());
            }
            Self::TooOften { wait, .. } => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
            }
            Self::Busy | Self::TooManyStreams | Self::Timeout(_) => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consensus::Slot;

    #[test]
    fn bodies_name_what_is_wrong() {
        let error = ApiError::NotBlockRewards {
            index: Some(3),
            field: "meta.slot".to_owned(),
            reason: "block 3: \"meta.slot\" is missing".to_owned(),
        };
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        let body = error.body();
        assert_eq!((&body["index"], &body["field"]), (&json!(3), &json!("meta.slot")));
        assert_eq!(ApiError::NotFound.body(), json!({ "title": "404 Not Found" }));
        let gap = ApiError::Gap(Gap { start: Slot(5), end: Slot(9) });
        assert_eq!(gap.body()["gap"], json!({ "start": 5, "end": 9 }));
    }

    #[test]
    fn internal_reasons_stay_inside() {
        let body = ApiError::Internal("/secret/path".to_owned()).body();
        assert!(!body.to_string().contains("secret"));
    }
}
