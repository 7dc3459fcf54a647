//! How answers of `/api/v1` travel: in the form the reader accepts, with an ETag, and with leave to keep them where
//! what they say is final.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::table::Table;
use crate::error::ApiError;

/// The media type of Parquet files.
const PARQUET: &str = "application/vnd.apache.parquet";
const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// In which form an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
    Parquet,
}

impl Form {
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Parquet];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Csv => CSV,
            Self::Parquet => PARQUET,
        }
    }
}

/// The form of a list, chosen by `format=` or, without it, by `Accept`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListForm(pub(crate) Form);

impl<S: Send + Sync> FromRequestParts<S> for ListForm {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let named = query.split('&').find_map(|pair| pair.strip_prefix("format="));
        if let Some(name) = named {
            return match name {
                "json" => Ok(Self(Form::Json)),
                "csv" => Ok(Self(Form::Csv)),
                "parquet" => Ok(Self(Form::Parquet)),
                other => {
                    let other: String = other.chars().take(40).collect();
                    Err(ApiError::BadParameter(format!(
                        "format is {other:?}; json, csv and parquet are allowed"
                    )))
                }
            };
        }
        accepted(&parts.headers, &Form::ALL).map(Self)
    }
}

/// An answer that comes as JSON only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonOnly;

impl<S: Send + Sync> FromRequestParts<S> for JsonOnly {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        accepted(&parts.headers, &[Form::Json]).map(|_| Self)
    }
}

/// The form that the reader likes best of those there are; of equals the first.
fn accepted(headers: &HeaderMap, forms: &[Form]) -> Result<Form, ApiError> {
    let names = || forms.iter().map(|form| form.media_type()).collect::<Vec<_>>().join(", ");
    let mut ranges: Vec<(String, f32)> = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
                .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            if !media.is_empty() {
                ranges.push((media, weight));
            }
        }
    }
    if ranges.is_empty() {
        return forms.first().copied().ok_or_else(|| ApiError::NotAcceptable(names()));
    }
    let weight = |form: Form| {
        let media = form.media_type();
        let group = media.split('/').next().unwrap_or_default();
        // The closest range decides: the type itself, then its group, then everything.
        [media.to_owned(), format!("{group}/*"), "*/*".to_owned()]
            .iter()
            .find_map(|wanted| ranges.iter().find(|(range, _)| range == wanted))
            .map_or(0.0, |(_, weight)| *weight)
    };
    let mut best = (None, 0.0);
    for form in forms {
        if weight(*form) > best.1 {
            best = (Some(*form), weight(*form));
        }
    }
    best.0.ok_or_else(|| ApiError::NotAcceptable(names()))
}

/// Whether an answer will ever be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// It is about final slots without a gap.
    Final,
    /// It may change any time.
    Changing,
}

/// An answer on its way.
pub(crate) struct Answer {
    form: Form,
    body: Vec<u8>,
    validity: Validity,
    links: Vec<(&'static str, String)>,
}

impl Answer {
    /// A list in the form asked for.
    pub(crate) fn list<T: Serialize>(
        form: Form,
        json: &T,
        table: impl FnOnce(&T) -> Table,
        validity: Validity,
    ) -> Result<Self, ApiError> {
        let body = match form {
            Form::Json => json_of(json)?,
            Form::Csv => table(json).csv(),
            Form::Parquet => table(json).parquet().map_err(|error| ApiError::Internal(error.to_string()))?,
        };
        Ok(Self { form, body, validity, links: Vec::new() })
    }

    /// An answer that comes as JSON only.
    pub(crate) fn json<T: Serialize>(json: &T, validity: Validity) -> Result<Self, ApiError> {
        Ok(Self { form: Form::Json, body: json_of(json)?, validity, links: Vec::new() })
    }

    /// Adds a link to another part of the list, which CSV and Parquet have no place for.
    pub(crate) fn link(mut self, relation: &'static str, address: Option<&str>) -> Self {
        self.links.extend(address.map(|address| (relation, address.to_owned())));
        self
    }
}

fn json_of<T: Serialize>(json: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(json).map_err(|error| ApiError::Internal(error.to_string()))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let media = match self.form {
            Form::Csv => "text/csv; charset=utf-8",
            form => form.media_type(),
        };
        let hash = blake3::hash(&self.body).to_hex();
        // Weak, because the same answer may travel compressed.
        let tag = format!("W/\"{}\"", hash.get(..32).unwrap_or_default());
        let keep = match self.validity {
            Validity::Final => "public, max-age=31536000, immutable",
            Validity::Changing => "public, no-cache",
        };
        let links: Vec<String> =
            self.links.iter().map(|(relation, address)| format!("<{address}>; rel=\"{relation}\"")).collect();
        let mut response = (StatusCode::OK, self.body).into_response();
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, media);
        set(header::ETAG, &tag);
        set(header::CACHE_CONTROL, keep);
        set(header::VARY, "Accept");
        if !links.is_empty() {
            set(header::LINK, &links.join(", "));
        }
        response
    }
}

/// Answers 304 where the reader has the answer already.
pub(crate) async fn conditional(request: Request, next: Next) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    not_modified(known.as_ref(), next.run(request).await)
}

/// The answer, or 304 where the reader has it already.
pub(crate) fn not_modified(known: Option<&HeaderValue>, response: Response) -> Response {
    let tag = response.headers().get(header::ETAG);
    let is_known = known.zip(tag).is_some_and(|(known, tag)| matches(known, tag));
    if !is_known || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, axum::body::Body::empty())
}

/// As [`conditional`], and keeps answers out of caches that others use.
pub(crate) async fn conditional_private(request: Request, next: Next) -> Response {
    let mut response = conditional(request, next).await;
    keep_private(&mut response);
    response
}

/// Keeps an answer out of caches that others use.
pub(crate) fn keep_private(response: &mut Response) {
    if let Some(keep) = response.headers_mut().get_mut(header::CACHE_CONTROL)
        && let Some(rest) = keep.to_str().ok().and_then(|keep| keep.strip_prefix("public"))
        && let Ok(private) = HeaderValue::from_str(&format!("private{rest}"))
    {
        *keep = private;
    }
}

/// Weak comparison of a list of tags with one.
fn matches(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').any(|one| one.trim() == "*" || bare(one) == bare(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(accept: &str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        accepted(&headers, &Form::ALL).ok()
    }

    #[test]
    fn the_reader_chooses_the_form() {
        assert_eq!(accepted(&HeaderMap::new(), &Form::ALL).unwrap(), Form::Json);
        assert_eq!(choose("text/csv"), Some(Form::Csv));
        assert_eq!(choose("Text/CSV;q=0.5, application/vnd.apache.parquet"), Some(Form::Parquet));
        assert_eq!(choose("text/html, */*;q=0.8"), Some(Form::Json));
        assert_eq!(choose("application/json;q=0, */*"), Some(Form::Csv));
        assert_eq!(choose("text/*"), Some(Form::Csv));
        assert_eq!(choose("image/png"), None);
        assert_eq!(choose("application/json;q=0"), None);
    }

    #[test]
    fn tags_are_compared_weakly() {
        let value = HeaderValue::from_static;
        assert!(matches(&value("\"a\", W/\"b\""), &value("W/\"b\"")));
        assert!(matches(&value("\"b\""), &value("W/\"b\"")));
        assert!(matches(&value("*"), &value("W/\"b\"")));
        assert!(!matches(&value("\"c\""), &value("W/\"b\"")));
    }
}
