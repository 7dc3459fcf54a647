//! Answers that several readers ask for within a second are worked out once.
//!
//! An answer hangs on the request, on what is stored and on the clock, which pages show in seconds. All three are the
//! key it is kept under, so nothing has to be thrown away when a block comes: what is old is not found any more, and
//! makes room when new answers need it. What other processes store is seen a second later at most.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt as _;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::auth;
use crate::state::AppState;
use crate::v1::not_modified;

/// Bytes of the largest answer that is kept.
const LARGEST: usize = 512 * 1024;

/// Bytes of a kept answer beside its body, about.
const OVERHEAD: u64 = 1_024;

/// What is at these addresses hangs on more than the database, never ends, or costs nothing.
const NOT_KEPT: [&str; 7] =
    ["/api/v1/stream", "/assets", "/docs", "/eth/v1/events", "/health", "/lighthouse", "/metrics"];

/// Everything that an answer hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    address: String,
    /// Copies: a header's value holds on to all that came with it.
    accept: Vec<u8>,
    encoding: Vec<u8>,
    /// Whether the reader may see private answers.
    is_allowed: bool,
    /// Changes of the database, by this process and as the stream of verdicts saw them.
    changes: (u64, u64),
    /// The Unix time.
    second: u64,
}

/// An answer; `None` for one that is not kept, so that nobody waits for it again.
type Kept = Option<Arc<Answer>>;

/// A successful answer.
#[derive(Debug)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone)]
struct Size;

impl Weighter<Key, Kept> for Size {
    fn weight(&self, key: &Key, kept: &Kept) -> u64 {
        let body = kept.as_ref().map_or(0, |answer| answer.body.len());
        let asked = key.address.len() + key.accept.len() + key.encoding.len();
        OVERHEAD + u64::try_from(asked + body).unwrap_or(u64::MAX / 2)
    }
}

/// The answers that are kept.
pub(crate) struct KeptAnswers(Cache<Key, Kept, Size>);

impl KeptAnswers {
    /// Keeps about so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let answers = usize::try_from(bytes / 16_384).unwrap_or(usize::MAX).max(16);
        Self(Cache::with_weighter(answers, bytes, Size))
    }
}

fn key(state: &AppState, request: &Request) -> Option<Key> {
    let path = request.uri().path();
    if request.method() != Method::GET || NOT_KEPT.iter().any(|prefix| path.starts_with(prefix)) {
        return None;
    }
    // No value has a line break in it.
    let all = |name: HeaderName| -> Vec<u8> {
        let values = request.headers().get_all(name);
        values.iter().flat_map(|value| [value.as_bytes(), b"\n"].concat()).collect()
    };
    Some(Key {
        address: request.uri().path_and_query()?.as_str().to_owned(),
        accept: all(header::ACCEPT),
        encoding: all(header::ACCEPT_ENCODING),
        is_allowed: auth::is_allowed(&state.settings().private, request.headers()),
        changes: (state.store().changes(), state.feed().changes()),
        second: state.now(),
    })
}

/// Answers from what is kept, or works the answer out while others who ask for it wait.
pub(crate) async fn keep(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let (Some(kept), Some(key)) = (state.kept(), key(&state, &request)) else {
        return next.run(request).await;
    };
    let known = request.headers_mut().remove(header::IF_NONE_MATCH);
    let response = match kept.0.get_value_or_guard_async(&key).await {
        Ok(Some(answer)) => answer.response(),
        Ok(None) => next.run(request).await,
        Err(place) => {
            let (answer, response) = Answer::of(next.run(request).await).await;
            // A place that was taken meanwhile by a newer answer to the same question is as good.
            let _ = place.insert(answer);
            response
        }
    };
    not_modified(known.as_ref(), response)
}

impl Answer {
    /// The answer in a form to keep, if it is to be kept, and the answer.
    async fn of(response: Response) -> (Kept, Response) {
        let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        // A stream of events has no end to wait for.
        let goes_on = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        if response.status() != StatusCode::OK || goes_on {
            return (None, response);
        }
        let (parts, body) = response.into_parts();
        let mut stream = body.into_data_stream();
        let (mut pieces, mut length) = (Vec::new(), 0_usize);
        while length <= LARGEST
            && let Some(piece) = stream.next().await
        {
            length += piece.as_ref().map_or(LARGEST + 1, Bytes::len);
            pieces.push(piece);
        }
        if length > LARGEST {
            let body = Body::from_stream(futures::stream::iter(pieces).chain(stream));
            return (None, Response::from_parts(parts, body));
        }
        let pieces: Vec<Bytes> = pieces.into_iter().flatten().collect();
        let answer = Arc::new(Self { headers: parts.headers, body: pieces.concat().into() });
        let response = answer.response();
        (Some(answer), response)
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.headers_mut() = self.headers.clone();
        response
    }
}
