//! The query string, with refusals as JSON.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The parameters of the query string.
pub(crate) struct Params<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Params<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(value)| Self(value))
            .map_err(|rejection| ApiError::BadParameter(sentence(&rejection.body_text())))
    }
}

/// What the reader of query strings says, in words for people.
fn sentence(text: &str) -> String {
    let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    if let Some(name) = reason.split_once("duplicate field ").map(|(_, name)| name) {
        return format!("the parameter {} is given twice; give it once", name.replace('`', ""));
    }
    // The name of the parameter may stand before it.
    if let Some((name, allowed)) =
        reason.split_once("unknown field ").and_then(|(_, rest)| rest.split_once(", expected "))
    {
        let allowed = allowed.strip_prefix("one of ").unwrap_or(allowed).replace('`', "");
        return format!("there is no parameter {}; allowed are {allowed}", name.replace('`', ""));
    }
    format!("the query string can't be read: {}", reason.replace('`', ""))
}
