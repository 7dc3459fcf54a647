//! The query string, with refusals as JSON.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::Deserialize;
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
            .map_err(|rejection| refused(&rejection, parts.uri.query()))
    }
}

/// For addresses that take no parameters: any is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// Parameters that several addresses take beside their own.
pub(crate) trait QueryPart {
    /// Their names.
    const NAMES: &[&str];
}

/// The parameters of the query string that belong to a part, and the others.
pub(crate) struct With<P, T>(pub(crate) P, pub(crate) T);

impl<P, T, S> FromRequestParts<S> for With<P, T>
where
    P: DeserializeOwned + QueryPart,
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let (part, others): (Vec<&str>, Vec<&str>) = pairs.partition(|pair| is_named::<P>(pair));
        let others = read(&others).map_err(|error| match error {
            ApiError::BadParameter(text) if text.starts_with(NO_SUCH) => {
                let names = P::NAMES.join(", ");
                ApiError::BadParameter(match text.strip_suffix(TAKES_NONE) {
                    Some(text) => format!("{text}allowed are {names}"),
                    None => format!("{text}, {names}"),
                })
            }
            error => error,
        });
        Ok(Self(read(&part)?, others?))
    }
}

/// Whether a parameter belongs to a part. Names may be percent-encoded.
fn is_named<P: QueryPart>(pair: &str) -> bool {
    let first = form_urlencoded::parse(pair.as_bytes()).next();
    first.is_some_and(|(name, _)| P::NAMES.contains(&name.as_ref()))
}

fn read<T: DeserializeOwned>(pairs: &[&str]) -> Result<T, ApiError> {
    let uri: Uri = format!("/?{}", pairs.join("&")).parse().map_err(|_| {
        ApiError::BadParameter(
            "the query string can't be read: it has characters that no address has".to_owned(),
        )
    })?;
    Query::try_from_uri(&uri).map(|Query(value)| value).map_err(|rejection| refused(&rejection, uri.query()))
}

fn refused(rejection: &QueryRejection, query: Option<&str>) -> ApiError {
    ApiError::BadParameter(sentence(&rejection.body_text(), query.unwrap_or_default()))
}

/// How it ends where an address has no parameters of its own.
const TAKES_NONE: &str = "this address takes none";

/// How the sentence on a name that nobody knows begins.
const NO_SUCH: &str = "there is no parameter ";

/// How much of a value is repeated.
const SHOWN_CHARS: usize = 40;

/// A number that is none: what was given, and what is wanted.
fn no_number(reason: &str, query: &str) -> Option<String> {
    let (name, reason) = reason.split_once(": ")?;
    let wanted = match reason {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "a whole number from 0 on"
        }
        "number too large to fit in target type" => "a smaller number",
        "invalid float literal" | "cannot parse float from empty string" => "a number",
        _ => return None,
    };
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(given, _)| given == name)?;
    let shown: String = value.chars().take(SHOWN_CHARS).collect();
    let more = if shown.len() < value.len() { "…" } else { "" };
    Some(format!("{name} is {shown:?}{more}; {wanted} is expected"))
}

/// What the reader of query strings says, in words for people.
fn sentence(text: &str, query: &str) -> String {
    let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    if let Some(said) = no_number(reason, query) {
        return said;
    }
    if let Some(name) = reason.split_once("duplicate field ").map(|(_, name)| name) {
        return format!("the parameter {} is given twice; give it once", name.replace('`', ""));
    }
    if let Some(name) =
        reason.split_once("unknown field ").and_then(|(_, rest)| rest.strip_suffix(", there are no fields"))
    {
        return format!("{NO_SUCH}{}; {TAKES_NONE}", name.replace('`', ""));
    }
    // The name of the parameter may stand before it.
    if let Some((name, allowed)) =
        reason.split_once("unknown field ").and_then(|(_, rest)| rest.split_once(", expected "))
    {
        let allowed = allowed.strip_prefix("one of ").unwrap_or(allowed).replace('`', "");
        return format!("{NO_SUCH}{}; allowed are {allowed}", name.replace('`', ""));
    }
    format!("the query string can't be read: {}", reason.replace('`', ""))
}
