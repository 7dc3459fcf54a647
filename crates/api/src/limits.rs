//! What surrounds every request: a bound on how many run, a time limit, security headers, measurements.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tower::util::option_layer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::error::{ApiError, title};
use crate::metrics;
use crate::settings::Cors;
use crate::state::AppState;

/// The content policy of pages: nothing from another host, no inline style or script.
pub(crate) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The content policy of the API browser, whose vendored program sets styles inline and draws icons from data.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Refuses what is too much, and ends what takes too long.
pub(crate) async fn bound(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let encoding = request.headers().get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
    if let Some(encoding) = encoding {
        let encoding: String = String::from_utf8_lossy(encoding.as_bytes()).chars().take(40).collect();
        return ApiError::Encoding(encoding).into_response();
    }
    let Ok(_permit) = state.requests().try_acquire() else {
        return ApiError::Busy.into_response();
    };
    let limit = state.settings().limits.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Timeout(limit.as_secs().max(1)).into_response(),
    }
}

/// Sets the headers that every answer has.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let is_docs = request.uri().path().starts_with("/docs");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if is_docs { DOCS_POLICY } else { PAGE_POLICY };
    // Pictures for other pages bring their own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Lets pages of other sites read answers, as far as the operator says.
pub(crate) fn cors(cors: &Cors) -> OptionLayer<CorsLayer> {
    let origins = match cors {
        Cors::Off => return option_layer(None),
        Cors::Any => AllowOrigin::any(),
        Cors::Origins(origins) => {
            AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
        }
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([header::ACCEPT, header::AUTHORIZATION, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::LINK, header::RETRY_AFTER])
        .max_age(Duration::from_secs(3_600));
    option_layer(Some(layer))
}

/// A layer, or none.
type OptionLayer<T> = tower::util::Either<T, tower::layer::util::Identity>;

/// Counts and times requests by route.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let started = Instant::now();
    let response = next.run(request).await;
    let seconds: Duration = started.elapsed();
    metrics::request(route, &method, response.status(), seconds);
    response
}

/// The answer after a panic, which is a fault of ours.
pub(crate) fn after_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    tracing::error!("A request handler panicked");
    (status, axum::Json(title(status))).into_response()
}
